//! Exclusive creation when answers get lost: what the name holds afterwards tells whose it is.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use crate::aws::{Cause, Fault, carrying};
use crate::store::{Created, StoreError};

use super::bucket::{Bucket, Condition, pause};
use super::hint::Action;
use super::upload::LARGE;

/// How often a creation is tried; each try is up to three requests by the SDK.
const ROUNDS: u32 = 5;
/// All of a creation without its body.
const LIMIT: Duration = Duration::from_secs(45);

/// How long the creation of an object of so many bytes is tried.
pub(super) fn limit(bytes: usize) -> Duration {
    LIMIT + carrying(bytes) * ROUNDS
}

impl Bucket {
    /// Makes an object under a name that is free. A request whose answer was lost may have made it, and so may one that
    /// the SDK repeated: the name is read, and the same bytes are ours.
    pub(super) async fn create(&self, key: &str, body: &Bytes) -> Result<Created, StoreError> {
        let limit = limit(body.len());
        match timeout(limit, self.create_in_rounds(key, body)).await {
            Ok(result) => result.map_err(|(action, fault)| self.fail(action, key, fault)),
            Err(_) => {
                let fault = Fault::silent(format!("not done after {} s", limit.as_secs()));
                Err(self.fail(Action::Create, key, fault))
            }
        }
    }

    async fn create_in_rounds(&self, key: &str, body: &Bytes) -> Result<Created, (Action, Fault)> {
        let mut round = 0;
        loop {
            let fault = match self.write(key, body, Condition::Free).await {
                Ok(()) => return Ok(Created::Made),
                Err(fault) => fault,
            };
            // `NoUpload`: an earlier request completed the upload, or an abort came before it.
            let unknown = matches!(fault.cause, Cause::Taken | Cause::Conflict | Cause::NoUpload | Cause::Silent);
            if !(unknown || fault.is_short()) {
                return Err((Action::Create, fault));
            }
            round += 1;
            match self.read(key).await {
                Ok(Some(found)) if found == *body => return Ok(Created::Made),
                Ok(Some(_)) => return Ok(Created::Taken),
                // Free: nothing was made yet, or the object that was in the way has gone.
                Ok(None) if round < ROUNDS => {}
                Ok(None) => return Err((Action::Create, Fault::passing(fault.text))),
                Err(fault) if fault.is_short() && round < ROUNDS => {}
                Err(fault) => return Err((Action::Read, fault)),
            }
            pause(round).await;
        }
    }

    /// Writes an object whatever was there, for its single writer.
    pub(super) async fn replace(&self, key: &str, body: &Bytes) -> Result<(), StoreError> {
        let fault = match self.write(key, body, Condition::Always).await {
            Ok(()) => return Ok(()),
            Err(fault) => fault,
        };
        // The answer to the completion was lost, and the SDK's second request found nothing to complete.
        if fault.cause == Cause::NoUpload {
            match self.read(key).await {
                Ok(Some(found)) if found == *body => return Ok(()),
                Ok(_) => return Err(self.fail(Action::Replace, key, Fault::passing(fault.text))),
                Err(fault) => return Err(self.fail(Action::Read, key, fault)),
            }
        }
        Err(self.fail(Action::Replace, key, fault))
    }

    async fn write(&self, key: &str, body: &Bytes, condition: Condition) -> Result<(), Fault> {
        if body.len() > LARGE {
            return Box::pin(self.upload(key, body, condition)).await;
        }
        self.put(key, body, condition).await
    }
}
