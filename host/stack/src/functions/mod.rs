//! The functions of the stack language, with OpenTofu's names and results: one table per family. A function sees its
//! arguments after the marks have been looked at; its result takes them on.

mod arguments;
mod collections;
mod conversion;
mod digests;
mod encoding;
mod files;
mod format;
mod numbers;
mod secrecy;
mod sets;
mod text;

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use cofferdam_model::Value;

pub(crate) use self::arguments::{Call, Fault};

/// How far a function looks into its arguments, which decides what an unknown or a secret part of one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It uses every part: any unknown part makes the result unknown, any secret part makes it secret.
    Deep,
    /// It moves parts as they are: only an argument that is itself unknown or secret marks the result.
    Shallow,
    /// It looks at the marks itself.
    Own,
}

/// How many arguments a function takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arity {
    least: usize,
    most: usize,
}

impl Arity {
    /// Whether that many arguments fit.
    pub(crate) fn allows(self, count: usize) -> bool {
        (self.least..=self.most).contains(&count)
    }
}

impl fmt::Display for Arity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.least, self.most) {
            (0, 0) => f.write_str("no argument"),
            (1, 1) => f.write_str("1 argument"),
            (least, most) if least == most => write!(f, "{least} arguments"),
            (least, usize::MAX) => write!(f, "{least} arguments or more"),
            (least, most) => write!(f, "{least} to {most} arguments"),
        }
    }
}

/// What a function does.
pub(crate) type Run = fn(&Call<'_>) -> Result<Value, Fault>;

/// An entry of a table.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) arity: Arity,
    pub(crate) reach: Reach,
    /// Whether arguments may be null.
    pub(crate) nulls: bool,
    pub(crate) run: Run,
}

impl Function {
    const fn new(name: &'static str, least: usize, most: usize, reach: Reach, run: Run) -> Self {
        Self { name, arity: Arity { least, most }, reach, nulls: false, run }
    }

    const fn deep(name: &'static str, least: usize, most: usize, run: Run) -> Self {
        Self::new(name, least, most, Reach::Deep, run)
    }

    const fn shallow(name: &'static str, least: usize, most: usize, run: Run) -> Self {
        Self::new(name, least, most, Reach::Shallow, run)
    }

    const fn own(name: &'static str, least: usize, most: usize, run: Run) -> Self {
        Self::new(name, least, most, Reach::Own, run).nullable()
    }

    const fn nullable(mut self) -> Self {
        self.nulls = true;
        self
    }
}

/// Any number of arguments.
const ANY: usize = usize::MAX;

const FAMILIES: [&[Function]; 10] = [
    collections::TABLE,
    conversion::TABLE,
    digests::TABLE,
    encoding::TABLE,
    files::TABLE,
    format::TABLE,
    numbers::TABLE,
    secrecy::TABLE,
    sets::TABLE,
    text::TABLE,
];

/// The functions that take expressions instead of values: the evaluator runs them itself.
const OF_EXPRESSIONS: [(&str, Arity); 2] =
    [("can", Arity { least: 1, most: 1 }), ("try", Arity { least: 1, most: ANY })];

static BY_NAME: LazyLock<HashMap<&'static str, &'static Function>> = LazyLock::new(|| {
    FAMILIES.iter().flat_map(|family| family.iter()).map(|function| (function.name, function)).collect()
});

/// A function by its name.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    BY_NAME.get(name).copied()
}

/// How many arguments a function takes; none where there is no such function.
pub(crate) fn arity(name: &str) -> Option<Arity> {
    let of_expressions = OF_EXPRESSIONS.iter().find(|(known, _)| *known == name).map(|(_, arity)| *arity);
    of_expressions.or_else(|| find(name).map(|function| function.arity))
}

/// The name of every function.
pub(crate) fn names() -> impl Iterator<Item = &'static str> + Clone {
    let tables = FAMILIES.iter().flat_map(|family| family.iter().map(|function| function.name));
    tables.chain(OF_EXPRESSIONS.iter().map(|(name, _)| *name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_stands_twice() {
        assert_eq!(names().count(), BY_NAME.len() + OF_EXPRESSIONS.len());
    }
}
