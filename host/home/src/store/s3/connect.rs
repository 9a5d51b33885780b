//! From settings to a client of S3.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Builder, SharedHttpClient};

use crate::aws::{Cause, Fault, config};

use super::S3Settings;

/// Reads configuration and makes a client. Credentials are looked for when the first request needs them.
///
/// # Errors
/// When no region is known.
pub(super) async fn connect(settings: &S3Settings, http: &SharedHttpClient) -> Result<Client, Fault> {
    let base = Box::pin(config(&settings.access, http)).await;
    if base.region().is_none() {
        let hint = "set `region` to the bucket's, or AWS_REGION in the environment";
        return Err(Fault::lasting(Cause::Settings(hint), "no region is known"));
    }
    let mut config = Builder::from(&base).force_path_style(settings.path_style);
    if let Some(endpoint) = &settings.access.endpoint {
        config = config.endpoint_url(endpoint);
    }
    Ok(Client::from_conf(config.build()))
}
