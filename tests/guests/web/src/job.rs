//! `web_job`: a create that the server goes on with by itself. The plugin asks once a call and never waits.

use cofferdam_sdk::prelude::*;

use crate::Config;

pub(crate) struct WebJob;

/// A job on the server.
#[properties]
pub(crate) struct Inputs {
    /// Its name.
    name: String,
}

#[properties]
pub(crate) struct Outputs {
    /// Given by the server.
    id: String,
    /// How often the plugin asked.
    polls: u32,
}

/// What the server says of a job.
#[properties]
struct Answer {
    id: String,
    done: bool,
}

/// What `resume` needs.
#[properties]
struct Checkpoint {
    id: String,
    polls: u32,
}

impl Resource for WebJob {
    const TYPE: &'static str = "web_job";
    type Session = Config;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn define() -> Definition<Self> {
        Definition::new(create).resume(resume).identifier(["id"]).create_only(["name"])
    }
}

fn create(cx: &Cx<Config>, inputs: &Inputs) -> Result<Write<WebJob>, Failure> {
    let request = http::post(cx.session().url("/jobs")).header("idempotency-key", cx.operation_id()).json(inputs);
    let answer: Answer = request.send()?.ok()?.json()?;
    Ok(Write::pending(pending(Checkpoint { id: answer.id, polls: 0 })))
}

fn resume(cx: &Cx<Config>, resumed: &Resumed<WebJob>) -> Result<Resume<WebJob>, Failure> {
    let Checkpoint { id, polls } = resumed.checkpoint()?;
    let answer: Answer = http::get(cx.session().url(&format!("/jobs/{id}"))).send()?.ok()?.json()?;
    let polls = polls + 1;
    let write = if answer.done {
        Write::done(Outputs { id: answer.id, polls })
    } else {
        Write::pending(pending(Checkpoint { id, polls }))
    };
    Ok(write.into())
}

fn pending(checkpoint: Checkpoint) -> Pending {
    let note = format!("asked {} times", checkpoint.polls);
    Pending::new(checkpoint, Duration::from_millis(10)).note(note)
}
