//! `bootstrap …`: what is prepared in the accounts of a stack, and what to do about it.

use std::collections::BTreeMap;
use std::sync::Arc;

use cofferdam_home::store::Store;
use cofferdam_home::{
    Access, AwsAccess, AwsBootstrap, AwsBootstrapSettings, BootstrapError, BootstrapRecord, Home, HomeCtx, Permissions,
};
use cofferdam_model::bootstrap::{BootstrapScope, StepFault};
use cofferdam_model::capabilities::CredentialSource;
use cofferdam_model::error::ProviderError;
use cofferdam_stack::{EncryptionSetting, HomePlace, SourceTexts};
use serde_json::{Value, json};

use super::ask::Ask;
use super::bootstrap_own::{self, Each, Own};
use crate::args::{BootstrapCommand, Format, Global, PolicyArgs, PolicyFor, TargetArgs};
use crate::bootstraps::Preparing;
use crate::environment::{Environment, SystemEntropy};
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::project::Project;
use crate::render::table::Table;
use crate::render::time::utc;
use crate::session::Session;
use crate::{keys, talk};

/// Runs the command.
pub async fn run(
    session: &Session,
    global: &Global,
    surroundings: &Environment,
    project: &Project,
    command: &BootstrapCommand,
) -> CliResult<Exit> {
    let this = Command { session, global, preparing: session.preparing(project.stack.bootstrap()) };
    let targets = this.targets(project, command.targets());
    if let BootstrapCommand::Policy(args) = command {
        if targets.is_empty() {
            return Err(nothing_prepared("this stack uses no account of AWS"));
        }
        return this.policy(targets, args).await;
    }
    let mut own = Own::find(session, project, &this.preparing, command.targets())?;
    if targets.is_empty() && own.is_empty() {
        return Err(nothing_prepared("this stack uses no account of AWS, and no plugin has prepared anything for it"));
    }
    match command {
        BootstrapCommand::Status(_) => this.status(targets, &mut own).await,
        BootstrapCommand::Verify(_) => this.verify(targets, &mut own).await,
        BootstrapCommand::Repair(args) => {
            let ask = Ask::new("bootstrap repair", args.yes, global, surroundings)?;
            this.repair(targets, &mut own, ask).await
        }
        BootstrapCommand::Destroy(args) => {
            let ask = Ask::new("bootstrap destroy", args.yes, global, surroundings)?;
            this.destroy(targets, &mut own, ask).await
        }
        BootstrapCommand::Gc(args) => {
            let ask = Ask::new("bootstrap gc", args.yes || args.dry_run, global, surroundings)?;
            this.gc(project, targets, args, ask).await
        }
        BootstrapCommand::Policy(_) => Err(CliError::new(Exit::Bug, "policies were printed before")),
    }
}

fn nothing_prepared(message: &str) -> CliError {
    CliError::new(Exit::Usage, message).hint(
        "a bootstrap belongs to `home = \"aws\"` in the `stack` block, or to a credential of a provider with \
         `from = \"default\"` or `from = \"profile:NAME\"`",
    )
}

pub(super) struct Command<'a> {
    pub(super) session: &'a Session,
    pub(super) global: &'a Global,
    preparing: Preparing,
}

type Opened = Result<Arc<AwsBootstrap>, CliError>;

impl Command<'_> {
    /// The accounts and regions of a stack, each once.
    fn targets(&self, project: &Project, args: &TargetArgs) -> Vec<AwsBootstrapSettings> {
        let mut found: Vec<AwsBootstrapSettings> = Vec::new();
        if let HomePlace::Aws(place) = &project.stack.home().place {
            found.push(self.preparing.settings_of(place));
        }
        for provider in project.stack.providers() {
            for credential in provider.grant.credentials.values() {
                if let CredentialSource::Aws(source) = &credential.from {
                    found.push(self.preparing.settings_for(source, None, None));
                }
            }
        }
        let mut targets: BTreeMap<String, AwsBootstrapSettings> = BTreeMap::new();
        for mut settings in found {
            settings.namespace = args.namespace.clone().unwrap_or(settings.namespace);
            let regions: Vec<Option<String>> = match args.regions.as_slice() {
                [] => vec![settings.access.region.clone()],
                named => named.iter().cloned().map(Some).collect(),
            };
            for region in regions {
                let mut here = settings.clone();
                here.access.region = region;
                let AwsAccess { region, profile, role, endpoint, .. } = &here.access;
                let key = format!("{region:?} {profile:?} {:?} {endpoint:?}", role.as_ref().map(|role| &role.arn));
                targets.insert(key, here);
            }
        }
        targets.into_values().collect()
    }

    /// Does something with each account and region at the same time: one that does not answer keeps no other waiting.
    pub(super) async fn each<T: Send + 'static, E>(
        &self,
        targets: Vec<AwsBootstrapSettings>,
        work: impl Fn(&AwsBootstrap, &Preparing) -> Result<T, E> + Clone + Send + 'static,
    ) -> Vec<(String, Result<(Arc<AwsBootstrap>, T), CliError>)>
    where
        CliError: From<E>,
    {
        let tasks = targets.into_iter().map(|settings| {
            let (preparing, work) = (self.preparing.clone(), work.clone());
            tokio::task::spawn_blocking(move || {
                let region = settings.access.region.clone().unwrap_or_else(|| "the configured region".to_owned());
                let opened: Opened =
                    preparing.open(settings).map(Arc::new).map_err(<CliError as From<ProviderError>>::from);
                let result = opened.and_then(|bootstrap| {
                    let result = work(&bootstrap, &preparing)?;
                    Ok((bootstrap, result))
                });
                let name = result.as_ref().map_or(region, |(bootstrap, _)| bootstrap.scope().to_string());
                (name, result)
            })
        });
        let mut done = Vec::new();
        for task in tasks.collect::<Vec<_>>() {
            match task.await {
                Ok(result) => done.push(result),
                Err(error) => done.push((String::new(), Err(CliError::new(Exit::Bug, error.to_string())))),
            }
        }
        done
    }

    /// What went well, where something did; says what failed beside it.
    pub(super) fn fine<T>(&self, done: Vec<(String, Result<T, CliError>)>) -> CliResult<(Vec<T>, Exit)> {
        let (mut fine, mut failed) = (Vec::new(), Vec::new());
        for (name, result) in done {
            match result {
                Ok(value) => fine.push(value),
                Err(error) => failed.push((name, error)),
            }
        }
        if fine.is_empty() && failed.len() == 1 {
            return Err(failed.remove(0).1);
        }
        let exit = if failed.is_empty() { Exit::Done } else { Exit::Failed };
        for (name, error) in failed {
            let error = error.redacted(&self.session.redactor);
            let mut line = error.to_json();
            line["scope"] = name.clone().into();
            self.session.reporter.json(&line);
            self.session.reporter.say(&format!("{name}:\n{}", error.render(&SourceTexts::default()).trim_end()));
        }
        Ok((fine, exit))
    }

    async fn status(&self, targets: Vec<AwsBootstrapSettings>, own: &mut Own<'_>) -> CliResult<Exit> {
        let mut looked = self.each(targets, |bootstrap, _| bootstrap.read()).await;
        looked.extend(own.take_damaged());
        let (found, exit) = self.fine(looked)?;
        if self.global.format == Format::Human && !found.is_empty() {
            let mut table =
                Table::new(&["ACCOUNT", "REGION", "NAMESPACE", "STATUS", "STEPS", "STATES", "ASSETS", "VERIFIED"]);
            for (bootstrap, record) in &found {
                table.row(row(bootstrap, record.as_ref()));
            }
            talk::data(&table.render());
        }
        for (bootstrap, record) in &found {
            self.session.reporter.json(&line(bootstrap, record.as_ref()));
        }
        if self.global.format == Format::Human
            && let Some(table) = own.table()
        {
            talk::data(&if found.is_empty() { table } else { format!("\n{table}") });
        }
        for line in own.lines() {
            self.session.reporter.json(&line);
        }
        Ok(exit)
    }

    async fn verify(&self, targets: Vec<AwsBootstrapSettings>, own: &mut Own<'_>) -> CliResult<Exit> {
        let mut looked = scoped(self.each(targets, |bootstrap, _| bootstrap.verify()).await);
        looked.extend(own.take_damaged());
        looked.extend(own.verify().await);
        let (found, exit) = self.fine(looked)?;
        for (scope, faults) in &found {
            self.told(scope, faults, "is as it should be");
        }
        let faulty = found.iter().any(|(_, faults)| !faults.is_empty());
        if faulty {
            self.session.reporter.say("`cofferdam bootstrap repair` makes it right.");
        }
        Ok(if faulty { Exit::Failed } else { exit })
    }

    fn told(&self, scope: &BootstrapScope, faults: &[StepFault], otherwise: &str) {
        self.session.reporter.json(&json!({ "type": "bootstrap-verified", "scope": scope, "faults": faults }));
        if faults.is_empty() {
            self.session.reporter.say(&format!("{scope} {otherwise}."));
        }
        for fault in faults {
            self.session.reporter.say(&format!("{scope}: {}", fault.what));
        }
    }

    async fn repair(&self, targets: Vec<AwsBootstrapSettings>, own: &mut Own<'_>, ask: Ask) -> CliResult<Exit> {
        let question = format!("Make {} right?", counted(targets.len() + own.len()));
        if !ask.agreed(self.session, &question).await? {
            return Ok(Exit::Done);
        }
        let done = self.each(targets, |bootstrap, preparing| {
            bootstrap.repair(&preparing.holder, &preparing.progress(bootstrap.scope()))
        });
        let mut done = scoped(done.await);
        done.extend(own.take_damaged());
        done.extend(own.repair().await);
        let (repaired, exit) = self.fine(done)?;
        for (scope, faults) in repaired {
            self.told(&scope, &faults, "is as it should be");
            if !faults.is_empty() {
                self.session.reporter.say(&format!("{scope} is repaired."));
            }
        }
        Ok(exit)
    }

    async fn destroy(&self, targets: Vec<AwsBootstrapSettings>, own: &mut Own<'_>, ask: Ask) -> CliResult<Exit> {
        let mut stores = Vec::new();
        let looked = self.each(targets.clone(), |bootstrap, _| {
            Ok::<_, BootstrapError>((bootstrap.read()?.is_some(), bootstrap.home_store()?))
        });
        for (bootstrap, (is_there, store)) in self.fine(looked.await)?.0 {
            stores.extend(store.clone().map(|store| (bootstrap.state_bucket(), store)));
            let states = store.map(|store| self.states(store)).transpose()?.unwrap_or_default();
            if let Some(state) = states.first() {
                let more = if states.len() > 1 { format!(" and {} more", states.len() - 1) } else { String::new() };
                let message = format!("bucket `{}` holds the state of {state}{more}", bootstrap.state_bucket());
                return Err(CliError::new(Exit::Failed, message)
                    .hint("destroy those stacks first, or move their home: cofferdam home migrate s3://… local:…"));
            }
            if is_there {
                self.session.reporter.say(&format!(
                    "{}: buckets `{}` and `{}` go, with every version of every object.",
                    bootstrap.scope(),
                    bootstrap.state_bucket(),
                    bootstrap.asset_bucket()
                ));
            }
        }
        for scope in own.scopes() {
            self.session.reporter.say(&format!("{scope}: the plugin takes back what it has made."));
        }
        if !ask.agreed(self.session, "Destroy them?").await? {
            return Ok(Exit::Done);
        }
        // First what has its records in the buckets that go afterwards.
        let mut undone = own.take_damaged();
        undone.extend(own.destroy().await);
        let (gone, own_exit) = if undone.is_empty() { (Vec::new(), Exit::Done) } else { self.fine(undone)? };
        for scope in gone {
            self.session.reporter.json(&json!({ "type": "bootstrap-destroyed", "scope": scope }));
            self.session.reporter.say(&format!("{scope} is destroyed."));
        }
        for (bucket, store) in stores {
            if let Some(record) = bootstrap_own::all(&store)?.first() {
                let what = record.as_ref().map_or_else(ToString::to_string, |record| record.scope.to_string());
                let message = format!("bucket `{bucket}` holds the record of what a plugin has prepared: {what}");
                return Err(CliError::new(Exit::Failed, message)
                    .hint("destroy that first, with `cofferdam bootstrap destroy` in a stack with its provider"));
            }
        }
        if targets.is_empty() {
            return Ok(own_exit);
        }
        let done = self.each(targets, |bootstrap, preparing| {
            bootstrap.destroy(&preparing.holder, &preparing.progress(bootstrap.scope()))
        });
        let (destroyed, exit) = self.fine(done.await)?;
        for (bootstrap, _) in destroyed {
            self.session.reporter.json(&json!({ "type": "bootstrap-destroyed", "scope": bootstrap.scope() }));
            self.session.reporter.say(&format!("{} is destroyed.", bootstrap.scope()));
        }
        Ok(if exit == Exit::Done { own_exit } else { exit })
    }

    /// The stages in a home that have objects, or whose states cannot be read.
    fn states(&self, store: Arc<dyn Store>) -> CliResult<Vec<String>> {
        let keys = keys::keys(self.session, &EncryptionSetting::default())?;
        let (clock, entropy) = (self.session.clock.clone(), Arc::new(SystemEntropy));
        let home = Home::open(HomeCtx { store, keys, clock, entropy })?;
        let mut found = Vec::new();
        for (stack, stage) in home.stages()? {
            let loaded = home.open_stage(&stack, &stage, Access::Read)?.load();
            if loaded.is_ok_and(|loaded| loaded.state.resources.is_empty() && loaded.in_flight.is_empty()) {
                continue;
            }
            found.push(format!("stack `{stack}` in stage `{stage}`"));
        }
        Ok(found)
    }

    async fn policy(&self, targets: Vec<AwsBootstrapSettings>, args: &PolicyArgs) -> CliResult<Exit> {
        let permissions = match args.whom {
            PolicyFor::Prepare => Permissions::Prepare,
            PolicyFor::Work => Permissions::Work,
            PolicyFor::Gc => Permissions::Collect,
            PolicyFor::Destroy => Permissions::Destroy,
        };
        let done = self.each(targets, move |bootstrap, _| Ok::<_, BootstrapError>(bootstrap.permissions(permissions)));
        let (policies, exit) = self.fine(done.await)?;
        for (bootstrap, policy) in policies {
            self.session.reporter.json(&json!({
                "type": "bootstrap-policy", "scope": bootstrap.scope(), "policy": policy,
            }));
            if self.global.format == Format::Human {
                talk::say(&format!("for {}:", bootstrap.scope()));
                talk::data(&format!("{policy:#}\n"));
            }
        }
        Ok(exit)
    }
}

/// Names of scopes in the place of bootstraps.
fn scoped<T>(done: Vec<Each<(Arc<AwsBootstrap>, T)>>) -> Vec<Each<(BootstrapScope, T)>> {
    let scoped = |(bootstrap, value): (Arc<AwsBootstrap>, T)| (bootstrap.scope().clone(), value);
    done.into_iter().map(|(name, result)| (name, result.map(scoped))).collect()
}

fn counted(targets: usize) -> String {
    if targets == 1 { "the bootstrap".to_owned() } else { format!("{targets} bootstraps") }
}

fn done_of(record: &BootstrapRecord) -> usize {
    record.steps.iter().filter(|step| step.done.is_some()).count()
}

fn row(bootstrap: &AwsBootstrap, record: Option<&BootstrapRecord>) -> Vec<String> {
    let scope = bootstrap.scope();
    let steps = bootstrap.steps().len();
    vec![
        scope.account.clone(),
        scope.region.clone(),
        scope.namespace.clone(),
        record.map_or("not prepared", |record| record.status.as_str()).to_owned(),
        format!("{} of {steps}", record.map_or(0, done_of)),
        bootstrap.state_bucket(),
        bootstrap.asset_bucket(),
        record.and_then(|record| record.verified_at_ms).map_or_else(|| "-".to_owned(), utc),
    ]
}

fn line(bootstrap: &AwsBootstrap, record: Option<&BootstrapRecord>) -> Value {
    json!({
        "type": "bootstrap-status", "scope": bootstrap.scope(),
        "status": record.map_or("not-prepared", |record| record.status.as_str()),
        "steps_done": record.map_or(0, done_of), "steps": bootstrap.steps().len(),
        "state_bucket": bootstrap.state_bucket(), "asset_bucket": bootstrap.asset_bucket(),
        "verified_at_ms": record.and_then(|record| record.verified_at_ms),
    })
}
