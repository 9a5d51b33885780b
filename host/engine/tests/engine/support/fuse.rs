//! Kills a run at a point of one's choice: from there on nothing that the run does has an effect, and nothing of it ends.

use std::sync::Arc;

use parking_lot::Mutex;

/// Counts the points that a run passes. Clones count together.
#[derive(Clone, Default)]
pub struct Fuse(Arc<Mutex<Option<usize>>>);

impl Fuse {
    /// Kills the run at a point, counted from 1.
    pub fn light(&self, point: usize) {
        *self.0.lock() = Some(point);
    }

    /// The next run lives.
    pub fn renew(&self) {
        *self.0.lock() = None;
    }

    /// Whether the run was killed.
    pub fn is_out(&self) -> bool {
        *self.0.lock() == Some(0)
    }

    /// Passes a point; false where the run is dead.
    pub fn passes(&self) -> bool {
        let mut left = self.0.lock();
        match &mut *left {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                *left > 0
            }
        }
    }

    /// Passes a point, or never ends.
    pub async fn burn(&self) {
        if !self.passes() {
            std::future::pending::<()>().await;
        }
    }
}
