//! From access to what a client is made of: region, credentials, role, timeouts, retries. The SDK looks for credentials
//! where the AWS CLI does, keeps them, and asks again before they end.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
// Every service of the SDK names the same types.
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider, SharedHttpClient};
use aws_smithy_http_client::tls;

use super::{AwsAccess, AwsRole};

const CONNECT: Duration = Duration::from_secs(3);
const ATTEMPT: Duration = Duration::from_secs(10);
const ATTEMPTS: u32 = 3;
/// Before the second attempt at most, and twice that before the third.
const BACKOFF: Duration = Duration::from_millis(200);
const OPERATION: Duration = Duration::from_secs(30);
/// What a slow line still carries in a second, bytes.
const SLOWEST: usize = 512 * 1024;
/// The region in signatures for servers that have none.
const ANY_REGION: &str = "us-east-1";
const SESSION: &str = "cofferdam";

/// The HTTP client that requests and credential providers share, with its connections.
pub(crate) fn http() -> SharedHttpClient {
    let ring = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
    aws_smithy_http_client::Builder::new().tls_provider(ring).build_https()
}

/// How long it may take to carry so many bytes, beyond what a request without a body takes.
pub(crate) fn carrying(bytes: usize) -> Duration {
    Duration::from_secs((bytes / SLOWEST) as u64)
}

/// The limits of one operation with a body of so many bytes.
pub(crate) fn limits(bytes: usize) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT + carrying(bytes))
        .operation_timeout(OPERATION + carrying(bytes) * ATTEMPTS)
        .build()
}

/// Reads configuration. Credentials are looked for when the first request needs them. The region is none where none is
/// known; the endpoint is the caller's to set, because the token service has another.
pub(crate) async fn config(access: &AwsAccess, http: &SharedHttpClient) -> SdkConfig {
    let base = base(access, http).await;
    match &access.role {
        Some(role) => {
            let provider = assume(role, &base).await;
            base.into_builder().credentials_provider(provider).build()
        }
        None => base,
    }
}

async fn base(access: &AwsAccess, http: &SharedHttpClient) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.clone())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(BACKOFF))
        .timeout_config(limits(0));
    if let Some(region) = region(access).await {
        loader = loader.region(region);
    }
    if let Some(keys) = &access.keys {
        loader =
            loader.credentials_provider(Credentials::new(&keys.id, &keys.secret, keys.token.clone(), None, SESSION));
    } else if let Some(profile) = &access.profile {
        // A profile that was named counts more than credentials in the environment.
        let around = ProviderConfig::without_region().with_http_client(http.clone());
        let around = around.with_region(region(access).await);
        let provider = ProfileFileCredentialsProvider::builder().configure(&around).profile_name(profile);
        loader = loader.profile_name(profile).credentials_provider(provider.build());
    }
    Box::pin(loader.load()).await
}

/// The region that was named; with an endpoint also one that is good enough for a server that has none. None leaves
/// the search to the SDK, which asks the instance at last.
async fn region(access: &AwsAccess) -> Option<Region> {
    if let Some(region) = &access.region {
        return Some(Region::new(region.clone()));
    }
    access.endpoint.as_ref()?;
    let mut profile = ProfileFileRegionProvider::builder();
    if let Some(name) = &access.profile {
        profile = profile.profile_name(name);
    }
    let chain = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(profile.build())
        .or_else(Region::from_static(ANY_REGION));
    chain.region().await
}

async fn assume(role: &AwsRole, base: &SdkConfig) -> SharedCredentialsProvider {
    let config = match &role.endpoint {
        Some(endpoint) => base.to_builder().endpoint_url(endpoint).build(),
        None => base.clone(),
    };
    let mut builder = AssumeRoleProvider::builder(&role.arn)
        .configure(&config)
        .session_name(role.session_name.as_deref().unwrap_or(SESSION));
    if let Some(id) = &role.external_id {
        builder = builder.external_id(id);
    }
    SharedCredentialsProvider::new(Box::pin(builder.build()).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_body_has_more_time() {
        let limits_of = |bytes| {
            let limits = limits(bytes);
            (limits.operation_attempt_timeout(), limits.operation_timeout())
        };
        assert_eq!(limits_of(1000), (Some(ATTEMPT), Some(OPERATION)));
        let (attempt, operation) = (Duration::from_secs(10 + 16), Duration::from_secs(30 + 48));
        assert_eq!(limits_of(8 * 1024 * 1024), (Some(attempt), Some(operation)));
    }
}
