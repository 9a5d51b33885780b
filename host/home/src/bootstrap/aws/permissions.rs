//! The least that somebody has to be allowed who prepares an account, and who works in one that is prepared.

use serde_json::{Value, json};

/// What each call of the preparation needs, on the two buckets.
const PREPARE: [&str; 21] = [
    "s3:CreateBucket",
    "s3:GetBucketLocation",
    "s3:GetBucketPolicy",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketTagging",
    "s3:GetBucketVersioning",
    "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:ListBucket",
    "s3:ListBucketMultipartUploads",
    "s3:PutBucketPolicy",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketTagging",
    "s3:PutBucketVersioning",
    "s3:PutEncryptionConfiguration",
    "s3:PutLifecycleConfiguration",
    "s3:GetObject",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
];
/// States, and assets with uploads that go on where another was cut off.
const WORK: [&str; 7] = [
    "s3:ListBucket",
    "s3:ListBucketMultipartUploads",
    "s3:GetObject",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
];
const COLLECT: [&str; 2] = ["s3:DeleteObjectVersion", "s3:ListBucketVersions"];
const DESTROY: [&str; 3] = ["s3:DeleteBucket", "s3:DeleteObjectVersion", "s3:ListBucketVersions"];

/// What somebody is to be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permissions {
    /// To prepare the account, and everything below.
    Prepare,
    /// To keep states and assets in an account that is prepared.
    Work,
    /// To remove assets that nothing needs, beside working.
    Collect,
    /// To destroy the preparation, beside preparing it.
    Destroy,
}

/// The document of an IAM policy over the two buckets.
pub(super) fn document(permissions: Permissions, partition: &str, buckets: &[String], kms_key: Option<&str>) -> Value {
    let actions: Vec<&str> = match permissions {
        Permissions::Prepare => PREPARE.to_vec(),
        Permissions::Work => WORK.to_vec(),
        Permissions::Collect => [WORK.as_slice(), COLLECT.as_slice()].concat(),
        Permissions::Destroy => [PREPARE.as_slice(), DESTROY.as_slice()].concat(),
    };
    let arns = buckets.iter().map(|bucket| format!("arn:{partition}:s3:::{bucket}"));
    let (on_objects, on_buckets): (Vec<&str>, Vec<&str>) =
        actions.into_iter().partition(|action| is_on_objects(action));
    let whole: Vec<String> = arns.clone().collect();
    let objects: Vec<String> = arns.map(|arn| format!("{arn}/*")).collect();
    let mut statements = vec![
        json!({ "Sid": "Buckets", "Effect": "Allow", "Action": on_buckets, "Resource": whole }),
        json!({ "Sid": "Objects", "Effect": "Allow", "Action": on_objects, "Resource": objects }),
        // Needs no permission, but a boundary may deny it.
        json!({ "Sid": "WhoAmI", "Effect": "Allow", "Action": ["sts:GetCallerIdentity"], "Resource": "*" }),
    ];
    if let Some(key) = kms_key {
        let actions = ["kms:Decrypt", "kms:GenerateDataKey"];
        statements.push(json!({ "Sid": "Key", "Effect": "Allow", "Action": actions, "Resource": key }));
    }
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// Whether an action is about objects, and not about the bucket.
fn is_on_objects(action: &str) -> bool {
    action.contains("Object") || action.ends_with("MultipartUpload") || action.ends_with("MultipartUploadParts")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_stand_with_what_they_are_about() {
        let buckets = ["state".to_owned(), "assets".to_owned()];
        let text = document(Permissions::Destroy, "aws-cn", &buckets, Some("arn:aws-cn:kms:k"));
        let statement = |sid: &str| {
            let statements = text["Statement"].as_array().expect("statements");
            statements.iter().find(|statement| statement["Sid"] == sid).expect(sid).clone()
        };
        let objects = statement("Objects");
        assert_eq!(objects["Resource"], json!(["arn:aws-cn:s3:::state/*", "arn:aws-cn:s3:::assets/*"]));
        let named = |statement: &Value, action: &str| {
            statement["Action"].as_array().expect("actions").iter().any(|known| known == action)
        };
        assert!(named(&objects, "s3:DeleteObjectVersion") && named(&objects, "s3:AbortMultipartUpload"));
        let buckets = statement("Buckets");
        assert!(named(&buckets, "s3:ListBucketMultipartUploads") && named(&buckets, "s3:CreateBucket"));
        assert!(!named(&buckets, "s3:GetObject"));
        assert!(named(&objects, "s3:ListMultipartUploadParts") && !named(&buckets, "s3:ListMultipartUploadParts"));
        let collect = document(Permissions::Collect, "aws", &["b".to_owned()], None).to_string();
        assert!(collect.contains("s3:DeleteObjectVersion") && !collect.contains("DeleteBucket"), "{collect}");
        assert_eq!(statement("Key")["Resource"], "arn:aws-cn:kms:k");
        let work = document(Permissions::Work, "aws", &["b".to_owned()], None).to_string();
        assert!(!work.contains("CreateBucket") && !work.contains("kms"), "{work}");
    }
}
