//! Providers with their configurations: made when a call is really needed, once per configuration and mode.

use std::sync::Arc;

use cofferdam_model::error::CallError;
use cofferdam_model::provider::{Mode, Provider};
use cofferdam_model::{ProviderKey, Value};
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use crate::calls::{Failed, Subject};
use crate::retry::retried;
use crate::run::Run;
use crate::{StepError, Task};

type Made = Result<Arc<dyn Provider>, (CallError, u32)>;

struct Slot {
    provider: ProviderKey,
    mode: Mode,
    config: Value,
    made: Arc<OnceCell<Made>>,
}

/// All of them. A provider has one configuration, or two where what configures it changes in this very run.
#[derive(Default)]
pub(crate) struct Configured {
    // The lock guards the list alone; the slots are filled outside it.
    slots: Mutex<Vec<Slot>>,
}

impl Run {
    /// The provider with a configuration that is wholly known.
    pub(crate) async fn configured(
        &self,
        subject: &Subject,
        config: &Value,
        mode: Mode,
    ) -> Result<Arc<dyn Provider>, Box<StepError>> {
        let made = self.configured.slot(&subject.provider, config, mode);
        let made = made
            .get_or_init(|| async {
                self.ctx.redactor.learn(config);
                retried(self, subject, Task::Configure, |_| async {
                    self.ctx.providers.configure(&subject.provider, config, mode).await
                })
                .await
                .map_err(|failed| (failed.error, failed.attempts))
            })
            .await;
        made.clone().map_err(|(error, attempts)| subject.error_after(self, Task::Configure, Failed { error, attempts }))
    }
}

impl Configured {
    fn slot(&self, provider: &ProviderKey, config: &Value, mode: Mode) -> Arc<OnceCell<Made>> {
        let mut slots = self.slots.lock();
        let is_it = |slot: &&Slot| slot.provider == *provider && slot.mode == mode && slot.config.same(config);
        if let Some(slot) = slots.iter().find(is_it) {
            return slot.made.clone();
        }
        let made = Arc::<OnceCell<Made>>::default();
        slots.push(Slot { provider: provider.clone(), mode, config: config.clone(), made: made.clone() });
        made
    }
}
