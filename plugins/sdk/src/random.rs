//! Cryptographically secure randomness, from the host: fixed in replay and while a plugin describes itself.

use crate::host;

/// The most that the host gives at once.
const CHUNK: usize = 4096;

/// Random bytes.
#[must_use]
pub fn bytes(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    fill(&mut bytes);
    bytes
}

/// Fills a buffer with random bytes.
pub fn fill(buffer: &mut [u8]) {
    for chunk in buffer.chunks_mut(CHUNK) {
        // A chunk is at most 4,096 bytes long. Fewer bytes break the contract, and stopping beats weak keys.
        let fresh = host::with(|host| host.random(chunk.len() as u32));
        chunk.copy_from_slice(&fresh[..chunk.len()]);
    }
}

/// A number below `bound`, every one equally likely; 0 for a bound of 0.
#[must_use]
pub fn below(bound: u32) -> u32 {
    // Numbers from the last, incomplete run of `bound` are drawn again, so that none is more likely.
    let limit = u32::MAX - u32::MAX.checked_rem(bound).unwrap_or(u32::MAX);
    loop {
        let mut bytes = [0; 4];
        fill(&mut bytes);
        let drawn = u32::from_le_bytes(bytes);
        if drawn < limit || bound == 0 {
            return drawn.checked_rem(bound).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestHost;

    #[test]
    fn long_buffers_are_filled() {
        let filled = TestHost::new().run(|| bytes(10_000));
        assert!(filled[9_000..].iter().any(|byte| *byte != 0));
    }

    #[test]
    fn numbers_stay_below_their_bound() {
        TestHost::new().run(|| {
            let mut seen = [0_u32; 7];
            (0..7_000).for_each(|_| seen[below(7) as usize] += 1);
            assert!(seen.iter().all(|count| (800..1_200).contains(count)), "{seen:?}");
            assert_eq!((below(0), below(1)), (0, 0));
        });
    }
}
