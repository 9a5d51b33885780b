//! `plan`: what a deploy or a destroy would change. Reads only; with `--out`, keeps the plan in a file.

use cofferdam_engine::{Plan, PlanOptions};
use cofferdam_home::{Loaded, Stage};
use cofferdam_model::state::StackState;

use crate::args::{Format, Global, PlanArgs};
use crate::commands::validate::warn;
use crate::error::{CliResult, located, plan_error};
use crate::exit::Exit;
use crate::project::Project;
use crate::render;
use crate::saved;
use crate::session::Session;
use crate::talk;

/// Runs the command.
pub async fn run(session: &Session, global: &Global, project: &Project, args: &PlanArgs) -> CliResult<Exit> {
    args.out.as_deref().map_or(Ok(()), saved::check_path)?;
    warn(session, project, &project.warnings);
    let loaded = load(session, &mut session.read_stage(project, &args.stack.stage)?)?;
    let providers = session.providers(project, &loaded.state, &loaded.in_flight).await?;
    let plugins = providers.identities();
    let engine = session.engine_over(project, providers, args.options.parallelism);
    let options = PlanOptions { refresh: args.options.refresh.into(), in_flight: loaded.in_flight };
    let planned = match args.destroy {
        true => engine.plan_destroy(&loaded.state, options).await,
        false => engine.plan(&loaded.state, options).await,
    };
    let plan = planned.map_err(|error| plan_error(&error, &*project.stack))?;
    show(session, global, project, &plan);
    let has_changes = plan.has_changes();
    if let Some(path) = &args.out {
        let saved = saved::save(session, project, path, (plan, &loaded.state), plugins)?;
        session.reporter.json(&saved.to_json());
        let (folder, shown) = (saved::folder(global), path.display());
        session
            .reporter
            .say(&format!("Saved as `{shown}`; to do exactly this: cofferdam {folder}deploy {}", saved::word(path)));
    }
    Ok(if args.exit_code && has_changes { Exit::Changes } else { Exit::Done })
}

/// Loads the state and teaches the redactor its secrets.
pub fn load(session: &Session, stage: &mut Stage) -> CliResult<Loaded> {
    let _looking = session.contact.looking();
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
    print(session, global, plan);
}

/// The same without its warnings.
pub fn print(session: &Session, global: &Global, plan: &Plan) {
    match global.format {
        Format::Human => talk::data(&render::plan::render(plan, &session.redactor)),
        Format::Json => session.reporter.json(&render::plan_json::line(plan)),
    }
}
