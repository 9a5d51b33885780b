//! `plan`: what a deploy would change. Reads only.

use cofferdam_engine::{Plan, PlanOptions};
use cofferdam_home::{Loaded, Stage};
use cofferdam_model::state::StackState;

use crate::args::{Format, Global, PlanArgs};
use crate::commands::validate::warn;
use crate::error::{CliResult, located, plan_error};
use crate::exit::Exit;
use crate::project::Project;
use crate::render;
use crate::session::Session;
use crate::talk;

/// Runs the command.
pub async fn run(session: &Session, global: &Global, project: &Project, args: &PlanArgs) -> CliResult<Exit> {
    warn(session, project, &project.warnings);
    let loaded = load(session, &mut session.read_stage(project, &args.stack.stage)?)?;
    let engine = session.engine(project, &loaded.state, args.options.parallelism).await?;
    let options = PlanOptions { refresh: args.options.refresh.into(), in_flight: loaded.in_flight };
    let plan = engine.plan(&loaded.state, options).await.map_err(|error| plan_error(&error, &*project.stack))?;
    show(session, global, project, &plan);
    Ok(if args.exit_code && plan.has_changes() { Exit::Changes } else { Exit::Done })
}

/// Loads the state and teaches the redactor its secrets.
pub fn load(session: &Session, stage: &mut Stage) -> CliResult<Loaded> {
    let loaded = stage.load()?;
    learn(session, &loaded.state);
    Ok(loaded)
}

/// Teaches the redactor the secrets of a state.
pub fn learn(session: &Session, state: &StackState) {
    for entry in state.resources.values() {
        session.redactor.learn(&entry.inputs);
        session.redactor.learn(&entry.state.properties);
    }
    state.outputs.values().for_each(|output| session.redactor.learn(output));
}

/// Shows a plan: as data on stdout.
pub fn show(session: &Session, global: &Global, project: &Project, plan: &Plan) {
    warn(session, project, &located(&plan.diagnostics, &*project.stack));
    match global.format {
        Format::Human => talk::data(&session.redactor.redact(&render::plan::render(plan))),
        Format::Json => session.reporter.json(&render::plan_json::line(plan)),
    }
}
