//! Reads the structure of a `grant` block; its values are evaluated in `crate::grant`.

use hcl_edit::Span;
use hcl_edit::structure::Block;

use super::blocks::Reader;
use super::fields::{Spec, header};
use super::{GrantBlock, NamedFields, Place};
use crate::source::span;

const GRANT: Spec = Spec {
    what: "a `grant` block",
    attributes: &["assets", "hosts"],
    blocks: &["credential", "directory", "limits"],
    later: &["functions", "methods", "reads"],
};
const CREDENTIAL: Spec = Spec {
    what: "a `credential` block",
    attributes: &["from", "hosts", "expected_account", "role", "endpoint", "path_style"],
    blocks: &[],
    later: &[],
};
const DIRECTORY: Spec = Spec { what: "a `directory` block", attributes: &["path", "write"], blocks: &[], later: &[] };
const LIMITS: Spec = Spec {
    what: "a `limits` block",
    attributes: &[
        "memory",
        "memory_in_all",
        "memories",
        "table_elements",
        "handles",
        "copied",
        "cpu",
        "plan_cpu",
        "wall",
        "host_calls",
        "log",
        "log_line",
        "http_body",
    ],
    blocks: &[],
    later: &[],
};

pub(super) fn read(block: Block, reader: &mut Reader<'_>) -> GrantBlock {
    let mut grant = GrantBlock::default();
    no_labels(&block, reader);
    let mut fields = reader.fields(block.body, &GRANT);
    grant.hosts = fields.take("hosts").map(|attribute| attribute.value);
    grant.assets = fields.take("assets").map(|attribute| attribute.value);
    for block in fields.blocks {
        match block.ident.as_str() {
            "credential" => named(block, &CREDENTIAL, "credential \"token\" { … }", &mut grant.credentials, reader),
            "directory" => named(block, &DIRECTORY, "directory \"out\" { … }", &mut grant.directories, reader),
            _ if grant.limits.is_some() => {
                reader
                    .findings
                    .error(span(&reader.file, header(&block)), "a `grant` block has at most one `limits` block");
            }
            _ => {
                no_labels(&block, reader);
                grant.limits = Some(reader.fields(block.body, &LIMITS));
            }
        }
    }
    grant
}

fn named(block: Block, spec: &Spec, example: &str, into: &mut Vec<NamedFields>, reader: &mut Reader<'_>) {
    let place: Place = reader.place(&block);
    let kind = block.ident.as_str().to_owned();
    let Some([name]) = reader.labels(&block, example) else { return };
    if let Some(first) = into.iter().find(|other| other.name == name) {
        let first = first.place.span();
        return reader.twice(&format!("the {kind} `{}`", crate::findings::quoted(&name)), place.span(), &first);
    }
    let fields = reader.fields(block.body, spec);
    into.push(NamedFields { name, place, fields });
}

fn no_labels(block: &Block, reader: &mut Reader<'_>) {
    if let Some(label) = block.labels.first() {
        let at = span(&reader.file, label.span().unwrap_or_default());
        reader.findings.error(at, format!("`{}` takes no label", block.ident.as_str()));
    }
}
