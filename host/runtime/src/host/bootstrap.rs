//! `bootstrap`: asks the registry for what a plugin wants prepared.

use super::Guest;
use crate::bootstrap::Ensured;
use crate::contract::v0_1::convert::{error_out, provider_error_out};
use crate::contract::v0_1::imports::bootstrap;
use crate::contract::v0_1::imports::types::{Document, ErrorKind, ProviderError};

impl bootstrap::Host for Guest {
    async fn ensure(&mut self, scope: Document) -> wasmtime::Result<Result<bootstrap::Ensured, ProviderError>> {
        self.count()?;
        let Some(reach) = &self.reach else {
            return Ok(Err(error_out(ErrorKind::AccessDenied, "this call has no capability")));
        };
        let Some(ensurer) = &reach.shared.bootstraps else {
            return Ok(Err(error_out(ErrorKind::Unsupported, "this command has no bootstrap")));
        };
        let ends_at = self.ends_at + self.usage.waived.so_far();
        let ensured = ensurer.ensure(reach.asker(), &scope.json, ends_at).await;
        Ok(match ensured {
            Ok(Ensured::Ready(json)) => {
                let (unknown, secret) = (Vec::new(), Vec::new());
                Ok(bootstrap::Ensured::Ready(Document { json: json.to_string(), unknown, secret }))
            }
            Ok(Ensured::Would(steps)) => Ok(bootstrap::Ensured::WouldBootstrap(steps.to_vec())),
            Err(error) => Err(provider_error_out(&error)),
        })
    }
}
