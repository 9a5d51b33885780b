//! `state push`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use cofferdam_engine::StateDiff;
use cofferdam_home::{Loaded, MAX_DOCUMENT_BYTES, StateDocument};

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
    let document = StateDocument::parse(&read(&args.file)?)?;
    let mut changing = Changing::open(session, global, surroundings, project, &args.write, "state push").await?;
    changing.stage.check_document(&document)?;
    if !args.force {
        follows(&changing.loaded, &document)?;
        changing.settled("its end belongs to the state as it is now")?;
    }
    let after = changing.stage.read_document(document)?;
    learn(session, &after);
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
fn follows(loaded: &Loaded, document: &StateDocument) -> CliResult<()> {
    let before = &loaded.state;
    let (lineage, serial) = (document.lineage(), document.serial());
    let force = "look at what both hold; --force makes the document the state all the same";
    if !before.lineage.is_empty() && before.lineage != lineage {
        let message = format!(
            "the document is of another state: its lineage is `{lineage}`, that of stage `{}` is `{}`",
            before.stage, before.lineage
        );
        return Err(CliError::new(Exit::Failed, message).hint(force));
    }
    if before.serial > serial {
        let message = format!(
            "the document is older than the state: it has serial {serial}, stage `{}` is at serial {}",
            before.stage, before.serial
        );
        return Err(CliError::new(Exit::Failed, message)
            .hint(format!("`cofferdam state diff {serial}` shows what happened since"))
            .hint(force));
    }
    if loaded.recovered && before.serial == serial {
        let message = format!("a run changed the state after serial {serial}, which the document has");
        return Err(CliError::new(Exit::Failed, message).hint("`cofferdam state diff` shows what it did").hint(force));
    }
    Ok(())
}
