//! `random`, and the randomness of WASI: the operating system's, or a fixed stream.

use std::convert::Infallible;

use cofferdam_model::Digest;
use rand_core::TryRng;

use super::Guest;
use crate::contract::v0_1::imports::random;

const MAX_BYTES: u32 = 4096;

/// Where a call's random bytes come from.
#[derive(Clone)]
pub(crate) enum Source {
    /// The same bytes every time, so that an answer depends on the component alone.
    Fixed(u64),
    System,
}

impl Source {
    pub fn fill(&mut self, out: &mut [u8]) -> wasmtime::Result<()> {
        match self {
            Self::Fixed(counter) => {
                for chunk in out.chunks_mut(32) {
                    *counter += 1;
                    let block = Digest::of(&counter.to_le_bytes());
                    chunk.copy_from_slice(&block.bytes()[..chunk.len()]);
                }
                Ok(())
            }
            Self::System => getrandom::fill(out).map_err(|error| wasmtime::Error::msg(error.to_string())),
        }
    }

    fn word(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_or_abort(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_or_abort(&mut self, out: &mut [u8]) {
        self.fill(out).expect("the operating system always has randomness after start-up");
    }
}

/// What WASI's random interfaces draw from.
impl TryRng for Source {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        #[expect(clippy::cast_possible_truncation, reason = "the low half of a random word")]
        Ok(self.word() as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.word())
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.fill_or_abort(out);
        Ok(())
    }
}

impl random::Host for Guest {
    fn bytes(&mut self, length: u32) -> wasmtime::Result<Vec<u8>> {
        self.count()?;
        if length > MAX_BYTES {
            return Err(wasmtime::Error::msg(format!(
                "asked for {length} random bytes at once, more than {MAX_BYTES}"
            )));
        }
        let mut bytes = vec![0; length as usize];
        self.random.fill(&mut bytes)?;
        Ok(bytes)
    }
}
