//! `plugin inspect`: what a plugin is, asks for and offers, before anybody runs it.

use std::path::Path;

use cofferdam_model::capabilities::{GrantedLimits, Requested};
use cofferdam_model::schema::ResourceSchema;
use cofferdam_model::{Digest, Pointer, ResourceType};
use cofferdam_runtime::{Environment as Credentials, Interface, Plugin};
use serde_json::{Value as Json, json};

use crate::args::{Format, Global};
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::render::table::Table;
use crate::render::value::printable;
use crate::session::{Session, open_named, read_file};
use crate::talk;
use crate::{bundled, environment};

const MIB: u64 = 1024 * 1024;

/// Runs the command.
pub async fn inspect(session: &Session, global: &Global, name: &str, ty: Option<&ResourceType>) -> CliResult<Exit> {
    let is_path = name.contains('/') || Path::new(name).extension().is_some_and(|extension| extension == "wasm");
    let (name, source) = if is_path && bundled::source(name).is_none() {
        (name.to_owned(), read_file(name, &global.dir.join(name))?)
    } else {
        open_named(name)?
    };
    let plugin = session.load(&session.runtime(Credentials::new(environment::var), None)?, &name, source).await?;
    match ty {
        Some(ty) => show_type(session, global, &plugin, ty).await,
        None => {
            show_plugin(session, global, &plugin);
            Ok(Exit::Done)
        }
    }
}

fn show_plugin(session: &Session, global: &Global, plugin: &Plugin) {
    let manifest = plugin.manifest();
    let digest = plugin.identity().digest;
    let (imports, exports) = (plugin.imports(), plugin.exports());
    if global.format == Format::Json {
        return session.reporter.json(&json!({
            "type": "plugin", "name": manifest.name, "version": manifest.version, "digest": digest, "bytes": plugin.bytes(),
            "contract": contract(&exports), "imports": imports, "exports": exports, "capabilities": manifest.requested,
            "limits": GrantedLimits::default().over(&manifest.requested.limits),
            "resource_types": manifest.resource_types, "functions": manifest.functions, "config_schema": manifest.config_schema,
        }));
    }
    let mut out = header(plugin, &digest, &exports);
    out.push_str("\nasks for\n");
    out.push_str(&capabilities(&manifest.requested));
    out.push_str("\nlimits of one call\n");
    let limits = GrantedLimits::default().over(&manifest.requested.limits);
    out.push_str(&format!(
        "  memory {} MiB ({} MiB in all), CPU {} s ({} s to plan), wall clock {} s, {} host calls, HTTP body {} MiB\n",
        limits.memory_bytes / MIB,
        limits.store_bytes / MIB,
        limits.cpu_ms / 1000,
        limits.plan_cpu_ms / 1000,
        limits.wall_ms / 1000,
        limits.host_calls,
        limits.http_body_bytes / MIB,
    ));
    out.push_str("\nimports\n");
    out.push_str(&interfaces(&imports));
    out.push_str("\nexports\n");
    out.push_str(&interfaces(&exports));
    out.push_str(&format!("\nresource types ({})\n", manifest.resource_types.len()));
    for ty in &manifest.resource_types {
        out.push_str(&format!("  {ty}\n"));
    }
    if !manifest.functions.is_empty() {
        out.push_str(&format!("\nfunctions ({})\n", manifest.functions.len()));
        for name in &manifest.functions {
            out.push_str(&format!("  {name}\n"));
        }
    }
    talk::data(&out);
}

fn header(plugin: &Plugin, digest: &Digest, exports: &[Interface]) -> String {
    let manifest = plugin.manifest();
    format!(
        "{} {}\n  digest    {digest}\n  size      {} bytes\n  contract  {}\n",
        manifest.name,
        manifest.version,
        plugin.bytes(),
        contract(exports).unwrap_or("none")
    )
}

fn contract(exports: &[Interface]) -> Option<&str> {
    let package = cofferdam_runtime::component::check::PACKAGE;
    exports.iter().find_map(|export| export.name.strip_prefix(package)?.strip_prefix("/provider@"))
}

fn capabilities(requested: &Requested) -> String {
    let mut table = Table::new(&["  WHAT", "NAME", "WHY"]);
    let why = |why: &Option<String>| printable(why.as_deref().unwrap_or_default());
    for host in &requested.hosts {
        table.row(vec!["  host".into(), printable(&host.pattern), why(&host.why)]);
    }
    for credential in &requested.credentials {
        let what = if credential.optional { "  credential (optional)" } else { "  credential" };
        table.row(vec![what.into(), printable(&credential.name), why(&credential.why)]);
    }
    for directory in &requested.directories {
        let what = if directory.write { "  directory, to write" } else { "  directory, to read" };
        let name = if directory.name == "*" { "every one you grant".into() } else { printable(&directory.name) };
        table.row(vec![what.into(), name, why(&directory.why)]);
    }
    if let Some(assets) = &requested.assets {
        let what = if assets.optional { "  files of the project (optional)" } else { "  files of the project" };
        table.row(vec![what.into(), "those you grant".into(), why(&assets.why)]);
    }
    for read in &requested.reads {
        table.row(vec!["  request that reads".into(), printable(read), String::new()]);
    }
    let nothing = requested.hosts.is_empty()
        && requested.credentials.is_empty()
        && requested.directories.is_empty()
        && requested.assets.is_none()
        && requested.reads.is_empty();
    if nothing { "  nothing\n".to_owned() } else { table.render() }
}

fn interfaces(interfaces: &[Interface]) -> String {
    interfaces.iter().map(|interface| format!("  {}\n", printable(&interface.name))).collect()
}

async fn show_type(session: &Session, global: &Global, plugin: &Plugin, ty: &ResourceType) -> CliResult<Exit> {
    let schema = plugin.schema(ty).await.map_err(|error| {
        let types: Vec<_> = plugin.manifest().resource_types.iter().map(|ty| format!("`{ty}`")).collect();
        CliError::new(Exit::Failed, error.to_string()).hint(format!("it has {}", types.join(", ")))
    })?;
    if global.format == Format::Json {
        session.reporter.json(&json!({ "type": "schema", "resource_type": ty, "schema": schema.json }));
        return Ok(Exit::Done);
    }
    let mut out = format!("{ty}\n");
    if let Some(description) = &schema.description {
        out.push_str(&format!("  {}\n", printable(description).replace('\n', "\n  ")));
    }
    out.push_str(&format!("\n{}", properties(&schema)));
    out.push_str(&format!("\n{}", behaviour(&schema)));
    talk::data(&out);
    Ok(Exit::Done)
}

fn properties(schema: &ResourceSchema) -> String {
    let required: Vec<&str> =
        schema.json.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
    let mut table = Table::new(&["PROPERTY", "TYPE", "NOTES", "DESCRIPTION"]);
    for (name, property) in schema.properties() {
        let place = Pointer::from_parts(vec![name.clone()]);
        let named = |pointers: &[Pointer]| pointers.iter().any(|pointer| pointer.covers(&place));
        let mut notes = Vec::new();
        if required.contains(&name.as_str()) {
            notes.push("required".to_owned());
        }
        for (is, note) in [
            (schema.is_read_only(name), "read-only"),
            (named(&schema.create_only), "replaces"),
            (named(&schema.write_only), "write-only"),
            (named(&schema.sensitive), "secret"),
            (named(&schema.deprecated), "deprecated"),
        ] {
            if is {
                notes.push(note.to_owned());
            }
        }
        if let Some(default) = property.get("default").filter(|default| !default.is_null()) {
            notes.push(format!("default {default}"));
        }
        let description = property.get("description").and_then(Json::as_str).unwrap_or_default();
        let first = description.split('\n').next().unwrap_or_default();
        table.row(vec![printable(name), type_text(schema, property), notes.join(", "), printable(first)]);
    }
    table.render()
}

fn type_text(schema: &ResourceSchema, property: &Json) -> String {
    let target = property.get("$ref").and_then(Json::as_str).and_then(|text| text.strip_prefix('#'));
    let property = target.and_then(|target| schema.json.pointer(target)).unwrap_or(property);
    if let Some(values) = property.get("enum").and_then(Json::as_array) {
        return values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ");
    }
    let name = |json: &Json| json.as_str().map(printable);
    match property.get("type") {
        Some(Json::Array(types)) => types.iter().filter_map(name).collect::<Vec<_>>().join(" | "),
        Some(Json::String(ty)) if ty == "array" => {
            match property.get("items").and_then(|items| items.get("type")).and_then(name) {
                Some(item) => format!("list of {item}"),
                None => "list".to_owned(),
            }
        }
        Some(ty) => name(ty).unwrap_or_else(|| "any".to_owned()),
        None => "any".to_owned(),
    }
}

fn behaviour(schema: &ResourceSchema) -> String {
    let handlers = schema.handlers;
    let mut lines =
        vec![if handlers.update { "changes in place where no property replaces" } else { "every change replaces" }];
    lines.push(if handlers.read { "can be read: drift is found" } else { "exists in the state alone" });
    if handlers.list {
        lines.push("can be listed");
    }
    if schema.stateful {
        lines.push("holds data that a replacement loses");
    }
    lines.iter().map(|line| format!("  {line}\n")).collect()
}
