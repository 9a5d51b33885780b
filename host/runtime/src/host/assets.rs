//! `assets`: files of the project, by content.

use std::sync::Arc;

use cofferdam_model::assets::{Asset, AssetPath};
use cofferdam_model::error::ProviderError as Refusal;
use cofferdam_model::provider::Mode;
use cofferdam_model::redact::Redactor;

use super::{Guest, Reach, Usage};
use crate::assets::blocking;
use crate::assets::file::AssetFile;
use crate::contract::v0_1::convert::{error_out, provider_error_out};
use crate::contract::v0_1::imports::assets;
use crate::contract::v0_1::imports::types::{ErrorKind, ProviderError};

const MAX_READ: u32 = 4 * 1024 * 1024;
/// How much of a name that is refused is shown, in bytes.
const MAX_SHOWN: usize = 120;

type Answer<T> = Result<T, ProviderError>;

/// What a call works with: parts of the guest, which itself is one thread's alone.
struct Work<'g> {
    reach: &'g Reach,
    redactor: &'g Redactor,
    usage: &'g Usage,
}

impl Guest {
    fn assets(&self) -> Answer<Work<'_>> {
        let none = || error_out(ErrorKind::AccessDenied, "this call has no capabilities");
        let reach = self.reach.as_ref().ok_or_else(none)?;
        Ok(Work { reach, redactor: self.log.redactor(), usage: &self.usage })
    }
}

impl Work<'_> {
    /// A path may be or hold a secret.
    fn told(&self, mut error: Refusal) -> ProviderError {
        error.message = self.redactor.redact(&error.message);
        provider_error_out(&error)
    }

    async fn open(&self, name: &str) -> Answer<Arc<AssetFile>> {
        let (access, provider) = (Arc::clone(&self.reach.assets), self.reach.provider.clone());
        let Some(path) = AssetPath::parse(name).ok().filter(|path| !path.is_root()) else {
            let shown = self.redactor.redact_start(name, MAX_SHOWN);
            let shown: String = shown.chars().filter(|c| !c.is_control()).collect();
            let text = format!(
                "`{shown}` names no asset: write the path of a file in the stack's folder, with `/`, without `..`, and \
                 not below `.cofferdam`"
            );
            return Err(error_out(ErrorKind::InvalidInput, text));
        };
        blocking(move || access.open(&provider, &path)).await.map(Arc::new).map_err(|error| self.told(error))
    }

    async fn stat(&self, name: &str) -> Answer<assets::Info> {
        let file = self.open(name).await?;
        let digest = self.reach.shared.assets.digest(&file).await.map_err(|error| self.told(error))?;
        let media_type = mime_guess::from_path(file.name()).first_raw().map(str::to_owned);
        Ok(assets::Info { digest: digest.to_string(), size: file.size(), media_type })
    }

    async fn read(&self, name: &str, offset: u64, length: u32) -> Answer<Vec<u8>> {
        let file = self.open(name).await?;
        let length = length.min(MAX_READ);
        blocking(move || file.read(offset, length)).await.map_err(|error| self.told(error))
    }

    async fn publish(&self, name: &str, scope: &str) -> Answer<assets::Location> {
        let Reach { mode, shared, .. } = self.reach;
        if *mode == Mode::ReadOnly {
            let text = "assets are published by deploys alone; a plan looks at one with `stat`";
            return Err(error_out(ErrorKind::AccessDenied, text));
        }
        let Some(ensurer) = &shared.bootstraps else {
            return Err(error_out(ErrorKind::Unsupported, "this command has no bootstrap"));
        };
        let file = self.open(name).await?;
        // How long an upload takes is none of the plugin's doing.
        let _waived = self.usage.waived.begin();
        let published = async {
            let digest = shared.assets.digest(&file).await?;
            let (key, open) = ensurer.place(self.reach.asker(), scope, digest).await?;
            let asset = Asset { name: file.name().to_owned(), digest, size: file.size(), content: file };
            shared.assets.publish(key, open, asset).await
        };
        let location = published.await.map_err(|error| self.told(error))?;
        Ok(assets::Location { bucket: location.bucket, key: location.key, version: location.version })
    }
}

impl assets::Host for Guest {
    async fn stat(&mut self, asset: String) -> wasmtime::Result<Answer<assets::Info>> {
        self.count()?;
        let work = match self.assets() {
            Ok(work) => work,
            Err(denied) => return Ok(Err(denied)),
        };
        Ok(work.stat(&asset).await)
    }

    async fn read(&mut self, asset: String, offset: u64, length: u32) -> wasmtime::Result<Answer<Vec<u8>>> {
        self.count()?;
        let work = match self.assets() {
            Ok(work) => work,
            Err(denied) => return Ok(Err(denied)),
        };
        Ok(work.read(&asset, offset, length).await)
    }

    async fn publish(&mut self, asset: String, scope: String) -> wasmtime::Result<Answer<assets::Location>> {
        self.count()?;
        let work = match self.assets() {
            Ok(work) => work,
            Err(denied) => return Ok(Err(denied)),
        };
        Ok(work.publish(&asset, &scope).await)
    }
}
