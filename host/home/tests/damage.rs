//! Crashes and damage: what a crash leaves behind is repaired, what anything else did is named.

mod support;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use cofferdam_home::{Access, Home, LoadError, OpenHomeError};
use cofferdam_model::state::StackState;
use support::{Place, address, append, chain, intent, plain_entry, result, stack};

/// A stage with a snapshot of one resource and a journal that adds another two, in a piece of four records.
async fn prepared() -> Place {
    let place = Place::new();
    let mut stage = place.write();
    append(&mut stage, [intent(0), result(0, Some(plain_entry(0)))]).await;
    let _ = stage.compact(&chain(1)).expect("written");
    let journal = stage.journal().expect("opens");
    let records = [intent(1), result(1, Some(plain_entry(1))), intent(2), result(2, Some(plain_entry(2)))];
    let appended: Vec<_> = records.into_iter().map(|record| journal.append(record)).collect();
    for record in appended {
        record.await.expect("durable");
    }
    place
}

fn load(place: &Place) -> Result<usize, LoadError> {
    place.read().load().map(|loaded| loaded.state.resources.len())
}

/// One file of each kind: a piece of the journal that is a base, one that is none, and the snapshot.
fn kinds(place: &Place) -> Vec<PathBuf> {
    let journal = place.objects("journal");
    vec![journal[0].clone(), journal[journal.len() - 1].clone(), place.snapshot()]
}

#[tokio::test]
async fn a_crash_between_snapshot_and_base_is_harmless() {
    let place = prepared().await;
    let mut stage = place.write();
    let state = stage.load().expect("loads").state;
    // The snapshot of a run that ended right then: no base names it.
    let _ = stage.compact(&state).expect("written");
    drop(stage);
    let (newest, base) = (place.snapshot(), place.piece());
    let bytes = std::fs::read(&newest).expect("read");
    let orphan = newest.with_file_name("0000000003-00ffee00.json");
    std::fs::write(&orphan, &bytes).expect("written");
    assert_eq!(load(&place).expect("loads"), 3);
    let mut stage = place.write();
    append(&mut stage, [result(0, None)]).await;
    let state = stage.load().expect("loads").state;
    let _ = stage.compact(&state).expect("written");
    assert!(!orphan.exists() && !base.exists() && newest.exists());
    assert_eq!(load(&place).expect("loads"), 2);
}

#[tokio::test]
async fn a_crash_before_old_pieces_are_removed_is_harmless() {
    let place = prepared().await;
    let old: Vec<_> =
        place.objects("journal").into_iter().map(|path| (path.clone(), std::fs::read(path).expect("read"))).collect();
    let mut stage = place.write();
    let state = stage.load().expect("loads").state;
    let _ = stage.compact(&state).expect("written");
    drop(stage);
    for (path, bytes) in &old {
        std::fs::write(path, bytes).expect("put back");
    }
    let loaded = place.read().load().expect("loads");
    assert_eq!((loaded.recovered, loaded.state.serial, loaded.state.resources.len()), (false, 2, 3));
    // The next snapshot removes them.
    let mut stage = place.write();
    let mut state = stage.load().expect("loads").state;
    state.resources.remove(&address(0));
    let _ = stage.compact(&state).expect("written");
    assert_eq!(place.objects("journal").len(), 1);
    assert_eq!(load(&place).expect("loads"), 2);
}

#[tokio::test]
async fn every_changed_byte_is_found() {
    let place = prepared().await;
    for path in kinds(&place) {
        let whole = std::fs::read(&path).expect("read");
        // The line feed that ends a snapshot says nothing.
        let last = if path == place.snapshot() { whole.len() - 1 } else { whole.len() };
        for at in 0..last {
            let mut bad = whole.clone();
            bad[at] ^= 1;
            std::fs::write(&path, bad).expect("changed");
            assert!(load(&place).is_err(), "byte {at} of {}", path.display());
        }
        std::fs::write(&path, whole).expect("put back");
    }
    assert_eq!(load(&place).expect("loads"), 3);
}

#[tokio::test]
async fn a_truncated_object_is_damage() {
    let place = prepared().await;
    for path in kinds(&place) {
        let whole = std::fs::read(&path).expect("read");
        for end in 0..whole.len() - 1 {
            std::fs::write(&path, &whole[..end]).expect("cut");
            assert!(matches!(load(&place), Err(LoadError::Damaged(_))), "{end} of {}", path.display());
        }
        std::fs::write(&path, whole).expect("put back");
    }
}

#[tokio::test]
async fn damage_is_named_with_its_line_and_what_to_do() {
    let place = prepared().await;
    let path = place.piece();
    let text = std::fs::read_to_string(&path).expect("read");
    std::fs::write(&path, text.replacen("orders-1", "orders-7", 1)).expect("changed");
    let error = place.read().load().expect_err("damaged");
    let shown = path.display();
    let line = 1 + text.lines().position(|line| line.contains("orders-1")).expect("there");
    assert_eq!(error.to_string(), format!("`{shown}` is damaged at line {line}: the checksum does not match"));
    assert!(error.hint().is_some_and(|hint| hint.contains("state repair")));
    // A run that writes stops as well, and changes nothing.
    let before = place.lasting();
    assert!(matches!(place.write().load(), Err(LoadError::Damaged(_))));
    assert!(place.write().journal().is_err());
    assert_eq!(place.lasting(), before);
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let place = prepared().await;
    append(&mut place.write(), [intent(3)]).await;
    let journal = place.objects("journal");
    for gone in [place.snapshot(), journal[0].clone(), journal[journal.len() - 2].clone()] {
        let bytes = std::fs::read(&gone).expect("read");
        std::fs::remove_file(&gone).expect("removed");
        let error = place.read().load().expect_err("missing").to_string();
        assert!(error.contains("missing") || error.contains("no header"), "{error}");
        std::fs::write(&gone, bytes).expect("put back");
    }
    assert_eq!(load(&place).expect("loads"), 3);
}

/// A base that cannot be read looks like a piece that is none; what is named is that one, and not what would be there.
#[tokio::test]
async fn an_unreadable_base_is_named() {
    let place = prepared().await;
    let base = place.objects("journal")[0].clone();
    let whole = std::fs::read(&base).expect("read");
    for (bad, what) in [(&b""[..], "it is empty"), (&whole[..40], "its end is missing"), (b"nothing\n", "no record")] {
        std::fs::write(&base, bad).expect("changed");
        let error = place.read().load().expect_err("damaged").to_string();
        assert!(error.contains(&base.display().to_string()) && error.contains(what), "{error}");
    }
}

#[tokio::test]
async fn another_snapshot_of_the_same_name_is_refused() {
    let place = prepared().await;
    let other = prepared().await;
    std::fs::copy(other.snapshot(), place.snapshot()).expect("copied");
    let error = place.read().load().expect_err("refused");
    assert!(error.to_string().ends_with("it is another snapshot than the journal goes on from"), "{error}");
}

#[tokio::test]
async fn objects_of_another_stage_are_refused() {
    let place = prepared().await;
    let other = cofferdam_model::StageName::new("production").expect("valid");
    for kind in ["journal", "states"] {
        let to = place.root().join("stacks/shop/production").join(kind);
        std::fs::create_dir_all(&to).expect("made");
        for path in place.objects(kind) {
            std::fs::copy(&path, to.join(path.file_name().expect("a file"))).expect("copied");
        }
    }
    let mut stage = place.home().open_stage(&stack(), &other, Access::Read).expect("opens");
    assert!(matches!(stage.load(), Err(LoadError::Damaged(_))));
}

#[tokio::test]
async fn newer_formats_are_refused() {
    let place = prepared().await;
    for (path, new) in kinds(&place).into_iter().zip([r#""v":9"#, r#""v":3"#, r#""v":3"#]) {
        let text = std::fs::read_to_string(&path).expect("read");
        std::fs::write(&path, text.replacen(r#""v":1"#, new, 1)).expect("changed");
        let error = place.read().load().expect_err("refused");
        assert!(matches!(error, LoadError::Newer(_)), "{error}");
        std::fs::write(&path, r#"{"v":7,"what":"else"}"#.to_owned() + "\n").expect("changed");
        let error = place.read().load().expect_err("refused");
        assert!(matches!(error, LoadError::Newer(_)), "{}: {error}", path.display());
        std::fs::write(&path, text).expect("put back");
    }
    let path = place.root().join("home.json");
    for (text, newer) in [(r#"{"format":2}"#, true), ("", false), ("{}", false)] {
        std::fs::write(&path, text).expect("changed");
        let error = Home::open(place.ctx(place.keys())).err().expect("refused");
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
