//! `refresh`: the state brought up to date with the remote objects. Reads, and changes nothing outside of the home.

use cofferdam_engine::Consent;
use cofferdam_home::Loaded;
use cofferdam_model::document::to_shown_json;
use serde_json::json;

use crate::args::{Format, Global, RefreshArgs};
use crate::commands::deploy::{settle, tell};
use crate::commands::plan::load;
use crate::commands::validate::warn;
use crate::error::{CliResult, located, plan_error};
use crate::exit::Exit;
use crate::project::Project;
use crate::render::plan::render_drift;
use crate::session::Session;
use crate::talk;

/// Runs the command.
pub async fn run(session: &Session, global: &Global, project: &Project, args: &RefreshArgs) -> CliResult<Exit> {
    warn(session, project, &project.warnings);
    let mut stage = session.write_stage(project, &args.stack.stage, "refresh", &args.lock).await?;
    let Loaded { state, in_flight, .. } = load(session, &mut stage)?;
    let engine = session.engine(project, &state, &in_flight, args.parallelism).await?;
    // Without consent, what former runs left in flight is settled as far as a read tells.
    let mut recovery = engine.recover(state, in_flight, stage.journal()?, Consent::Missing).await;
    // In which order they began is chance.
    recovery.in_flight.sort_by(|a, b| a.address.cmp(&b.address));
    tell(session, project, &recovery)?;
    let refreshed = engine.refresh(&recovery.state, recovery.in_flight).await;
    let refreshed = refreshed.map_err(|error| plan_error(&error, &*project.stack))?;
    settle(session, &mut stage, &refreshed.state)?;
    warn(session, project, &located(&refreshed.diagnostics, &*project.stack));
    match global.format {
        Format::Json => {
            let drift: Vec<_> = refreshed
                .drift
                .iter()
                .map(|drift| {
                    let changes: Vec<_> = drift
                        .changes
                        .iter()
                        .map(|change| {
                            json!({
                                "pointer": change.pointer,
                                "before": change.before.as_ref().map(to_shown_json),
                                "after": change.after.as_ref().map(to_shown_json),
                            })
                        })
                        .collect();
                    json!({ "address": drift.address, "gone": drift.gone, "changes": changes })
                })
                .collect();
            session.reporter.json(&json!({ "type": "refreshed", "changed": refreshed.changed, "drift": drift }));
        }
        Format::Human if refreshed.drift.is_empty() => {
            talk::data(&format!("The state is up to date: {} resources.\n", refreshed.state.resources.len()));
        }
        Format::Human => talk::data(&render_drift(&refreshed.drift, &session.redactor)),
    }
    Ok(if recovery.errors.is_empty() { Exit::Done } else { Exit::Failed })
}
