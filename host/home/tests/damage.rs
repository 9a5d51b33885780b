//! Crashes and damage: what a crash leaves behind is repaired, what anything else did is named.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};

use cofferdam_home::{Access, LoadError, LocalHome, OpenHomeError};
use cofferdam_model::state::StackState;
use support::{Place, SystemEntropy, address, append, chain, intent, plain_entry, result, stack};

/// A stage with a snapshot of one resource and a journal that adds another two.
async fn prepared() -> Place {
    let place = Place::new();
    let mut stage = place.write();
    append(&mut stage, [intent(0), result(0, Some(plain_entry(0)))]).await;
    let _ = stage.compact(&chain(1)).expect("written");
    append(&mut stage, [intent(1), result(1, Some(plain_entry(1))), intent(2), result(2, Some(plain_entry(2)))]).await;
    place
}

fn load(place: &Place) -> Result<usize, LoadError> {
    place.read().load().map(|loaded| loaded.state.resources.len())
}

#[tokio::test]
async fn a_crash_between_snapshot_and_journal_is_harmless() {
    let place = prepared().await;
    let old = std::fs::read(place.file("journal.jsonl")).expect("read");
    let mut stage = place.write();
    let state = stage.load().expect("loads").state;
    let _ = stage.compact(&state).expect("written");
    drop(stage);
    std::fs::write(place.file("journal.jsonl"), &old).expect("put back");

    let loaded = place.read().load().expect("loads");
    assert_eq!((loaded.recovered, loaded.state.serial, loaded.state.resources.len()), (false, 2, 3));
    // The next run begins a new journal, and then a new snapshot.
    let mut stage = place.write();
    append(&mut stage, [result(0, None)]).await;
    let state = stage.load().expect("loads").state;
    assert_eq!(state.resources.len(), 2);
    let _ = stage.compact(&state).expect("written");
    assert_eq!(load(&place).expect("loads"), 2);
}

#[tokio::test]
async fn a_snapshot_right_after_such_a_crash_is_whole() {
    let place = prepared().await;
    let old = std::fs::read(place.file("journal.jsonl")).expect("read");
    let mut stage = place.write();
    let state = stage.load().expect("loads").state;
    let _ = stage.compact(&state).expect("written");
    drop(stage);
    std::fs::write(place.file("journal.jsonl"), &old).expect("put back");

    let mut stage = place.write();
    let mut state = stage.load().expect("loads").state;
    state.resources.remove(&address(0));
    let _ = stage.compact(&state).expect("written");
    assert_eq!(load(&place).expect("loads"), 2);
}

#[tokio::test]
async fn a_torn_last_record_is_cut_off_by_the_next_run() {
    let place = prepared().await;
    let path = place.file("journal.jsonl");
    let whole = std::fs::read(&path).expect("read");
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').expect("lines") + 1;
    for end in last..whole.len() {
        std::fs::write(&path, &whole[..end]).expect("torn");
        let loaded = place.read().load().expect("a reader leaves it alone");
        assert_eq!((loaded.state.resources.len(), loaded.in_flight.len()), (2, 1), "{end}");
        let mut stage = place.write();
        assert_eq!(stage.load().expect("loads"), loaded);
        assert_eq!(std::fs::read(&path).expect("read"), whole[..last], "{end}");
    }
    std::fs::write(&path, &whole[..last + 5]).expect("torn");
    append(&mut place.write(), [result(2, Some(plain_entry(2)))]).await;
    let loaded = place.read().load().expect("loads");
    assert_eq!((loaded.state.resources.len(), loaded.in_flight.len()), (3, 0));
}

#[tokio::test]
async fn every_changed_byte_is_found() {
    let place = prepared().await;
    for name in ["journal.jsonl", "state.json"] {
        let path = place.file(name);
        let whole = std::fs::read(&path).expect("read");
        for at in 0..whole.len() - usize::from(name == "state.json") {
            let mut bad = whole.clone();
            bad[at] ^= 1;
            std::fs::write(&path, bad).expect("changed");
            assert!(load(&place).is_err(), "byte {at} of {name}");
        }
        std::fs::write(&path, whole).expect("put back");
    }
    assert_eq!(load(&place).expect("loads"), 3);
}

#[tokio::test]
async fn damage_is_named_with_its_line_and_what_to_do() {
    let place = prepared().await;
    let path = place.file("journal.jsonl");
    let text = std::fs::read_to_string(&path).expect("read");
    std::fs::write(&path, text.replacen("orders-1", "orders-7", 1)).expect("changed");
    let error = place.read().load().expect_err("damaged");
    let shown = path.display();
    assert_eq!(error.to_string(), format!("`{shown}` is damaged at line 3: the checksum does not match"));
    assert!(error.hint().is_some_and(|hint| hint.contains(&format!("mv '{shown}'"))));
    // A write run stops as well, and changes nothing.
    let before = place.files();
    assert!(matches!(place.write().load(), Err(LoadError::Damaged(_))));
    assert!(place.write().journal().is_err());
    assert_eq!(place.files(), before);
}

#[tokio::test]
async fn an_empty_file_is_damage_and_no_empty_state() {
    for name in ["journal.jsonl", "state.json"] {
        let place = prepared().await;
        std::fs::write(place.file(name), "").expect("emptied");
        assert!(matches!(load(&place), Err(LoadError::Damaged(_))), "{name}");
    }
}

#[tokio::test]
async fn files_of_different_snapshots_are_refused() {
    let place = prepared().await;
    let (state, journal) = (place.file("state.json"), place.file("journal.jsonl"));
    let old = [&state, &journal].map(|path| std::fs::read(path).expect("read"));
    let mut stage = place.write();
    for _ in 0..2 {
        append(&mut stage, [result(0, None)]).await;
        let loaded = stage.load().expect("loads").state;
        let _ = stage.compact(&loaded).expect("written");
    }
    drop(stage);
    let new = [&state, &journal].map(|path| std::fs::read(path).expect("read"));
    for (snapshot, lines) in [(&old[0], &new[1]), (&new[0], &old[1])] {
        std::fs::write(&state, snapshot).expect("replaced");
        std::fs::write(&journal, lines).expect("replaced");
        let error = place.read().load().expect_err("refused");
        assert!(matches!(error, LoadError::Mismatch { .. }), "{error}");
        assert!(error.hint().is_some());
    }
    std::fs::remove_file(&state).expect("removed");
    assert!(matches!(load(&place), Err(LoadError::Mismatch { .. })));
    // What the hint says helps.
    std::fs::write(&state, &old[0]).expect("replaced");
    std::fs::remove_file(&journal).expect("removed");
    assert_eq!(load(&place).expect("loads"), 1);
}

#[tokio::test]
async fn files_of_another_stage_are_refused() {
    let place = prepared().await;
    let other = cofferdam_model::StageName::new("production").expect("valid");
    std::fs::create_dir(place.root().join("shop/production")).expect("made");
    for name in ["journal.jsonl", "state.json"] {
        let to = place.root().join("shop/production").join(name);
        std::fs::copy(place.file(name), &to).expect("copied");
        let mut stage = place.home().open_stage(&stack(), &other, Access::Read).expect("opens");
        let error = stage.load().expect_err("refused");
        let fits = matches!(error, LoadError::Damaged(_) | LoadError::Mismatch { .. });
        assert!(fits, "{error}");
    }
}

#[tokio::test]
async fn newer_formats_are_refused() {
    let place = prepared().await;
    for (name, old, new) in [("state.json", r#""v":1"#, r#""v":2"#), ("journal.jsonl", r#""v":1"#, r#""v":9"#)] {
        let path = place.file(name);
        let text = std::fs::read_to_string(&path).expect("read");
        std::fs::write(&path, text.replacen(old, new, 1)).expect("changed");
        let error = place.read().load().expect_err("refused");
        assert!(matches!(error, LoadError::Newer(_)), "{error}");
        std::fs::write(&path, r#"{"v":7,"what":"else"}"#.to_owned() + "\n").expect("changed");
        assert!(matches!(load(&place), Err(LoadError::Newer(_))), "{name}");
        std::fs::write(&path, text).expect("put back");
    }
    let path = place.root().join("home.json");
    for (text, newer) in [(r#"{"format":2}"#, true), ("", false), ("{}", false)] {
        std::fs::write(&path, text).expect("changed");
        let error = LocalHome::open(place.root(), place.keys(), std::sync::Arc::new(SystemEntropy)).err();
        let error = error.expect("refused");
        assert_eq!(matches!(error, OpenHomeError::Newer(_)), newer, "{error}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn a_reader_beside_a_writer_sees_whole_states() {
    let place = Place::new();
    let done = AtomicBool::new(false);
    let read = || {
        let (mut reader, mut seen) = (place.read(), 0);
        while !done.load(Ordering::Relaxed) {
            let StackState { resources, .. } = reader.load().expect("a whole state").state;
            assert!(resources.len() >= seen, "nothing is lost");
            seen = resources.len();
        }
    };
    std::thread::scope(|scope| {
        let readers = [scope.spawn(read), scope.spawn(read)];
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("builds");
        let mut writer = place.write();
        for i in 0..100 {
            runtime.block_on(append(&mut writer, [result(i, Some(plain_entry(i)))]));
            let state = writer.load().expect("loads").state;
            let _ = writer.compact(&state).expect("written");
        }
        done.store(true, Ordering::Relaxed);
        readers.into_iter().for_each(|reader| reader.join().expect("no reader failed"));
    });
}
