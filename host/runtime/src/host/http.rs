//! `http`: one-shot requests through the egress, up to 64 at the same time.

use std::sync::atomic::AtomicU64;

use futures_util::future::join_all;

use super::Guest;
use crate::contract::v0_1::imports::http::{self, HttpError, Request, Response};

const MAX_REQUESTS: usize = 64;

impl http::Host for Guest {
    async fn send(&mut self, requests: Vec<Request>) -> wasmtime::Result<Vec<Result<Response, HttpError>>> {
        self.count()?;
        if requests.len() > MAX_REQUESTS {
            return Err(wasmtime::Error::msg(format!(
                "sent {} requests at once, more than {MAX_REQUESTS}",
                requests.len()
            )));
        }
        let Some(reach) = &self.reach else {
            return Ok(requests
                .iter()
                .map(|_| Err(HttpError::Denied("this call has no capabilities".into())))
                .collect());
        };
        // All answers together fit into the guest's memory, so that the host holds no more than the guest could take.
        let budget = AtomicU64::new(self.limits.memory_bytes);
        let answers = requests.into_iter().map(|request| reach.http.send(&reach.shared, request, &budget));
        Ok(join_all(answers).await)
    }
}
