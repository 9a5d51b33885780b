//! Whom a certificate is for: its subject and its alternative names.

use std::net::IpAddr;

use cofferdam_sdk::prelude::*;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::{Ia5String, OctetString, PrintableStringRef, SetOfVec, Utf8StringRef};
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Any, Tag};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};

use super::key::internal;

/// The subject of a certificate.
#[properties]
#[derive(Default)]
pub(crate) struct Subject {
    /// Common name.
    common_name: Option<String>,
    /// Organization.
    organization: Option<String>,
    /// Department of the organization.
    organizational_unit: Option<String>,
    /// Street, one or more lines.
    #[serde(default)]
    street_address: Vec<String>,
    /// Town.
    locality: Option<String>,
    /// State or province.
    province: Option<String>,
    /// Country, by its two-letter code.
    country: Option<String>,
    /// Postal code.
    postal_code: Option<String>,
    /// Serial number of the subject, not of the certificate.
    serial_number: Option<String>,
}

impl Subject {
    /// The name in the order that most tools write.
    pub(super) fn to_name(&self) -> Result<Name, Error> {
        let one = |value: &Option<String>| value.iter().cloned().collect::<Vec<_>>();
        let parts = [
            ("country", "2.5.4.6", one(&self.country)),
            ("organization", "2.5.4.10", one(&self.organization)),
            ("organizational_unit", "2.5.4.11", one(&self.organizational_unit)),
            ("locality", "2.5.4.7", one(&self.locality)),
            ("province", "2.5.4.8", one(&self.province)),
            ("street_address", "2.5.4.9", self.street_address.clone()),
            ("postal_code", "2.5.4.17", one(&self.postal_code)),
            ("common_name", "2.5.4.3", one(&self.common_name)),
            ("serial_number", "2.5.4.5", one(&self.serial_number)),
        ];
        let mut names = Vec::new();
        for (property, oid, values) in parts {
            for value in values.iter().filter(|value| !value.is_empty()) {
                names.push(part(property, oid, value)?);
            }
        }
        Ok(RdnSequence(names))
    }
}

fn part(property: &str, oid: &str, text: &str) -> Result<RelativeDistinguishedName, Error> {
    let oid = ObjectIdentifier::new(oid).map_err(internal)?;
    // The standard wants these two in the smaller alphabet.
    let value = if matches!(property, "country" | "serial_number") {
        let wrong = |_| Error::invalid_input("may hold letters, digits, spaces and '()+,-./:=? alone");
        let text =
            PrintableStringRef::new(text).map_err(wrong).map_err(|error| error.at(&format!("subject/{property}")))?;
        Any::new(Tag::PrintableString, text.as_bytes())
    } else {
        Utf8StringRef::new(text).and_then(|text| Any::new(Tag::Utf8String, text.as_bytes()))
    };
    let attribute = AttributeTypeAndValue { oid, value: value.map_err(internal)? };
    SetOfVec::try_from(vec![attribute]).map(RelativeDistinguishedName).map_err(internal)
}

/// The alternative names; none where there are none.
pub(super) fn alternative_names(
    dns: &[String],
    ips: &[String],
    uris: &[String],
) -> Result<Option<SubjectAltName>, Error> {
    let mut names = Vec::new();
    let ascii = |property: &str, index: usize, text: &str| {
        let wrong =
            |_| Error::invalid_input(format!("`{text}` has characters outside ASCII; write it in its encoded form"));
        Ia5String::new(text).map_err(wrong).map_err(|error| error.at(&format!("{property}/{index}")))
    };
    for (index, text) in dns.iter().enumerate() {
        names.push(GeneralName::DnsName(ascii("dns_names", index, text)?));
    }
    for (index, text) in ips.iter().enumerate() {
        let wrong = |_| Error::invalid_input(format!("`{text}` is no IP address")).at(&format!("ip_addresses/{index}"));
        let octets = match text.parse::<IpAddr>().map_err(wrong)? {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        names.push(GeneralName::IpAddress(OctetString::new(octets).map_err(internal)?));
    }
    for (index, text) in uris.iter().enumerate() {
        names.push(GeneralName::UniformResourceIdentifier(ascii("uris", index, text)?));
    }
    Ok((!names.is_empty()).then_some(SubjectAltName(names)))
}
