//! What a certificate may be used for, and its other extensions.

use cofferdam_sdk::prelude::*;
use sha1::{Digest, Sha1};
use x509_cert::der::Encode;
use x509_cert::der::asn1::OctetString;
use x509_cert::der::flagset::FlagSet;
use x509_cert::der::oid::{AssociatedOid, ObjectIdentifier};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectKeyIdentifier,
};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use super::key::internal;

/// What a certificate may be used for.
#[properties]
#[derive(Copy)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Use {
    AnyExtended,
    CertSigning,
    ClientAuth,
    CodeSigning,
    ContentCommitment,
    CrlSigning,
    DataEncipherment,
    DecipherOnly,
    DigitalSignature,
    EmailProtection,
    EncipherOnly,
    IpsecEndSystem,
    IpsecTunnel,
    IpsecUser,
    KeyAgreement,
    KeyEncipherment,
    OcspSigning,
    ServerAuth,
    Timestamping,
}

enum Meaning {
    Key(KeyUsages),
    Extended(&'static str),
}

impl Use {
    fn meaning(self) -> Meaning {
        use Meaning::{Extended, Key};
        match self {
            Self::DigitalSignature => Key(KeyUsages::DigitalSignature),
            Self::ContentCommitment => Key(KeyUsages::NonRepudiation),
            Self::KeyEncipherment => Key(KeyUsages::KeyEncipherment),
            Self::DataEncipherment => Key(KeyUsages::DataEncipherment),
            Self::KeyAgreement => Key(KeyUsages::KeyAgreement),
            Self::CertSigning => Key(KeyUsages::KeyCertSign),
            Self::CrlSigning => Key(KeyUsages::CRLSign),
            Self::EncipherOnly => Key(KeyUsages::EncipherOnly),
            Self::DecipherOnly => Key(KeyUsages::DecipherOnly),
            Self::AnyExtended => Extended("2.5.29.37.0"),
            Self::ServerAuth => Extended("1.3.6.1.5.5.7.3.1"),
            Self::ClientAuth => Extended("1.3.6.1.5.5.7.3.2"),
            Self::CodeSigning => Extended("1.3.6.1.5.5.7.3.3"),
            Self::EmailProtection => Extended("1.3.6.1.5.5.7.3.4"),
            Self::IpsecEndSystem => Extended("1.3.6.1.5.5.7.3.5"),
            Self::IpsecTunnel => Extended("1.3.6.1.5.5.7.3.6"),
            Self::IpsecUser => Extended("1.3.6.1.5.5.7.3.7"),
            Self::Timestamping => Extended("1.3.6.1.5.5.7.3.8"),
            Self::OcspSigning => Extended("1.3.6.1.5.5.7.3.9"),
        }
    }
}

/// One extension.
pub(super) fn extension<T: AssociatedOid + Encode>(value: &T, critical: bool) -> Result<Extension, Error> {
    let der = value.to_der().map_err(internal)?;
    Ok(Extension { extn_id: T::OID, critical, extn_value: OctetString::new(der).map_err(internal)? })
}

/// Whether it is an authority, and what it may be used for. Both lists of uses may be left out where they are empty.
pub(super) fn constraints(is_ca: bool, uses: &[Use]) -> Result<Vec<Extension>, Error> {
    let mut extensions = vec![extension(&BasicConstraints { ca: is_ca, path_len_constraint: None }, true)?];
    let mut key_uses: FlagSet<KeyUsages> = FlagSet::default();
    let mut extended = Vec::new();
    for allowed in uses {
        match allowed.meaning() {
            Meaning::Key(flag) => key_uses |= flag,
            Meaning::Extended(oid) => extended.push(ObjectIdentifier::new(oid).map_err(internal)?),
        }
    }
    if !key_uses.is_empty() {
        extensions.push(extension(&KeyUsage(key_uses), true)?);
    }
    if !extended.is_empty() {
        extensions.push(extension(&ExtendedKeyUsage(extended), false)?);
    }
    Ok(extensions)
}

/// The name that a key goes by in certificates: SHA-1 of its bits (RFC 5280, 4.2.1.2).
pub(super) fn key_identifier(key: &SubjectPublicKeyInfoOwned) -> Result<OctetString, Error> {
    OctetString::new(Sha1::digest(key.subject_public_key.raw_bytes()).to_vec()).map_err(internal)
}

pub(super) fn subject_key(identifier: OctetString) -> Result<Extension, Error> {
    extension(&SubjectKeyIdentifier(identifier), false)
}

pub(super) fn authority_key(identifier: OctetString) -> Result<Extension, Error> {
    let key_identifier = Some(identifier);
    let authority =
        AuthorityKeyIdentifier { key_identifier, authority_cert_issuer: None, authority_cert_serial_number: None };
    extension(&authority, false)
}
