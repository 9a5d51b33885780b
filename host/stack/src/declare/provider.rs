//! Reads `provider` blocks.

use cofferdam_model::ProviderKey;
use hcl_edit::Span;
use hcl_edit::structure::Block;

use super::blocks::Reader;
use super::fields::Spec;
use super::{Declarations, ProviderBlock, grant};
use crate::findings::between;
use crate::source::span;

const PROVIDER: Spec = Spec {
    what: "a `provider` block",
    attributes: &["source", "config"],
    blocks: &["grant"],
    later: &["alias", "for_each", "retry", "version"],
};

pub(super) fn read(block: Block, reader: &mut Reader<'_>, into: &mut Declarations) {
    let place = reader.place(&block);
    if !(1..=2).contains(&block.labels.len()) {
        let summary = format!("`provider` takes 1 or 2 labels, and this one has {}", block.labels.len());
        let hint = "write `provider \"aws\" { … }`, or `provider \"aws\" \"us\" { … }` for a second one";
        return reader.findings.error_with_hint(place.span(), summary, hint);
    }
    let mut labels = block.labels.iter().map(|label| label.as_str().to_owned());
    let key = ProviderKey::new(labels.next().unwrap_or_default(), labels.next());
    let mut fields = reader.fields(block.body, &PROVIDER);
    let mut grants = std::mem::take(&mut fields.blocks).into_iter();
    let grant = grants.next().map(|block| grant::read(block, reader));
    for extra in grants {
        let at = between(&extra.ident.span().unwrap_or_default(), &extra.ident.span().unwrap_or_default());
        reader.findings.error(span(&reader.file, at), "a `provider` block has at most one `grant` block");
    }
    let key = match key {
        Ok(key) => key,
        Err(error) => return reader.findings.error(place.span(), error.to_string()),
    };
    if let Some(first) = into.provider_index.get(&key).and_then(|index| into.providers.get(*index)) {
        let first = first.place.span();
        return reader.twice(&format!("the provider `{key}`"), place.span(), &first);
    }
    let source = fields.take("source").map(|attribute| attribute.value);
    if source.is_none() {
        let hint = format!("add `source = \"builtin:{}\"`, or the path of a component", key.name());
        reader.findings.error_with_hint(place.span(), format!("provider `{key}` has no `source`"), hint);
    }
    into.provider_index.insert(key.clone(), into.providers.len());
    into.providers.push(ProviderBlock {
        key,
        place,
        source,
        config: fields.take("config").map(|attribute| attribute.value),
        grant,
    });
}
