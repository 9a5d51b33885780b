//! `assets`: this host serves no assets, and says so through the taxonomy.

use super::Guest;
use crate::contract::v0_1::convert::error_out;
use crate::contract::v0_1::imports::assets;
use crate::contract::v0_1::imports::types::{ErrorKind, ProviderError};

fn unsupported() -> ProviderError {
    error_out(ErrorKind::Unsupported, "this version of the host serves no assets")
}

impl assets::Host for Guest {
    async fn stat(&mut self, _asset: String) -> wasmtime::Result<Result<assets::Info, ProviderError>> {
        self.count()?;
        Ok(Err(unsupported()))
    }

    async fn read(
        &mut self,
        _asset: String,
        _offset: u64,
        _length: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, ProviderError>> {
        self.count()?;
        Ok(Err(unsupported()))
    }

    async fn publish(
        &mut self,
        _asset: String,
        _scope: String,
    ) -> wasmtime::Result<Result<assets::Location, ProviderError>> {
        self.count()?;
        Ok(Err(unsupported()))
    }
}
