//! The pre-flight: is this a component, of a contract version that the host serves, importing only what the host
//! has? Every fault is named, with the version found and the one served.

use std::collections::BTreeMap;

use serde::Serialize;
use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

/// The package of the contract.
pub const PACKAGE: &str = "cofferdam:provider";
/// The contract version that this host serves.
pub const SERVED: &str = "0.1.0";

/// Why bytes are no plugin of this host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// No bytes.
    #[error("it is empty")]
    Empty,
    /// Not WebAssembly at all.
    #[error("it is not WebAssembly: it begins with `{0}`")]
    NotWasm(String),
    /// Native code offered as a plugin.
    #[error("it is compiled native code, which is never loaded as a plugin")]
    Native,
    /// A module, not a component.
    #[error("it is a core WebAssembly module, not a component")]
    CoreModule,
    /// A binary format from another time.
    #[error("it is WebAssembly of an unknown version ({0:#010x})")]
    UnknownVersion(u32),
    /// A component of another world.
    #[error("it is a component, but no Cofferdam provider: it exports {found}")]
    WrongWorld {
        /// What it does export.
        found: String,
    },
    /// A provider of a contract version that is not served.
    #[error("it implements {PACKAGE} {found}, and this host serves {SERVED}")]
    WrongVersion {
        /// The version it exports.
        found: String,
    },
    /// Functions that the contract asks for and the component lacks.
    #[error("it does not export {}", list(.0))]
    MissingExports(Vec<String>),
    /// Imports that the host does not have.
    #[error("it imports {}, which this host does not have", list(.0))]
    UnknownImports(Vec<String>),
    /// A function whose type is not the contract's.
    #[error("its interfaces differ from {PACKAGE} {SERVED}: {0}")]
    Mismatch(String),
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// An interface that a component imports or exports, with its functions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// The full name, with its version.
    pub name: String,
    /// The functions in it, sorted.
    pub functions: Vec<String>,
}

/// Looks at the first bytes.
pub(crate) fn check_header(bytes: &[u8]) -> Result<(), ContractError> {
    if bytes.is_empty() {
        return Err(ContractError::Empty);
    }
    let Some((magic, version)) =
        bytes.split_first_chunk::<4>().and_then(|(magic, rest)| Some((magic, rest.first_chunk::<4>()?)))
    else {
        return Err(ContractError::NotWasm(printable(bytes)));
    };
    match (magic, version) {
        (b"\0asm", [0x0d, 0, 1, 0]) => Ok(()),
        (b"\0asm", [1, 0, 0, 0]) => Err(ContractError::CoreModule),
        (b"\0asm", other) => Err(ContractError::UnknownVersion(u32::from_le_bytes(*other))),
        (b"\x7fELF", _) => Err(ContractError::Native),
        _ => Err(ContractError::NotWasm(printable(bytes))),
    }
}

fn printable(bytes: &[u8]) -> String {
    bytes.iter().take(16).flat_map(|byte| byte.escape_ascii()).map(char::from).collect()
}

/// The functions of `provider`, in the order of the contract.
const EXPORTS: [&str; 14] = [
    "describe",
    "describe-resource",
    "describe-function",
    "configure",
    "check",
    "plan",
    "create",
    "update",
    "delete",
    "resume",
    "read",
    "list",
    "migrate",
    "invoke",
];

/// The functions of `bootstrapper`, which a provider may export.
const BOOTSTRAPPER: [&str; 4] = ["steps", "perform", "verify", "undo"];

const IMPORTS: [(&str, &[&str]); 8] = [
    ("types", &[]),
    ("http", &["send"]),
    ("bootstrap", &["ensure"]),
    ("assets", &["stat", "read", "publish"]),
    ("files", &["stat", "read", "write", "make-directory", "remove", "entries"]),
    ("log", &["write", "progress"]),
    ("clock", &["now-ms"]),
    ("random", &["bytes"]),
];

/// WASI 0.2 packages, all linked without authority.
const WASI: [&str; 6] = ["wasi:cli", "wasi:io", "wasi:clocks", "wasi:random", "wasi:filesystem", "wasi:sockets"];

/// Compares a component's imports and exports with the contract.
pub(crate) fn check_contract(engine: &Engine, component: &Component) -> Result<(), ContractError> {
    let imports = imports(engine, component);
    let unknown: Vec<String> = imports.iter().flat_map(unknown_of).collect();
    let exports = exports(engine, component);
    check_exports(&exports)?;
    if unknown.is_empty() { Ok(()) } else { Err(ContractError::UnknownImports(unknown)) }
}

fn check_exports(exports: &[Interface]) -> Result<(), ContractError> {
    let Some(provider) = served(exports, "provider")? else {
        return Err(ContractError::WrongWorld { found: described(exports) });
    };
    let mut lacking = missing(provider, "provider", &EXPORTS);
    if let Some(bootstrapper) = served(exports, "bootstrapper")? {
        lacking.extend(missing(bootstrapper, "bootstrapper", &BOOTSTRAPPER));
    }
    if lacking.is_empty() { Ok(()) } else { Err(ContractError::MissingExports(lacking)) }
}

/// The export of an interface in a version that is served; none where it is not exported at all.
fn served<'e>(exports: &'e [Interface], interface: &str) -> Result<Option<&'e Interface>, ContractError> {
    let path = format!("{PACKAGE}/{interface}@");
    let versions: BTreeMap<&str, &Interface> =
        exports.iter().filter_map(|export| Some((export.name.strip_prefix(&path)?, export))).collect();
    match (versions.iter().find(|(version, _)| is_served(version)), versions.keys().next_back()) {
        (Some((_, export)), _) => Ok(Some(export)),
        (None, Some(found)) => Err(ContractError::WrongVersion { found: (*found).to_owned() }),
        (None, None) => Ok(None),
    }
}

fn missing(export: &Interface, interface: &str, functions: &[&str]) -> Vec<String> {
    let has = |name: &str| export.functions.iter().any(|function| function == name);
    functions.iter().filter(|name| !has(name)).map(|name| format!("{interface}.{name}")).collect()
}

/// Whether a provider prepares accounts or projects itself.
pub(crate) fn has_bootstrapper(engine: &Engine, component: &Component) -> bool {
    served(&exports(engine, component), "bootstrapper").is_ok_and(|export| export.is_some())
}

fn described(exports: &[Interface]) -> String {
    match exports {
        [] => "nothing".to_owned(),
        some => list(&some.iter().take(8).map(|export| export.name.clone()).collect::<Vec<_>>()),
    }
}

/// Whether a version of the contract is of the served track: functions are only added within one.
fn is_served(version: &str) -> bool {
    let (Ok(found), Ok(served)) = (semver::Version::parse(version), semver::Version::parse(SERVED)) else {
        return false;
    };
    (found.major, found.minor) == (served.major, served.minor) && found.pre.is_empty()
}

fn unknown_of(import: &Interface) -> Vec<String> {
    let (path, version) = import.name.split_once('@').unwrap_or((&import.name, ""));
    let (package, interface) = path.split_once('/').unwrap_or((path, ""));
    if WASI.contains(&package) && version.starts_with("0.2.") {
        return Vec::new();
    }
    let known = IMPORTS.iter().find(|(name, _)| package == PACKAGE && *name == interface && is_served(version));
    match known {
        None => vec![import.name.clone()],
        Some((_, functions)) => import
            .functions
            .iter()
            .filter(|function| !functions.contains(&function.as_str()))
            .map(|function| format!("{}#{function}", import.name))
            .collect(),
    }
}

/// Every import of a component, sorted by name.
pub(crate) fn imports(engine: &Engine, component: &Component) -> Vec<Interface> {
    let ty = component.component_type();
    interfaces(engine, ty.imports(engine).map(|(name, item)| (name.to_owned(), item.ty)))
}

/// Every export of a component, sorted by name.
pub(crate) fn exports(engine: &Engine, component: &Component) -> Vec<Interface> {
    let ty = component.component_type();
    interfaces(engine, ty.exports(engine).map(|(name, item)| (name.to_owned(), item.ty)))
}

fn interfaces(engine: &Engine, items: impl Iterator<Item = (String, ComponentItem)>) -> Vec<Interface> {
    let mut interfaces: Vec<Interface> = items
        .map(|(name, item)| {
            let mut functions: Vec<String> = match &item {
                ComponentItem::ComponentInstance(instance) => instance
                    .exports(engine)
                    .filter(|(_, export)| matches!(export.ty, ComponentItem::ComponentFunc(_)))
                    .map(|(name, _)| name.to_owned())
                    .collect(),
                _ => Vec::new(),
            };
            functions.sort();
            Interface { name, functions }
        })
        .collect();
    interfaces.sort_by(|a, b| a.name.cmp(&b.name));
    interfaces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_the_bytes_are() {
        assert_eq!(check_header(b"\0asm\x01\0\0\0"), Err(ContractError::CoreModule));
        assert_eq!(check_header(b"\0asm\x0d\0\x01\0rest"), Ok(()));
        assert_eq!(check_header(b"\x7fELF\x02\x01\x01\0"), Err(ContractError::Native));
        assert_eq!(check_header(b"#!/bin/sh\n"), Err(ContractError::NotWasm("#!/bin/sh\\n".into())));
        assert_eq!(check_header(b""), Err(ContractError::Empty));
        assert_eq!(check_header(b"\0asm\x0e\0\x01\0"), Err(ContractError::UnknownVersion(0x1_000e)));
    }

    #[test]
    fn a_track_is_served_whole() {
        assert!(is_served("0.1.0") && is_served("0.1.7"));
        assert!(!is_served("0.2.0") && !is_served("1.1.0") && !is_served("0.1.0-rc.1") && !is_served("x"));
    }

    #[test]
    fn a_bootstrapper_is_whole_or_not_there() {
        let export = |name: &str, functions: &[&str]| Interface {
            name: format!("{PACKAGE}/{name}"),
            functions: functions.iter().map(|name| (*name).to_owned()).collect(),
        };
        let provider = export("provider@0.1.0", &EXPORTS);
        assert_eq!(check_exports(std::slice::from_ref(&provider)), Ok(()));
        assert_eq!(check_exports(&[provider.clone(), export("bootstrapper@0.1.0", &BOOTSTRAPPER)]), Ok(()));
        let lacking = check_exports(&[provider.clone(), export("bootstrapper@0.1.0", &BOOTSTRAPPER[..3])]);
        assert_eq!(lacking, Err(ContractError::MissingExports(vec!["bootstrapper.undo".into()])));
        let other = check_exports(&[provider, export("bootstrapper@0.2.0", &BOOTSTRAPPER)]);
        assert_eq!(other, Err(ContractError::WrongVersion { found: "0.2.0".into() }));
    }

    /// The tables above are what the files of the contract say.
    #[test]
    fn the_tables_match_the_contract() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit").join(SERVED);
        let functions = |interface: &str| -> Vec<String> {
            let text = std::fs::read_to_string(folder.join(format!("{interface}.wit"))).expect(interface);
            let mut names: Vec<String> = text
                .lines()
                .filter(|line| line.starts_with("  ") && line.contains(": func("))
                .filter_map(|line| line.trim().split(':').next())
                .map(|name| name.trim_start_matches('%').to_owned())
                .collect();
            names.sort();
            names
        };
        let sorted = |names: &[&str]| {
            let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            names.sort();
            names
        };
        assert_eq!(functions("provider"), sorted(&EXPORTS));
        assert_eq!(functions("bootstrapper"), sorted(&BOOTSTRAPPER));
        for (interface, names) in IMPORTS {
            assert_eq!(functions(interface), sorted(names), "{interface}");
        }
    }
}
