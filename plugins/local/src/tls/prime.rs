//! Large primes for RSA keys, with a bound on the work of one call.
//!
//! A random start with a sieve ahead of the expensive test takes a third of the time of the `rsa` crate's own search;
//! even so a key of 4096 bits takes seconds in a component, and the host ends a call after ten of CPU.

use cofferdam_sdk::prelude::*;
use num_bigint_dig::prime::probably_prime;
use rsa::BigUint;

use super::key::EXPONENT;

/// Candidates from one start.
const WINDOW: usize = 4096;
/// Small primes in the sieve are below this.
const SIEVE: usize = 1 << 16;
/// Expensive tests in one call with primes of 2048 bits: about five seconds where this was measured.
const TESTS: usize = 140;
/// Rounds of Miller and Rabin, after one of Fermat and before one of Lucas. For random candidates of this size five
/// leave less than one chance in 2^100 (FIPS 186-5, table B.1).
const ROUNDS: usize = 5;

/// A search for primes of one size.
pub(super) struct Search {
    bits: usize,
    small: Vec<u32>,
    tests_left: usize,
}

impl Search {
    pub(super) fn new(bits: usize) -> Self {
        // The time of a test grows with the third power of the size.
        let ratio = 2048 / bits.clamp(1, 2048);
        Self { bits, small: small_primes(), tests_left: TESTS * ratio.pow(3) }
    }

    /// The next prime, with its two highest bits set so that the product of two has twice the size; none once this
    /// call has done its share.
    pub(super) fn find(&mut self) -> Option<BigUint> {
        loop {
            let mut bytes = random::bytes(self.bits / 8);
            *bytes.first_mut()? |= 0b1100_0000;
            *bytes.last_mut()? |= 1;
            let start = BigUint::from_bytes_be(&bytes);
            for step in self.survivors(&start) {
                // At most 8,190.
                let candidate = &start + BigUint::from(2 * step as u32);
                if candidate.bits() != self.bits {
                    break;
                }
                self.tests_left = self.tests_left.checked_sub(1)?;
                if is_prime(&candidate) {
                    return Some(candidate);
                }
            }
        }
    }

    /// Steps of two from the start that no small prime divides.
    fn survivors(&self, start: &BigUint) -> Vec<usize> {
        let mut divided = [false; WINDOW];
        for prime in &self.small {
            let remainder = remainder(start, *prime);
            // The first step k with start + 2k ≡ 0.
            let missing = (prime - remainder) % prime;
            let first = if missing.is_multiple_of(2) { missing / 2 } else { (missing + prime) / 2 };
            divided.iter_mut().skip(first as usize).step_by(*prime as usize).for_each(|step| *step = true);
        }
        (0..WINDOW).filter(|step| !divided[*step]).collect()
    }
}

fn is_prime(candidate: &BigUint) -> bool {
    let one = BigUint::from(1_u32);
    let below = candidate - &one;
    // Cheapest first: the exponent must have an inverse, then Fermat to the base 2.
    remainder(&below, EXPONENT) != 0
        && BigUint::from(2_u32).modpow(&below, candidate) == one
        && probably_prime(candidate, ROUNDS)
}

fn remainder(number: &BigUint, divisor: u32) -> u32 {
    let bytes = (number % divisor).to_bytes_be();
    bytes.iter().fold(0, |value, byte| (value << 8) | u32::from(*byte))
}

/// The odd primes below the sieve's bound (Eratosthenes).
fn small_primes() -> Vec<u32> {
    let mut composite = vec![false; SIEVE];
    let mut primes = Vec::new();
    for number in (3..SIEVE).step_by(2) {
        if !composite[number] {
            // Below 2^16.
            primes.push(number as u32);
            composite.iter_mut().skip(number * number).step_by(2 * number).for_each(|place| *place = true);
        }
    }
    primes
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_sdk::testing::TestHost;

    #[test]
    fn small_primes_are_all_there() {
        let primes = small_primes();
        assert_eq!((primes.len(), &primes[..5]), (6_541, &[3, 5, 7, 11, 13][..]));
    }

    #[test]
    fn primes_have_the_size_asked_for() {
        TestHost::new().run(|| {
            let mut search = Search::new(256);
            for _ in 0..5 {
                let prime = search.find().expect("enough tests for a small one");
                assert!(prime.bits() == 256 && probably_prime(&prime, 20));
            }
        });
    }

    #[test]
    fn a_call_does_not_search_for_ever() {
        TestHost::new().run(|| {
            let mut search = Search::new(256);
            search.tests_left = 0;
            assert!(search.find().is_none());
        });
    }

    #[test]
    fn survivors_have_no_small_divisor() {
        TestHost::new().run(|| {
            let search = Search::new(256);
            let start = BigUint::from_bytes_be(&[0xff; 32]);
            let survivors = search.survivors(&start);
            for step in 0..WINDOW {
                let candidate = &start + BigUint::from(2 * step as u32);
                let divided = search.small.iter().any(|prime| remainder(&candidate, *prime) == 0);
                assert_eq!(survivors.contains(&step), !divided, "{step}");
            }
        });
    }
}
