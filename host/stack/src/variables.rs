//! Variables: their declarations, and the value of each from the command line, a file, the environment or its default.

use std::collections::HashMap;
use std::sync::Arc;

use cofferdam_model::{Data, Diagnostic, SourceSpan, Value};

use crate::constants::Constants;
use crate::declare::VariableBlock;
use crate::eval::Scope;
use crate::findings::Findings;
use crate::inputs::{self, Given, GivenValue};
use crate::parse;
use crate::references::Allowed;
use crate::source::{SourceTexts, span};
use crate::types::{self, Type};

/// A variable's declaration.
pub(crate) struct Variable {
    /// None where the block has no type: any value; text from the command line is of the default's kind.
    pub(crate) ty: Option<Type>,
    /// None where it has none; the inner one is none where it is not valid, which has been reported.
    default: Option<Option<Value>>,
    pub(crate) sensitive: bool,
    nullable: bool,
    /// Whether the declaration could be read; a value is not looked at otherwise.
    valid: bool,
    pub(crate) declared: SourceSpan,
}

impl Variable {
    /// The type that a text gets without a declared one: that of a default that is a number or a bool.
    fn kind_of_default(&self) -> &'static Type {
        match self.default.as_ref().and_then(Option::as_ref).map(Value::data) {
            Some(Data::Number(_)) => &Type::Number,
            Some(Data::Bool(_)) => &Type::Bool,
            _ => &Type::String,
        }
    }
}

/// Values for every variable; none where it has none, which has been reported.
pub(crate) fn resolve(
    scope: &Scope,
    given: inputs::Inputs,
    texts: &mut SourceTexts,
    findings: &mut Findings,
) -> HashMap<String, Option<Value>> {
    let declared: HashMap<&str, Variable> = scope
        .declarations
        .variables
        .iter()
        .map(|block| (block.name.as_str(), declare(block, scope, findings)))
        .collect();
    let mut given = inputs::collect(given, &declared, scope, texts, findings);
    let mut values = HashMap::with_capacity(declared.len());
    for (name, variable) in declared {
        let value = value_of(name, &variable, given.remove(name), scope, findings);
        values.insert(name.to_owned(), value.map(|value| value.with_secret(variable.sensitive)));
    }
    values
}

fn declare(block: &VariableBlock, scope: &Scope, findings: &mut Findings) -> Variable {
    let file = &block.place.file;
    let mut constants = Constants { scope, file, findings };
    let mut flag = |key: &str, otherwise: bool| {
        let attribute = block.fields.get(key)?;
        let value = constants.value(&attribute.value, Allowed::Nothing)?;
        match crate::convert::to_bool(&value) {
            Ok(flag) => Some(flag),
            Err(text) => {
                constants.error(&attribute.value, &text, None);
                Some(otherwise)
            }
        }
    };
    // Where the flag cannot be read, the stack does not load; until then the value is treated as a secret.
    let sensitive = block.fields.get("sensitive").is_some() && flag("sensitive", true).unwrap_or(true);
    let nullable = flag("nullable", true).unwrap_or(true);
    if let Some(description) = block.fields.get("description") {
        constants.text(&description.value);
    }
    let mut valid = true;
    let ty = block.fields.get("type").map(|attribute| {
        let parsed = types::parse(&attribute.value, &mut |default| constants.value(default, Allowed::Nothing));
        parsed.unwrap_or_else(|error| {
            constants.error_at(span(file, error.range), &error.summary, error.hint.as_deref());
            valid = false;
            Type::Any
        })
    });
    let default = block.fields.get("default").map(|attribute| {
        let value = constants.value(&attribute.value, Allowed::Nothing)?;
        let converted = ty.as_ref().unwrap_or(&Type::Any).convert(value);
        match converted {
            Ok(value) if value.is_null() && !nullable => {
                constants.error(&attribute.value, "the default is null, and the variable is not `nullable`", None);
                None
            }
            Ok(value) => Some(value),
            Err(error) => {
                let summary = format!("the default of variable `{}` does not fit its type: {error}", block.name);
                constants.error(&attribute.value, &summary, None);
                None
            }
        }
    });
    let declared = block.place.span();
    Variable { ty, default, sensitive, nullable, valid, declared }
}

fn value_of(
    name: &str,
    variable: &Variable,
    given: Option<Given>,
    scope: &Scope,
    findings: &mut Findings,
) -> Option<Value> {
    if !variable.valid {
        return None;
    }
    let Some(given) = given else {
        return match &variable.default {
            Some(default) => default.clone(),
            None => {
                missing(name, variable, findings);
                None
            }
        };
    };
    // What is wrong with a secret is told at its declaration: a line of a file shows the value.
    let at = if variable.sensitive { variable.declared.clone() } else { given.at.clone() };
    let (value, ty) = match (given.value, &variable.ty) {
        (GivenValue::Value(value), ty) => (value, ty.as_ref().unwrap_or(&Type::Any)),
        (GivenValue::Text(text), None) => (Value::string(text), variable.kind_of_default()),
        (GivenValue::Text(text), Some(ty @ (Type::String | Type::Number | Type::Bool))) => (Value::string(text), ty),
        (GivenValue::Text(text), Some(ty)) => (expression(&text, &at, &given.how, variable, scope, findings)?, ty),
    };
    match ty.convert(value) {
        Ok(value) if value.is_null() && !variable.nullable => match &variable.default {
            Some(default) => default.clone(),
            None => {
                findings.error(at, format!("the variable `{name}` is null in {}, and it is not `nullable`", given.how));
                None
            }
        },
        Ok(value) => Some(value),
        Err(error) => {
            let summary = format!("the value of variable `{name}` in {} does not fit its type: {error}", given.how);
            findings.error(at, summary);
            None
        }
    }
}

/// A text of the command line or the environment as an expression.
fn expression(
    text: &str,
    at: &SourceSpan,
    how: &str,
    variable: &Variable,
    scope: &Scope,
    findings: &mut Findings,
) -> Option<Value> {
    let parsed = parse::expression(text.trim());
    let mut inner = Findings::default();
    let file: Arc<str> = Arc::clone(&at.file);
    let value = parsed.and_then(|parsed| {
        let mut constants = Constants { scope, file: &file, findings: &mut inner };
        constants.value(&parsed, Allowed::Nothing)
    });
    if value.is_none() {
        let kind = if variable.ty == Some(Type::Any) { "value" } else { "value of its type" };
        let hint = "write it as in a stack, in quotes for the shell: `'[\"a\", \"b\"]'`";
        let mut diagnostic = Diagnostic::error(format!("the text in {how} is no {kind}")).with_hint(hint);
        if !variable.sensitive
            && let Some(reason) = inner.into_sorted(&[]).first()
        {
            diagnostic = diagnostic.with_detail(reason.summary.clone());
        }
        findings.push(diagnostic.with_span(Some(at.clone())));
    }
    value
}

fn missing(name: &str, variable: &Variable, findings: &mut Findings) {
    let hint = format!(
        "give it with `--var {name}=…`, in a variable file, or in the environment as `{}{name}`",
        inputs::ENVIRONMENT_PREFIX
    );
    findings.error_with_hint(variable.declared.clone(), format!("the variable `{name}` has no value"), hint);
}
