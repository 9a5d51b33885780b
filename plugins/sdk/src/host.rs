//! The imports of the contract: the host's in a component, a stand-in from `testing` everywhere else.

use crate::bindings::cofferdam::provider::{files as wit_files, http as wit_http, log as wit_log, types};

/// What the wrappers in this crate need of a host.
pub(crate) trait Host {
    fn send(&self, requests: &[wit_http::Request]) -> Vec<Result<wit_http::Response, wit_http::HttpError>>;
    fn log(&self, level: wit_log::Level, message: &str, fields: &[(String, String)]);
    fn progress(&self, note: &str);
    fn now_ms(&self) -> u64;
    fn random(&self, length: u32) -> Vec<u8>;
    fn stat(&self, directory: &str, path: &str) -> Result<Option<wit_files::Metadata>, types::ProviderError>;
    fn read(&self, directory: &str, path: &str, offset: u64, length: u32) -> Result<Vec<u8>, types::ProviderError>;
    fn write(&self, directory: &str, path: &str, content: &[u8], mode: u32) -> Result<(), types::ProviderError>;
    fn make_directory(&self, directory: &str, path: &str, mode: u32) -> Result<(), types::ProviderError>;
    fn remove(&self, directory: &str, path: &str) -> Result<(), types::ProviderError>;
    fn entries(&self, directory: &str, path: &str) -> Result<Vec<String>, types::ProviderError>;
}

/// Runs `use_host` with the host of this call.
#[cfg(target_arch = "wasm32")]
pub(crate) fn with<T>(use_host: impl FnOnce(&dyn Host) -> T) -> T {
    use_host(&component::Component)
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::with_current as with;

#[cfg(target_arch = "wasm32")]
mod component {
    use super::{Host, types, wit_files, wit_http, wit_log};
    use crate::bindings::cofferdam::provider::{clock, random};

    /// The real host.
    pub(super) struct Component;

    impl Host for Component {
        fn send(&self, requests: &[wit_http::Request]) -> Vec<Result<wit_http::Response, wit_http::HttpError>> {
            wit_http::send(requests)
        }

        fn log(&self, level: wit_log::Level, message: &str, fields: &[(String, String)]) {
            wit_log::write(level, message, fields);
        }

        fn progress(&self, note: &str) {
            wit_log::progress(note);
        }

        fn now_ms(&self) -> u64 {
            clock::now_ms()
        }

        fn random(&self, length: u32) -> Vec<u8> {
            random::bytes(length)
        }

        fn stat(&self, directory: &str, path: &str) -> Result<Option<wit_files::Metadata>, types::ProviderError> {
            wit_files::stat(directory, path)
        }

        fn read(&self, directory: &str, path: &str, offset: u64, length: u32) -> Result<Vec<u8>, types::ProviderError> {
            wit_files::read(directory, path, offset, length)
        }

        fn write(&self, directory: &str, path: &str, content: &[u8], mode: u32) -> Result<(), types::ProviderError> {
            wit_files::write(directory, path, content, mode)
        }

        fn make_directory(&self, directory: &str, path: &str, mode: u32) -> Result<(), types::ProviderError> {
            wit_files::make_directory(directory, path, mode)
        }

        fn remove(&self, directory: &str, path: &str) -> Result<(), types::ProviderError> {
            wit_files::remove(directory, path)
        }

        fn entries(&self, directory: &str, path: &str) -> Result<Vec<String>, types::ProviderError> {
            wit_files::entries(directory, path)
        }
    }
}
