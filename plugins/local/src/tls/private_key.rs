//! `tls_private_key`: a private key and its public half in the usual forms.

use cofferdam_sdk::prelude::*;
use rsa::BigUint;
use ssh_key::{HashAlg, LineEnding};

use super::key::{Key, internal};
use super::prime::Search;
use crate::digests;

/// A private key. It is kept in the state, encrypted.
#[properties]
pub(crate) struct Inputs {
    /// The algorithm.
    algorithm: Algorithm,
    /// Size of an RSA key: 2048, 3072 or 4096.
    #[serde(default = "rsa_bits")]
    rsa_bits: u32,
    /// Curve of an ECDSA key.
    #[serde(default)]
    ecdsa_curve: Curve,
}

fn rsa_bits() -> u32 {
    2048
}

#[properties]
#[derive(Copy)]
pub(crate) enum Algorithm {
    #[serde(rename = "RSA")]
    Rsa,
    #[serde(rename = "ECDSA")]
    Ecdsa,
    #[serde(rename = "ED25519")]
    Ed25519,
}

#[properties]
#[derive(Copy, Default)]
pub(crate) enum Curve {
    #[default]
    P256,
    P384,
}

#[properties]
pub(crate) struct Outputs {
    /// SHA-1 of the public key, in hexadecimal.
    id: String,
    /// The key: PKCS #1 for RSA, SEC 1 for ECDSA, PKCS #8 for ED25519.
    private_key_pem: String,
    /// The key in PKCS #8 form.
    private_key_pem_pkcs8: String,
    /// The key in OpenSSH's form.
    private_key_openssh: String,
    /// The public key.
    public_key_pem: String,
    /// The public key as a line for `authorized_keys`.
    public_key_openssh: String,
    /// Fingerprint of the OpenSSH public key, as `aa:bb:…`.
    public_key_fingerprint_md5: String,
    /// Fingerprint of the OpenSSH public key, as `SHA256:…`.
    public_key_fingerprint_sha256: String,
}

pub(crate) struct PrivateKey;

impl Resource for PrivateKey {
    const TYPE: &'static str = "tls_private_key";
    type Session = ();
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn define() -> Definition<Self> {
        Definition::new(create)
            .create_is_idempotent()
            .resume(resume)
            .check(check)
            .identifier(["id"])
            .create_only(["algorithm", "rsa_bits", "ecdsa_curve"])
            .sensitive(["private_key_pem", "private_key_pem_pkcs8", "private_key_openssh"])
            .stable(["id", "private_key_pem", "private_key_pem_pkcs8", "private_key_openssh", "public_key_pem"])
            .stable(["public_key_openssh", "public_key_fingerprint_md5", "public_key_fingerprint_sha256"])
    }
}

fn check(_: &Cx<()>, draft: &mut Draft, _: Option<&Prior<PrivateKey>>) -> Result<Vec<Diagnostic>, Error> {
    if let Some(bits) = draft.get("rsa_bits").and_then(Value::as_u64) {
        check_bits(bits)?;
    }
    Ok(Vec::new())
}

fn check_bits(bits: u64) -> Result<(), Error> {
    match bits {
        2048 | 3072 | 4096 => Ok(()),
        _ => Err(Error::invalid_input(format!("is {bits}, and must be 2048, 3072 or 4096")).at("rsa_bits")),
    }
}

fn create(_: &Cx<()>, inputs: &Inputs) -> Result<Write<PrivateKey>, Failure> {
    let key = match (inputs.algorithm, inputs.ecdsa_curve) {
        (Algorithm::Rsa, _) => return make_rsa(inputs, Progress { first: None }),
        (Algorithm::Ecdsa, Curve::P256) => Key::new_p256(),
        (Algorithm::Ecdsa, Curve::P384) => Key::new_p384(),
        (Algorithm::Ed25519, _) => Key::new_ed25519(),
    };
    Ok(Write::done(spell(&key)?))
}

/// How far a search for the two primes has come, in a checkpoint: the host keeps it encrypted.
#[properties]
struct Progress {
    /// The first prime, in hexadecimal.
    first: Option<String>,
}

fn resume(_: &Cx<()>, resumed: &Resumed<PrivateKey>) -> Result<Resume<PrivateKey>, Failure> {
    Ok(make_rsa(&resumed.inputs()?, resumed.checkpoint()?)?.into())
}

/// Looks for primes for as long as a call may, and says where to go on if that was not enough.
fn make_rsa(inputs: &Inputs, mut progress: Progress) -> Result<Write<PrivateKey>, Failure> {
    check_bits(inputs.rsa_bits.into())?;
    let mut search = Search::new(inputs.rsa_bits as usize / 2);
    loop {
        let Some(found) = search.find() else {
            let pending = Pending::new(progress, Duration::from_millis(10));
            return Ok(Write::pending(pending.note("looking for primes")));
        };
        let first = progress.first.as_ref().and_then(|hex| BigUint::parse_bytes(hex.as_bytes(), 16));
        match first.filter(|first| *first != found) {
            Some(first) => return Ok(Write::done(spell(&Key::from_primes(first, found)?)?)),
            None => progress.first = Some(found.to_str_radix(16)),
        }
    }
}

fn spell(key: &Key) -> Result<Outputs, Error> {
    let openssh = key.to_openssh()?;
    let public = openssh.public_key();
    let md5 = digests::md5_hex(&public.to_bytes().map_err(internal)?);
    Ok(Outputs {
        id: digests::sha1_hex(&key.public_key_der()?),
        private_key_pem: key.to_pem()?,
        private_key_pem_pkcs8: key.to_pkcs8_pem()?,
        private_key_openssh: openssh.to_openssh(LineEnding::LF).map_err(internal)?.to_string(),
        public_key_pem: key.public_key_pem()?,
        public_key_openssh: format!("{}\n", public.to_openssh().map_err(internal)?.trim_end()),
        public_key_fingerprint_md5: colons(&md5),
        public_key_fingerprint_sha256: public.fingerprint(HashAlg::Sha256).to_string(),
    })
}

/// `aabb` as `aa:bb`.
fn colons(hex: &str) -> String {
    hex.as_bytes().chunks(2).map(String::from_utf8_lossy).collect::<Vec<_>>().join(":")
}
