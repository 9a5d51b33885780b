//! A state that is changed by hand: opened with the lease, shown, asked about, and written as a new snapshot beside the
//! one before, which stays in the history.

use cofferdam_engine::StateDiff;
use cofferdam_home::{Compaction, Loaded, Stage};
use cofferdam_model::Address;
use cofferdam_model::journal::Record;
use cofferdam_model::state::StackState;
use serde_json::json;

use crate::args::{Format, Global, WriteArgs};
use crate::commands::ask::Ask;
use crate::commands::plan::load;
use crate::environment::Environment;
use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::project::Project;
use crate::render::state_diff;
use crate::session::Session;
use crate::talk;

/// A stage whose state is to be changed. Holds the lease.
pub struct Changing<'a> {
    session: &'a Session,
    global: &'a Global,
    ask: Ask,
    /// The stage.
    pub stage: Stage,
    /// Its state before.
    pub loaded: Loaded,
}

impl<'a> Changing<'a> {
    /// Takes the lease and loads the state. `command` is what the history and other runs are told.
    pub async fn open(
        session: &'a Session,
        global: &'a Global,
        surroundings: &Environment,
        project: &Project,
        args: &WriteArgs,
        command: &str,
    ) -> CliResult<Self> {
        let ask = Ask::new(command, args.yes, global, surroundings)?;
        let mut stage = session.write_stage(project, &args.stack.stage, command, &args.lock).await?;
        let loaded = load(session, &mut stage)?;
        Ok(Self { session, global, ask, stage, loaded })
    }

    /// Refuses to go on while writes are in flight: their ends belong to the state as it is.
    pub fn settled(&self, why: &str) -> CliResult<()> {
        let [first, rest @ ..] = &self.loaded.in_flight[..] else { return Ok(()) };
        let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        let message = format!("a write of `{}`{more} is in flight, and {why}", first.address);
        Err(CliError::new(Exit::Failed, message)
            .hint("`cofferdam deploy` goes on with it first; with --force the state changes all the same"))
    }

    /// Shows what a change does to the state.
    pub fn show(&self, after: &StackState) {
        let diff = StateDiff::between(&self.loaded.state, after);
        match self.global.format {
            Format::Json => state_diff::lines(&diff).for_each(|line| self.session.reporter.json(&line)),
            Format::Human => {
                let text = format!(
                    "{}State: {}.\n",
                    state_diff::render(&diff, &self.session.redactor),
                    state_diff::summary(&diff)
                );
                talk::data(&self.session.redactor.redact(&text));
            }
        }
    }

    /// Asks whether to make the change.
    pub async fn agreed(&self, question: &str) -> CliResult<bool> {
        self.ask.agreed(self.session, question).await
    }

    /// Refuses to touch resources of which a write is in flight: its end belongs to the address that it has.
    pub fn untouched(&self, addresses: &[&Address]) -> CliResult<()> {
        let Some(write) = self.loaded.in_flight.iter().find(|write| addresses.contains(&&write.address)) else {
            return Ok(());
        };
        let message =
            format!("a write of `{}` is in flight, and its end is recorded under this address", write.address);
        Err(CliError::new(Exit::Failed, message).hint("`cofferdam deploy` goes on with it, or tells what to do"))
    }

    /// Makes the change durable: the next snapshot has these resources and outputs. Gives its serial.
    pub async fn write(&mut self, after: &StackState) -> CliResult<u64> {
        self.write_with(Vec::new(), after).await
    }

    /// The same with records that stand for a part of the change: they end writes that were in flight.
    pub async fn write_with(&mut self, records: Vec<Record>, after: &StackState) -> CliResult<u64> {
        let before = &self.loaded.state;
        let (mut lineage, mut serial) = (before.lineage.clone(), before.serial);
        if self.loaded.recovered {
            // What the journal says beyond the last snapshot goes into the history, too.
            let made = self.stage.compact(before)?;
            if let Compaction::Written { lineage: made_lineage, serial: made_serial, .. } = made {
                (lineage, serial) = (made_lineage, made_serial);
            }
        }
        if !records.is_empty() {
            let journal = self.stage.journal()?;
            for record in records {
                let written = journal.append(record).await;
                written.map_err(|error| CliError::new(Exit::Failed, error.to_string()).caused_by(&error))?;
            }
        }
        let after = StackState { lineage, serial, ..after.clone() };
        let serial = match self.stage.compact(&after)? {
            Compaction::Written { serial, .. } => serial,
            Compaction::Unchanged => serial,
        };
        self.session.reporter.json(&json!({ "type": "state-written", "serial": serial }));
        Ok(serial)
    }
}
