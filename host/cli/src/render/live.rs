//! The live display: one line for each step that takes a while, drawn on stderr by a thread of its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use cofferdam_model::Address;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;

const EVERY: Duration = Duration::from_millis(100);
/// A step is drawn once it has gone on for so many ticks: short ones only leave their last line.
const DRAWN_AFTER_TICKS: u32 = 3;
const DRAWN_AT_ONCE: usize = 12;

/// The steps that go on.
pub struct Live {
    bars: MultiProgress,
    // Guards memory alone: nothing is drawn while it is held.
    running: Mutex<BTreeMap<Address, Running>>,
}

struct Running {
    message: String,
    ticks: u32,
    bar: Option<ProgressBar>,
}

impl Live {
    /// A display, and the thread that draws it for as long as the display lives.
    pub fn start() -> Arc<Self> {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let live = Arc::new(Self { bars, running: Mutex::default() });
        let weak = Arc::downgrade(&live);
        // Without the thread nothing is animated, and nothing else is lost.
        drop(std::thread::Builder::new().name("display".into()).spawn(move || draw(&weak)));
        live
    }

    /// A step goes on, and this is what it does now.
    pub fn step(&self, address: &Address, doing: &str) {
        let message = format!("{address}: {doing}");
        let bar = {
            let mut running = self.running.lock();
            let step =
                running.entry(address.clone()).or_insert(Running { message: String::new(), ticks: 0, bar: None });
            step.message.clone_from(&message);
            step.bar.clone()
        };
        if let Some(bar) = bar {
            bar.set_message(message);
        }
    }

    /// What a step that goes on waits for; nothing where it is over.
    pub fn note(&self, address: &Address, note: &str) {
        let known = self.running.lock().contains_key(address);
        if known {
            self.step(address, note);
        }
    }

    /// A step is over.
    pub fn end(&self, address: &Address) {
        let step = self.running.lock().remove(address);
        if let Some(bar) = step.and_then(|step| step.bar) {
            self.bars.remove(&bar);
        }
    }

    /// Writes a line above the display.
    pub fn above(&self, write: impl FnOnce()) {
        self.bars.suspend(write);
    }

    fn tick(&self) {
        let (due, drawn) = {
            let mut running = self.running.lock();
            let drawn: Vec<_> = running.values().filter_map(|step| step.bar.clone()).collect();
            let mut due = Vec::new();
            for (address, step) in running.iter_mut() {
                step.ticks += 1;
                let fits = drawn.len() + due.len() < DRAWN_AT_ONCE;
                if step.bar.is_none() && step.ticks >= DRAWN_AFTER_TICKS && fits {
                    due.push((address.clone(), step.message.clone(), step.ticks));
                }
            }
            (due, drawn)
        };
        drawn.iter().for_each(ProgressBar::tick);
        for (address, message, ticks) in due {
            let bar = self.bars.add(ProgressBar::new_spinner().with_elapsed(EVERY * ticks));
            let style = ProgressStyle::with_template("  {spinner} {wide_msg} {elapsed:.dim}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.set_message(message);
            let over = match self.running.lock().get_mut(&address) {
                Some(step) => {
                    step.bar = Some(bar.clone());
                    false
                }
                None => true,
            };
            if over {
                self.bars.remove(&bar);
            }
        }
    }
}

fn draw(live: &Weak<Live>) {
    while let Some(live) = live.upgrade() {
        live.tick();
        drop(live);
        std::thread::sleep(EVERY);
    }
}
