//! Signs certificates, and knows when they are due again.

use cofferdam_sdk::prelude::*;
use jiff::{SignedDuration, Timestamp};
use x509_cert::der::asn1::{GeneralizedTime, UtcTime};
use x509_cert::der::{EncodePem, pem::LineEnding};
use x509_cert::ext::Extension;
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::SubjectPublicKeyInfoOwned;
use x509_cert::time::{Time, Validity};
use x509_cert::{Certificate, TbsCertificate, Version};

use super::key::{Key, internal};
use crate::random::id::decimal;
use crate::rotating::{now, parse, show};

/// From this year on certificates need the longer form of times (RFC 5280, 4.1.2.5).
const GENERALIZED_FROM_UNIX: u64 = 2_524_608_000;

/// What a certificate says.
pub(super) struct Content {
    pub(super) subject: Name,
    pub(super) issuer: Name,
    pub(super) public_key: SubjectPublicKeyInfoOwned,
    pub(super) extensions: Vec<Extension>,
    pub(super) validity_hours: u32,
}

#[properties]
pub(crate) struct Issued {
    /// Serial number, in decimal.
    id: String,
    /// The certificate.
    cert_pem: String,
    /// Algorithm of the key that signed it.
    key_algorithm: String,
    /// When it becomes valid (RFC 3339).
    validity_start_time: String,
    /// When it ceases to be valid (RFC 3339).
    validity_end_time: String,
    /// Whether it is due; a deploy then makes a new one.
    ready_for_renewal: bool,
}

/// The outputs of a certificate.
const OUTPUTS: [&str; 6] =
    ["id", "cert_pem", "key_algorithm", "validity_start_time", "validity_end_time", "ready_for_renewal"];

/// Signs a certificate that is valid from now on.
pub(super) fn sign(key: &Key, content: Content) -> Result<Issued, Error> {
    let start = now()?;
    let hours = SignedDuration::from_hours(content.validity_hours.into());
    let end = start.checked_add(hours).map_err(|_| Error::invalid_input("is too long").at("validity_period_hours"))?;
    let mut serial = random::bytes(16);
    // Positive, and never zero.
    serial[0] = serial[0] & 0x7f | 0x40;
    let tbs_certificate = TbsCertificate {
        version: Version::V3,
        serial_number: SerialNumber::new(&serial).map_err(internal)?,
        signature: key.signature_algorithm(),
        issuer: content.issuer,
        validity: Validity { not_before: time(start)?, not_after: time(end)? },
        subject: content.subject,
        subject_public_key_info: content.public_key,
        issuer_unique_id: None,
        subject_unique_id: None,
        extensions: Some(content.extensions),
    };
    let message = x509_cert::der::Encode::to_der(&tbs_certificate).map_err(internal)?;
    let certificate =
        Certificate { tbs_certificate, signature_algorithm: key.signature_algorithm(), signature: key.sign(&message)? };
    Ok(Issued {
        id: decimal(&serial),
        cert_pem: certificate.to_pem(LineEnding::LF).map_err(internal)?,
        key_algorithm: key.algorithm().to_owned(),
        validity_start_time: show(start),
        validity_end_time: show(end),
        ready_for_renewal: false,
    })
}

fn time(at: Timestamp) -> Result<Time, Error> {
    let seconds = u64::try_from(at.as_second()).map_err(internal)?;
    let since_1970 = Duration::from_secs(seconds);
    if seconds < GENERALIZED_FROM_UNIX {
        UtcTime::from_unix_duration(since_1970).map(Time::UtcTime).map_err(internal)
    } else {
        GeneralizedTime::from_unix_duration(since_1970).map(Time::GeneralTime).map_err(internal)
    }
}

/// Plans a new certificate where the present one is due; every certificate type plans so.
pub(super) fn plan_renewal<R: Resource>(
    _: &Cx<R::Session>,
    prior: Option<&Prior<R>>,
    draft: &Draft,
    mut planned: Planned,
) -> Result<Planned, Error> {
    let end = prior.and_then(|prior| prior.get::<String>("validity_end_time"));
    let early = draft.get("early_renewal_hours").and_then(Value::as_u64).unwrap_or_default();
    if let Some(end) = end
        && is_due(parse("validity_end_time", &end)?, early, now()?)
    {
        planned.set_unknown(OUTPUTS);
        planned.replace("validity_end_time", format!("the certificate is due: it is valid until {end}"));
    }
    Ok(planned)
}

fn is_due(end: Timestamp, early_hours: u64, now: Timestamp) -> bool {
    let left = end.as_second().saturating_sub(now.as_second());
    let early = early_hours.saturating_mul(3600);
    left <= i64::try_from(early).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_due_early() {
        let at = |seconds| Timestamp::from_second(seconds).expect("in range");
        assert!(!is_due(at(7_201), 2, at(0)));
        assert!(is_due(at(7_200), 2, at(0)));
        assert!(is_due(at(0), 0, at(5)));
        assert!(is_due(at(7_200), u64::MAX, at(0)));
    }

    #[test]
    fn far_times_use_the_longer_form() {
        let kind = |text: &str| time(text.parse().expect("a time")).expect("in range");
        assert!(matches!(kind("2049-12-31T23:59:59Z"), Time::UtcTime(_)));
        assert!(matches!(kind("2050-01-01T00:00:00Z"), Time::GeneralTime(_)));
    }
}
