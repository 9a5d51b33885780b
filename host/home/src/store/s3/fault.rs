//! What S3 says, sorted by what follows from it.

use std::error::Error;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::aws::{Answer, Cause, Fault};

/// What the SDK says of a request to S3.
pub(super) fn fault<E>(error: &SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    Fault::of(error, cause)
}

/// What only S3 says.
pub(super) fn cause(answer: &Answer<'_>) -> Option<Cause> {
    Some(match answer.code {
        "NoSuchKey" => Cause::NoObject,
        "NoSuchUpload" => Cause::NoUpload,
        "NoSuchBucket" | "InvalidBucketName" => Cause::NoBucket,
        "PreconditionFailed" => Cause::Taken,
        "ConditionalRequestConflict" | "OperationAborted" => Cause::Conflict,
        "PermanentRedirect"
        | "TemporaryRedirect"
        | "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraintException" => Cause::Region(answer.other_region()),
        "SlowDown" | "BadDigest" | "IncompleteBody" | "XAmzContentChecksumMismatch" => Cause::Busy,
        "NotImplemented" | "MethodNotAllowed" | "MissingContentMD5" => Cause::Unsupported,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Trouble;

    #[test]
    fn answers_are_sorted_by_what_follows() {
        let cases = [
            (404, "NoSuchKey", Cause::NoObject, Trouble::Lasting),
            (404, "NoSuchBucket", Cause::NoBucket, Trouble::Lasting),
            (404, "", Cause::Other, Trouble::Lasting),
            (412, "PreconditionFailed", Cause::Taken, Trouble::Lasting),
            (412, "", Cause::Taken, Trouble::Lasting),
            (409, "ConditionalRequestConflict", Cause::Conflict, Trouble::Passing),
            (403, "AccessDenied", Cause::Denied, Trouble::Lasting),
            (403, "SignatureDoesNotMatch", Cause::WrongKeys, Trouble::Lasting),
            (503, "SlowDown", Cause::Busy, Trouble::Passing),
            (400, "BadDigest", Cause::Busy, Trouble::Passing),
            (501, "NotImplemented", Cause::Unsupported, Trouble::Lasting),
            (301, "", Cause::Region(None), Trouble::Lasting),
        ];
        for (status, code, expected, trouble) in cases {
            let fault = Answer { status, code, ..Answer::default() }.fault(cause);
            assert_eq!((fault.cause, fault.trouble), (expected, trouble), "{status} {code}");
        }
    }

    #[test]
    fn a_redirect_tells_the_region() {
        let message = "the region 'us-east-1' is wrong; expecting 'eu-central-1'";
        let expected = Cause::Region(Some("eu-central-1".to_owned()));
        let answer = Answer { status: 400, code: "AuthorizationHeaderMalformed", message, ..Answer::default() };
        assert_eq!(answer.fault(cause).cause, expected);
        let header = |region| Answer { status: 301, region: Some(region), ..Answer::default() }.fault(cause).cause;
        assert_eq!(header("eu-central-1"), expected);
        // What a server says must not get into a command to paste.
        assert_eq!(header("x; rm -rf /"), Cause::Region(None));
    }
}
