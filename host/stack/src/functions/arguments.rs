//! How functions read their arguments and say what is wrong with them.

use std::collections::BTreeMap;
use std::sync::Arc;

use cofferdam_model::{Number, Value};

use crate::convert;
use crate::files::ProjectFiles;
use crate::secrets::StageSecrets;

/// A call of a function: as many arguments as it takes, none of them unknown as far as it looks.
pub(crate) struct Call<'a> {
    pub(crate) args: &'a [Value],
    pub(crate) files: &'a ProjectFiles,
    pub(crate) secrets: &'a StageSecrets,
}

/// Why a function has no result.
#[derive(Debug)]
pub(crate) struct Fault {
    /// The argument that is to blame.
    pub(crate) argument: Option<usize>,
    /// May quote arguments: the caller leaves it out where one is secret.
    pub(crate) text: String,
    /// What to do. May quote arguments as well.
    pub(crate) hint: Option<String>,
}

impl Fault {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { argument: None, text: text.into(), hint: None }
    }

    pub(crate) fn of(argument: usize, text: impl Into<String>) -> Self {
        Self { argument: Some(argument), text: text.into(), hint: None }
    }

    pub(crate) fn with_hint(mut self, hint: String) -> Self {
        self.hint = Some(hint);
        self
    }
}

static NULL: std::sync::LazyLock<Value> = std::sync::LazyLock::new(Value::null);

impl Call<'_> {
    pub(crate) fn value(&self, index: usize) -> &Value {
        self.args.get(index).unwrap_or(&NULL)
    }

    /// An argument that may be left out or null.
    pub(crate) fn optional(&self, index: usize) -> Option<&Value> {
        self.args.get(index).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&self, index: usize) -> Result<Arc<str>, Fault> {
        convert::to_string(self.value(index)).map_err(|text| Fault::of(index, text))
    }

    pub(crate) fn number(&self, index: usize) -> Result<Number, Fault> {
        convert::to_number(self.value(index)).map_err(|text| Fault::of(index, text))
    }

    pub(crate) fn integer(&self, index: usize) -> Result<i64, Fault> {
        let number = self.number(index)?;
        number.as_i64().ok_or_else(|| Fault::of(index, "a whole number is required, and this is none"))
    }

    pub(crate) fn list(&self, index: usize) -> Result<&[Value], Fault> {
        let value = self.value(index);
        let wrong = || Fault::of(index, format!("a list is required, and this is {}", convert::kind(value)));
        value.as_list().ok_or_else(wrong)
    }

    pub(crate) fn object(&self, index: usize) -> Result<&BTreeMap<String, Value>, Fault> {
        let value = self.value(index);
        let wrong = || Fault::of(index, format!("an object is required, and this is {}", convert::kind(value)));
        value.as_object().ok_or_else(wrong)
    }

    /// The texts of a list.
    pub(crate) fn texts(&self, index: usize) -> Result<Vec<Arc<str>>, Fault> {
        let text =
            |(at, item)| convert::to_string(item).map_err(|text| Fault::of(index, format!("in element {at}: {text}")));
        self.list(index)?.iter().enumerate().map(text).collect()
    }
}

/// A count as a number.
pub(crate) fn count(count: usize) -> Value {
    Value::from(i64::try_from(count).unwrap_or(i64::MAX))
}

/// A double as a number.
pub(crate) fn double(value: f64) -> Result<Value, Fault> {
    Number::from_f64(value).map(Value::from).ok_or_else(|| Fault::new("the result is no finite number"))
}
