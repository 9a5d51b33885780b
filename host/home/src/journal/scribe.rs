//! Writes records into a chain: in their form, encrypted for their stage.

use cofferdam_model::journal::Record;
use zeroize::Zeroizing;

use super::line::Chain;
use super::sealed::seal;
use super::steps::OpenStep;
use crate::marks::Sealing;
use crate::places::Places;
use crate::record::encode;
use crate::vault::Vault;
use crate::{Form, SealError};

/// Whose records they are, what encrypts them, and in which form.
#[derive(Clone, Copy)]
pub(crate) struct Scribe<'a> {
    pub places: &'a Places,
    pub vault: &'a Vault,
    pub form: Form,
}

impl Scribe<'_> {
    /// Appends a record. The chain is as it was where it cannot be encrypted.
    pub(crate) fn push(&self, record: &Record, chain: &mut Chain, out: &mut Vec<u8>) -> Result<(), SealError> {
        let Self { places, vault, form } = *self;
        let text = Zeroizing::new(encode(record, places, Sealing { vault, secrets: form.secrets() })?);
        match form {
            Form::Values => chain.push(&text, out),
            Form::Whole => chain.push(&seal(&text, chain, places, vault)?, out),
        }
        Ok(())
    }

    /// Appends what is known of writes in flight.
    pub(crate) fn push_steps(&self, steps: &[OpenStep], chain: &mut Chain, out: &mut Vec<u8>) -> Result<(), SealError> {
        for step in steps {
            self.push(&step.intent, chain, out)?;
            step.checkpoint.iter().try_for_each(|checkpoint| self.push(checkpoint, chain, out))?;
        }
        Ok(())
    }
}
