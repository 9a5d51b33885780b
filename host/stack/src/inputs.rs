//! What the caller gives for variables: texts of the command line and of the environment, and variable files.

use std::collections::HashMap;
use std::sync::Arc;

use cofferdam_model::{SourceSpan, Value, document};
use hcl_edit::Span;
use hcl_edit::structure::Structure;

use crate::constants::Constants;
use crate::eval::Scope;
use crate::findings::{Findings, quoted, suggestion};
use crate::references::Allowed;
use crate::source::{MAX_FILE_BYTES, SourceTexts, span};
use crate::variables::Variable;
use crate::{mask, parse};

/// Environment variables with this prefix give variables.
pub const ENVIRONMENT_PREFIX: &str = "COFFERDAM_VAR_";

/// A value for a variable.
#[derive(Clone, Debug)]
pub struct VariableInput {
    /// The variable.
    pub name: String,
    /// Where it comes from.
    pub source: VariableSource,
    /// The value.
    pub value: InputValue,
}

/// Where a value comes from. The command line counts more than a variable file, and that more than the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VariableSource {
    /// `--var name=value`.
    Cli,
    /// An environment variable, [`ENVIRONMENT_PREFIX`] taken off its name. One that nothing declares is ignored.
    Env,
}

/// The value of an input.
#[derive(Clone)]
pub enum InputValue {
    /// A text: as it is for `string`, `number` and `bool`, an expression for every other type. Without a type it is of
    /// the kind of a default that is a number or a bool, else a string.
    Text(String),
    /// A value.
    Value(Value),
}

/// Shows no value: it may be a secret.
impl std::fmt::Debug for InputValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(value)")
    }
}

/// Everything that the caller gives.
pub(crate) struct Inputs {
    pub(crate) variables: Vec<VariableInput>,
    pub(crate) files: Vec<(Arc<str>, String)>,
}

/// A value before it is converted to the variable's type.
pub(crate) struct Given {
    pub(crate) value: GivenValue,
    pub(crate) at: SourceSpan,
    /// "`--var x`".
    pub(crate) how: String,
}

/// The value of one.
pub(crate) enum GivenValue {
    Text(String),
    Value(Value),
}

/// The value that counts for each declared variable.
pub(crate) fn collect(
    inputs: Inputs,
    declared: &HashMap<&str, Variable>,
    scope: &Scope,
    texts: &mut SourceTexts,
    findings: &mut Findings,
) -> HashMap<String, Given> {
    let mut collector = Collector { declared, scope, texts, findings, given: HashMap::new() };
    let (cli, env): (Vec<_>, Vec<_>) =
        inputs.variables.into_iter().partition(|input| input.source == VariableSource::Cli);
    for input in env {
        let how = format!("`{ENVIRONMENT_PREFIX}{}`", input.name);
        if let Some(variable) = declared.get(input.name.as_str()) {
            collector.text(input, variable, how);
        }
    }
    for (name, text) in inputs.files {
        collector.file(&name, &text);
        collector.texts.push(Arc::clone(&name), mask::masked(&text, name.ends_with(".json")));
    }
    for input in cli {
        let how = format!("`--var {}`", quoted(&input.name));
        match declared.get(input.name.as_str()) {
            Some(variable) => collector.text(input, variable, how),
            None => {
                // The text may be a secret of a variable whose name is mistyped: only the name is shown.
                let source: Arc<str> = how.replace('`', "").into();
                let shown = quoted(&input.name);
                collector.undeclared(&input.name, span(&source, 0..shown.len()));
                collector.texts.push(source, shown);
            }
        }
    }
    collector.given
}

struct Collector<'a> {
    declared: &'a HashMap<&'a str, Variable>,
    scope: &'a Scope,
    texts: &'a mut SourceTexts,
    findings: &'a mut Findings,
    given: HashMap<String, Given>,
}

impl Collector<'_> {
    /// A value from outside of every file. Its place is a text of its own, which shows nothing of a secret.
    fn text(&mut self, input: VariableInput, variable: &Variable, how: String) {
        let value = match input.value {
            InputValue::Text(text) => GivenValue::Text(text),
            InputValue::Value(value) => GivenValue::Value(value),
        };
        let shown = match &value {
            GivenValue::Text(text) if !variable.sensitive => quoted(text),
            _ => "(secret)".to_owned(),
        };
        let source: Arc<str> = how.replace('`', "").into();
        let from = input.name.len() + 1;
        let at = span(&source, from..from + shown.len());
        self.texts.push(source, format!("{}={shown}", input.name));
        self.given.insert(input.name, Given { value, at, how });
    }

    fn file(&mut self, name: &Arc<str>, text: &str) {
        if text.len() > MAX_FILE_BYTES {
            let summary = format!("the variable file is longer than {MAX_FILE_BYTES} bytes");
            self.findings.error(span(name, 0..0), summary);
        } else if name.ends_with(".json") {
            self.json(name, text);
        } else {
            self.hcl(name, text);
        }
    }

    fn json(&mut self, name: &Arc<str>, text: &str) {
        let whole = span(name, 0..text.chars().next().map_or(0, char::len_utf8));
        match document::parse(text) {
            Ok(value) => match value.as_object() {
                Some(entries) => {
                    for (key, value) in entries {
                        self.put(name, key, value.clone(), json_key(name, text, key));
                    }
                }
                None => self.findings.error(whole, "a variable file holds an object"),
            },
            Err(error) => self.findings.error(whole, error.to_string()),
        }
    }

    fn hcl(&mut self, name: &Arc<str>, text: &str) {
        let body = match parse::body(name, text) {
            Ok(body) => body,
            Err(diagnostic) => return self.findings.push(*diagnostic),
        };
        for structure in body {
            match structure {
                Structure::Attribute(attribute) => {
                    let at = span(name, attribute.value.span().unwrap_or_default());
                    let mut constants = Constants { scope: self.scope, file: name, findings: self.findings };
                    if let Some(value) = constants.value(&attribute.value, Allowed::Nothing) {
                        self.put(name, attribute.key.as_str(), value, at);
                    }
                }
                Structure::Block(block) => {
                    let at = span(name, block.ident.span().unwrap_or_default());
                    self.findings.error(at, "a variable file holds values, no blocks");
                }
            }
        }
    }

    fn put(&mut self, file: &str, key: &str, value: Value, at: SourceSpan) {
        if self.declared.contains_key(key) {
            let given = Given { value: GivenValue::Value(value), at, how: format!("`{file}`") };
            self.given.insert(key.to_owned(), given);
        } else {
            self.undeclared(key, at);
        }
    }

    fn undeclared(&mut self, name: &str, at: SourceSpan) {
        let mut names: Vec<&str> = self.declared.keys().copied().collect();
        names.sort_unstable();
        let summary = format!("there is no variable `{}`", quoted(name));
        match suggestion(name, names.iter().copied()) {
            Some(hint) => self.findings.error_with_hint(at, summary, hint),
            None => self.findings.error_with_hint(at, summary, "declare it with a `variable` block, or leave it out"),
        }
    }
}

/// About where a key stands in a JSON text: where it first occurs.
fn json_key(file: &Arc<str>, text: &str, key: &str) -> SourceSpan {
    let written = serde_json::Value::from(key).to_string();
    let start = text.find(&written).unwrap_or(0);
    span(file, start..(start + written.len()).min(text.len()))
}
