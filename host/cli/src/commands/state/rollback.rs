//! `state rollback`.

use cofferdam_engine::{DifferenceKind, StateDiff};

use super::change::Changing;
use super::look::of_serial;
use crate::args::{Global, RollbackArgs};
use crate::environment::Environment;
use crate::error::CliResult;
use crate::exit::Exit;
use crate::project::Project;
use crate::session::Session;

/// Makes an old state current again, under a new serial.
pub async fn run(
    session: &Session,
    global: &Global,
    surroundings: &Environment,
    project: &Project,
    args: &RollbackArgs,
) -> CliResult<Exit> {
    let name = &args.write.stack.stage;
    let mut changing = Changing::open(session, global, surroundings, project, &args.write, "state rollback").await?;
    if !args.force {
        changing.settled("its end belongs to the state as it is now")?;
    }
    let versions = changing.stage.history()?;
    let old = of_serial(session, &mut changing.stage, name, &versions, args.serial)?;
    let diff = StateDiff::between(&changing.loaded.state, &old);
    if diff.is_empty() {
        session.reporter.say(&format!("The state is as it was at serial {}; nothing was changed.", args.serial));
        return Ok(Exit::Done);
    }
    changing.show(&old);
    session.reporter.say(&consequences(&diff));
    if !changing.agreed(&format!("Make the state of stage `{name}` that of serial {}?", args.serial)).await? {
        return Ok(Exit::Done);
    }
    let serial = changing.write(&old).await?;
    session.reporter.say(&format!(
        "The state of stage `{name}` is at serial {serial}, a copy of serial {}; no object was changed.\n\
         Next: cofferdam plan --refresh all. To take it back: cofferdam state rollback {}",
        args.serial,
        serial - 1
    ));
    Ok(Exit::Done)
}

/// What a plan is likely to show afterwards.
fn consequences(diff: &StateDiff) -> String {
    let likely = [
        (
            DifferenceKind::Removed,
            "no longer known: the plan makes it again, unless it is imported or its block is gone",
        ),
        (DifferenceKind::Changed, "known as it was then: the plan shows where the object differs"),
        (DifferenceKind::Added, "known again: where its object is gone, the plan makes it anew"),
    ];
    let mut text = "Only the state changes, no object:".to_owned();
    for (kind, words) in likely {
        for difference in diff.resources.iter().filter(|difference| difference.kind == kind) {
            text.push_str(&format!("\n  `{}` is {words}", difference.address));
        }
    }
    text
}
