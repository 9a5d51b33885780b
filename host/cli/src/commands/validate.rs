//! `validate`: everything that can be checked without the state and without a cloud.

use cofferdam_engine::{EngineCtx, PlanOptions, Refresh};
use cofferdam_model::Diagnostic;
use cofferdam_model::program::Program as _;
use cofferdam_model::state::StackState;
use serde_json::json;

use crate::args::{Format, Global, StackArgs};
use crate::error::{CliResult, located, plan_error};
use crate::exit::Exit;
use crate::project::Project;
use crate::render::diagnostics;
use crate::session::Session;
use crate::talk;

/// Runs the command: a plan from nothing, which checks every input against its schema and reads no object.
pub async fn run(session: &Session, global: &Global, project: &Project, args: &StackArgs) -> CliResult<Exit> {
    warn(session, project, &project.warnings);
    let nothing = StackState::empty(project.stack.stack().clone(), args.stage.clone());
    let engine = session.engine(project, &nothing, &[], EngineCtx::PARALLELISM).await?;
    let options = PlanOptions { refresh: Refresh::None, in_flight: Vec::new() };
    let plan = engine.plan(&nothing, options).await.map_err(|error| plan_error(&error, &*project.stack))?;
    warn(session, project, &located(&plan.diagnostics, &*project.stack));
    let count = project.stack.resources().len();
    match global.format {
        Format::Human => {
            let resources = if count == 1 { "1 resource".to_owned() } else { format!("{count} resources") };
            talk::data(&format!("The stack `{}` is valid: {resources}.\n", project.stack.stack()));
        }
        Format::Json => {
            session.reporter.json(&json!({ "type": "valid", "stack": project.stack.stack(), "resources": count }))
        }
    }
    Ok(Exit::Done)
}

/// Shows warnings.
pub fn warn(session: &Session, project: &Project, warnings: &[Diagnostic]) {
    for warning in warnings {
        session.reporter.json(&json!({ "type": "diagnostic", "diagnostic": warning }));
        let warning = session.redactor.redact_diagnostic(warning.clone());
        session.reporter.say(diagnostics::render(&warning, project.stack.sources()).trim_end());
    }
}
