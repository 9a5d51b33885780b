//! `bootstrap`: this host serves no bootstrap, and says so through the taxonomy.

use super::Guest;
use crate::contract::v0_1::convert::error_out;
use crate::contract::v0_1::imports::bootstrap;
use crate::contract::v0_1::imports::types::{Document, ErrorKind, ProviderError};

impl bootstrap::Host for Guest {
    async fn ensure(&mut self, _scope: Document) -> wasmtime::Result<Result<bootstrap::Ensured, ProviderError>> {
        self.count()?;
        Ok(Err(error_out(ErrorKind::Unsupported, "this version of the host has no bootstrap registry")))
    }
}
