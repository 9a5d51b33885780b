//! Listings, page by page, with ages by the server's clock: the `Date` of the answer minus when an object was written.
//! Both have whole seconds on most servers.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use aws_sdk_s3::types::Object;
use parking_lot::Mutex;

use crate::aws::{Cause, Fault};
use crate::store::Listed;

use super::bucket::Bucket;
use super::fault::fault;

impl Bucket {
    pub(super) async fn list(&self, prefix: &str) -> Result<Vec<Listed>, Fault> {
        let prefix = self.full(prefix);
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let clock = ServerClock::default();
            let send = |client: Client| {
                let request = client.list_objects_v2().bucket(self.name()).set_expected_bucket_owner(self.owner());
                let request = request.prefix(&prefix).set_continuation_token(token.clone());
                let request = request.customize().interceptor(clock.clone());
                async move { request.send().await.map_err(|error| fault(&error)) }
            };
            let page = self.request(send).await?;
            let now = clock.now();
            found.extend(page.contents().iter().filter_map(|object| self.listed(object, now)));
            if page.is_truncated() != Some(true) {
                break;
            }
            match page.next_continuation_token {
                Some(next) if token.as_ref() != Some(&next) => token = Some(next),
                _ => return Err(Fault::lasting(Cause::Other, "a listing that neither ends nor goes on")),
            }
        }
        found.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        found.dedup_by(|a, b| a.key == b.key);
        Ok(found)
    }

    /// An object as the home calls it; none for what stands for a folder in consoles.
    fn listed(&self, object: &Object, now: Option<DateTime>) -> Option<Listed> {
        let key = object.key()?.strip_prefix(self.root())?;
        if key.is_empty() || key.ends_with('/') {
            return None;
        }
        let age = now.zip(object.last_modified()).map(|(now, written)| age(now, *written));
        let bytes = object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
        Some(Listed { key: key.to_owned(), bytes, age })
    }
}

pub(crate) fn age(now: DateTime, written: DateTime) -> Duration {
    let nanos = now.as_nanos() - written.as_nanos();
    // Whole seconds are rounded down, so an object can be younger than nothing.
    u64::try_from(nanos.max(0)).map_or(Duration::MAX, Duration::from_nanos)
}

/// When the server answered, by its own clock.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerClock(Arc<Mutex<Option<DateTime>>>);

impl ServerClock {
    /// None where the server has told no time.
    pub(crate) fn now(&self) -> Option<DateTime> {
        *self.0.lock()
    }
}

impl Intercept for ServerClock {
    fn name(&self) -> &'static str {
        "ServerClock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        *self.0.lock() = context.response().headers().get("date").and_then(parse);
        Ok(())
    }
}

fn parse(date: &str) -> Option<DateTime> {
    DateTime::from_str(date, DateTimeFormat::HttpDate).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_by_one_clock_and_never_negative() {
        let now = parse("Tue, 29 Apr 2014 18:30:38 GMT").expect("a date");
        assert_eq!(age(now, DateTime::from_secs(now.secs() - 90)), Duration::from_secs(90));
        assert_eq!(age(now, DateTime::from_secs(now.secs() + 1)), Duration::ZERO);
        assert_eq!(parse("yesterday"), None);
    }
}
