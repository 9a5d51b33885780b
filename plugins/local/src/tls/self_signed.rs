//! `tls_self_signed_cert`: a certificate that vouches for itself, such as the root of a test authority.

use cofferdam_sdk::prelude::*;
use x509_cert::ext::Extension;

use super::extensions::{self, Use};
use super::issue::{self, Content, Issued};
use super::key::Key;
use super::names::{self, Subject};

/// A certificate signed by its own key. A deploy makes a new one when it is due.
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
    /// Whether it names the key that signed it.
    #[serde(default)]
    set_authority_key_id: bool,
}

pub(crate) struct SelfSignedCert;

impl Resource for SelfSignedCert {
    const TYPE: &'static str = "tls_self_signed_cert";
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
            .create_only(["private_key_pem", "subject", "dns_names", "ip_addresses", "uris", "validity_period_hours"])
            .create_only(["allowed_uses", "is_ca_certificate", "set_subject_key_id", "set_authority_key_id"])
            .sensitive(["private_key_pem"])
            .stable(["id", "cert_pem", "key_algorithm", "validity_start_time", "validity_end_time"])
    }
}

fn create(_: &Cx<()>, inputs: &Inputs) -> Result<Write<SelfSignedCert>, Failure> {
    let key = Key::from_pem("private_key_pem", &inputs.private_key_pem)?;
    let subject = inputs.subject.to_name()?;
    let content = Content {
        issuer: subject.clone(),
        subject,
        public_key: key.public_key()?,
        extensions: extensions(inputs, &key)?,
        validity_hours: inputs.validity_period_hours,
    };
    Ok(Write::done(issue::sign(&key, content)?))
}

fn extensions(inputs: &Inputs, key: &Key) -> Result<Vec<Extension>, Error> {
    let mut extensions = extensions::constraints(inputs.is_ca_certificate, &inputs.allowed_uses)?;
    let identifier = extensions::key_identifier(&key.public_key()?)?;
    if inputs.set_subject_key_id || inputs.is_ca_certificate {
        extensions.push(extensions::subject_key(identifier.clone())?);
    }
    if inputs.set_authority_key_id {
        extensions.push(extensions::authority_key(identifier)?);
    }
    if let Some(names) = names::alternative_names(&inputs.dns_names, &inputs.ip_addresses, &inputs.uris)? {
        extensions.push(extensions::extension(&names, false)?);
    }
    Ok(extensions)
}
