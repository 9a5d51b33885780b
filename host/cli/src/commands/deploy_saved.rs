//! `deploy FILE`: does exactly what a saved plan says, or says what has moved since it was made and changes nothing.

use std::collections::BTreeMap;
use std::path::Path;

use cofferdam_engine::{PlanPurpose, StalePlan};
use cofferdam_home::Stage;
use cofferdam_model::state::{PluginIdentity, StackState};
use cofferdam_model::{ProviderKey, StageName};

use crate::args::{DeployArgs, DeployCommand, Format, Global};
use crate::commands::deploy::carry_out;
use crate::commands::plan::load;
use crate::commands::validate::warn;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::project::{Project, Unloadable, read_sources};
use crate::render;
use crate::render::events::duration;
use crate::saved::{self, Saved};
use crate::session::Session;
use crate::talk;

/// How many of the runs in between are named.
const NAMED_RUNS: usize = 3;

/// Reads the plan and loads the stack that it was made from.
pub fn prepare(
    session: &Session,
    global: &Global,
    command: &DeployCommand,
    path: &Path,
) -> Result<(Project, Saved), Box<Unloadable>> {
    let saved = saved::open(session, global, path)?;
    if command.stage_is_given && command.args.stack.stage != saved.header.stage {
        return Err(other_stage(path, &saved.header.stage, &command.args.stack.stage).into());
    }
    let sources = read_sources(&global.dir)?;
    // A file that says something else may be wrong as well; that it is another one is what counts here.
    refuse(global, &saved, saved.basis.moved_sources(&sources).iter().map(ToString::to_string).collect())?;
    let given = saved.given.now()?;
    let project =
        Project::with_secrets(session, &global.dir, &sources, &command.args.stack, &saved.header.stage, &given)?;
    let mut moved: Vec<String> = project.stack.moved(&saved.basis).iter().map(ToString::to_string).collect();
    if *project.stack.home() != saved.header.home {
        let named = if command.args.stack.home.is_some() { "`--home` names" } else { "the stack has" };
        moved.push(format!("{named} another home"));
    }
    refuse(global, &saved, moved)?;
    Ok((project, saved))
}

/// Runs the command.
pub async fn run(
    session: &Session,
    global: &Global,
    project: &Project,
    args: &DeployArgs,
    saved: Saved,
) -> CliResult<Exit> {
    warn(session, project, &project.warnings);
    let mut stage = session.write_stage(project, &saved.header.stage, "deploy", &args.lock).await?;
    let loaded = load(session, &mut stage)?;
    if let Some(write) = loaded.in_flight.first() {
        let message = format!("the plan `{}` no longer fits; nothing was changed", saved.path.display());
        return Err(CliError::new(Exit::Invalid, message)
            .because([format!("a former run's write of `{}` is in flight", write.address)])
            .hint("`cofferdam deploy` settles it first; plan again after that"));
    }
    refuse(global, &saved, moved_state(session, &mut stage, &loaded.state, &saved)?)?;
    let providers = session.providers(project, &loaded.state, &loaded.in_flight).await?;
    refuse(global, &saved, moved_plugins(&saved, &providers.identities()))?;
    tell(session, global, &saved);
    let engine = session.engine_over(project, providers, args.options.parallelism);
    let approved = saved.plan.approve(loaded.state)?;
    carry_out(session, global, project, (&engine, approved), &mut stage, "deploy").await
}

/// Says in short what will be done; `show` says it at length.
fn tell(session: &Session, global: &Global, saved: &Saved) {
    match global.format {
        Format::Json => session.reporter.json(&saved.to_json()),
        Format::Human => {
            session.reporter.say(&format!("Deploying `{}`, {}", saved.path.display(), saved.origin(session)));
            talk::data(&render::plan::summary(saved.plan.plan()));
        }
    }
}

/// What happened to the state since.
fn moved_state(session: &Session, stage: &mut Stage, state: &StackState, saved: &Saved) -> CliResult<Vec<String>> {
    Ok(match saved.plan.check(state) {
        Ok(()) => Vec::new(),
        Err(StalePlan::OtherState) => vec!["the stage has another state, which began anew".to_owned()],
        Err(StalePlan::Content { serial }) => {
            vec![format!("the state at serial {serial} was changed by a run that did not end as it should")]
        }
        Err(StalePlan::Serial { found, planned }) => {
            let mut moved = vec![format!("the state went from serial {planned} to {found}")];
            let versions = stage.history()?;
            let since = versions.iter().rev().filter(|version| version.serial > planned).take(NAMED_RUNS);
            moved.extend(since.map(|version| {
                let ago = duration(session.clock.epoch_ms().saturating_sub(version.made.at_ms));
                format!("serial {} was made {ago} ago by {}", version.serial, version.made.by)
            }));
            moved
        }
    })
}

/// Which plugins are other ones.
fn moved_plugins(saved: &Saved, now: &BTreeMap<ProviderKey, PluginIdentity>) -> Vec<String> {
    let before = &saved.header.plugins;
    let name = |plugin: &PluginIdentity| format!("`{}` {} ({})", plugin.name, plugin.version, plugin.digest);
    let other = now.iter().filter_map(|(key, plugin)| match before.get(key) {
        Some(before) if before == plugin => None,
        Some(before) => Some(format!("the plugin of provider `{key}` was {} and is {}", name(before), name(plugin))),
        None => Some(format!("provider `{key}` is new, with the plugin {}", name(plugin))),
    });
    let gone = before.keys().filter(|key| !now.contains_key(*key)).map(|key| format!("provider `{key}` is gone"));
    other.chain(gone).collect()
}

fn other_stage(path: &Path, planned: &StageName, asked: &StageName) -> CliError {
    let message = format!("the plan `{}` is for stage `{planned}`, not for `{asked}`", path.display());
    CliError::new(Exit::Invalid, message).hint(format!(
        "to deploy it to `{planned}`, leave out --stage and COFFERDAM_STAGE; for `{asked}`, plan that stage"
    ))
}

/// Refuses a plan that no longer fits.
fn refuse(global: &Global, saved: &Saved, moved: Vec<String>) -> CliResult<()> {
    if moved.is_empty() {
        return Ok(());
    }
    let header = &saved.header;
    let destroy = if header.purpose == PlanPurpose::Destroy { " --destroy" } else { "" };
    let (folder, path) = (saved::folder(global), saved::word(&saved.path));
    Err(CliError::new(
        Exit::Invalid,
        format!("the plan `{}` no longer fits; nothing was changed", saved.path.display()),
    )
    .because(moved)
    .hint(format!("plan again: cofferdam {folder}plan --stage {}{destroy} --out {path}", header.stage)))
}
