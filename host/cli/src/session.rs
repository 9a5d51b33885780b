//! One command's machinery: the runtime with the stack's plugins, the home, and the engine over both.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cofferdam_engine::{Cancel, Engine, EngineCtx, Stop};
use cofferdam_home::store::Store;
use cofferdam_home::{Access, AssetOwner, Holder, Home, HomeCtx, OpenStageError, Stage, TIME_TO_LIVE};
use cofferdam_model::bootstrap::Bootstraps;
use cofferdam_model::capabilities::Grant;
use cofferdam_model::journal::InFlight;
use cofferdam_model::limits::MAX_COMPONENT_BYTES;
use cofferdam_model::program::Program as _;
use cofferdam_model::redact::Redactor;
use cofferdam_model::state::StackState;
use cofferdam_model::{ProviderKey, StageName};
use cofferdam_runtime::{
    CacheDirectory, Compiler, Environment as Credentials, LoadError, Plugin, PluginProviders, ProviderSpec, Runtime,
    RuntimeOptions, Source,
};
use cofferdam_stack::{AwsPlace, BootstrapSetting, EncryptionSetting, HomeSetting, PluginSource};
use parking_lot::Mutex;

use crate::args::LockArgs;
use crate::bootstraps::{PluginBootstraps, Preparing};
use crate::contact::Contact;
use crate::environment::{self, SystemClock, SystemEntropy};
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::project::Project;
use crate::render::events::Reporter;
use crate::{bundled, commands, keys, stores};

/// How often a run that waits for a lease looks again.
pub const LOCK_POLL: Duration = Duration::from_secs(1);

/// How long a run that is done waits for bootstraps that nobody waits for any more.
const DRAIN: Duration = Duration::from_secs(30);

/// What every command that runs plugins shares.
pub struct Session {
    /// Draws what happens.
    pub reporter: Arc<Reporter>,
    /// The secrets of the run.
    pub redactor: Arc<Redactor>,
    /// The time.
    pub clock: Arc<SystemClock>,
    /// Stops the run.
    pub cancel: Cancel,
    /// Whether the command says what a deploy would do.
    only_plans: bool,
    /// Stores that ask an account before they are opened, and so are opened once.
    // Guards memory alone.
    opened: Mutex<Vec<(AwsPlace, Arc<dyn Store>)>>,
    /// The home that was opened last: where records of plugins' bootstraps lie.
    // Guards memory alone.
    home: Arc<Mutex<Option<Arc<dyn Store>>>>,
    /// The runtimes of plugins, whose bootstraps are waited for in the end.
    // Guards memory alone.
    runtimes: Mutex<Vec<Runtime>>,
    /// The stage that this command writes: what it publishes is that stage's.
    // Guards memory alone.
    owner: Arc<Mutex<Option<AssetOwner>>>,
    /// The way to the home.
    pub contact: Arc<Contact>,
}

impl Session {
    /// What a command shares.
    pub fn new(reporter: Arc<Reporter>, redactor: Arc<Redactor>, only_plans: bool) -> Self {
        let (clock, cancel) = (Arc::new(SystemClock::new()), Cancel::default());
        let contact = Arc::new(Contact::new(reporter.clone()));
        let (opened, home, runtimes, owner) = (Mutex::default(), Arc::default(), Mutex::default(), Arc::default());
        Self { reporter, redactor, clock, cancel, only_plans, opened, home, runtimes, owner, contact }
    }

    /// Waits for the bootstraps that still go on, for a while: they end at their next step where the run was stopped.
    /// What is cut off, the next run goes on with.
    pub async fn drain(&self) {
        let runtimes = std::mem::take(&mut *self.runtimes.lock());
        let drained = async {
            for runtime in &runtimes {
                runtime.drain().await;
            }
        };
        tokio::select! {
            () = drained => {}
            () = self.cancel.reached(Stop::Hard) => {}
            () = tokio::time::sleep(DRAIN) => {
                self.reporter.say("warning: a bootstrap still goes on, and is cut off; the next run goes on with it");
            }
        }
    }

    /// The store of an account's home, opened the first time.
    pub fn store_of(
        &self,
        place: &AwsPlace,
        open: impl FnOnce() -> CliResult<Arc<dyn Store>>,
    ) -> CliResult<Arc<dyn Store>> {
        let known = self.opened.lock().iter().find(|(known, _)| known == place).map(|(_, store)| Arc::clone(store));
        if let Some(store) = known {
            return Ok(store);
        }
        let store = open()?;
        self.opened.lock().push((place.clone(), Arc::clone(&store)));
        Ok(store)
    }

    /// The plugin runtime, with what credentials are taken from.
    pub fn runtime(&self, credentials: Credentials, bootstraps: Option<Preparing>) -> CliResult<Runtime> {
        let Some(cache) = environment::cache_directory() else {
            return Err(CliError::new(
                Exit::Failed,
                "there is no folder for compiled plugins: neither HOME nor XDG_CACHE_HOME is set",
            )
            .hint("set COFFERDAM_CACHE_DIR to a folder of your own"));
        };
        let program = std::env::current_exe()
            .map_err(|error| CliError::new(Exit::Failed, format!("cannot find cofferdam's own binary: {error}")))?;
        let runtime = Runtime::new(RuntimeOptions {
            cache: CacheDirectory(cache),
            compiler: Compiler { program, arguments: vec![commands::COMPILE.into()] },
            environment: credentials,
            log: self.reporter.clone(),
            redactor: self.redactor.clone(),
            clock: self.clock.clone(),
            bootstraps: bootstraps.map(|preparing| Arc::new(PluginBootstraps(preparing)) as Arc<dyn Bootstraps>),
        })?;
        self.runtimes.lock().push(runtime.clone());
        Ok(runtime)
    }

    /// Loads a plugin, for as long as nobody asks the run to stop.
    pub async fn load(&self, runtime: &Runtime, name: &str, source: Source) -> CliResult<Plugin> {
        tokio::select! {
            () = self.cancel.reached(Stop::Soft) => Err(stopped()),
            loaded = Plugin::load(runtime, name, source) => Ok(loaded?),
        }
    }

    /// The engine over a project and its plugins. Loads what the resources use, and what the state needs.
    pub async fn engine(
        &self,
        project: &Project,
        state: &StackState,
        in_flight: &[InFlight],
        parallelism: NonZeroUsize,
    ) -> CliResult<Engine> {
        Ok(self.engine_over(project, self.providers(project, state, in_flight).await?, parallelism))
    }

    /// The engine over a project and plugins that are loaded already.
    pub fn engine_over(&self, project: &Project, providers: PluginProviders, parallelism: NonZeroUsize) -> Engine {
        Engine::new(EngineCtx {
            program: project.stack.clone(),
            providers: Arc::new(providers),
            events: self.reporter.clone(),
            redactor: self.redactor.clone(),
            clock: self.clock.clone(),
            entropy: Arc::new(SystemEntropy),
            cancel: self.cancel.clone(),
            parallelism,
        })
    }

    /// Loads the plugins of the providers in use, each component once. A bundled plugin that only the state still
    /// needs is there without the stack naming it.
    pub async fn providers(
        &self,
        project: &Project,
        state: &StackState,
        in_flight: &[InFlight],
    ) -> CliResult<PluginProviders> {
        let left = left_behind(project, state, in_flight)?;
        self.loaded(project, &needed(project, state, in_flight), left).await
    }

    /// Loads the plugins of some providers of the stack.
    pub async fn providers_of(&self, project: &Project, keys: &BTreeSet<ProviderKey>) -> CliResult<PluginProviders> {
        self.loaded(project, keys, Vec::new()).await
    }

    async fn loaded(
        &self,
        project: &Project,
        needed: &BTreeSet<ProviderKey>,
        left: Vec<(ProviderKey, PluginSource, Grant)>,
    ) -> CliResult<PluginProviders> {
        let runtime = self.runtime(credentials(project), Some(self.preparing(project.stack.bootstrap())))?;
        let mut loaded: Vec<(PluginSource, Arc<Plugin>)> = Vec::new();
        let mut specs = BTreeMap::new();
        let declared = project.stack.providers().iter().filter(|provider| needed.contains(&provider.key));
        let declared: Vec<_> =
            declared.map(|decl| (decl.key.clone(), decl.source.clone(), decl.grant.clone())).collect();
        for (key, source, grant) in declared.into_iter().chain(left) {
            let plugin = match loaded.iter().find(|(known, _)| *known == source) {
                Some((_, plugin)) => plugin.clone(),
                None => {
                    let (name, bytes) = open(&source, &project.folder)?;
                    let plugin = Arc::new(self.load(&runtime, &name, bytes).await?);
                    loaded.push((source, plugin.clone()));
                    plugin
                }
            };
            specs.insert(key, ProviderSpec { plugin, grant });
        }
        Ok(PluginProviders::new(specs, &project.folder))
    }

    /// Opens the home's stage to look at it.
    pub fn read_stage(&self, project: &Project, stage: &StageName) -> CliResult<Stage> {
        let _looking = self.contact.looking();
        let home = self.home(project)?;
        if let Some(moved) = home.moved()? {
            self.reporter.json(&serde_json::json!({ "type": "home-moved", "to": moved.to, "at_ms": moved.at_ms }));
            self.reporter.say(&format!(
                "warning: this home has moved to `{}`; what is read here is as old as the move",
                moved.to
            ));
        }
        Ok(home.open_stage(project.stack.stack(), stage, Access::Read)?)
    }

    /// Opens the home's stage to write, in the name of a command; waits for another run as long as it was told to.
    pub async fn write_stage(
        &self,
        project: &Project,
        stage: &StageName,
        command: &str,
        lock: &LockArgs,
    ) -> CliResult<Stage> {
        let home = self.home(project)?;
        let until_ms = self.clock.epoch_ms().saturating_add(lock.wait_ms());
        let mut told = None;
        loop {
            let access = Access::Write(self.holder(command));
            // A lease that was taken by a run that goes away ends by itself.
            let opened = {
                let _looking = self.contact.looking();
                home.open_stage(project.stack.stack(), stage, access)
            };
            let error = match opened {
                Ok(opened) => {
                    let owner = |home: &str| {
                        let (stack, stage) = (project.stack.stack().clone(), stage.clone());
                        AssetOwner { home: home.to_owned(), stack, stage }
                    };
                    *self.owner.lock() = home.known_id().map(owner);
                    return Ok(opened);
                }
                Err(error) => error,
            };
            let OpenStageError::Locked { held, .. } = &error else { return Err(error.into()) };
            if self.clock.epoch_ms() >= until_ms {
                return Err(error.into());
            }
            if told != Some(held.token) {
                told = Some(held.token);
                let holder = held.holder.as_ref().map_or_else(|| "another run".to_owned(), ToString::to_string);
                self.reporter.json(&serde_json::json!({ "type": "waiting_for_lease", "holder": held.holder }));
                self.reporter.say(&format!("stage `{stage}` is locked by {holder}; waiting"));
            }
            tokio::select! {
                () = self.cancel.reached(Stop::Soft) => return Err(stopped()),
                () = tokio::time::sleep(LOCK_POLL) => {}
            }
        }
    }

    /// What others are told about this run.
    pub fn holder(&self, command: &str) -> Holder {
        Holder {
            pid: std::process::id(),
            user: environment::user(),
            host: environment::host(),
            command: command.to_owned(),
            since_ms: self.clock.epoch_ms(),
            url: environment::ci_url(),
        }
    }

    /// What preparations of accounts need.
    pub fn preparing(&self, setting: &BootstrapSetting) -> Preparing {
        Preparing {
            setting: setting.clone(),
            holder: self.holder("bootstrap"),
            reporter: Arc::clone(&self.reporter),
            cancel: self.cancel.clone(),
            clock: Arc::clone(&self.clock),
            only_plans: self.only_plans,
            home: Arc::clone(&self.home),
            owner: Arc::clone(&self.owner),
        }
    }

    /// The home of a project.
    pub fn home(&self, project: &Project) -> CliResult<Home> {
        self.home_at(&project.folder, project.stack.home(), project.stack.encryption())
    }

    /// What the home of a project is opened with.
    pub fn home_ctx(&self, project: &Project) -> CliResult<HomeCtx> {
        self.ctx_at(&project.folder, project.stack.home(), project.stack.encryption())
    }

    /// The home that a setting names, for the stack in a folder.
    pub fn home_at(&self, folder: &Path, setting: &HomeSetting, encryption: &EncryptionSetting) -> CliResult<Home> {
        let _looking = self.contact.looking();
        let home = Home::open(self.ctx_at(folder, setting, encryption)?)?;
        let home = home.with_history(setting.history.unwrap_or(Home::HISTORY));
        Ok(home.with_lease(setting.lease.unwrap_or(TIME_TO_LIVE)))
    }

    fn ctx_at(&self, folder: &Path, setting: &HomeSetting, encryption: &EncryptionSetting) -> CliResult<HomeCtx> {
        let store = stores::open(self, &setting.place, folder)?;
        *self.home.lock() = Some(Arc::clone(&store));
        let keys = keys::keys(self, encryption)?;
        Ok(HomeCtx { store, keys, clock: self.clock.clone(), entropy: Arc::new(SystemEntropy) })
    }
}

/// What the credentials of a project's providers are taken from.
fn credentials(project: &Project) -> Credentials {
    let secrets = project.secrets.as_ref().map(|secrets| secrets.of_credentials(project.stack.providers()));
    Credentials::new(environment::var).with_secrets(move |name| {
        let found = secrets.as_ref().and_then(|secrets| secrets.get(name)).cloned();
        found.unwrap_or_else(|| Err("this command reads no secrets".to_owned()))
    })
}

/// A command that was stopped before it changed anything.
pub fn stopped() -> CliError {
    CliError::new(Exit::Interrupted, "stopped; nothing was changed")
}

/// The providers that the stack's resources and the state's entries need.
fn needed(project: &Project, state: &StackState, in_flight: &[InFlight]) -> BTreeSet<ProviderKey> {
    let declared = project.stack.resources().iter().map(|resource| resource.provider.clone());
    let kept = state.resources.values().map(|entry| entry.provider.clone());
    let open = in_flight.iter().map(|write| write.provider.clone());
    declared.chain(kept).chain(open).collect()
}

/// Providers that the state needs and the stack no longer has. A bundled plugin without a block of its own needs
/// none; any other cannot be known.
fn left_behind(
    project: &Project,
    state: &StackState,
    in_flight: &[InFlight],
) -> CliResult<Vec<(ProviderKey, PluginSource, Grant)>> {
    let has = |key: &ProviderKey| project.stack.providers().iter().any(|provider| provider.key == *key);
    let declared: BTreeSet<_> = project.stack.resources().iter().map(|resource| &resource.address).collect();
    let mut implied = BTreeMap::new();
    for (address, entry) in state.resources.iter().filter(|(_, entry)| !has(&entry.provider)) {
        let (key, plugin) = (&entry.provider, &entry.plugin.name);
        if is_bundled(key, plugin) {
            implied.insert(key.clone(), PluginSource::Builtin(plugin.clone()));
        } else if !declared.contains(address) {
            let message = format!("`{address}` is to be deleted by provider `{key}`, which the stack no longer has");
            return Err(CliError::new(Exit::Invalid, message)
                .hint(format!("put the `provider \"{}\"` block back until its resources are gone", key.name())));
        }
    }
    // Without what began it, a write stays in flight: the run says so.
    for write in
        in_flight.iter().filter(|write| !has(&write.provider) && is_bundled(&write.provider, &write.plugin.name))
    {
        implied.insert(write.provider.clone(), PluginSource::Builtin(write.plugin.name.clone()));
    }
    Ok(implied.into_iter().map(|(key, source)| (key, source, Grant::default())).collect())
}

/// Whether a provider is a bundled plugin under its own name.
fn is_bundled(key: &ProviderKey, plugin: &str) -> bool {
    key.alias().is_none() && key.name() == plugin && bundled::source(plugin).is_some()
}

/// A plugin's name and bytes: a bundled one, or a file.
fn open(source: &PluginSource, folder: &Path) -> CliResult<(String, Source)> {
    match source {
        PluginSource::Builtin(name) => open_named(name),
        PluginSource::Path(path) => Ok((path.clone(), read_file(path, &folder.join(path))?)),
    }
}

/// A bundled plugin by its name.
pub fn open_named(name: &str) -> CliResult<(String, Source)> {
    let Some(source) = bundled::source(name) else {
        let names: Vec<_> = bundled::BUNDLED.iter().map(|plugin| format!("`{}`", plugin.name)).collect();
        return Err(CliError::new(Exit::Plugin, format!("there is no bundled plugin `{name}`"))
            .hint(format!("bundled are {}; for a file, write a path such as \"./{name}.wasm\"", names.join(" and "))));
    };
    Ok((name.to_owned(), source))
}

/// A plugin's bytes from a regular file, never more than a plugin may have.
pub fn read_file(name: &str, path: &Path) -> Result<Source, LoadError> {
    let fail = |source| LoadError::Read { name: name.to_owned(), path: path.to_owned(), source };
    if !fs::metadata(path).map_err(fail)?.is_file() {
        return Err(fail(std::io::Error::other("it is no regular file")));
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(fail)?;
    file.take(MAX_COMPONENT_BYTES + 1).read_to_end(&mut bytes).map_err(fail)?;
    Ok(Source::Bytes(bytes))
}
