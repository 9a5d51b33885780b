//! `show`: a saved plan, as it was shown when it was made. Looks at the home's keys, not at the state.

use cofferdam_stack::SourceTexts;
use serde_json::json;

use crate::args::{Format, Global, ShowArgs};
use crate::commands::plan::print;
use crate::error::CliResult;
use crate::exit::Exit;
use crate::render::diagnostics;
use crate::saved;
use crate::session::Session;

/// Runs the command.
pub fn run(session: &Session, global: &Global, args: &ShowArgs) -> CliResult<Exit> {
    let saved = saved::open(session, global, &args.plan)?;
    let plan = saved.plan.plan();
    if global.format == Format::Json {
        session.reporter.json(&saved.to_json());
    }
    for finding in &plan.diagnostics {
        // Before it is drawn: that breaks lines.
        let finding = session.redactor.redact_diagnostic(finding.clone());
        session.reporter.json(&json!({ "type": "diagnostic", "diagnostic": finding }));
        // The files that it points into may be other ones by now.
        session.reporter.say(diagnostics::render(&finding, &SourceTexts::default()).trim_end());
    }
    print(session, global, plan);
    let (stack, stage, serial) = (&plan.stack, &plan.stage, plan.serial);
    session
        .reporter
        .say(&format!("Stack `{stack}`, stage `{stage}`, state at serial {serial}; {}", saved.origin(session)));
    Ok(Exit::Done)
}
