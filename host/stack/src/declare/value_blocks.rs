//! Reads `variable`, `locals` and `output` blocks.

use hcl_edit::Span;
use hcl_edit::structure::{Block, Structure};

use super::blocks::Reader;
use super::fields::{Spec, header};
use super::{Declarations, LocalValue, OutputBlock, Place, VariableBlock};
use crate::findings::quoted;
use crate::source::span;

const VARIABLE: Spec = Spec {
    what: "a `variable` block",
    attributes: &["type", "default", "description", "sensitive", "nullable"],
    blocks: &[],
    later: &["validation", "ephemeral", "deprecated"],
};
const OUTPUT: Spec = Spec {
    what: "an `output` block",
    attributes: &["value", "sensitive", "description", "depends_on"],
    blocks: &[],
    later: &["precondition", "postcondition", "ephemeral", "deprecated"],
};

pub(super) fn read_variable(block: Block, reader: &mut Reader<'_>, into: &mut Declarations) {
    let place = reader.place(&block);
    let Some([name]) = reader.labels(&block, "variable \"region\" { … }") else { return };
    let fields = reader.fields(block.body, &VARIABLE);
    if !is_name("variable", &name, &place, reader) {
        return;
    }
    if let Some(first) = into.variable_index.get(&name).and_then(|index| into.variables.get(*index)) {
        let first = first.place.span();
        return reader.twice(&format!("the variable `{name}`"), place.span(), &first);
    }
    into.variable_index.insert(name.clone(), into.variables.len());
    into.variables.push(VariableBlock { name, place, fields });
}

pub(super) fn read_locals(block: Block, reader: &mut Reader<'_>, into: &mut Declarations) {
    if !block.labels.is_empty() {
        reader.findings.error(span(&reader.file, header(&block)), "`locals` takes no label");
    }
    for structure in block.body {
        match structure {
            Structure::Block(inner) => {
                let key = quoted(inner.ident.as_str());
                let at = span(&reader.file, header(&inner));
                let summary = "a `locals` block holds attributes, not blocks";
                reader.findings.error_with_hint(at, summary, format!("write `{key} = {{ … }}`"));
            }
            Structure::Attribute(attribute) => {
                let name = attribute.key.as_str().to_owned();
                let header = attribute.key.span().unwrap_or_default();
                let place = Place { file: std::sync::Arc::clone(&reader.file), header };
                if let Some(first) = into.local_index.get(&name).and_then(|index| into.locals.get(*index)) {
                    let first = first.place.span();
                    reader.twice(&format!("`local.{name}`"), place.span(), &first);
                    continue;
                }
                into.local_index.insert(name.clone(), into.locals.len());
                into.locals.push(LocalValue { name, place, value: attribute.value });
            }
        }
    }
}

pub(super) fn read_output(block: Block, reader: &mut Reader<'_>, into: &mut Declarations) {
    let place = reader.place(&block);
    let Some([name]) = reader.labels(&block, "output \"url\" { … }") else { return };
    let mut fields = reader.fields(block.body, &OUTPUT);
    if !is_name("output", &name, &place, reader) {
        return;
    }
    if let Some(first) = into.outputs.get(&name) {
        let first = first.place.span();
        return reader.twice(&format!("the output `{name}`"), place.span(), &first);
    }
    let mut take = |key| fields.take(key).map(|attribute| attribute.value);
    let (sensitive, description, depends_on) = (take("sensitive"), take("description"), take("depends_on"));
    match take("value") {
        Some(value) => {
            into.outputs.insert(name, OutputBlock { place, value, sensitive, description, depends_on });
        }
        None => reader.findings.error_with_hint(
            place.span(),
            format!("the output `{name}` has no `value`"),
            "add `value = …`",
        ),
    }
}

fn is_name(kind: &str, name: &str, place: &Place, reader: &mut Reader<'_>) -> bool {
    let valid = name.len() <= 128
        && name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    if !valid {
        let rule = "it begins with a letter or `_` and has at most 128 letters, digits, `-` and `_`";
        reader.findings.error(place.span(), format!("`{}` is no valid {kind} name: {rule}", quoted(name)));
    }
    valid
}
