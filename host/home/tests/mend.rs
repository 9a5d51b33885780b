//! Damage is found, told, and repaired: nothing that was whole is lost, nothing is removed without a copy, and the one
//! who was shut out stays out.

mod support;

use std::path::{Path, PathBuf};

use cofferdam_home::{Finding, Health, LoadError, Overwrite, Repair, RepairError, Repaired, Start};
use cofferdam_model::{Address, SecretName};
use support::{Place, address, append, chain, checkpoint, intent, outputs, plain_entry, result, secret_entry};

/// Two snapshots, of one and of two resources, and a journal that adds another two in a piece of four records.
async fn prepared() -> Place {
    let place = Place::new();
    let mut stage = place.write();
    append(&mut stage, [intent(0), result(0, Some(plain_entry(0)))]).await;
    let _ = stage.compact(&chain(1)).expect("written");
    append(&mut stage, [intent(1), result(1, Some(plain_entry(1)))]).await;
    let state = stage.load().expect("loads").state;
    let _ = stage.compact(&state).expect("written");
    let journal = stage.journal().expect("opens");
    let records = [intent(2), result(2, Some(plain_entry(2))), intent(3), result(3, Some(plain_entry(3)))];
    let appended: Vec<_> = records.into_iter().map(|record| journal.append(record)).collect();
    for record in appended {
        record.await.expect("durable");
    }
    place
}

/// As where the spare is gone as well.
fn without_spare(place: &Place) {
    place.objects("spare").iter().for_each(|path| std::fs::remove_file(path).expect("removed"));
}

/// The base, the piece with the records, and the current snapshot.
fn kinds(place: &Place) -> [PathBuf; 3] {
    let journal = place.objects("journal");
    [journal[0].clone(), journal[journal.len() - 1].clone(), place.snapshot()]
}

fn findings(place: &Place) -> Vec<Finding> {
    place.read().verify().expect("readable")
}

fn damaged(place: &Place) -> Vec<String> {
    findings(place).into_iter().filter(|found| found.health == Health::Damaged).map(|found| found.key).collect()
}

fn repair(place: &Place) -> (Repair, Repaired) {
    let mut stage = place.write();
    let repair = stage.examine().expect("readable").expect("damaged");
    let repaired = stage.repair(&repair).expect("repaired");
    (repair, repaired)
}

/// The numbers of the resources that there are.
fn resources(place: &Place) -> Vec<usize> {
    let state = place.read().load().expect("loads").state;
    (0..10).filter(|i| state.resources.contains_key(&address(*i))).collect()
}

/// The resources whose results a piece holds, with their lines from 0. How many records share a piece is the writer's
/// affair.
fn results(piece: &[u8]) -> Vec<(usize, usize)> {
    let text = String::from_utf8_lossy(piece);
    let told = |line: &str, i: &usize| {
        line.contains(r#"{"result":"#) && line.contains(&format!(r#""address":"{}""#, address(*i)))
    };
    text.lines().enumerate().filter_map(|(at, line)| Some((at, (0..10).find(|i| told(line, i))?))).collect()
}

fn name(path: &Path) -> String {
    path.file_name().expect("a file").to_string_lossy().into_owned()
}

/// Damages an object, and expects that it is found, repaired, and that the same lineage goes on.
fn mended(place: &Place, path: &Path, bad: Option<&[u8]>) -> (Repair, Vec<usize>) {
    let copy = bad.map(<[u8]>::to_vec);
    match bad {
        Some(bytes) => std::fs::write(path, bytes).expect("changed"),
        None => std::fs::remove_file(path).expect("removed"),
    }
    let before = place.files();
    assert!(matches!(place.read().load(), Err(LoadError::Damaged(_))), "{}", path.display());
    let found = damaged(place);
    assert!(found.iter().any(|key| key.ends_with(&name(path))), "{found:?} has no {}", path.display());
    assert_eq!(place.files(), before, "looking changes nothing");
    let (told, repaired) = repair(place);
    assert!(damaged(place).is_empty());
    assert_eq!(place.read().examine().expect("readable").map(|repair| repair.damaged), None);
    let state = place.read().load().expect("loads").state;
    assert_eq!(state.serial, repaired.serial);
    assert!(state.serial > 2 && !state.lineage.is_empty());
    if let Some(copy) = copy {
        let aside = place.objects("damaged").into_iter().find(|aside| name(aside) == name(path));
        assert_eq!(std::fs::read(aside.expect("moved aside")).expect("read"), copy);
        assert!(!path.exists());
    }
    // Runs go on from there.
    let mut stage = place.write();
    let mut state = stage.load().expect("loads").state;
    state.outputs = outputs();
    let _ = stage.compact(&state).expect("written");
    drop(stage);
    (told, resources(place))
}

#[tokio::test]
async fn what_is_whole_is_left_alone() {
    let place = prepared().await;
    let before = place.files();
    assert!(damaged(&place).is_empty());
    assert!(place.read().examine().expect("readable").is_none());
    assert_eq!(place.files(), before);
    assert!(Place::new().read().examine().expect("readable").is_none());
}

#[tokio::test]
async fn a_changed_byte_costs_one_line_at_most() {
    let place = prepared().await;
    let [base, records, snapshot] = kinds(&place);
    let whole = place.lasting();
    let reset = || {
        for path in place.lasting().into_keys().filter(|path| !whole.contains_key(path)) {
            std::fs::remove_file(path).expect("removed");
        }
        whole.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).expect("put back"));
    };
    for (path, step) in [(&base, 29), (&records, 31), (&snapshot, 211)] {
        let text = &whole[path];
        for at in (0..text.len() - 1).step_by(step) {
            let mut bad = text.clone();
            bad[at] ^= 1;
            let (told, left) = mended(&place, path, Some(&bad));
            let line = text[..at].iter().filter(|byte| **byte == b'\n').count();
            let lost: Vec<usize> = match path {
                _ if path == &snapshot => vec![1],
                _ => results(text).into_iter().filter(|(at, _)| *at == line).map(|(_, i)| i).collect(),
            };
            let kept: Vec<usize> = (0..4).filter(|i| !lost.contains(i)).collect();
            assert!(kept.iter().all(|i| left.contains(i)), "byte {at} of {}: {left:?}", path.display());
            assert!(told.lost.len() <= 3, "{:?}", told.lost);
            reset();
        }
    }
}

#[tokio::test]
async fn what_is_left_of_a_cut_piece_is_kept() {
    let ends: Vec<usize> = {
        let place = prepared().await;
        let text = std::fs::read(&kinds(&place)[1]).expect("read");
        let between = (1..text.len()).filter(|end| text[end - 1] == b'\n');
        [0, 1, 200, 700, 1100, 1500].into_iter().chain(between).collect()
    };
    for end in ends {
        let place = prepared().await;
        let [_, records, _] = kinds(&place);
        let text = std::fs::read(&records).expect("read");
        let cut = &text[..end.min(text.len() - 1)];
        let lines = cut.iter().filter(|byte| **byte == b'\n').count();
        let (told, left) = mended(&place, &records, Some(cut));
        let lost: Vec<usize> = results(&text).into_iter().filter(|(at, _)| *at >= lines).map(|(_, i)| i).collect();
        let expected: Vec<usize> = (0..4).filter(|i| !lost.contains(i)).collect();
        assert_eq!(left, expected, "{end}");
        // What came behind is kept, although what it was made from is gone.
        let place = prepared().await;
        append(&mut place.write(), [result(5, Some(plain_entry(5)))]).await;
        let (_, records) = (kinds(&place), place.objects("journal"));
        let (_, left) = mended(&place, &records[records.len() - 2], Some(cut));
        assert!(left.contains(&5), "{end}: {left:?}");
        // What is gone without a trace is told as that.
        let behind = told.lost.iter().any(|lost| lost.words.starts_with("whatever else stood"));
        assert!(behind, "{end}: {:?}", told.lost);
    }
}

/// Whichever one object it is, and whatever becomes of it: the other copy has all of it.
#[tokio::test]
async fn the_spare_stands_in_for_snapshot_and_base() {
    let prepared = || async {
        let place = prepared().await;
        let mut stage = place.write();
        // A write that is in flight while the snapshot is made: it is in the base, and nowhere else.
        append(&mut stage, [intent(4), checkpoint(4, None)]).await;
        let state = stage.load().expect("loads").state;
        let _ = stage.compact(&state).expect("written");
        place
    };
    for kind in ["states", "journal"] {
        for bad in [None, Some(&b""[..]), Some(b"{\"v\":1"), Some(b"nothing\n")] {
            let place = prepared().await;
            let before = place.read().load().expect("loads");
            assert_eq!((before.in_flight.len(), place.objects("journal").len()), (1, 1));
            let path = place.objects(kind).pop().expect("the newest");
            let (told, left) = mended(&place, &path, bad);
            assert_eq!(
                (told.lost, told.start, left),
                (vec![], Start::Snapshot(3), vec![0, 1, 2, 3]),
                "{kind}, {bad:?}"
            );
            assert_eq!((told.in_flight, told.state.resources), (before.in_flight, before.state.resources));
            assert_eq!(place.objects("spare").len(), 1);
        }
    }
}

#[tokio::test]
async fn a_damaged_spare_harms_nobody() {
    for bad in ["", "{\"v\":1", "nothing\n"] {
        let place = prepared().await;
        let before = place.read().load().expect("loads");
        let path = place.objects("spare").pop().expect("one");
        let whole = std::fs::read_to_string(&path).expect("read");
        for bad in [bad, &whole[..whole.len() - 20]] {
            std::fs::write(&path, bad).expect("changed");
            assert_eq!(place.read().load().expect("loads"), before);
            assert_eq!(damaged(&place), [format!("stacks/shop/dev/spare/{}", name(&path))]);
            let (told, repaired) = repair(&place);
            assert_eq!((told.lost, told.start, repaired.moved), (vec![], Start::Current(2), 1));
            assert!(damaged(&place).is_empty());
        }
        // The next snapshot has one again.
        let mut stage = place.write();
        append(&mut stage, [result(5, Some(plain_entry(5)))]).await;
        let state = stage.load().expect("loads").state;
        let _ = stage.compact(&state).expect("written");
        assert_eq!(place.objects("spare").len(), 1);
    }
}

#[tokio::test]
async fn a_lost_base_is_made_up_for() {
    for bad in [None, Some(&b""[..]), Some(b"garbage\n")] {
        let place = prepared().await;
        without_spare(&place);
        let [base, ..] = kinds(&place);
        let (told, left) = mended(&place, &base, bad);
        assert_eq!(left, [0, 1, 2, 3]);
        assert_eq!(told.start, Start::Snapshot(2));
    }
}

#[tokio::test]
async fn a_damaged_snapshot_gives_way_to_the_one_before() {
    for empty in [true, false] {
        let place = prepared().await;
        without_spare(&place);
        let [_, _, snapshot] = kinds(&place);
        let text = std::fs::read_to_string(&snapshot).expect("read");
        let bad = if empty { String::new() } else { text.replacen("orders-1", "orders-7", 1) };
        let (told, left) = mended(&place, &snapshot, Some(bad.as_bytes()));
        assert_eq!((told.start, left), (Start::Snapshot(1), vec![0, 2, 3]));
        assert_eq!(told.lost[0].words, "every change between serial 1 and serial 2");
        // Where it can still be read, what it had besides is named, with what finds it again.
        let lost: Vec<_> = told.lost.iter().filter_map(|lost| lost.address.clone()).collect();
        assert_eq!(lost, if empty { vec![] } else { vec![address(1)] });
        if !empty {
            assert_eq!(told.lost[1].identity, [("id".to_owned(), "thing-000001".to_owned())]);
        }
    }
}

#[tokio::test]
async fn a_missing_snapshot_gives_way_to_the_one_before() {
    let place = prepared().await;
    without_spare(&place);
    let [_, _, snapshot] = kinds(&place);
    let (told, left) = mended(&place, &snapshot, None);
    assert_eq!((told.start, left), (Start::Snapshot(1), vec![0, 2, 3]));
    assert_eq!(told.lost.len(), 1, "{:?}", told.lost);
}

#[tokio::test]
async fn without_any_snapshot_the_journal_is_kept() {
    let place = prepared().await;
    without_spare(&place);
    let states = place.objects("states");
    std::fs::remove_file(&states[0]).expect("removed");
    let (told, left) = mended(&place, &states[1], Some(b"{}"));
    assert_eq!((told.start, left), (Start::Nothing, vec![2, 3]));
}

#[tokio::test]
async fn a_missing_piece_costs_its_own_records() {
    let place = prepared().await;
    let mut stage = place.write();
    for i in 4..7 {
        append(&mut stage, [result(i, Some(plain_entry(i)))]).await;
    }
    drop(stage);
    let pieces = place.objects("journal");
    let (told, left) = mended(&place, &pieces[pieces.len() - 2], None);
    assert_eq!(left, [0, 1, 2, 3, 4, 6]);
    assert!(told.lost[0].words.starts_with("every record of"), "{:?}", told.lost);
    let unchecked: Vec<&str> = told.unchecked.iter().map(|lost| lost.words.as_str()).collect();
    assert!(unchecked[0].starts_with("what came of a write of `acme_thing.r6`"), "{unchecked:?}");
}

#[tokio::test]
async fn a_lost_journal_leaves_the_snapshots() {
    let place = prepared().await;
    without_spare(&place);
    place.objects("journal").iter().for_each(|path| std::fs::remove_file(path).expect("removed"));
    // It must not look like a stage that never wrote: a deploy would make everything again.
    assert!(matches!(place.read().load(), Err(LoadError::Damaged(_))));
    assert_eq!(damaged(&place).len(), 1);
    let (told, repaired) = repair(&place);
    assert_eq!((told.start, repaired.serial, resources(&place)), (Start::Snapshot(2), 3, vec![0, 1]));
}

#[tokio::test]
async fn writes_in_flight_are_kept_with_their_checkpoints() {
    let place = prepared().await;
    let mut stage = place.write();
    let partial = secret_entry(5).state;
    append(&mut stage, [intent(5), checkpoint(5, Some(partial)), intent(6), result(4, Some(plain_entry(4)))]).await;
    let told = stage.load().expect("loads").in_flight;
    assert_eq!(told.len(), 2);
    drop(stage);
    let last = place.piece();
    let text = std::fs::read_to_string(&last).expect("read");
    let (found, left) = mended(&place, &last, Some(text.replacen("orders-4", "orders-5", 1).as_bytes()));
    assert_eq!(found.in_flight, told);
    assert_eq!(left, [0, 1, 2, 3]);
    assert_eq!(found.lost[0].address, Some(address(4)));
    assert_eq!(place.read().load().expect("loads").in_flight, told);
}

#[tokio::test]
async fn an_old_snapshot_is_moved_without_touching_the_state() {
    let place = prepared().await;
    let old = place.objects("states")[0].clone();
    std::fs::write(&old, "{}").expect("changed");
    assert!(place.read().history().is_err());
    let before = place.read().load().expect("loads");
    let (told, repaired) = repair(&place);
    assert_eq!((told.start, told.lost), (Start::Current(2), vec![]));
    assert_eq!((repaired.serial, repaired.moved), (2, 1));
    assert_eq!(place.read().load().expect("loads"), before);
    assert_eq!(place.read().history().expect("whole").len(), 1);
    assert!(damaged(&place).is_empty());
}

/// Whoever is paused while the stage is repaired can write nothing afterwards.
#[tokio::test]
async fn a_repair_shuts_out_a_paused_run() {
    let place = Place::new();
    let mut paused = place.write();
    append(&mut paused, [intent(0), result(0, Some(plain_entry(0)))]).await;
    let journal = paused.journal().expect("opens");
    let text = std::fs::read_to_string(place.piece()).expect("read");
    // Its lease is too old by the file system's clock.
    let token = place.objects("lease").into_iter().find(|path| path.extension().is_some_and(|e| e == "json"));
    let file = std::fs::File::options().write(true).open(token.expect("a token")).expect("opens");
    let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1);
    file.set_modified(long_ago).expect("set");
    std::fs::write(place.piece(), text.replacen("orders-0", "orders-1", 1)).expect("changed");
    repair(&place);
    let before = place.lasting();
    journal.append(intent(9)).await.expect_err("shut out");
    assert_eq!(place.lasting(), before);
    // Also after the next snapshots.
    let mut next = place.write();
    for i in 1..3 {
        append(&mut next, [result(i, Some(plain_entry(i)))]).await;
        let state = next.load().expect("loads").state;
        let _ = next.compact(&state).expect("written");
    }
    drop(next);
    assert!(damaged(&place).is_empty());
    journal.append(intent(9)).await.expect_err("shut out");
    drop(paused);
}

#[tokio::test]
async fn a_second_repair_goes_on_after_one_that_was_cut_off() {
    let place = prepared().await;
    let [_, records, _] = kinds(&place);
    let text = std::fs::read_to_string(&records).expect("read");
    std::fs::write(&records, text.replacen("orders-2", "orders-7", 1)).expect("changed");
    let whole = place.lasting();
    repair(&place);
    // As if it had ended before it removed anything: the copies and the new snapshot are there, the base is not.
    let base = place.piece();
    whole.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).expect("put back"));
    std::fs::remove_file(base).expect("removed");
    let spare = place.objects("spare").pop().expect("of the base");
    std::fs::remove_file(spare).expect("removed");
    let (told, repaired) = repair(&place);
    assert_eq!(repaired.serial, 4);
    assert!(told.damaged.iter().any(|damage| damage.place.ends_with(&name(&records))));
    assert_eq!(resources(&place), [0, 1, 3]);
    assert!(repaired.aside.is_some_and(|place| place.ends_with("0000000002")));
}

#[tokio::test]
async fn what_cannot_be_judged_is_not_repaired() {
    let place = prepared().await;
    append(&mut place.write(), [result(4, Some(secret_entry(4)))]).await;
    let [base, ..] = kinds(&place);
    let text = std::fs::read_to_string(&base).expect("read");
    std::fs::write(&base, "").expect("changed");
    let before = place.lasting();
    let stranger = cofferdam_home::Keys::new(place.directory.path().join("none.txt"));
    let access = cofferdam_home::Access::Write(support::holder());
    let stage = place.home_with(stranger).open_stage(&support::stack(), &support::stage(), access).expect("free");
    assert!(matches!(stage.examine(), Err(LoadError::Key(_))));
    drop(stage);
    std::fs::write(&base, text.replacen(r#"{"v":1"#, r#"{"v":3"#, 1)).expect("changed");
    assert!(matches!(place.write().examine(), Err(LoadError::Newer(_))));
    std::fs::write(&base, "").expect("changed");
    assert_eq!(place.lasting(), before);
    let mut reader = place.read();
    let repair = reader.examine().expect("readable").expect("damaged");
    assert!(matches!(reader.repair(&repair), Err(RepairError::ReadOnly)));
    let address: Address = address(4);
    assert!(repair.state.resources.contains_key(&address));
}

#[tokio::test]
async fn every_kind_of_object_is_told() {
    let place = prepared().await;
    append(&mut place.write(), [result(4, Some(secret_entry(4)))]).await;
    let root = place.root().join("stacks/shop/dev");
    let name = SecretName::new("password").expect("valid");
    let secrets = place.home();
    secrets
        .secrets(&support::stack(), &support::stage())
        .set(&name, "hunter2", &support::holder(), Overwrite::No)
        .expect("set");
    std::fs::write(root.join("secrets/0000000002.json"), "{}").expect("written");
    std::fs::write(root.join("secrets/notes.txt"), "mine").expect("written");
    let found = findings(&place);
    let of = |part: &str| -> Vec<(Health, &str)> {
        let found = found.iter().filter(|found| found.key.contains(part));
        found.map(|found| (found.health, found.note.as_str())).collect()
    };
    assert_eq!(
        of("/states/"),
        [(Health::Whole, "serial 1, 1 resource"), (Health::Whole, "serial 2, current, 2 resources")]
    );
    let [one, two, other] = <[_; 3]>::try_from(of("/secrets/")).expect("three objects");
    assert_eq!(one, (Health::Whole, "1 secret"));
    assert_eq!(two.0, Health::Damaged);
    assert_eq!(other, (Health::Unchecked, "no kind of object that this cofferdam knows"));
    assert!(of("/journal/").iter().all(|(health, note)| *health == Health::Whole && note.contains("record")));
    assert!(of("/lease/").iter().all(|told| *told == (Health::Whole, "released")));
    let home = place.home();
    assert_eq!(home.stages().expect("listed"), [(support::stack(), support::stage())]);
    let notes: Vec<_> = home.verify().expect("readable").into_iter().map(|found| (found.key, found.health)).collect();
    assert_eq!(notes, [("home.json".into(), Health::Whole), ("keys/0000000001.json".into(), Health::Whole)]);
    std::fs::write(place.root().join("keys/0000000001.json"), "nothing").expect("changed");
    assert_eq!(place.home().verify().expect("readable")[1].health, Health::Damaged);
}

/// Without the tokens every run would begin at the first again, and be taken for one that lost its lease.
#[tokio::test]
async fn lost_tokens_are_made_up_for() {
    let place = prepared().await;
    for _ in 0..3 {
        append(&mut place.write(), [result(4, Some(plain_entry(4)))]).await;
    }
    place.objects("lease").iter().for_each(|path| std::fs::remove_file(path).expect("removed"));
    let error = place.write().load().expect_err("nobody can write");
    assert!(matches!(&error, LoadError::Damaged(damage) if damage.place.ends_with("/lease/")), "{error}");
    assert_eq!(damaged(&place), ["stacks/shop/dev/lease/"]);
    let (told, repaired) = repair(&place);
    assert_eq!((told.lost, repaired.serial), (vec![], 3));
    append(&mut place.write(), [result(5, Some(plain_entry(5)))]).await;
    assert_eq!(resources(&place), [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_damaged_home_file_is_written_anew() {
    let place = prepared().await;
    let path = place.root().join("home.json");
    std::fs::write(&path, "").expect("changed");
    let ctx = place.ctx(place.keys());
    let damage = cofferdam_home::Home::examine(&*ctx.store).expect("readable").expect("damaged");
    assert_eq!(damage.what, "it is empty");
    let copy = cofferdam_home::Home::mend(&ctx).expect("written").expect("copied");
    assert_eq!(std::fs::read(copy).expect("a copy"), b"");
    assert_eq!(resources(&place), [0, 1, 2, 3]);
    assert!(cofferdam_home::Home::examine(&*ctx.store).expect("readable").is_none());
    // One that is missing is no sign that there never was a home.
    std::fs::remove_file(&path).expect("removed");
    let damage = cofferdam_home::Home::examine(&*ctx.store).expect("readable").expect("damaged");
    assert_eq!(damage.what, "it is missing");
    assert_eq!(cofferdam_home::Home::mend(&ctx).expect("written"), None);
    assert_eq!(resources(&place), [0, 1, 2, 3]);
    // Whatever is changed in it is seen.
    let whole = std::fs::read(&path).expect("read");
    for at in 0..whole.len() {
        let mut bad = whole.clone();
        bad[at] ^= 1;
        std::fs::write(&path, bad).expect("changed");
        assert!(!matches!(cofferdam_home::Home::examine(&*ctx.store), Ok(None)), "byte {at}");
    }
}

/// The list of the number before counts then, and what is lost is named.
#[tokio::test]
async fn a_damaged_list_of_secrets_is_moved_aside() {
    let place = prepared().await;
    let home = place.home();
    let secrets = home.secrets(&support::stack(), &support::stage());
    let set = |name: &str| {
        let name = SecretName::new(name).expect("valid");
        secrets.set(&name, "hunter22", &support::holder(), Overwrite::No).expect("set");
    };
    let names = || -> Vec<String> { secrets.read().expect("reads").iter().map(|info| info.name.to_string()).collect() };
    set("one");
    set("two");
    let [first, second] = <[PathBuf; 2]>::try_from(place.objects("secrets")).expect("two lists");
    let before = place.read().load().expect("loads");
    let whole = std::fs::read_to_string(&second).expect("read");
    std::fs::write(&second, whole.replacen("\"two\"", "\"twe\"", 1)).expect("changed");
    assert!(secrets.read().is_err());
    let (told, repaired) = repair(&place);
    assert_eq!((told.start, repaired.moved), (Start::Current(2), 1));
    let words = &told.lost[0].words;
    assert!(words.starts_with("what was done to the secrets since `stacks/") && words.contains("`twe`"), "{words}");
    assert_eq!((names(), place.read().load().expect("loads")), (vec!["one".to_owned()], before));
    set("two");
    assert_eq!(names(), ["one", "two"]);
    for path in [&first, &second] {
        std::fs::write(path, "").expect("changed");
    }
    let (told, repaired) = repair(&place);
    assert_eq!((told.lost[0].words.as_str(), repaired.moved), ("the secrets of the stage: set them again", 2));
    assert_eq!(names(), Vec::<String>::new());
    assert!(damaged(&place).is_empty());
}
