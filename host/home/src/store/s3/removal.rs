//! Removal of many objects: a thousand in a request, and one by one where the server or an object does not want that.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::aws::{Cause, Fault};

use super::bucket::Bucket;
use super::fault::fault;

const BATCH: usize = 1000;
const AT_ONCE: usize = 32;

impl Bucket {
    /// Removes objects; the name of one that could not be removed stands with its fault.
    pub(super) async fn remove_many(&self, keys: &[String]) -> Result<(), (String, Fault)> {
        for batch in keys.chunks(BATCH) {
            let left = match batch {
                [_] => batch.to_vec(),
                _ => match self.remove_batch(batch).await {
                    Ok(left) => left,
                    Err(fault) if fault.cause == Cause::Unsupported => batch.to_vec(),
                    Err(fault) => return Err((batch.first().cloned().unwrap_or_default(), fault)),
                },
            };
            let removals = left.into_iter().map(|key| async {
                let removed = Box::pin(self.remove(&key)).await;
                removed.map_err(|fault| (key, fault))
            });
            stream::iter(removals.collect::<Vec<_>>()).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        }
        Ok(())
    }

    /// Removes up to a thousand objects in a request; the names of those that are left.
    async fn remove_batch(&self, keys: &[String]) -> Result<Vec<String>, Fault> {
        let objects = keys.iter().map(|key| ObjectIdentifier::builder().key(self.full(key)).build());
        let objects = objects.collect::<Result<Vec<_>, _>>();
        let delete = objects.and_then(|objects| Delete::builder().set_objects(Some(objects)).quiet(true).build());
        let delete = delete.map_err(|error| Fault::lasting(Cause::Other, error.to_string()))?;
        let send = |client: Client| {
            let request = client
                .delete_objects()
                .bucket(self.name())
                .set_expected_bucket_owner(self.owner())
                .delete(delete.clone());
            async move { request.send().await.map_err(|error| fault(&error)) }
        };
        let answer = self.request(send).await?;
        let left = answer.errors().iter().filter(|error| error.code() != Some("NoSuchKey"));
        Ok(left.filter_map(|error| Some(error.key()?.strip_prefix(self.root())?.to_owned())).collect())
    }
}
