//! `tls_locally_signed_cert`: a certificate for a request, signed by an authority whose key is at hand.

use cofferdam_sdk::prelude::*;
use x509_cert::Certificate;
use x509_cert::der::{Decode, DecodePem};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{SubjectAltName, SubjectKeyIdentifier};
use x509_cert::request::{CertReq, ExtensionReq};

use super::extensions::{self, Use};
use super::issue::{self, Content, Issued};
use super::key::{Key, internal};

/// A certificate for a request, with the names that the request asks for. A deploy makes a new one when it is due.
#[properties]
pub(crate) struct Inputs {
    /// The request, in PEM form.
    cert_request_pem: String,
    /// Private key of the authority, in PEM form.
    ca_private_key_pem: String,
    /// Certificate of the authority, in PEM form.
    ca_cert_pem: String,
    /// Hours that it is valid, from the deploy on.
    #[schemars(range(min = 1, max = 876_000))]
    validity_period_hours: u32,
    /// Hours before its end at which a new one is made.
    #[serde(default)]
    early_renewal_hours: u32,
    /// What it may be used for.
    #[serde(default)]
    allowed_uses: Vec<Use>,
    /// Whether it may sign others.
    #[serde(default)]
    is_ca_certificate: bool,
    /// Whether it names its key; authorities always do.
    #[serde(default)]
    set_subject_key_id: bool,
}

pub(crate) struct LocallySignedCert;

impl Resource for LocallySignedCert {
    const TYPE: &'static str = "tls_locally_signed_cert";
    type Session = ();
    type Inputs = Inputs;
    type Outputs = Issued;

    fn define() -> Definition<Self> {
        Definition::new(create)
            .create_is_idempotent()
            // Only the hours of early renewal change without a new certificate.
            .update(|_, change| Ok(Write::done(change.prior.outputs()?)))
            .plan(issue::plan_renewal)
            .identifier(["id"])
            .create_only(["cert_request_pem", "ca_private_key_pem", "ca_cert_pem", "validity_period_hours"])
            .create_only(["allowed_uses", "is_ca_certificate", "set_subject_key_id"])
            .sensitive(["ca_private_key_pem"])
            .stable(["id", "cert_pem", "key_algorithm", "validity_start_time", "validity_end_time"])
    }
}

fn create(_: &Cx<()>, inputs: &Inputs) -> Result<Write<LocallySignedCert>, Failure> {
    let key = Key::from_pem("ca_private_key_pem", &inputs.ca_private_key_pem)?;
    let authority = Certificate::from_pem(&inputs.ca_cert_pem)
        .map_err(|error| Error::invalid_input(format!("is no certificate in PEM form: {error}")).at("ca_cert_pem"))?
        .tbs_certificate;
    if authority.subject_public_key_info != key.public_key()? {
        return Err(Error::invalid_input("does not belong to `ca_cert_pem`").at("ca_private_key_pem").into());
    }
    let request = CertReq::from_pem(&inputs.cert_request_pem)
        .map_err(|error| {
            Error::invalid_input(format!("is no certificate request in PEM form: {error}")).at("cert_request_pem")
        })?
        .info;
    let mut extensions = extensions::constraints(inputs.is_ca_certificate, &inputs.allowed_uses)?;
    if inputs.set_subject_key_id || inputs.is_ca_certificate {
        extensions.push(extensions::subject_key(extensions::key_identifier(&request.public_key)?)?);
    }
    // With it, verifiers find the authority among several of the same name.
    if let Some((_, SubjectKeyIdentifier(identifier))) = authority.get().map_err(internal)? {
        extensions.push(extensions::authority_key(identifier)?);
    }
    extensions.extend(wanted_names(&request)?);
    let content = Content {
        subject: request.subject,
        issuer: authority.subject,
        public_key: request.public_key,
        extensions,
        validity_hours: inputs.validity_period_hours,
    };
    Ok(Write::done(issue::sign(&key, content)?))
}

/// The alternative names of a request. Nothing else that it asks for is granted.
fn wanted_names(request: &x509_cert::request::CertReqInfo) -> Result<Vec<Extension>, Error> {
    use x509_cert::der::oid::AssociatedOid;
    let wrong = |error| {
        Error::invalid_input(format!("asks for extensions that cannot be read: {error}")).at("cert_request_pem")
    };
    let mut names = Vec::new();
    for attribute in request.attributes.iter().filter(|attribute| attribute.oid == ExtensionReq::OID) {
        for value in attribute.values.iter() {
            let wanted: ExtensionReq = value.decode_as().map_err(wrong)?;
            names.extend(wanted.0.into_iter().filter(|extension| extension.extn_id == SubjectAltName::OID));
        }
    }
    for name in &names {
        SubjectAltName::from_der(name.extn_value.as_bytes()).map_err(wrong)?;
    }
    names.truncate(1);
    Ok(names)
}
