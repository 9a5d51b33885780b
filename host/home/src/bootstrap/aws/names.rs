//! Names and texts that follow from the scope alone: two processes that have never heard of each other come to the
//! same ones.

use cofferdam_model::bootstrap::BootstrapScope;
use serde_json::{Value, json};

/// What names of buckets begin with where nobody chooses.
pub(super) const PREFIX: &str = "cofferdam";
/// The longest beginning: with an account, the longest region and a digest, a bucket's name has 63 characters.
pub(super) const MAX_PREFIX: usize = 18;

/// Which bucket of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bucket {
    State,
    Assets,
}

impl Bucket {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Assets => "assets",
        }
    }

    /// What it is called in records.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Assets => "asset",
        }
    }

    /// For how many days old versions of its objects stay.
    pub(super) fn days(self) -> i32 {
        match self {
            Self::State => 90,
            Self::Assets => 7,
        }
    }

    /// Names of buckets are public and can be guessed: the digest keeps scopes apart, and every request says who has
    /// to own the bucket.
    pub(super) fn name(self, prefix: &str, scope: &BootstrapScope) -> String {
        let (account, region) = (&scope.account, &scope.region);
        format!("{prefix}-{}-{account}-{region}-{}", self.word(), &scope.digest()[..8])
    }
}

/// What is wrong with a beginning of names, where something is.
pub(super) fn prefix_fault(prefix: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let starts = prefix.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let is_reserved = ["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|reserved| prefix.starts_with(reserved));
    if prefix.len() > MAX_PREFIX || !starts || !prefix.chars().all(fits) || is_reserved {
        return Some(format!(
            "`{prefix}` is no beginning of a bucket's name: up to {MAX_PREFIX} lowercase letters, digits and hyphens, \
             the first no hyphen"
        ));
    }
    None
}

/// The partition that a region belongs to.
#[must_use]
pub fn partition_of(region: &str) -> &'static str {
    const PARTITIONS: [(&str, &str); 7] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-isob-", "aws-iso-b"),
        ("us-isof-", "aws-iso-f"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-iso-", "aws-iso"),
        ("eusc-", "aws-eusc"),
    ];
    PARTITIONS.iter().find(|(region_prefix, _)| region.starts_with(region_prefix)).map_or("aws", |(_, name)| name)
}

/// The policy that lets nobody reach a bucket without TLS.
pub(super) fn tls_only(partition: &str, bucket: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [format!("arn:{partition}:s3:::{bucket}"), format!("arn:{partition}:s3:::{bucket}/*")],
            "Condition": { "Bool": { "aws:SecureTransport": "false" } },
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(region: &str) -> BootstrapScope {
        BootstrapScope {
            provider: "aws".into(),
            authority: "aws".into(),
            account: "123456789012".into(),
            region: region.into(),
            namespace: "default".into(),
        }
    }

    #[test]
    fn names_are_stable_and_fit() {
        let name = Bucket::State.name(PREFIX, &scope("eu-west-1"));
        assert_eq!(name, "cofferdam-state-123456789012-eu-west-1-401eceb4");
        let longest = Bucket::Assets.name(&"p".repeat(MAX_PREFIX), &scope("ap-northeast-1"));
        assert!(longest.len() <= 63, "{longest}: {}", longest.len());
        assert_ne!(Bucket::State.name(PREFIX, &scope("eu-west-1")), Bucket::Assets.name(PREFIX, &scope("eu-west-1")));
        let other = BootstrapScope { namespace: "b".into(), ..scope("eu-west-1") };
        assert_ne!(Bucket::State.name(PREFIX, &other), name);
    }

    #[test]
    fn beginnings_that_no_bucket_may_have_are_refused() {
        for prefix in ["cofferdam", "a", "a-1"] {
            assert_eq!(prefix_fault(prefix), None);
        }
        for prefix in ["", "-a", "A", "a_b", "a.b", "xn--a", &"a".repeat(MAX_PREFIX + 1)] {
            assert!(prefix_fault(prefix).is_some(), "{prefix}");
        }
    }

    #[test]
    fn every_region_has_its_partition() {
        let regions = [
            ("eu-west-1", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eusc-de-east-1", "aws-eusc"),
        ];
        for (region, partition) in regions {
            assert_eq!(partition_of(region), partition, "{region}");
        }
    }
}
