//! A home in an account that is prepared when the first object is written: until then it reads as an empty home, so that
//! a plan of an account that nobody has used makes nothing.

use std::sync::{Arc, OnceLock};

use super::{Created, Listed, S3Store, Store, StoreError, StoreListener, Trouble};
use crate::bootstrap::aws::AwsBootstrap;
use crate::{BootstrapError, Holder, Watch};

/// The home in the state bucket of a bootstrap.
pub struct PreparedStore {
    bootstrap: AwsBootstrap,
    holder: Holder,
    watch: Box<dyn Watch>,
    inner: OnceLock<S3Store>,
    /// Set when this process has seen that everything is there.
    is_prepared: OnceLock<()>,
    listener: Option<Arc<dyn StoreListener>>,
}

impl PreparedStore {
    /// A home of that account. `holder` prepares it, and `watch` follows.
    #[must_use]
    pub fn new(bootstrap: AwsBootstrap, holder: Holder, watch: Box<dyn Watch>) -> Self {
        Self { bootstrap, holder, watch, inner: OnceLock::new(), is_prepared: OnceLock::new(), listener: None }
    }

    /// With somebody who is told when the bucket does not answer.
    #[must_use]
    pub fn heard_by(self, listener: Arc<dyn StoreListener>) -> Self {
        Self { listener: Some(listener), ..self }
    }

    /// The bootstrap.
    #[must_use]
    pub fn bootstrap(&self) -> &AwsBootstrap {
        &self.bootstrap
    }

    fn failed(&self, action: &'static str, key: &str, error: BootstrapError) -> StoreError {
        let passing = matches!(&error, BootstrapError::Store(error) if error.trouble == Trouble::Passing);
        let trouble = if passing || error.is_retried() { Trouble::Passing } else { Trouble::Lasting };
        StoreError { action, place: self.place(key), trouble, hint: error.hint(), source: Box::new(error) }
    }

    fn opened(&self) -> Result<&S3Store, StoreError> {
        if let Some(store) = self.inner.get() {
            return Ok(store);
        }
        let mut store = S3Store::open(&self.bootstrap.home())?;
        if let Some(listener) = &self.listener {
            store = store.heard_by(Arc::clone(listener));
        }
        Ok(self.inner.get_or_init(|| store))
    }

    /// The bucket where there is one, without making it.
    fn present(&self, action: &'static str, key: &str) -> Result<Option<&S3Store>, StoreError> {
        if let Some(store) = self.inner.get() {
            return Ok(Some(store));
        }
        match self.bootstrap.read() {
            Ok(None) => {
                self.watch.would(self.bootstrap.steps());
                Ok(None)
            }
            Ok(Some(_)) => self.opened().map(Some),
            Err(error) => Err(self.failed(action, key, error)),
        }
    }

    /// The bucket, made where there is none.
    fn made(&self, action: &'static str, key: &str) -> Result<&S3Store, StoreError> {
        if self.is_prepared.get().is_none() {
            self.bootstrap.prepare(&self.holder, &*self.watch).map_err(|error| self.failed(action, key, error))?;
            let () = self.is_prepared.get_or_init(|| ());
        }
        self.opened()
    }
}

impl Store for PreparedStore {
    fn place(&self, key: &str) -> String {
        let home = self.bootstrap.home();
        format!("s3://{}/{}/{key}", home.bucket, home.prefix)
    }

    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.present("read", key)?.map_or(Ok(None), |store| store.get(key))
    }

    fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let first = keys.first().map_or("", String::as_str);
        self.present("read", first)?.map_or_else(|| Ok(vec![None; keys.len()]), |store| store.get_many(keys))
    }

    fn create(&self, key: &str, bytes: &[u8]) -> Result<Created, StoreError> {
        self.made("create", key)?.create(key, bytes)
    }

    fn replace(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.made("replace", key)?.replace(key, bytes)
    }

    fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        let first = keys.first().map_or("", String::as_str);
        self.present("delete", first)?.map_or(Ok(()), |store| store.delete(keys))
    }

    fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        self.present("list", prefix)?.map_or_else(|| Ok(Vec::new()), |store| store.list(prefix))
    }
}
