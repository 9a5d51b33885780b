//! New data keys: what is encrypted anew, which old keys stay and for what, and that nothing is lost meanwhile.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};

use cofferdam_home::{Access, Home, KeyChange, OpenStageError, Overwrite, ReencryptError, SettingsOf};
use cofferdam_model::{SecretName, StageName};
use support::{Place, append, checkpoint, holder, intent, result, secret_entry, stack, stage};

fn numbers(home: &Home) -> Vec<u64> {
    home.keyring().expect("read").expect("there").keys.iter().map(|key| key.number).collect()
}

fn rotate(home: &Home) {
    home.change_keys(&KeyChange::Rotate).expect("rotated");
    for (stack, stage) in home.stages().expect("listed") {
        home.reencrypt((&stack, &stage), SettingsOf::ThisStack, &holder()).expect("encrypted anew");
    }
}

async fn deploy(home: &Home, i: usize) {
    let mut open = home.open_stage(&stack(), &stage(), Access::Write(holder())).expect("opens");
    append(&mut open, [intent(i), result(i, Some(secret_entry(i)))]).await;
    let state = open.load().expect("loads").state;
    let _ = open.compact(&state).expect("written");
}

fn set(home: &Home, name: &str, value: &str) {
    let name = SecretName::new(name).expect("valid");
    home.secrets(&stack(), &stage()).set(&name, value, &holder(), Overwrite::No).expect("set");
}

fn get(home: &Home, name: &str) -> String {
    let name = SecretName::new(name).expect("valid");
    let set = home.secrets(&stack(), &stage()).read().expect("reads");
    set.get(&name).expect("opens").expect("there").to_string()
}

#[tokio::test]
async fn an_old_key_stays_while_the_history_needs_it() {
    let place = Place::new();
    let home = place.home().with_history(2);
    deploy(&home, 0).await;
    set(&home, "a", "value");
    let before = place.read().load().expect("loads").state;
    rotate(&home);
    let after = place.read().load().expect("loads").state;
    assert_eq!((after.serial, &after.resources), (before.serial + 1, &before.resources));
    assert_eq!(get(&place.home(), "a"), "value");

    // The snapshot before is still encrypted with the first key.
    assert_eq!(home.key_usage().expect("counted").into_iter().collect::<Vec<_>>(), [(1, 1), (2, 2)]);
    assert!(home.drop_unused_keys().expect("looked").is_empty());
    place.read().at(before.serial).expect("the history opens");

    rotate(&home);
    assert_eq!(home.drop_unused_keys().expect("dropped"), [1]);
    assert_eq!(numbers(&home), [2, 3]);
    assert_eq!(place.read().load().expect("loads").state.resources, before.resources);
    assert_eq!(get(&place.home(), "a"), "value");
}

#[tokio::test]
async fn a_write_in_flight_keeps_its_key() {
    let place = Place::new();
    let home = place.home().with_history(1);
    let mut open = place.write();
    append(&mut open, [intent(0), checkpoint(0, None)]).await;
    drop(open);
    rotate(&home);
    assert!(home.drop_unused_keys().expect("looked").is_empty());
    assert_eq!(place.read().load().expect("loads").in_flight.len(), 1);
    let mut open = place.write();
    append(&mut open, [result(0, Some(secret_entry(0)))]).await;
    let state = open.load().expect("loads").state;
    let _ = open.compact(&state).expect("written");
    drop(open);
    assert_eq!(home.drop_unused_keys().expect("dropped"), [1]);
    place.read().load().expect("loads");
}

#[tokio::test]
async fn a_stage_in_use_is_left_and_named() {
    let place = Place::new();
    let home = place.home();
    deploy(&home, 0).await;
    let _open = place.write();
    let error = home.reencrypt((&stack(), &stage()), SettingsOf::ThisStack, &holder()).expect_err("locked");
    assert!(matches!(error, ReencryptError::Open(OpenStageError::Locked { .. })), "{error}");
}

/// Runs that are alive while a key is made use it from their next stage on.
#[tokio::test]
async fn a_home_that_is_open_takes_the_new_key() {
    let place = Place::new();
    let running = place.home();
    deploy(&running, 0).await;
    rotate(&place.home().with_history(1));
    deploy(&running, 1).await;
    set(&running, "a", "value");
    let home = place.home();
    let usage = home.key_usage().expect("counted");
    assert!(usage[&2] >= 2, "{usage:?}");
    assert_eq!(place.read().load().expect("loads").state.resources.len(), 2);
}

#[test]
fn secrets_set_while_keys_go_are_not_lost() {
    const ROTATIONS: u64 = 5;
    let place = Place::new();
    set(&place.home(), "first", "value");
    let done = AtomicBool::new(false);
    let written: Vec<usize> = std::thread::scope(|scope| {
        let (place, done) = (&place, &done);
        let writers: Vec<_> = (0..3)
            .map(|thread| {
                scope.spawn(move || {
                    // One home for all, as a long run has: what it knows of keys grows old.
                    let home = place.home();
                    let mut count = 0;
                    while !done.load(Ordering::SeqCst) {
                        set(&home, &format!("t{thread}-{}", count % 8), &format!("value {thread} {count}"));
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        let rotator = scope.spawn(move || {
            let home = place.home();
            for _ in 0..ROTATIONS {
                rotate(&home);
                home.drop_unused_keys().expect("dropped");
            }
        });
        let rotated = rotator.join();
        done.store(true, Ordering::SeqCst);
        rotated.expect("no panic");
        writers.into_iter().map(|writer| writer.join().expect("no panic")).collect()
    });
    let home = place.home();
    assert_eq!(get(&home, "first"), "value");
    for (thread, count) in written.into_iter().enumerate() {
        for i in count.saturating_sub(8)..count {
            assert_eq!(get(&home, &format!("t{thread}-{}", i % 8)), format!("value {thread} {i}"));
        }
    }
    assert_eq!(numbers(&home).last(), Some(&(ROTATIONS + 1)));
}

#[tokio::test]
async fn every_stage_of_a_home_is_found() {
    let place = Place::new();
    let home = place.home();
    assert!(home.stages().expect("listed").is_empty());
    deploy(&home, 0).await;
    let prod = StageName::new("prod").expect("valid");
    let name = SecretName::new("a").expect("valid");
    home.secrets(&stack(), &prod).set(&name, "value", &holder(), Overwrite::No).expect("set");
    assert_eq!(home.stages().expect("listed"), [(stack(), stage()), (stack(), prod)]);
}
