//! `bootstrap …` for what plugins prepare themselves: the records in the home of the stack, and the plugins that made
//! them.

use std::collections::BTreeSet;
use std::sync::Arc;

use cofferdam_home::store::Store;
use cofferdam_home::{Bootstrap, BootstrapError, BootstrapRecord};
use cofferdam_model::bootstrap::{BootstrapScope, StepFault};
use cofferdam_model::program::{Known, Program as _};
use cofferdam_model::provider::Mode;
use cofferdam_model::{Address, ProviderKey, Value};
use cofferdam_runtime::PluginProviders;
use serde_json::{Value as Json, json};

use crate::args::TargetArgs;
use crate::bootstraps::Preparing;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::plugin_bootstraps::PluginBootstrap;
use crate::project::Project;
use crate::render::table::Table;
use crate::render::time::utc;
use crate::session::Session;
use crate::stores;

/// What came of a record, or of the command where there is none to name.
pub type Each<T> = (String, Result<T, CliError>);

/// The preparations of plugins whose records lie in a home.
pub struct Own<'a> {
    session: &'a Session,
    project: &'a Project,
    preparing: &'a Preparing,
    store: Arc<dyn Store>,
    records: Vec<BootstrapRecord>,
    /// Records that cannot be read.
    damaged: Vec<CliError>,
}

/// Configurations are evaluated without any resource.
struct Nothing;

impl Known for Nothing {
    fn resource(&self, _: &Address) -> Option<&Value> {
        None
    }
}

impl<'a> Own<'a> {
    /// Reads the records that the arguments name.
    ///
    /// # Errors
    /// When the home cannot be reached.
    pub fn find(
        session: &'a Session,
        project: &'a Project,
        preparing: &'a Preparing,
        args: &TargetArgs,
    ) -> CliResult<Self> {
        let store = stores::open(session, &project.stack.home().place, &project.folder)?;
        let (mut records, mut damaged) = (Vec::new(), Vec::new());
        for record in all(&store)? {
            match record {
                Ok(record) => records.push(record),
                Err(error) => damaged.push(error.into()),
            }
        }
        records.retain(|BootstrapRecord { scope, .. }| {
            let here = args.regions.is_empty() || args.regions.contains(&scope.region);
            here && args.namespace.as_ref().is_none_or(|namespace| *namespace == scope.namespace)
        });
        Ok(Self { session, project, preparing, store, records, damaged })
    }

    /// Whether there is nothing to do anything with.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.damaged.is_empty()
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// A table of them; none where there are none.
    pub fn table(&self) -> Option<String> {
        if self.records.is_empty() {
            return None;
        }
        let mut table =
            Table::new(&["PROVIDER", "BY", "ACCOUNT", "REGION", "NAMESPACE", "STATUS", "STEPS", "VERIFIED"]);
        for record in &self.records {
            let BootstrapScope { provider, authority, account, region, namespace } = record.scope.clone();
            let verified = record.verified_at_ms.map_or_else(|| "-".to_owned(), utc);
            let steps = format!("{} of {}", done_of(record), record.steps.len());
            let status = record.status.as_str().to_owned();
            table.row(vec![provider, authority, account, region, namespace, status, steps, verified]);
        }
        Some(table.render())
    }

    /// A line of JSON for each.
    pub fn lines(&self) -> Vec<Json> {
        let line = |record: &BootstrapRecord| {
            json!({
                "type": "bootstrap-status", "scope": record.scope, "status": record.status.as_str(),
                "steps_done": done_of(record), "steps": record.steps.len(), "verified_at_ms": record.verified_at_ms,
            })
        };
        self.records.iter().map(line).collect()
    }

    /// What cannot be read.
    pub fn take_damaged<T>(&mut self) -> Vec<Each<T>> {
        std::mem::take(&mut self.damaged).into_iter().map(|error| (String::new(), Err(error))).collect()
    }

    /// Looks at what each names.
    pub async fn verify(&self) -> Vec<Each<(BootstrapScope, Vec<StepFault>)>> {
        let plugins = match self.plugins().await {
            Ok(plugins) => plugins,
            Err(error) => return vec![("the plugins of the stack".to_owned(), Err(error))],
        };
        let mut found = Vec::new();
        for record in &self.records {
            let result = async {
                let own = self.opened(&plugins, &record.scope, Mode::ReadOnly).await?;
                Ok(own.with(Vec::new(), |records, calls, _, _| records.verify(calls)).await?)
            };
            let result = result.await.map(|faults| (record.scope.clone(), faults));
            found.push((record.scope.to_string(), result));
        }
        found
    }

    /// Does again what each lacks.
    pub async fn repair(&self) -> Vec<Each<(BootstrapScope, Vec<StepFault>)>> {
        let plugins = match self.plugins().await {
            Ok(plugins) => plugins,
            Err(error) => return vec![("the plugins of the stack".to_owned(), Err(error))],
        };
        let mut found = Vec::new();
        for record in &self.records {
            let result = async {
                let own = self.opened(&plugins, &record.scope, Mode::Write).await?;
                let steps = own.steps().await?;
                Ok(own.with(steps, |records, calls, holder, watch| records.repair(calls, holder, watch)).await?)
            };
            let result = result.await.map(|faults| (record.scope.clone(), faults));
            found.push((record.scope.to_string(), result));
        }
        found
    }

    /// Takes the steps of each back, and removes its record.
    pub async fn destroy(&self) -> Vec<Each<BootstrapScope>> {
        let plugins = match self.plugins().await {
            Ok(plugins) => plugins,
            Err(error) => return vec![("the plugins of the stack".to_owned(), Err(error))],
        };
        let mut found = Vec::new();
        for record in &self.records {
            let result = async {
                let own = self.opened(&plugins, &record.scope, Mode::Write).await?;
                Ok(own.with(Vec::new(), |records, calls, holder, watch| records.destroy(calls, holder, watch)).await?)
            };
            let result = result.await.map(|_| record.scope.clone());
            found.push((record.scope.to_string(), result));
        }
        found
    }

    /// What each is about, for whoever is asked before it goes.
    pub fn scopes(&self) -> impl Iterator<Item = &BootstrapScope> {
        self.records.iter().map(|record| &record.scope)
    }

    /// The plugins of the records, as far as the stack has them.
    async fn plugins(&self) -> CliResult<PluginProviders> {
        let keys: BTreeSet<ProviderKey> = self.scopes().filter_map(|scope| self.provider_of(scope)).collect();
        self.session.providers_of(self.project, &keys).await
    }

    fn provider_of(&self, scope: &BootstrapScope) -> Option<ProviderKey> {
        let key = ProviderKey::try_from(scope.provider.clone()).ok()?;
        self.project.stack.providers().iter().any(|provider| provider.key == key).then_some(key)
    }

    async fn opened(
        &self,
        plugins: &PluginProviders,
        scope: &BootstrapScope,
        mode: Mode,
    ) -> CliResult<PluginBootstrap> {
        let Some(key) = self.provider_of(scope) else {
            let message =
                format!("{scope} was prepared by a plugin, and this stack has no provider `{}`", scope.provider);
            return Err(CliError::new(Exit::Failed, message).hint(format!(
                "run this in a stack that has it, or put its `provider \"{}\"` block back",
                scope.provider
            )));
        };
        let config = self.project.stack.provider_config(&key, &Nothing).map_err(CliError::findings)?;
        if !config.is_wholly_known() {
            let message = format!("the configuration of provider `{key}` refers to resources, and is not known here");
            return Err(CliError::new(Exit::Failed, message));
        }
        self.session.redactor.learn(&config);
        let steps = plugins.bootstrap_steps(&key, &config, mode, scope).await.map_err(|error| match error {
            cofferdam_model::error::CallError::Provider(error) => CliError::from(error),
            cofferdam_model::error::CallError::Fault(fault) => {
                CliError::new(Exit::Failed, format!("provider `{key}`: {fault}"))
            }
        })?;
        Ok(PluginBootstrap::new(Arc::clone(&self.store), scope, steps, self.preparing)?)
    }
}

/// The records in a store.
///
/// # Errors
/// When it cannot be listed.
pub fn all(store: &Arc<dyn Store>) -> CliResult<Vec<Result<BootstrapRecord, BootstrapError>>> {
    Ok(tokio::task::block_in_place(|| Bootstrap::all(&**store))?)
}

fn done_of(record: &BootstrapRecord) -> usize {
    record.steps.iter().filter(|step| step.done.is_some()).count()
}
