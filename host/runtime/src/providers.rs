//! The providers of a stack: loaded plugins with their grants, configured on demand.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use cofferdam_model::bootstrap::{BootstrapScope, PluginSteps};
use cofferdam_model::capabilities::Grant;
use cofferdam_model::error::{CallError, ErrorKind, ProviderError};
use cofferdam_model::provider::{Mode, Provider, Providers};
use cofferdam_model::schema::ResourceSchema;
use cofferdam_model::state::PluginIdentity;
use cofferdam_model::{Diagnostic, Pointer, ProviderKey, ResourceType, Value, document, validator};
use parking_lot::Mutex;

use crate::assets::AssetAccess;
use crate::bootstrap::Asker;
use crate::host::files::Directory;
use crate::host::log::{LogLevel, LogLine};
use crate::plugin::Plugin;
use crate::provider::{Access, PluginProvider};

/// One provider of a stack.
pub struct ProviderSpec {
    /// The plugin that serves it.
    pub plugin: Arc<Plugin>,
    /// What the user grants it; paths relative to `folder`.
    pub grant: Grant,
}

/// Implements the engine's [`Providers`] over loaded plugins.
pub struct PluginProviders {
    specs: BTreeMap<ProviderKey, (Arc<Plugin>, Arc<Access>)>,
    // Guards memory alone.
    warned: Mutex<BTreeSet<ProviderKey>>,
}

impl PluginProviders {
    /// Puts plugins and grants together. Directories in grants are relative to `folder`.
    #[must_use]
    pub fn new(specs: BTreeMap<ProviderKey, ProviderSpec>, folder: &Path) -> Self {
        let access = |key: &ProviderKey, spec: &ProviderSpec| {
            let requested = &spec.plugin.manifest().requested;
            let directories = requested
                .effective_directories(&spec.grant)
                .into_iter()
                .map(|(name, granted)| (name, Directory { path: folder.join(granted.path), write: granted.write }))
                .collect();
            Arc::new(Access {
                key: key.clone(),
                limits: Arc::new(spec.grant.limits.over(&requested.limits)),
                directories: Arc::new(directories),
                assets: Arc::new(AssetAccess {
                    folder: folder.to_owned(),
                    granted: requested.effective_assets(&spec.grant),
                    is_asked: requested.assets.is_some(),
                }),
                grant: Arc::new(requested.effective_credentials(&spec.grant)),
            })
        };
        let specs = specs
            .into_iter()
            .map(|(key, spec)| {
                let access = access(&key, &spec);
                (key, (spec.plugin, access))
            })
            .collect();
        Self { specs, warned: Mutex::default() }
    }

    /// Which plugin serves each provider.
    #[must_use]
    pub fn identities(&self) -> BTreeMap<ProviderKey, PluginIdentity> {
        self.specs.iter().map(|(key, (plugin, _))| (key.clone(), plugin.identity().clone())).collect()
    }

    /// The steps of a preparation that a provider's plugin made itself; `recorded` is the scope in its record.
    ///
    /// # Errors
    /// When there is no such provider, it cannot be configured, or it is for another account by now.
    pub async fn bootstrap_steps(
        &self,
        key: &ProviderKey,
        config: &Value,
        mode: Mode,
        recorded: &BootstrapScope,
    ) -> Result<Arc<dyn PluginSteps>, CallError> {
        let (plugin, access) = self.spec(key)?;
        check_config(plugin, key, config)?;
        let provider = PluginProvider::configure(plugin.clone(), access.clone(), config, mode).await?;
        let Some(ensurer) = &plugin.runtime.shared.bootstraps else {
            return Err(ProviderError::new(ErrorKind::Unsupported, "this command has no bootstrap").into());
        };
        let own = provider.own();
        let asker = Asker { provider: key, grant: &access.grant, mode, own: Some(own), flight: None };
        Ok(ensurer.steps_of(asker, own, recorded).await?)
    }

    fn spec(&self, key: &ProviderKey) -> Result<&(Arc<Plugin>, Arc<Access>), CallError> {
        self.specs.get(key).ok_or_else(|| {
            ProviderError::new(
                ErrorKind::NotFound,
                format!("there is no provider `{key}`; the state was written with one"),
            )
            .into()
        })
    }
}

/// Says what the plugin asks for and the user did not grant, with the line that would.
fn warn_of_missing(plugin: &Plugin, access: &Access, config: &Value) {
    for missing in plugin.manifest().requested.missing(&access.grant, config) {
        plugin.runtime.shared.log.line(LogLine {
            provider: access.key.to_string(),
            address: None,
            level: LogLevel::Warn,
            message: format!(
                "the plugin asks for {}, which is not granted; to allow it, add to its `grant` block: {}",
                missing.what, missing.line
            ),
            fields: Vec::new(),
        });
    }
}

fn check_config(plugin: &Plugin, key: &ProviderKey, config: &Value) -> Result<(), CallError> {
    let schema = &plugin.manifest().config_schema;
    if schema.as_object().is_some_and(serde_json::Map::is_empty) {
        return Ok(());
    }
    let fail = |kind, message: String| ProviderError::new(kind, message);
    let validator = validator::compile(schema).map_err(|why| {
        fail(ErrorKind::Internal, format!("the configuration schema of the plugin cannot be used: {why}"))
    })?;
    let json = document::to_json(config);
    let diagnostics: Vec<Diagnostic> = validator
        .iter_errors(&json)
        .take(20)
        .map(|error| {
            let at = Pointer::parse(&error.instance_path().to_string()).unwrap_or_default();
            // The value may be a secret; the message without it still says what is wrong.
            Diagnostic::error(error.masked().to_string()).at(at)
        })
        .collect();
    if diagnostics.is_empty() {
        return Ok(());
    }
    let mut error = fail(ErrorKind::InvalidInput, format!("the configuration of provider `{key}` is not valid"));
    error.diagnostics = diagnostics;
    Err(error.into())
}

#[async_trait]
impl Providers for PluginProviders {
    async fn schema(&self, provider: &ProviderKey, ty: &ResourceType) -> Result<Arc<ResourceSchema>, CallError> {
        self.spec(provider)?.0.schema(ty).await
    }

    async fn configure(
        &self,
        provider: &ProviderKey,
        config: &Value,
        mode: Mode,
    ) -> Result<Arc<dyn Provider>, CallError> {
        let (plugin, access) = self.spec(provider)?;
        check_config(plugin, provider, config)?;
        if self.warned.lock().insert(provider.clone()) {
            warn_of_missing(plugin, access, config);
        }
        Ok(Arc::new(PluginProvider::configure(plugin.clone(), access.clone(), config, mode).await?))
    }
}
