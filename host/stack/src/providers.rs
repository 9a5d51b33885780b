//! Which provider serves which resource, and where each provider's plugin comes from.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use cofferdam_model::capabilities::Grant;
use cofferdam_model::{ProviderKey, SourceSpan};
use hcl_edit::Span;
use hcl_edit::expr::Expression;

use crate::declare::{Declarations, ProviderBlock, ResourceBlock};
use crate::findings::{Findings, quoted, similar};
use crate::source::span;

/// Where a plugin comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PluginSource {
    /// A plugin that is part of the host, by its name.
    Builtin(String),
    /// A component file: relative to the stack's folder unless absolute, as the user wrote it.
    Path(String),
}

/// A provider configuration that the stack declares or implies.
#[derive(Clone, Debug)]
pub struct ProviderDecl {
    /// Its name, and the second label of its block.
    pub key: ProviderKey,
    /// Its plugin.
    pub source: PluginSource,
    /// What the user allows; nothing for an implied one.
    pub grant: Grant,
    /// The first line of its block; none for an implied one.
    pub span: Option<SourceSpan>,
}

/// The providers of a stack as far as blocks alone tell them.
#[derive(Debug, Default)]
pub(crate) struct Assigned {
    /// The source of every block, where it is valid.
    pub(crate) sources: Vec<Option<PluginSource>>,
    /// The key for every resource; none where that failed.
    pub(crate) keys: Vec<Option<ProviderKey>>,
    /// The block for every resource; none where that failed or the provider is implied.
    pub(crate) blocks: Vec<Option<usize>>,
    /// The implied ones, with the names of their plugins.
    pub(crate) implied: BTreeMap<ProviderKey, String>,
}

/// Gives every resource its provider. `bundled` maps prefixes of resource types to the plugins that serve them
/// without a block.
pub(crate) fn assign(
    declarations: &Declarations,
    bundled: &BTreeMap<String, String>,
    findings: &mut Findings,
) -> Assigned {
    let sources: Vec<_> = declarations.providers.iter().map(|block| source(block, findings)).collect();
    let mut assigned = Assigned { sources, ..Assigned::default() };
    let mut by_type: HashMap<&str, Option<(ProviderKey, Option<usize>)>> = HashMap::new();
    for resource in &declarations.resources {
        let choice = match &resource.provider {
            Some((key, range)) => {
                let found = declarations.provider_index.get(key).map(|index| (key.clone(), Some(*index)));
                if found.is_none() {
                    let at = span(&resource.place.file, range.clone());
                    let known: Vec<String> = declarations.providers.iter().map(|block| block.key.to_string()).collect();
                    let hint = match similar(&key.to_string(), known.iter().map(String::as_str)) {
                        Some(name) => format!("did you mean `{name}`?"),
                        None => block_hint(key.name(), key.alias()),
                    };
                    findings.error_with_hint(at, format!("there is no provider `{key}`"), hint);
                }
                found
            }
            None => by_type
                .entry(resource.address.resource_type().as_str())
                .or_insert_with(|| by_prefix(resource, declarations, bundled, &mut assigned, findings))
                .clone(),
        };
        let (key, block) = choice.map_or((None, None), |(key, block)| (Some(key), block));
        assigned.keys.push(key);
        assigned.blocks.push(block);
    }
    assigned
}

/// The provider of a type: the block of the prefix's name, a block of the bundled plugin, or that plugin without one.
fn by_prefix(
    resource: &ResourceBlock,
    declarations: &Declarations,
    bundled: &BTreeMap<String, String>,
    assigned: &mut Assigned,
    findings: &mut Findings,
) -> Option<(ProviderKey, Option<usize>)> {
    let prefix = resource.address.resource_type().prefix();
    let fail = |summary: String, hint: String, findings: &mut Findings| {
        findings.error_with_hint(resource.place.span(), summary, hint);
        None
    };
    let key = match ProviderKey::new(prefix, None) {
        Ok(key) => key,
        Err(error) => return fail(error.to_string(), "name it with `provider = …`".into(), findings),
    };
    if let Some(index) = declarations.provider_index.get(&key) {
        return Some((key, Some(*index)));
    }
    let Some(plugin) = bundled.get(prefix) else {
        let alias = declarations.providers.iter().find(|block| block.key.name() == prefix).map(|block| &block.key);
        let summary = format!("no provider serves `{}`", resource.address);
        let hint = match alias {
            Some(alias) => {
                format!("add `provider = {alias}` to it, or a `provider \"{prefix}\"` block without a second label")
            }
            None => block_hint(prefix, None),
        };
        return fail(summary, hint, findings);
    };
    let wanted = Some(PluginSource::Builtin(plugin.clone()));
    let mut of_plugin = declarations
        .providers
        .iter()
        .enumerate()
        .filter(|(index, block)| block.key.alias().is_none() && assigned.sources.get(*index) == Some(&wanted));
    if let (Some((index, block)), None) = (of_plugin.next(), of_plugin.next()) {
        return Some((block.key.clone(), Some(index)));
    }
    let implied = ProviderKey::new(plugin.clone(), None).ok()?;
    if declarations.provider_index.contains_key(&implied) {
        let summary = format!(
            "`{}` needs the bundled plugin `{plugin}`, and the provider of that name is another one",
            resource.address
        );
        let hint = format!("add `provider \"{prefix}\" {{ source = \"builtin:{plugin}\" }}`");
        return fail(summary, hint, findings);
    }
    assigned.implied.insert(implied.clone(), plugin.clone());
    Some((implied, None))
}

fn block_hint(name: &str, alias: Option<&str>) -> String {
    let alias = alias.map(|alias| format!(" \"{alias}\"")).unwrap_or_default();
    format!("add a block: `provider \"{name}\"{alias} {{ source = \"builtin:{name}\" }}`")
}

/// Reads a `source`: a plain text, so that the plugins of a stack can be told without evaluating anything.
fn source(block: &ProviderBlock, findings: &mut Findings) -> Option<PluginSource> {
    let expression = block.source.as_ref()?;
    let at = span(&block.place.file, expression.span().unwrap_or_default());
    let Expression::String(text) = expression else {
        let hint = "write `source = \"builtin:aws\"`, or `source = \"./acme.wasm\"`";
        findings.error_with_hint(at, "`source` is a plain text, without `${…}`", hint);
        return None;
    };
    let text: &str = text.value();
    if let Some(name) = text.strip_prefix("builtin:") {
        let valid = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if !valid {
            findings.error(at, format!("`{}` names no bundled plugin", quoted(text)));
        }
        return valid.then(|| PluginSource::Builtin(name.to_owned()));
    }
    if let Some((scheme, _)) = text.split_once("://") {
        let hint = "put the component beside the stack, and write `source = \"./NAME.wasm\"`";
        let summary = format!("plugins from `{}://` are not supported by this version", quoted(scheme));
        findings.error_with_hint(at, summary, hint);
        return None;
    }
    let is_path = ["./", "../", "/"].iter().any(|start| text.starts_with(start)) && !text.contains('\0');
    if !is_path {
        let hint = format!("write `source = \"builtin:{0}\"` or `source = \"./{0}\"`", quoted(text));
        findings.error_with_hint(at, format!("`{}` is neither a bundled plugin nor a path", quoted(text)), hint);
    }
    is_path.then(|| PluginSource::Path(text.to_owned()))
}

/// Every provider of a stack: those with a block in the order of the files, then the implied ones.
pub(crate) fn list(declarations: &Declarations, assigned: &Assigned, grants: Vec<Grant>) -> Arc<[ProviderDecl]> {
    let declared =
        declarations.providers.iter().zip(&assigned.sources).zip(grants).filter_map(|((block, source), grant)| {
            Some(ProviderDecl {
                key: block.key.clone(),
                source: source.clone()?,
                grant,
                span: Some(block.place.span()),
            })
        });
    let implied = assigned.implied.iter().map(|(key, plugin)| ProviderDecl {
        key: key.clone(),
        source: PluginSource::Builtin(plugin.clone()),
        grant: Grant::default(),
        span: None,
    });
    declared.chain(implied).collect()
}
