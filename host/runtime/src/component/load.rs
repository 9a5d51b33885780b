//! Loading: digest, checks, compiled code from the cache or the compiler, and a linked component ready to be
//! instantiated once per call.

use std::path::PathBuf;

use cofferdam_model::limits::MAX_COMPONENT_BYTES;
use cofferdam_model::{Digest, error::CallError};
use wasmtime::component::Component;

use super::cache::Entry;
use super::check::{ContractError, check_contract, check_header, has_bootstrapper};
use super::compile::CompileError;
use crate::contract::v0_1::ProviderPluginPre;
use crate::contract::v0_1::bootstrapper::BootstrappingPre;
use crate::engine::{Runtime, Shared};
use crate::host::Guest;

/// Why a plugin could not be loaded. `name` is what the user calls it: a path or a bundled plugin's name.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read the plugin `{name}` from `{path}`")]
    Read {
        /// The plugin.
        name: String,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is larger than any plugin may be.
    #[error("the plugin `{name}` is {bytes} bytes long, more than the {MAX_COMPONENT_BYTES} allowed")]
    TooLarge {
        /// The plugin.
        name: String,
        /// Its size.
        bytes: u64,
    },
    /// The bytes are no plugin of this host.
    #[error("cannot load the plugin `{name}`")]
    Contract {
        /// The plugin.
        name: String,
        /// What is wrong.
        source: ContractError,
    },
    /// The component does not compile.
    #[error("cannot load the plugin `{name}`")]
    Compile {
        /// The plugin.
        name: String,
        /// What is wrong.
        source: CompileError,
    },
    /// `describe` failed.
    #[error("the plugin `{name}` cannot describe itself")]
    Describe {
        /// The plugin.
        name: String,
        /// How it failed.
        source: CallError,
    },
    /// What `describe` answered breaks the contract.
    #[error("the plugin `{name}` describes itself against the contract: {why}")]
    Manifest {
        /// The plugin.
        name: String,
        /// What is wrong.
        why: String,
    },
}

/// Where a component's bytes come from.
pub enum Source {
    /// Bytes at hand; their digest is computed.
    Bytes(Vec<u8>),
    /// A component inside the host's own binary: its digest and size were taken when the host was built, so that the
    /// bytes are unpacked only where the compiled code is not cached.
    Bundled {
        /// The digest of the unpacked bytes.
        digest: Digest,
        /// The size of the unpacked bytes.
        bytes: u64,
        /// Unpacks them.
        unpack: Box<dyn FnOnce() -> std::io::Result<Vec<u8>> + Send>,
    },
}

/// A component that is compiled and linked.
pub(crate) struct Linked {
    pub digest: Digest,
    pub bytes: u64,
    pub component: Component,
    pub pre: ProviderPluginPre<Guest>,
    /// Where it prepares accounts or projects itself.
    pub bootstrapper: Option<BootstrappingPre<Guest>>,
}

/// Loads a component.
pub(crate) async fn load(runtime: &Runtime, name: &str, source: Source) -> Result<Linked, LoadError> {
    let contract = |source| LoadError::Contract { name: name.to_owned(), source };
    let shared = &*runtime.shared;
    let (digest, size) = match &source {
        Source::Bytes(bytes) => {
            if bytes.len() as u64 > MAX_COMPONENT_BYTES {
                return Err(LoadError::TooLarge { name: name.to_owned(), bytes: bytes.len() as u64 });
            }
            check_header(bytes).map_err(contract)?;
            (Digest::of(bytes), bytes.len() as u64)
        }
        Source::Bundled { digest, bytes, .. } => (*digest, *bytes),
    };
    let component = match cached(shared, &digest) {
        Some(component) => component,
        None => compile(shared, name, &digest, source).await?,
    };
    check_contract(&shared.engine, &component).map_err(contract)?;
    let mismatch = |error: wasmtime::Error| contract(ContractError::Mismatch(format!("{error:#}")));
    let linked = shared.linker.instantiate_pre(&component).map_err(mismatch)?;
    let bootstrapper = has_bootstrapper(&shared.engine, &component)
        .then(|| BootstrappingPre::new(linked.clone()))
        .transpose()
        .map_err(mismatch)?;
    let pre = ProviderPluginPre::new(linked).map_err(mismatch)?;
    Ok(Linked { digest, bytes: size, component, pre, bootstrapper })
}

async fn compile(shared: &Shared, name: &str, digest: &Digest, source: Source) -> Result<Component, LoadError> {
    let contract = |source| LoadError::Contract { name: name.to_owned(), source };
    let bytes = match source {
        Source::Bytes(bytes) => bytes,
        Source::Bundled { unpack, .. } => unpack().map_err(|source| LoadError::Read {
            name: name.to_owned(),
            path: PathBuf::from("builtin"),
            source,
        })?,
    };
    let code =
        shared.compiler.compile(&bytes).await.map_err(|source| LoadError::Compile { name: name.to_owned(), source })?;
    let component = deserialize(shared, &code)
        .map_err(|error| contract(ContractError::Mismatch(format!("the compiled code does not load: {error:#}"))))?;
    // Checked before it is kept, so that what is cached has always passed.
    check_contract(&shared.engine, &component).map_err(contract)?;
    shared.cache.put(digest, Entry::Code, &code);
    Ok(component)
}

#[expect(unsafe_code, reason = "one of the two places that load precompiled code")]
fn cached(shared: &Shared, digest: &Digest) -> Option<Component> {
    let file = shared.cache.verified(digest, Entry::Code)?;
    // SAFETY: the keyed MAC of this very file was verified, under a key that only this user can read; the host never
    // writes to a cache entry again, and the directory is closed to everybody else.
    let component = unsafe { Component::deserialize_file(&shared.engine, &file) };
    if component.is_err() {
        // Out of the way of the one that is made next: entries are never replaced.
        let _ = std::fs::remove_file(&file);
    }
    component.ok()
}

#[expect(unsafe_code, reason = "one of the two places that load precompiled code")]
fn deserialize(shared: &Shared, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes come straight from the compiling child of this very binary.
    unsafe { Component::deserialize(&shared.engine, code) }
}
