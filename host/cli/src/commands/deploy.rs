//! `deploy` and `destroy`: plan, show, ask, do.

use std::sync::Arc;

use cofferdam_engine::{
    ApprovedPlan, Consent, Engine, NotStarted, Outcome, Plan, PlanOptions, PlanPurpose, Recovery, StepError,
    StepResult, Stop,
};
use cofferdam_home::{Compaction, Loaded, Stage, WriteError};
use cofferdam_model::journal::{InFlight, Journal};
use cofferdam_model::state::StackState;
use serde_json::json;

use crate::args::{DeployArgs, Format, Global};
use crate::commands::output;
use crate::commands::plan::{load, show};
use crate::commands::validate::warn;
use crate::environment::Environment;
use crate::error::{CliError, CliResult, located, plan_error, step_diagnostics};
use crate::exit::Exit;
use crate::project::Project;
use crate::render::diagnostics;
use crate::render::events::duration;
use crate::render::style::{BOLD, ERROR, paint};
use crate::session::{Session, stopped};
use crate::talk;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Make the objects what the stack says.
    Deploy,
    /// Remove them.
    Destroy,
}

impl Purpose {
    fn command(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Destroy => "destroy",
        }
    }
}

/// Runs the command.
pub async fn run(
    session: &Session,
    global: &Global,
    surroundings: &Environment,
    project: &Project,
    args: &DeployArgs,
    purpose: Purpose,
) -> CliResult<Exit> {
    if !args.yes && (!surroundings.stdin_is_terminal || global.format == Format::Json) {
        return Err(CliError::new(
            Exit::Usage,
            format!(
                "`cofferdam {}` asks before it changes anything, and there is no terminal to ask on",
                purpose.command()
            ),
        )
        .hint("look at `cofferdam plan` first, then add --yes"));
    }
    warn(session, project, &project.warnings);
    let mut stage = session.write_stage(project, &args.stack.stage, purpose.command(), &args.lock).await?;
    let loaded = load(session, &mut stage)?;
    let engine = session.engine(project, &loaded.state, &loaded.in_flight, args.options.parallelism).await?;
    let journal = stage.journal()?;
    let Loaded { state, in_flight, .. } = loaded;
    let recovery = recovered(session, project, &engine, (state, in_flight), &journal, args).await?;
    let state = recovery.state;
    let options = PlanOptions { refresh: args.options.refresh.into(), in_flight: recovery.in_flight };
    let planned = match purpose {
        Purpose::Deploy => engine.plan(&state, options).await,
        Purpose::Destroy => engine.plan_destroy(&state, options).await,
    };
    let plan = planned.map_err(|error| plan_error(&error, &*project.stack))?;
    show(session, global, project, &plan);
    if !agreed(session, &plan, args, purpose).await? {
        settle(session, &mut stage, &state)?;
        return Ok(Exit::Done);
    }
    let approved = plan.approve(state)?;
    carry_out(session, global, project, (&engine, approved), &mut stage, purpose.command()).await
}

/// Does what was approved, and tells how it ended.
pub async fn carry_out(
    session: &Session,
    global: &Global,
    project: &Project,
    (engine, approved): (&Engine, ApprovedPlan),
    stage: &mut Stage,
    command: &str,
) -> CliResult<Exit> {
    let purpose = approved.plan().purpose;
    let outcome = engine.deploy(approved, stage.journal()?, command).await;
    report(session, project, &outcome);
    settle(session, stage, &outcome.state)?;
    if purpose == PlanPurpose::Deploy && outcome.is_success() {
        output::print_all(session, global, &outcome.state);
    }
    Ok(exit_of(&outcome))
}

/// Settles what former runs left in flight. What goes on remotely, or is made again, does so once the user agrees.
async fn recovered(
    session: &Session,
    project: &Project,
    engine: &Engine,
    (state, in_flight): (StackState, Vec<InFlight>),
    journal: &Arc<dyn Journal>,
    args: &DeployArgs,
) -> CliResult<Recovery> {
    let consent = if args.yes { Consent::Given } else { Consent::Missing };
    let mut recovery = engine.recover(state, in_flight, journal.clone(), consent).await;
    tell(session, project, &recovery)?;
    if !recovery.waiting.is_empty() {
        warn(session, project, &located(&recovery.waiting, &*project.stack));
        let writes = match recovery.waiting.len() {
            1 => "this write of a former run".to_owned(),
            count => format!("these {count} writes of former runs"),
        };
        if confirmed(session, format!("Go on with {writes} first?")).await? {
            let Recovery { state, in_flight, .. } = recovery;
            recovery = engine.recover(state, in_flight, journal.clone(), Consent::Given).await;
            tell(session, project, &recovery)?;
        }
    }
    Ok(recovery)
}

/// Shows what went wrong with the writes of former runs.
///
/// # Errors
/// When the journal could not be written.
pub fn tell(session: &Session, project: &Project, recovery: &Recovery) -> CliResult<()> {
    failures(session, project, recovery.errors.iter());
    match &recovery.journal_error {
        Some(error) => Err(WriteError::Journal(error.clone()).into()),
        None => Ok(()),
    }
}

/// Asks, where there is something to ask about.
async fn agreed(session: &Session, plan: &Plan, args: &DeployArgs, purpose: Purpose) -> CliResult<bool> {
    if !plan.has_changes() {
        // An outcome is still due: outputs are printed, a journal is settled.
        return Ok(true);
    }
    if args.yes {
        return Ok(true);
    }
    let question = match purpose {
        Purpose::Deploy => format!("Deploy this to stage `{}`?", plan.stage),
        Purpose::Destroy => format!("Delete all of this in stage `{}`? It cannot be undone.", plan.stage),
    };
    let agreed = confirmed(session, question).await?;
    if !agreed {
        talk::say("Nothing was changed.");
    }
    Ok(agreed)
}

async fn confirmed(session: &Session, question: String) -> CliResult<bool> {
    let question = paint(BOLD, question);
    tokio::select! {
        () = session.cancel.reached(Stop::Soft) => Err(stopped()),
        answer = tokio::task::spawn_blocking(move || talk::confirm(&question)) => Ok(answer.unwrap_or(false)),
    }
}

/// Makes the journal's content the next snapshot.
pub fn settle(session: &Session, stage: &mut Stage, state: &StackState) -> CliResult<()> {
    if let Compaction::Written { in_flight: in_flight @ 1.., .. } = stage.compact(state)? {
        let writes = if in_flight == 1 { "1 write is" } else { &format!("{in_flight} writes are") };
        session.reporter.say(&format!("{writes} in flight; the journal knows, and the next deploy goes on from there"));
    }
    Ok(())
}

/// What could not be done.
fn failures<'a>(session: &Session, project: &Project, errors: impl Iterator<Item = &'a StepError>) {
    for error in errors {
        for diagnostic in step_diagnostics(error, &*project.stack) {
            session.reporter.json(&json!({ "type": "diagnostic", "diagnostic": diagnostic }));
            let text = diagnostics::render(&session.redactor.redact_diagnostic(diagnostic), project.stack.sources());
            session.reporter.say(&format!("\n{}", text.trim_end()));
        }
    }
}

fn report(session: &Session, project: &Project, outcome: &Outcome) {
    failures(session, project, outcome.failed().map(|(_, error)| error));
    warn(session, project, &located(&outcome.diagnostics, &*project.stack));
    // That the journal could not be written is what the command ends with.
    let counts = [
        (outcome.done().count(), "done"),
        (outcome.failed().count(), "failed"),
        (outcome.interrupted().count(), "interrupted"),
        (outcome.not_started().count(), "not started"),
    ];
    let parts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    if parts.is_empty() {
        return;
    }
    let line = format!("{} in {}", parts.join(", "), duration(outcome.duration_ms));
    let head = if outcome.is_success() { paint(BOLD, "Done:") } else { paint(ERROR, "Incomplete:") };
    session.reporter.say(&format!("\n{head} {line}"));
    unknown(session, outcome);
}

/// What a run that was stopped at once leaves open.
fn unknown(session: &Session, outcome: &Outcome) {
    for step in outcome.interrupted() {
        let text = match &step.result {
            StepResult::Interrupted(_) => format!("`{}` goes on remotely; the next deploy resumes it", step.address),
            _ => format!("what became of `{}` is unknown; the next plan says what to look at", step.address),
        };
        session.reporter.say(&text);
    }
}

fn exit_of(outcome: &Outcome) -> Exit {
    let stopped = outcome.not_started().any(|(_, why)| matches!(why, NotStarted::Stopped))
        || outcome.interrupted().next().is_some();
    match outcome.stopped {
        Some(Stop::Soft | Stop::Hard) if stopped || !outcome.is_success() => Exit::Interrupted,
        _ if outcome.is_success() => Exit::Done,
        _ => Exit::Failed,
    }
}
