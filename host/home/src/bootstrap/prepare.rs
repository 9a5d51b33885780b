//! Prepares a scope: takes the lease, does the steps that are missing one by one, and makes the record say so before and
//! after each. Others that want the same scope wait, and adopt what came of it.

use std::time::Duration;

use cofferdam_model::OperationId;
use cofferdam_model::bootstrap::{BootstrapStep, Looked, Preparer, StepCall, StepDone, StepFault};
use cofferdam_model::error::{ErrorKind, ProviderError};
use serde_json::{Map, Value};

use super::{Bootstrap, BootstrapRecord, BootstrapStatus, Numbered, StepRecord};
use crate::lease::{Attempt, Lease};
use crate::store::{BOOTSTRAP_ROUNDS, probe_in};
use crate::{BootstrapError, Holder, Made};

/// How often one who waits looks whether the record is whole.
const POLL: Duration = Duration::from_millis(250);
/// How long one waits for another process that goes on and on.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// The longest wait that a step may ask for.
const LONGEST_POLL: Duration = Duration::from_secs(30);
/// The shortest: a step that asks for less is not called without end.
const SHORTEST_POLL: Duration = Duration::from_millis(10);
/// For how long a step may answer that it is not done yet.
const LONGEST_STEP: Duration = Duration::from_secs(30 * 60);

/// Who follows a preparation, and can stop it.
pub trait Watch: Send + Sync {
    /// Whether to stop. A step that has begun comes to its end.
    fn is_stopped(&self) -> bool;

    /// Waits; less where it is stopped.
    fn sleep(&self, time: Duration);

    /// Somebody else prepares the scope.
    fn waits(&self, holder: Option<&Holder>);

    /// Nothing was made yet, and this is what would be: told to one who only reads.
    fn would(&self, steps: &[BootstrapStep]);

    /// A step begins.
    fn begins(&self, step: &BootstrapStep);

    /// A step is done.
    fn done(&self, step: &BootstrapStep);
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// The record, with every step done.
    pub record: BootstrapRecord,
    /// How many steps this process did; none where it adopted what another had done.
    pub steps: usize,
}

impl Bootstrap {
    /// Prepares the scope, or adopts what was prepared.
    ///
    /// # Errors
    /// When a step fails, the record cannot be read or written, another process takes too long, or it is stopped. What
    /// was done is in the record, and the next run goes on from there.
    pub fn prepare(
        &self,
        preparer: &dyn Preparer,
        holder: &Holder,
        watch: &dyn Watch,
    ) -> Result<Prepared, BootstrapError> {
        let lease = match self.lease_or_record(preparer, holder, watch)? {
            Found::Record(record) => return Ok(Prepared { record, steps: 0 }),
            Found::Lease(lease) => lease,
        };
        self.with_lease(&lease, |run| run.prepare(preparer, holder, watch))
    }

    /// What is prepared, and what a preparation of these steps would do. Reads alone.
    ///
    /// # Errors
    /// As [`Bootstrap::read`].
    pub fn look(&self, steps: &[BootstrapStep]) -> Result<Looked, BootstrapError> {
        Ok(looked(self.read()?, steps))
    }

    /// Looks whether everything that the record names is there. Changes nothing but the time of the last look.
    ///
    /// # Errors
    /// When there is no record, or looking fails.
    pub fn verify(&self, preparer: &dyn Preparer) -> Result<Vec<StepFault>, BootstrapError> {
        let Some(Numbered { number, mut record }) = self.latest()? else {
            return Err(BootstrapError::NotPrepared(self.scope.to_string()));
        };
        let faults = preparer.verify(&record.output()).map_err(|error| self.failed("verify", error))?;
        if faults.is_empty() && record.status == BootstrapStatus::Ready {
            record.verified_at_ms = Some(self.clock.now_ms());
            // Somebody who changes it meanwhile knows better.
            let _ = self.commit(number, &record)?;
        }
        Ok(faults)
    }

    /// Does again what a verification found wrong; the faults that it repaired.
    ///
    /// # Errors
    /// As [`Bootstrap::verify`] and [`Bootstrap::prepare`].
    pub fn repair(
        &self,
        preparer: &dyn Preparer,
        holder: &Holder,
        watch: &dyn Watch,
    ) -> Result<Vec<StepFault>, BootstrapError> {
        let lease = self.lease(holder, watch)?;
        self.with_lease(&lease, |run| {
            let record = run.record()?;
            let faults = preparer.verify(&record.output()).map_err(|error| self.failed("verify", error))?;
            let is_faulty = |name: &str| faults.iter().any(|fault| fault.step.as_ref().is_none_or(|step| step == name));
            run.change(|record| {
                record.status = BootstrapStatus::Preparing;
                for step in record.steps.iter_mut().filter(|step| is_faulty(&step.name)) {
                    // What it made is gone: a service that still knows the old operation would only say so.
                    step.done = None;
                    step.operation = self.operation();
                }
            })?;
            run.prepare(preparer, holder, watch)?;
            Ok(faults)
        })
    }

    /// Takes every step back, the last first; how many. The record goes with the last one.
    ///
    /// # Errors
    /// When there is no record, a step cannot be taken back, or it is stopped; the next call goes on.
    pub fn destroy(
        &self,
        preparer: &dyn Preparer,
        holder: &Holder,
        watch: &dyn Watch,
    ) -> Result<usize, BootstrapError> {
        let lease = self.lease(holder, watch)?;
        self.with_lease(&lease, |run| {
            run.record()?;
            run.change(|record| record.status = BootstrapStatus::Destroying)?;
            let names: Vec<String> = run.numbered.record.steps.iter().rev().map(|step| step.name.clone()).collect();
            for (left, name) in (0..names.len()).rev().zip(&names) {
                let (record, operation) = (run.numbered.record.output(), self.operation());
                run.call(name, watch, |attempt| {
                    preparer.undo(&StepCall { step: name, operation: &operation, attempt, record: &record })
                })?;
                if left > 0 {
                    run.change(|record| record.steps.retain(|step| step.name != *name))?;
                }
            }
            self.forget()?;
            Ok(names.len())
        })
    }

    fn operation(&self) -> OperationId {
        let mut random = [0; 16];
        self.entropy.fill(&mut random);
        OperationId::from_random(random)
    }

    fn failed(&self, step: &str, error: ProviderError) -> BootstrapError {
        BootstrapError::Step { scope: self.scope.to_string(), step: step.to_owned(), source: Box::new(error) }
    }

    fn with_lease<T>(
        &self,
        lease: &Lease,
        work: impl FnOnce(&mut Run<'_>) -> Result<T, BootstrapError>,
    ) -> Result<T, BootstrapError> {
        let numbered =
            self.latest()?.unwrap_or_else(|| Numbered { number: 0, record: BootstrapRecord::new(self.scope.clone()) });
        // Whoever comes next needs no fence: a number is given once.
        lease.standing.suspect(false);
        work(&mut Run { bootstrap: self, lease, numbered })
    }

    fn lease(&self, holder: &Holder, watch: &dyn Watch) -> Result<Lease, BootstrapError> {
        match self.wait(holder, watch, |_| false)? {
            Found::Lease(lease) => Ok(lease),
            Found::Record(_) => Err(BootstrapError::Busy(self.scope.to_string())),
        }
    }

    fn lease_or_record(
        &self,
        preparer: &dyn Preparer,
        holder: &Holder,
        watch: &dyn Watch,
    ) -> Result<Found, BootstrapError> {
        self.wait(holder, watch, |record| {
            record.status == BootstrapStatus::Ready && missing(record, preparer.steps()).next().is_none()
        })
    }

    /// The lease, or a record that is good enough, whichever comes first.
    fn wait(
        &self,
        holder: &Holder,
        watch: &dyn Watch,
        is_enough: impl Fn(&BootstrapRecord) -> bool,
    ) -> Result<Found, BootstrapError> {
        let began_ms = self.clock.monotonic_ms();
        loop {
            if let Some(record) = self.read()?.filter(|record| is_enough(record)) {
                return Ok(Found::Record(record));
            }
            let held = match self.taking().take(holder, false)? {
                Attempt::Taken(lease) => return Ok(Found::Lease(lease)),
                Attempt::Held(held) => held,
            };
            watch.waits(held.holder.as_ref());
            let waited = Duration::from_millis(self.clock.monotonic_ms().saturating_sub(began_ms));
            if waited > LONGEST_WAIT {
                return Err(BootstrapError::Held { scope: self.scope.to_string(), held: Box::new(held) });
            }
            watch.sleep(POLL);
            if watch.is_stopped() {
                return Err(BootstrapError::Stopped);
            }
        }
    }
}

/// The steps that a record does not have done, or has done in an older revision.
fn missing<'s>(record: &BootstrapRecord, steps: &'s [BootstrapStep]) -> impl Iterator<Item = &'s BootstrapStep> {
    steps.iter().filter(move |step| {
        let known = record.step(&step.name).filter(|known| known.revision >= step.revision);
        known.is_none_or(|known| known.done.is_none())
    })
}

/// What is prepared, and what a preparation of these steps would do.
pub(super) fn looked(record: Option<BootstrapRecord>, steps: &[BootstrapStep]) -> Looked {
    let titles = |steps: &mut dyn Iterator<Item = &BootstrapStep>| steps.map(|step| step.title.clone()).collect();
    let Some(record) = record else { return Looked::Missing(titles(&mut steps.iter())) };
    let lacking: Vec<String> = titles(&mut missing(&record, steps));
    if lacking.is_empty() { Looked::Ready(record.output()) } else { Looked::Missing(lacking) }
}

enum Found {
    Lease(Lease),
    Record(BootstrapRecord),
}

/// A record that this process may change.
struct Run<'b> {
    bootstrap: &'b Bootstrap,
    lease: &'b Lease,
    numbered: Numbered,
}

impl Run<'_> {
    fn record(&self) -> Result<&BootstrapRecord, BootstrapError> {
        match self.numbered.number {
            0 => Err(BootstrapError::NotPrepared(self.bootstrap.scope.to_string())),
            _ => Ok(&self.numbered.record),
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut BootstrapRecord)) -> Result<(), BootstrapError> {
        self.lease.standing.check()?;
        let mut record = self.numbered.record.clone();
        change(&mut record);
        if record == self.numbered.record && self.numbered.number > 0 {
            return Ok(());
        }
        if !self.bootstrap.commit(self.numbered.number, &record)? {
            return Err(self.lease.standing.lose().into());
        }
        self.numbered = Numbered { number: self.numbered.number + 1, record };
        Ok(())
    }

    fn prepare(
        &mut self,
        preparer: &dyn Preparer,
        holder: &Holder,
        watch: &dyn Watch,
    ) -> Result<Prepared, BootstrapError> {
        if self.numbered.record.status == BootstrapStatus::Destroying {
            return Err(BootstrapError::Destroying(self.bootstrap.scope.to_string()));
        }
        if self.numbered.number == 0 && self.bootstrap.is_probed {
            probe_in(BOOTSTRAP_ROUNDS, &*self.bootstrap.store, &*self.bootstrap.entropy)?;
        }
        let mut steps = 0;
        for step in preparer.steps() {
            let known = self.numbered.record.step(&step.name).filter(|known| known.revision >= step.revision);
            if known.is_some_and(|known| known.done.is_some()) {
                continue;
            }
            if watch.is_stopped() {
                return Err(BootstrapError::Stopped);
            }
            watch.begins(step);
            self.step(preparer, step, holder, watch)?;
            watch.done(step);
            steps += 1;
        }
        let now_ms = self.bootstrap.clock.now_ms();
        if self.numbered.record.status != BootstrapStatus::Ready {
            self.change(|record| {
                record.status = BootstrapStatus::Ready;
                record.verified_at_ms = Some(now_ms);
            })?;
        }
        Ok(Prepared { record: self.numbered.record.clone(), steps })
    }

    fn step(
        &mut self,
        preparer: &dyn Preparer,
        step: &BootstrapStep,
        holder: &Holder,
        watch: &dyn Watch,
    ) -> Result<(), BootstrapError> {
        let made = |clock: &dyn crate::Clock| Made { at_ms: clock.now_ms(), by: holder.clone() };
        let known = self.numbered.record.step(&step.name).filter(|known| known.revision >= step.revision);
        let operation = match known {
            // Begun by a run that did not come to its end.
            Some(known) => known.operation.clone(),
            None => {
                let operation = self.bootstrap.operation();
                let intent = StepRecord {
                    name: step.name.clone(),
                    revision: step.revision,
                    operation: operation.clone(),
                    intent: made(&*self.bootstrap.clock),
                    done: None,
                    output: Map::new(),
                };
                self.change(|record| {
                    record.status = BootstrapStatus::Preparing;
                    record.steps.retain(|known| known.name != step.name);
                    record.steps.push(intent);
                })?;
                operation
            }
        };
        let record = self.numbered.record.output();
        let output = self.call(&step.name, watch, |attempt| {
            preparer.perform(&StepCall { step: &step.name, operation: &operation, attempt, record: &record })
        })?;
        let done = made(&*self.bootstrap.clock);
        self.change(|record| {
            if let Some(known) = record.steps.iter_mut().find(|known| known.name == step.name) {
                known.done = Some(done);
                known.output = output;
            }
        })
    }

    /// Calls a step until it is done.
    fn call(
        &self,
        step: &str,
        watch: &dyn Watch,
        call: impl Fn(u32) -> Result<StepDone, ProviderError>,
    ) -> Result<Map<String, Value>, BootstrapError> {
        let mut attempt = 1;
        let began_ms = self.bootstrap.clock.monotonic_ms();
        loop {
            self.lease.standing.check()?;
            match call(attempt).map_err(|error| self.bootstrap.failed(step, error))? {
                StepDone::Done(output) => return Ok(output),
                StepDone::Pending { poll_after_ms, note } => {
                    let taken = Duration::from_millis(self.bootstrap.clock.monotonic_ms().saturating_sub(began_ms));
                    if taken > LONGEST_STEP {
                        let text = format!("not done after {} minutes: {note}", LONGEST_STEP.as_secs() / 60);
                        let error = ProviderError::new(ErrorKind::NotStabilized, text);
                        return Err(self.bootstrap.failed(step, error));
                    }
                    watch.sleep(Duration::from_millis(poll_after_ms).clamp(SHORTEST_POLL, LONGEST_POLL));
                }
            }
            if watch.is_stopped() {
                return Err(BootstrapError::Stopped);
            }
            attempt += 1;
        }
    }
}
