//! Splits the body of a block with fixed contents into its attributes and inner blocks, refusing what does not belong.

use std::ops::Range;
use std::sync::Arc;

use hcl_edit::Span;
use hcl_edit::structure::{Attribute, Block, BlockLabel, Body, Structure};

use crate::findings::{Findings, between, quoted, suggestion};
use crate::source::span;

/// What a block may hold.
pub(crate) struct Spec {
    /// The block in words: "a `provider` block".
    pub(crate) what: &'static str,
    /// Its attributes.
    pub(crate) attributes: &'static [&'static str],
    /// Its inner blocks.
    pub(crate) blocks: &'static [&'static str],
    /// What the language has and this version does not serve.
    pub(crate) later: &'static [&'static str],
}

/// The contents of a block.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    attributes: Vec<Attribute>,
    /// The inner blocks, in order.
    pub(crate) blocks: Vec<Block>,
}

impl Fields {
    /// Takes an attribute out.
    pub(crate) fn take(&mut self, key: &str) -> Option<Attribute> {
        let at = self.attributes.iter().position(|attribute| attribute.has_key(key))?;
        Some(self.attributes.swap_remove(at))
    }

    /// An attribute.
    pub(crate) fn get(&self, key: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.has_key(key))
    }
}

/// Reads a body against a specification.
pub(crate) fn read(body: Body, spec: &Spec, file: &Arc<str>, findings: &mut Findings) -> Fields {
    let mut fields = Fields::default();
    for structure in body {
        match structure {
            Structure::Attribute(attribute) => {
                let key = attribute.key.as_str();
                if spec.attributes.contains(&key) {
                    fields.attributes.push(attribute);
                    continue;
                }
                let at = span(file, attribute.key.span().unwrap_or_default());
                if spec.later.contains(&key) {
                    findings.error(at, format!("`{key}` in {} is not supported by this version", spec.what));
                } else if spec.blocks.contains(&key) {
                    let summary = format!("`{key}` in {} is a block, not an attribute", spec.what);
                    findings.error_with_hint(at, summary, format!("write `{key} {{ … }}`, without `=`"));
                } else {
                    unknown(key, "attribute", spec.attributes, spec, at, findings);
                }
            }
            Structure::Block(block) => {
                let key = block.ident.as_str();
                if spec.blocks.contains(&key) {
                    fields.blocks.push(block);
                    continue;
                }
                let at = span(file, header(&block));
                if spec.later.contains(&key) {
                    findings.error(at, format!("`{key}` in {} is not supported by this version", spec.what));
                } else if spec.attributes.contains(&key) {
                    let summary = format!("`{key}` in {} is an attribute, not a block", spec.what);
                    findings.error_with_hint(at, summary, format!("write `{key} = …`"));
                } else {
                    unknown(key, "block", spec.blocks, spec, at, findings);
                }
            }
        }
    }
    fields
}

fn unknown(
    key: &str,
    kind: &str,
    known: &'static [&'static str],
    spec: &Spec,
    at: cofferdam_model::SourceSpan,
    findings: &mut Findings,
) {
    let summary = format!("{} has no {kind} `{}`", spec.what, quoted(key));
    match suggestion(key, known.iter().copied()) {
        Some(hint) => findings.error_with_hint(at, summary, hint),
        None => findings.error(at, summary),
    }
}

/// The range of a block's first line: its type and its labels.
pub(crate) fn header(block: &Block) -> Range<usize> {
    let first = block.ident.span().unwrap_or_default();
    let last = block.labels.last().and_then(Span::span).unwrap_or_else(|| first.clone());
    between(&first, &last)
}

/// The labels of a block, where there are as many as it takes.
pub(crate) fn labels<const N: usize>(
    block: &Block,
    example: &str,
    file: &Arc<str>,
    findings: &mut Findings,
) -> Option<[String; N]> {
    let texts: Vec<String> = block.labels.iter().map(|label| BlockLabel::as_str(label).to_owned()).collect();
    match <[String; N]>::try_from(texts) {
        Ok(labels) => Some(labels),
        Err(found) => {
            let summary = format!("`{}` takes {N} labels, and this one has {}", block.ident.as_str(), found.len());
            findings.error_with_hint(span(file, header(block)), summary, format!("write `{example}`"));
            None
        }
    }
}
