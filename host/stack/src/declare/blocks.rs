//! Sorts the blocks of all files by kind, and refuses kinds that this version does not serve.

use std::sync::Arc;

use cofferdam_model::{Diagnostic, SourceSpan, StackName};
use hcl_edit::Span;
use hcl_edit::structure::{Block, Body, Structure};

use super::fields::{self, Spec, header, labels};
use super::{Declarations, Place, StackBlock, provider, resource, value_blocks};
use crate::findings::{Findings, quoted, suggestion};
use crate::source::{SourceTexts, span};

const KINDS: [&str; 6] = ["locals", "output", "provider", "resource", "stack", "variable"];
const LATER: [&str; 8] = ["check", "data", "ephemeral", "import", "module", "moved", "removed", "terraform"];
const STACK: Spec = Spec {
    what: "a `stack` block",
    attributes: &["bootstrap", "encryption", "home"],
    blocks: &[],
    later: &["default_stage"],
};

/// What every reader of blocks needs.
pub(super) struct Reader<'a> {
    pub(super) file: Arc<str>,
    pub(super) texts: &'a SourceTexts,
    pub(super) findings: &'a mut Findings,
}

impl Reader<'_> {
    pub(super) fn place(&self, block: &Block) -> Place {
        Place { file: Arc::clone(&self.file), header: header(block) }
    }

    pub(super) fn labels<const N: usize>(&mut self, block: &Block, example: &str) -> Option<[String; N]> {
        labels(block, example, &self.file, self.findings)
    }

    pub(super) fn fields(&mut self, body: Body, spec: &Spec) -> fields::Fields {
        fields::read(body, spec, &self.file, self.findings)
    }

    /// Says that something is declared a second time, and where the first one stands.
    pub(super) fn twice(&mut self, what: &str, at: SourceSpan, first: &SourceSpan) {
        let detail = format!("the first one stands at {}", self.texts.place(first));
        self.findings
            .push(Diagnostic::error(format!("{what} is declared twice")).with_detail(detail).with_span(Some(at)));
    }
}

/// Reads every block of every file.
pub(crate) fn declare(bodies: Vec<(Arc<str>, Body)>, texts: &SourceTexts, findings: &mut Findings) -> Declarations {
    let mut into = Declarations::default();
    for (file, body) in bodies {
        let mut reader = Reader { file, texts, findings };
        for structure in body {
            match structure {
                Structure::Block(block) => read_block(block, &mut reader, &mut into),
                Structure::Attribute(attribute) => {
                    let at = span(&reader.file, attribute.key.span().unwrap_or_default());
                    let key = quoted(attribute.key.as_str());
                    let summary = format!("`{key}` stands outside of every block");
                    let hint = format!("put it into a block: `locals {{ {key} = … }}`");
                    reader.findings.error_with_hint(at, summary, hint);
                }
            }
        }
    }
    into
}

fn read_block(block: Block, reader: &mut Reader<'_>, into: &mut Declarations) {
    match block.ident.as_str() {
        "stack" => read_stack(block, reader, into),
        "provider" => provider::read(block, reader, into),
        "resource" => resource::read(block, reader, into),
        "variable" => value_blocks::read_variable(block, reader, into),
        "locals" => value_blocks::read_locals(block, reader, into),
        "output" => value_blocks::read_output(block, reader, into),
        other => {
            let at = span(&reader.file, header(&block));
            if LATER.contains(&other) {
                reader.findings.error(at, format!("`{other}` blocks are not supported by this version"));
                return;
            }
            let summary = format!("there is no block type `{}`", quoted(other));
            match suggestion(other, KINDS) {
                Some(hint) => reader.findings.error_with_hint(at, summary, hint),
                None => reader.findings.error(at, summary),
            }
        }
    }
}

fn read_stack(block: Block, reader: &mut Reader<'_>, into: &mut Declarations) {
    let place = reader.place(&block);
    let Some([name]) = reader.labels(&block, "stack \"shop\" { … }") else { return };
    if let Some(first) = &into.stack {
        let first = first.place.span();
        return reader.twice("the stack", place.span(), &first);
    }
    let fields = reader.fields(block.body, &STACK);
    match StackName::new(name) {
        Ok(name) => into.stack = Some(StackBlock { name, place, fields }),
        Err(error) => {
            reader.findings.error(place.span(), error.to_string());
            // A placeholder, so that the block counts as there.
            into.stack = StackName::new("invalid").ok().map(|name| StackBlock { name, place, fields });
        }
    }
}
