//! The secrets of a run, in layers that are built when a text is first searched after something was learned.
//!
//! A layer absorbs the smaller ones before it, so that a run that learns one secret at a time builds each of them into
//! a layer a few dozen times, not once for every later one, and a search passes over a handful of layers.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::RwLock;

use super::layer::Layer;

/// A new layer takes in the last one that is at most so many times its size.
const GROWTH: usize = 4;

/// Largest first.
pub(super) type Layers = Arc<[Arc<Layer>]>;

#[derive(Default)]
pub(super) struct Known {
    // Guards memory alone: nothing is built or searched while it is held.
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    all: HashSet<Arc<str>>,
    /// Those that no layer has.
    fresh: Arc<Vec<Arc<str>>>,
    layers: Layers,
    /// Counts the changes of `layers`.
    generation: u64,
}

impl Known {
    pub fn learn(&self, secret: &str) {
        if self.state.read().all.contains(secret) {
            return;
        }
        let secret: Arc<str> = secret.into();
        let mut state = self.state.write();
        if state.all.insert(secret.clone()) {
            Arc::make_mut(&mut state.fresh).push(secret);
        }
    }

    /// Layers with everything that has been learned.
    pub fn layers(&self) -> Layers {
        let (generation, layers, fresh) = {
            let state = self.state.read();
            (state.generation, state.layers.clone(), state.fresh.clone())
        };
        if fresh.is_empty() {
            return layers;
        }
        let built = build(&layers, &fresh);
        let mut state = self.state.write();
        // Another thread may have been faster; what was built here still holds all that was known when it was asked for.
        if state.generation == generation {
            let later = state.fresh[fresh.len()..].to_vec();
            state.fresh = Arc::new(later);
            state.layers = built.clone();
            state.generation += 1;
        }
        built
    }
}

fn build(layers: &[Arc<Layer>], fresh: &[Arc<str>]) -> Layers {
    let mut kept = layers.to_vec();
    let mut secrets = fresh.to_vec();
    let mut bytes: usize = secrets.iter().map(|secret| secret.len()).sum();
    while let Some(last) = kept.pop_if(|last| last.bytes <= GROWTH * bytes) {
        secrets.extend(last.secrets.iter().cloned());
        bytes += last.bytes;
    }
    kept.push(Arc::new(Layer::new(secrets)));
    kept.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_that_come_one_by_one_end_up_in_a_few_layers() {
        let known = Known::default();
        for n in 0..1000 {
            known.learn(&format!("secret number {n:04}"));
            let layers = known.layers();
            assert!(layers.len() <= 6, "{} layers of {n} secrets", layers.len());
            assert_eq!(layers.iter().map(|layer| layer.secrets.len()).sum::<usize>(), n + 1);
        }
        let before = known.layers();
        known.learn("secret number 0000");
        assert!(Arc::ptr_eq(&before, &known.layers()), "nothing new, nothing built");
    }

    #[test]
    fn readers_and_learners_do_not_lose_anything() {
        let known = Known::default();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let known = &known;
                scope.spawn(move || {
                    for n in 0..100 {
                        let secret = format!("{thread} keeps {n}");
                        known.learn(&secret);
                        let layers = known.layers();
                        assert!(layers.iter().any(|layer| layer.secrets.iter().any(|known| **known == *secret)));
                    }
                });
            }
        });
        assert_eq!(known.layers().iter().map(|layer| layer.secrets.len()).sum::<usize>(), 400);
    }
}
