//! What is given for the variables of a stack: the environment, variable files, the command line. As texts, so that a
//! saved plan can carry it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use cofferdam_stack::{InputValue, VariableInput, VariableSource};
use serde::{Deserialize, Serialize};

use crate::args::StackArgs;
use crate::environment;
use crate::error::CliResult;
use crate::project::read_text;

/// The texts. May hold secrets.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// `COFFERDAM_VAR_…`, by the name of the variable.
    environment: Vec<(String, String)>,
    /// Variable files: the path as it was given, and the text.
    files: Vec<(String, String)>,
    /// `--var`.
    flags: Vec<(String, String)>,
}

impl Given {
    /// What is given to this run.
    pub fn collect(args: &StackArgs) -> CliResult<Self> {
        let file = |path: &std::path::PathBuf| Ok((path.to_string_lossy().into_owned(), read_text(path)?));
        Ok(Self {
            environment: environment::stack_variables(),
            files: args.var_files.iter().map(file).collect::<CliResult<_>>()?,
            flags: args.vars.clone(),
        })
    }

    /// The same for certain variables: what the environment holds for others concerns nobody.
    pub fn only<'a>(&self, names: impl Iterator<Item = &'a str>) -> Self {
        let names: BTreeSet<&str> = names.collect();
        let environment = self.environment.iter().filter(|(name, _)| names.contains(name.as_str())).cloned().collect();
        Self { environment, files: self.files.clone(), flags: self.flags.clone() }
    }

    /// The same as this run would see it: where the environment and the files speak, what they say now counts.
    pub fn now(&self) -> CliResult<Self> {
        let mut environment = self.environment.clone();
        // Of two for one variable the later counts.
        environment.extend(environment::stack_variables());
        let file = |(path, text): &(String, String)| {
            let there = Path::new(path).is_file();
            Ok((path.clone(), if there { read_text(Path::new(path))? } else { text.clone() }))
        };
        let files = self.files.iter().map(file).collect::<CliResult<_>>()?;
        Ok(Self { environment, files, flags: self.flags.clone() })
    }

    /// The variables outside of files, as the stack takes them.
    pub fn variables(&self) -> Vec<VariableInput> {
        let input = |source| {
            move |(name, text): &(String, String)| VariableInput {
                name: name.clone(),
                source,
                value: InputValue::Text(text.clone()),
            }
        };
        let environment = self.environment.iter().map(input(VariableSource::Env));
        environment.chain(self.flags.iter().map(input(VariableSource::Cli))).collect()
    }

    /// The variable files, as the stack takes them.
    pub fn variable_files(&self) -> Vec<(Arc<str>, String)> {
        self.files.iter().map(|(path, text)| (path.as_str().into(), text.clone())).collect()
    }
}
