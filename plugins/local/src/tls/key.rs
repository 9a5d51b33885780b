//! Private keys of the supported algorithms: made, read, written, and used to sign.

use cofferdam_sdk::prelude::*;
use ed25519_dalek::SigningKey as Ed25519Key;
use p256::ecdsa::signature::{SignatureEncoding, Signer};
use p256::elliptic_curve::sec1::{FromEncodedPoint, ModulusSize, ToEncodedPoint};
use p256::elliptic_curve::zeroize::Zeroizing;
use p256::elliptic_curve::{AffinePoint, CurveArithmetic, FieldBytesSize, SecretKey};
use p256::pkcs8::AssociatedOid;
use p256::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey};
use rsa::rand_core::{CryptoRng, Error as RngError, RngCore};
use rsa::{BigUint, RsaPrivateKey};
use sec1::der::EncodePem as _;
use ssh_key::private::{EcdsaKeypair, Ed25519Keypair, KeypairData, RsaKeypair};
use x509_cert::der::asn1::BitString;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Any, Decode};
use x509_cert::spki::{AlgorithmIdentifierOwned, EncodePublicKey, SubjectPublicKeyInfoOwned};

const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_WITH_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// The public exponent of RSA keys.
pub(super) const EXPONENT: u32 = 65_537;

/// A private key.
pub(super) enum Key {
    Rsa(Box<RsaPrivateKey>),
    P256(p256::SecretKey),
    P384(p384::SecretKey),
    Ed25519(Ed25519Key),
}

/// What a library says of keys and certificates that we made ourselves; not expected.
pub(super) fn internal(error: impl std::fmt::Display) -> Error {
    Error::internal(format!("cannot write a key or certificate: {error}"))
}

/// SEC 1 with the curve named in the key itself (RFC 5915), which OpenSSL asks for.
fn sec1_pem<C>(key: &SecretKey<C>) -> Result<Zeroizing<String>, sec1::der::Error>
where
    C: CurveArithmetic + AssociatedOid,
    AffinePoint<C>: FromEncodedPoint<C> + ToEncodedPoint<C>,
    FieldBytesSize<C>: ModulusSize,
{
    let (private, public) = (Zeroizing::new(key.to_bytes()), key.public_key().to_encoded_point(false));
    let key = sec1::EcPrivateKey {
        private_key: &private,
        parameters: Some(sec1::EcParameters::NamedCurve(C::OID)),
        public_key: Some(public.as_bytes()),
    };
    key.to_pem(LineEnding::LF).map(Zeroizing::new)
}

impl Key {
    /// The key of two primes, with the usual exponent.
    pub(super) fn from_primes(first: BigUint, second: BigUint) -> Result<Self, Error> {
        let key = RsaPrivateKey::from_p_q(first, second, BigUint::from(EXPONENT)).map_err(internal)?;
        key.validate().map_err(internal)?;
        Ok(Self::Rsa(Box::new(key)))
    }

    pub(super) fn new_p256() -> Self {
        Self::P256(p256::SecretKey::random(&mut HostRng::default()))
    }

    pub(super) fn new_p384() -> Self {
        Self::P384(p384::SecretKey::random(&mut HostRng::default()))
    }

    pub(super) fn new_ed25519() -> Self {
        let mut seed = [0; 32];
        random::fill(&mut seed);
        Self::Ed25519(Ed25519Key::from_bytes(&seed))
    }

    /// Reads a key in PKCS #8, PKCS #1 or SEC 1 form.
    pub(super) fn from_pem(property: &str, pem: &str) -> Result<Self, Error> {
        let rsa = || RsaPrivateKey::from_pkcs8_pem(pem).ok().or_else(|| RsaPrivateKey::from_pkcs1_pem(pem).ok());
        let p256 = || p256::SecretKey::from_pkcs8_pem(pem).ok().or_else(|| p256::SecretKey::from_sec1_pem(pem).ok());
        let p384 = || p384::SecretKey::from_pkcs8_pem(pem).ok().or_else(|| p384::SecretKey::from_sec1_pem(pem).ok());
        let ed25519 = || Ed25519Key::from_pkcs8_pem(pem).ok();
        rsa()
            .map(|key| Self::Rsa(Box::new(key)))
            .or_else(|| p256().map(Self::P256))
            .or_else(|| p384().map(Self::P384))
            .or_else(|| ed25519().map(Self::Ed25519))
            .ok_or_else(|| {
                let text =
                    "is no unencrypted private key in PEM form with algorithm RSA, ECDSA (P256, P384) or ED25519";
                Error::invalid_input(text).at(property)
            })
    }

    pub(super) fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RSA",
            Self::P256(_) | Self::P384(_) => "ECDSA",
            Self::Ed25519(_) => "ED25519",
        }
    }

    /// The traditional form: PKCS #1 for RSA, SEC 1 for ECDSA, PKCS #8 for ED25519.
    pub(super) fn to_pem(&self) -> Result<String, Error> {
        match self {
            Self::Rsa(key) => key.to_pkcs1_pem(LineEnding::LF).map_err(internal),
            Self::P256(key) => sec1_pem(key).map_err(internal),
            Self::P384(key) => sec1_pem(key).map_err(internal),
            Self::Ed25519(_) => return self.to_pkcs8_pem(),
        }
        .map(|pem| pem.to_string())
    }

    pub(super) fn to_pkcs8_pem(&self) -> Result<String, Error> {
        match self {
            Self::Rsa(key) => key.to_pkcs8_pem(LineEnding::LF),
            Self::P256(key) => key.to_pkcs8_pem(LineEnding::LF),
            Self::P384(key) => key.to_pkcs8_pem(LineEnding::LF),
            Self::Ed25519(key) => key.to_pkcs8_pem(LineEnding::LF),
        }
        .map(|pem| pem.to_string())
        .map_err(internal)
    }

    pub(super) fn to_openssh(&self) -> Result<ssh_key::PrivateKey, Error> {
        let data: KeypairData = match self {
            Self::Rsa(key) => RsaKeypair::try_from(&**key).map_err(internal)?.into(),
            Self::P256(key) => {
                let public = key.public_key().into();
                EcdsaKeypair::NistP256 { public, private: key.clone().into() }.into()
            }
            Self::P384(key) => {
                let public = key.public_key().into();
                EcdsaKeypair::NistP384 { public, private: key.clone().into() }.into()
            }
            Self::Ed25519(key) => Ed25519Keypair::from(key).into(),
        };
        ssh_key::PrivateKey::new(data, "").map_err(internal)
    }

    pub(super) fn public_key_der(&self) -> Result<Vec<u8>, Error> {
        match self {
            Self::Rsa(key) => key.to_public_key().to_public_key_der(),
            Self::P256(key) => key.public_key().to_public_key_der(),
            Self::P384(key) => key.public_key().to_public_key_der(),
            Self::Ed25519(key) => key.verifying_key().to_public_key_der(),
        }
        .map(|der| der.as_bytes().to_vec())
        .map_err(internal)
    }

    pub(super) fn public_key_pem(&self) -> Result<String, Error> {
        match self {
            Self::Rsa(key) => key.to_public_key().to_public_key_pem(LineEnding::LF),
            Self::P256(key) => key.public_key().to_public_key_pem(LineEnding::LF),
            Self::P384(key) => key.public_key().to_public_key_pem(LineEnding::LF),
            Self::Ed25519(key) => key.verifying_key().to_public_key_pem(LineEnding::LF),
        }
        .map_err(internal)
    }

    pub(super) fn public_key(&self) -> Result<SubjectPublicKeyInfoOwned, Error> {
        SubjectPublicKeyInfoOwned::from_der(&self.public_key_der()?).map_err(internal)
    }

    /// How certificates name the signatures that this key makes.
    pub(super) fn signature_algorithm(&self) -> AlgorithmIdentifierOwned {
        let (oid, parameters) = match self {
            Self::Rsa(_) => (SHA256_WITH_RSA, Some(Any::null())),
            Self::P256(_) => (ECDSA_WITH_SHA256, None),
            Self::P384(_) => (ECDSA_WITH_SHA384, None),
            Self::Ed25519(_) => (ED25519, None),
        };
        AlgorithmIdentifierOwned { oid, parameters }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<BitString, Error> {
        let signature = match self {
            Self::Rsa(key) => {
                let signer = rsa::pkcs1v15::SigningKey::<sha2::Sha256>::new((**key).clone());
                signer.try_sign(message).map_err(internal)?.to_vec()
            }
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature =
                    p256::ecdsa::SigningKey::from(key).try_sign(message).map_err(internal)?;
                signature.to_der().as_bytes().to_vec()
            }
            Self::P384(key) => {
                let signature: p384::ecdsa::Signature =
                    p384::ecdsa::SigningKey::from(key).try_sign(message).map_err(internal)?;
                signature.to_der().as_bytes().to_vec()
            }
            Self::Ed25519(key) => key.try_sign(message).map_err(internal)?.to_vec(),
        };
        BitString::from_bytes(&signature).map_err(internal)
    }
}

/// The host's randomness as the key crates want it, drawn in larger pieces.
#[derive(Default)]
struct HostRng {
    drawn: Vec<u8>,
}

impl RngCore for HostRng {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, destination: &mut [u8]) {
        for byte in destination {
            if self.drawn.is_empty() {
                self.drawn = random::bytes(1024);
            }
            *byte = self.drawn.pop().unwrap_or_default();
        }
    }

    fn try_fill_bytes(&mut self, destination: &mut [u8]) -> Result<(), RngError> {
        self.fill_bytes(destination);
        Ok(())
    }
}

impl CryptoRng for HostRng {}
