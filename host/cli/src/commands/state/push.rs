//! `state push`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use cofferdam_engine::StateDiff;
use cofferdam_home::{Loaded, MAX_DOCUMENT_BYTES};
use cofferdam_model::state::StackState;

use super::change::Changing;
use crate::args::{Global, PushArgs};
use crate::commands::plan::learn;
use crate::environment::Environment;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::project::Project;
use crate::session::Session;

/// Makes a document the current state.
pub async fn run(
    session: &Session,
    global: &Global,
    surroundings: &Environment,
    project: &Project,
    args: &PushArgs,
) -> CliResult<Exit> {
    let text = read(&args.file)?;
    let mut changing = Changing::open(session, global, surroundings, project, &args.write, "state push").await?;
    let after = changing.stage.read_document(&text)?;
    learn(session, &after);
    if !args.force {
        follows(&changing.loaded, &after)?;
        changing.settled("its end belongs to the state as it is now")?;
    }
    if StateDiff::between(&changing.loaded.state, &after).is_empty() {
        session.reporter.say("The state says the same already; nothing was changed.");
        return Ok(Exit::Done);
    }
    changing.show(&after);
    if !changing.agreed(&format!("Make this the state of stage `{}`?", args.write.stack.stage)).await? {
        return Ok(Exit::Done);
    }
    let serial = changing.write(&after).await?;
    session.reporter.say(&format!("The state is at serial {serial}; no object was changed."));
    Ok(Exit::Done)
}

fn read(file: &Path) -> CliResult<Vec<u8>> {
    let fail = |error: std::io::Error| {
        CliError::new(Exit::Usage, format!("cannot read the document `{}`: {error}", file.display()))
    };
    let mut text = Vec::new();
    let most = MAX_DOCUMENT_BYTES as u64 + 1;
    if file == Path::new("-") {
        std::io::stdin().lock().take(most).read_to_end(&mut text).map_err(fail)?;
    } else {
        File::open(file).map_err(fail)?.take(most).read_to_end(&mut text).map_err(fail)?;
    }
    Ok(text)
}

/// Refuses a document that the state of the stage did not become since, or that never was of this stage.
fn follows(loaded: &Loaded, after: &StackState) -> CliResult<()> {
    let before = &loaded.state;
    let force = "look at what both hold; --force makes the document the state all the same";
    if !before.lineage.is_empty() && before.lineage != after.lineage {
        let message = format!(
            "the document is of another state: its lineage is `{}`, that of stage `{}` is `{}`",
            after.lineage, before.stage, before.lineage
        );
        return Err(CliError::new(Exit::Failed, message).hint(force));
    }
    if before.serial > after.serial {
        let message = format!(
            "the document is older than the state: it has serial {}, stage `{}` is at serial {}",
            after.serial, before.stage, before.serial
        );
        return Err(CliError::new(Exit::Failed, message)
            .hint(format!("`cofferdam state diff {}` shows what happened since", after.serial))
            .hint(force));
    }
    if loaded.recovered && before.serial == after.serial {
        let message = format!("a run changed the state after serial {}, which the document has", after.serial);
        return Err(CliError::new(Exit::Failed, message).hint("`cofferdam state diff` shows what it did").hint(force));
    }
    Ok(())
}
