//! A plugin: a loaded component with what it says of itself. The answers come from an instance without capabilities
//! and are cached beside the compiled code.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use cofferdam_model::capabilities::Requested;
use cofferdam_model::error::{CallError, ErrorKind, ProviderError};
use cofferdam_model::limits::Limits;
use cofferdam_model::redact::Redactor;
use cofferdam_model::schema::{self, ResourceSchema};
use cofferdam_model::state::PluginIdentity;
use cofferdam_model::{ResourceType, document};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::call::{Setup, run};
use crate::component::cache::Entry;
use crate::component::check::{self, Interface};
use crate::component::load::{Linked, LoadError, Source, load};
use crate::contract::v0_1::convert;
use crate::engine::Runtime;
use crate::host::Caller;

const MAX_TYPES: usize = 10_000;
const MAX_NAME: usize = 64;

/// What a plugin says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// A name for people; nothing is granted by it.
    pub name: String,
    /// The plugin's version.
    pub version: String,
    /// JSON Schema of the provider's configuration.
    pub config_schema: serde_json::Value,
    /// The resource types.
    pub resource_types: BTreeSet<ResourceType>,
    /// The functions.
    pub functions: BTreeSet<String>,
    /// What it asks for.
    pub requested: Requested,
}

/// A loaded plugin. Cheap to share; calls make their own instances.
pub struct Plugin {
    pub(crate) runtime: Runtime,
    pub(crate) linked: Linked,
    identity: PluginIdentity,
    manifest: Manifest,
    // Guards memory alone.
    schemas: Mutex<HashMap<ResourceType, Arc<ResourceSchema>>>,
}

impl Plugin {
    /// Loads, checks, compiles and describes a plugin. `name` is what the user calls it.
    ///
    /// # Errors
    /// When it is no plugin of this host, does not compile, or describes itself against the contract.
    pub async fn load(runtime: &Runtime, name: &str, source: Source) -> Result<Self, LoadError> {
        let linked = load(runtime, name, source).await?;
        let manifest = match cached_manifest(runtime, &linked) {
            Some(manifest) => manifest,
            None => describe(runtime, name, &linked).await?,
        };
        let identity =
            PluginIdentity { name: manifest.name.clone(), version: manifest.version.clone(), digest: linked.digest };
        Ok(Self { runtime: runtime.clone(), linked, identity, manifest, schemas: Mutex::default() })
    }

    /// Name, version and digest.
    #[must_use]
    pub fn identity(&self) -> &PluginIdentity {
        &self.identity
    }

    /// What it says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The component's size in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.linked.bytes
    }

    /// The interfaces that it imports.
    #[must_use]
    pub fn imports(&self) -> Vec<Interface> {
        check::imports(&self.runtime.shared.engine, &self.linked.component)
    }

    /// The interfaces that it exports.
    #[must_use]
    pub fn exports(&self) -> Vec<Interface> {
        check::exports(&self.runtime.shared.engine, &self.linked.component)
    }

    /// The schema of one of its types; read from the plugin once and cached.
    ///
    /// # Errors
    /// When the plugin has no such type, or its schema cannot be used.
    pub async fn schema(&self, ty: &ResourceType) -> Result<Arc<ResourceSchema>, CallError> {
        if let Some(schema) = self.schemas.lock().get(ty) {
            return Ok(schema.clone());
        }
        if !self.manifest.resource_types.contains(ty) {
            let message =
                format!("plugin `{}` {} has no resource type `{ty}`", self.identity.name, self.identity.version);
            return Err(ProviderError::new(ErrorKind::NotFound, message).into());
        }
        let cache = &self.runtime.shared.cache;
        let entry = Entry::Schema(ty.as_str());
        let cached = cache.get(&self.linked.digest, entry).and_then(|bytes| String::from_utf8(bytes).ok());
        let schema = match cached.and_then(|text| ResourceSchema::parse(ty, &text).ok()) {
            Some(schema) => schema,
            None => {
                let text = self.describe_resource(ty).await?;
                let schema = ResourceSchema::parse(ty, &text)?;
                cache.put(&self.linked.digest, entry, text.as_bytes());
                schema
            }
        };
        let schema = Arc::new(schema);
        self.schemas.lock().insert(ty.clone(), schema.clone());
        Ok(schema)
    }

    async fn describe_resource(&self, ty: &ResourceType) -> Result<String, CallError> {
        let asked = ty.to_string();
        let answer = run(bare(&self.runtime, &self.identity.name), &self.linked.pre, move |store, guest| {
            Box::pin(async move { guest.call_describe_resource(store, &asked).await })
        })
        .await?;
        answer.map_err(|error| convert::error_in(error, &self.runtime.shared.redactor).into())
    }
}

/// A call without capabilities: a fixed clock, a fixed seed, the default limits.
pub(crate) fn bare(runtime: &Runtime, name: &str) -> Setup {
    let limits = Arc::new(Limits::default());
    Setup {
        shared: runtime.shared.clone(),
        caller: Caller { provider: name.to_owned(), plugin: name.to_owned(), address: None },
        cpu_ms: limits.cpu_ms,
        limits,
        reach: None,
    }
}

fn cached_manifest(runtime: &Runtime, linked: &Linked) -> Option<Manifest> {
    let bytes = runtime.shared.cache.get(&linked.digest, Entry::Manifest)?;
    serde_json::from_slice(&bytes).ok()
}

async fn describe(runtime: &Runtime, name: &str, linked: &Linked) -> Result<Manifest, LoadError> {
    let raw =
        run(bare(runtime, name), &linked.pre, |store, guest| Box::pin(async move { guest.call_describe(store).await }))
            .await
            .map_err(|fault| LoadError::Describe { name: name.to_owned(), source: fault.into() })?;
    let manifest =
        manifest(&raw, &runtime.shared.redactor).map_err(|why| LoadError::Manifest { name: name.to_owned(), why })?;
    if let Ok(bytes) = serde_json::to_vec(&manifest) {
        runtime.shared.cache.put(&linked.digest, Entry::Manifest, &bytes);
    }
    Ok(manifest)
}

fn manifest(raw: &crate::contract::v0_1::exported::Manifest, redactor: &Redactor) -> Result<Manifest, String> {
    let text = |raw: &str| convert::text(raw, redactor);
    let name_fits = !raw.name.is_empty()
        && raw.name.len() <= MAX_NAME
        && raw.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !name_fits {
        return Err(format!("`{}` is no plugin name: lowercase letters, digits and hyphens", text(&raw.name)));
    }
    if raw.version.len() > MAX_NAME || semver::Version::parse(&raw.version).is_err() {
        return Err(format!("`{}` is no semantic version", text(&raw.version)));
    }
    if raw.resource_types.len() > MAX_TYPES || raw.functions.len() > MAX_TYPES {
        return Err(format!("more than {MAX_TYPES} resource types or functions"));
    }
    let resource_types = raw
        .resource_types
        .iter()
        .map(ResourceType::new)
        .collect::<Result<BTreeSet<_>, _>>()
        .map_err(|error| error.to_string())?;
    if resource_types.len() != raw.resource_types.len() {
        return Err("a resource type stands twice".into());
    }
    let requested: Requested = serde_json::from_value(json("the requested capabilities", &raw.capabilities)?)
        .map_err(|error| format!("the requested capabilities: {}", text(&error.to_string())))?;
    requested.check().map_err(|why| format!("the requested capabilities: {why}"))?;
    Ok(Manifest {
        name: raw.name.clone(),
        version: raw.version.clone(),
        config_schema: json("the configuration schema", &raw.config_schema)?,
        resource_types,
        functions: raw.functions.iter().map(|name| text(name)).collect(),
        requested,
    })
}

fn json(what: &str, text: &str) -> Result<serde_json::Value, String> {
    if text.len() > schema::MAX_BYTES {
        return Err(format!("{what} is longer than {} bytes", schema::MAX_BYTES));
    }
    let value = document::parse(text).map_err(|error| format!("{what}: {error}"))?;
    if value.as_object().is_none() {
        return Err(format!("{what}: a {} where an object must be", value.kind()));
    }
    Ok(document::to_json(&value))
}
