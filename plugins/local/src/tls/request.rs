//! `tls_cert_request`: a request for a certificate, for `tls_locally_signed_cert` or any other authority.

use cofferdam_sdk::prelude::*;
use x509_cert::der::asn1::SetOfVec;
use x509_cert::der::pem::LineEnding;
use x509_cert::der::{Encode, EncodePem};
use x509_cert::request::{CertReq, CertReqInfo, ExtensionReq, Version};

use super::extensions;
use super::key::{Key, internal};
use super::names::{self, Subject};
use crate::digests;

/// A certificate request (PKCS #10).
#[properties]
pub(crate) struct Inputs {
    /// The private key, in PEM form.
    private_key_pem: String,
    /// Whom the certificate is for.
    #[serde(default)]
    subject: Subject,
    /// DNS names.
    #[serde(default)]
    dns_names: Vec<String>,
    /// IP addresses.
    #[serde(default)]
    ip_addresses: Vec<String>,
    /// URIs.
    #[serde(default)]
    uris: Vec<String>,
}

#[properties]
pub(crate) struct Outputs {
    /// SHA-1 of the request, in hexadecimal.
    id: String,
    /// The request.
    cert_request_pem: String,
    /// Algorithm of the key.
    key_algorithm: String,
}

pub(crate) struct CertRequest;

impl Resource for CertRequest {
    const TYPE: &'static str = "tls_cert_request";
    type Session = ();
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn define() -> Definition<Self> {
        Definition::new(create)
            .create_is_idempotent()
            .identifier(["id"])
            .create_only(["private_key_pem", "subject", "dns_names", "ip_addresses", "uris"])
            .sensitive(["private_key_pem"])
            .stable(["id", "cert_request_pem", "key_algorithm"])
    }
}

fn create(_: &Cx<()>, inputs: &Inputs) -> Result<Write<CertRequest>, Failure> {
    let key = Key::from_pem("private_key_pem", &inputs.private_key_pem)?;
    let mut attributes = SetOfVec::new();
    if let Some(names) = names::alternative_names(&inputs.dns_names, &inputs.ip_addresses, &inputs.uris)? {
        let wanted = ExtensionReq(vec![extensions::extension(&names, false)?]);
        attributes.insert(wanted.try_into().map_err(internal)?).map_err(internal)?;
    }
    let info = CertReqInfo {
        version: Version::V1,
        subject: inputs.subject.to_name()?,
        public_key: key.public_key()?,
        attributes,
    };
    let signature = key.sign(&info.to_der().map_err(internal)?)?;
    let request = CertReq { info, algorithm: key.signature_algorithm(), signature };
    let cert_request_pem = request.to_pem(LineEnding::LF).map_err(internal)?;
    let id = digests::sha1_hex(cert_request_pem.as_bytes());
    Ok(Write::done(Outputs { id, cert_request_pem, key_algorithm: key.algorithm().to_owned() }))
}
