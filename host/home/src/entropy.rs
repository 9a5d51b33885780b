//! Randomness, passed in.

/// A source of randomness that is fit for keys and nonces.
///
/// The identity file and the wrapping of data keys do not use it: the `age` crate asks the operating system itself.
pub trait Entropy: Send + Sync {
    /// Fills the bytes. An answer that repeats gives secrets away: nonces come from here.
    fn fill(&self, bytes: &mut [u8]);
}

/// As many random bytes in hexadecimal digits.
pub(crate) fn random_hex<const N: usize>(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    hex::encode(bytes)
}
