//! Cost: bytes per step and per resource do not grow with the stack.

mod support;

use support::{Place, append, chain, intent, plain_entry, result};

async fn bytes_per_step(steps: usize) -> u64 {
    let place = Place::new();
    let mut stage = place.write();
    let journal = stage.journal().expect("opens");
    for i in 0..steps {
        // Names of one length, so that only the number of steps differs.
        let entry = Some(plain_entry(100_000 + i));
        drop(journal.append(intent(100_000 + i)));
        drop(journal.append(result(100_000 + i, entry)));
    }
    append(&mut stage, []).await;
    stage.load().expect("loads");
    stage.stats().bytes / steps as u64
}

#[tokio::test]
async fn a_step_costs_the_same_in_a_long_run() {
    let (short, long) = (bytes_per_step(100).await, bytes_per_step(1_000).await);
    println!("{short} and {long} bytes a step");
    assert!(short.abs_diff(long) <= 4, "{short} and {long} bytes a step");
}

#[tokio::test]
async fn five_hundred_resources_stay_small() {
    let place = Place::new();
    let mut stage = place.write();
    let _ = stage.compact(&chain(500)).expect("written");
    let total: usize = place.files().values().map(Vec::len).sum();
    println!("{total} bytes for 500 resources");
    assert!(total <= 400_000, "{total} bytes");
}

#[tokio::test]
async fn ten_thousand_resources_are_written_and_loaded() {
    let place = Place::new();
    let mut stage = place.write();
    let state = chain(10_000);
    let _ = stage.compact(&state).expect("written");
    let loaded = stage.load().expect("loads").state;
    assert_eq!(loaded.resources, state.resources);
    let total: usize = place.files().values().map(Vec::len).sum();
    let small = {
        let place = Place::new();
        let _ = place.write().compact(&chain(1_000)).expect("written");
        place
    };
    let small: usize = small.files().values().map(Vec::len).sum();
    assert!(total < small * 11, "{total} bytes for 10,000 and {small} for 1,000");
}
