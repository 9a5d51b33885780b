//! Resource types in use: the schema, asked for once, and its validator, compiled once.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use cofferdam_model::error::CallError;
use cofferdam_model::schema::ResourceSchema;
use cofferdam_model::{Diagnostic, ProviderKey, ResourceType, Value};
use jsonschema::Validator;
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use crate::compile::compile;
use crate::validate::validate;

/// A resource type of one provider.
pub(crate) struct Kind {
    pub schema: Arc<ResourceSchema>,
    validator: OnceLock<Result<Validator, String>>,
}

impl Kind {
    pub(crate) fn new(schema: Arc<ResourceSchema>) -> Self {
        Self { schema, validator: OnceLock::new() }
    }

    /// Every finding about some inputs. The error is why the schema cannot be used.
    pub(crate) fn validate(&self, inputs: &Value) -> Result<Vec<Diagnostic>, String> {
        match self.validator.get_or_init(|| compile(&self.schema)) {
            Ok(validator) => Ok(validate(validator, &self.schema, inputs)),
            Err(why) => Err(format!("the schema of `{}` cannot be used: {why}", self.schema.ty)),
        }
    }
}

type Slot = Arc<OnceCell<Result<Arc<Kind>, CallError>>>;

/// All of them.
#[derive(Default)]
pub(crate) struct Kinds {
    // The lock guards the map alone; the slots are filled outside it.
    slots: Mutex<HashMap<ProviderKey, HashMap<ResourceType, Slot>>>,
}

impl Kinds {
    /// The slot of a type, to be filled by the first who asks.
    pub(crate) fn slot(&self, provider: &ProviderKey, ty: &ResourceType) -> Slot {
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.get(provider).and_then(|types| types.get(ty)) {
            return slot.clone();
        }
        slots.entry(provider.clone()).or_default().entry(ty.clone()).or_default().clone()
    }
}
