//! States that are encrypted as a whole: nothing of them can be read in the home, everything works with them that works
//! with others, either form follows the other, and whatever is changed or moved is found.

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use cofferdam_home::store::LocalStore;
use cofferdam_home::{
    Access, Compaction, DocumentSecrets, Encryption, Form, Health, Home, HomeCtx, KeyChange, KeyError, Keys, LoadError,
    Loaded, Migration, SettingsOf, Stage, Start, StateDocument, migrate,
};
use cofferdam_model::StackName;
use support::{
    Place, SECRETS, address, append, checkpoint, holder, intent, outputs, plain_entry, result, secret_entry, stack,
    stage,
};

/// What tells of a state: addresses, types, names and values of properties, outputs, plugins, commands of runs.
const TOLD: [&str; 12] = [
    "acme_thing",
    "orders-",
    "retention",
    "thing-0000",
    "password",
    "eu-west-1",
    "https://acme.test",
    "token-2",
    "schema_version",
    "0.3.1",
    "op-0000",
    "provider",
];

/// Two snapshots and a journal behind them, with secrets everywhere and a write in flight.
async fn prepared(place: &Place) -> Loaded {
    let mut open = place.write();
    append(&mut open, [intent(0), result(0, Some(secret_entry(0)))]).await;
    let mut state = open.load().expect("loads").state;
    state.outputs = outputs();
    let _ = open.compact(&state).expect("written");
    append(&mut open, [intent(1), result(1, Some(plain_entry(1)))]).await;
    let state = open.load().expect("loads").state;
    let _ = open.compact(&state).expect("written");
    append(&mut open, [intent(2), checkpoint(2, Some(secret_entry(2).state)), result(3, Some(secret_entry(3)))]).await;
    open.load().expect("loads")
}

fn load(place: &Place) -> Result<Loaded, LoadError> {
    place.read().load()
}

/// What stands in clear in some object of a home.
fn told(place: &Place, words: &[&'static str]) -> BTreeSet<&'static str> {
    let files = place.files();
    let holds = |bytes: &[u8], word: &str| bytes.windows(word.len()).any(|window| window == word.as_bytes());
    words.iter().copied().filter(|word| files.values().any(|bytes| holds(bytes, word))).collect()
}

fn with(place: &Place, form: Form) -> Home {
    let encryption = Encryption { form, ..Encryption::default() };
    place.home_with(Keys { encryption, ..place.keys() })
}

fn open_in(place: &Place, form: Form) -> Stage {
    with(place, form).open_stage(&stack(), &stage(), Access::Write(holder())).expect("free")
}

/// Writes the next snapshot of what is there; whether that was done.
fn compact(home: &Home) -> bool {
    let mut open = home.open_stage(&stack(), &stage(), Access::Write(holder())).expect("free");
    let state = open.load().expect("loads").state;
    matches!(open.compact(&state).expect("compared"), Compaction::Written { .. })
}

/// Every line of the journal with its checksum made anew, as somebody would who can write the store and has no key.
fn chained(lines: &[String]) -> String {
    use sha2::Digest as _;
    let (mut sum, mut out) = (String::new(), String::new());
    for (n, line) in lines.iter().enumerate() {
        let (head, body) = line.split_once(r#","r":"#).expect("a line");
        let body = body.strip_suffix(r#","last":true}"#).or_else(|| body.strip_suffix('}')).expect("a line");
        let end = if n + 1 == lines.len() { r#","last":true}"# } else { "}" };
        let format = head.split(',').next().expect("a format");
        let hash =
            sha2::Sha256::new().chain_update(&sum).chain_update((n as u64).to_le_bytes()).chain_update(body).finalize();
        sum = hex::encode(&hash[..8]);
        out.push_str(&format!("{format},\"n\":{n},\"sum\":\"{sum}\",\"r\":{body}{end}\n"));
    }
    out
}

#[tokio::test]
async fn nothing_can_be_read_and_everything_comes_back() {
    let (whole, values) = (Place::whole(), Place::new());
    let (loaded, expected) = (prepared(&whole).await, prepared(&values).await);
    let lineage = loaded.state.lineage.clone();
    assert_eq!(Loaded { state: expected.state.clone(), ..loaded.clone() }, expected);
    assert_eq!(cofferdam_model::state::StackState { lineage, ..expected.state }, loaded.state);
    assert_eq!(load(&whole).expect("loads"), loaded);
    assert_eq!(loaded.in_flight.len(), 1);
    assert_eq!(told(&values, &TOLD), TOLD.into(), "the words are those that would be there");
    assert_eq!(told(&whole, &TOLD), BTreeSet::new());
    assert_eq!(told(&whole, &SECRETS), BTreeSet::new());

    // The history, and what each of it was.
    let mut open = whole.read();
    let versions = open.history().expect("whole");
    let seen: Vec<_> = versions.iter().map(|version| (version.serial, version.resources)).collect();
    assert_eq!(seen, [(1, 1), (2, 2)]);
    assert!(versions.iter().all(|version| version.bytes > 0 && version.made.by == holder()));
    let first = open.at(1).expect("opens");
    assert_eq!((first.resources.len(), &first.outputs), (1, &outputs()));
    let found = open.verify().expect("readable");
    assert!(found.iter().all(|found| found.health != Health::Damaged && found.health != Health::Locked), "{found:?}");
    assert!(
        found.iter().any(|found| found.note == "serial 2, current, 2 resources, encrypted as a whole"),
        "{found:?}"
    );
    // A document is what was asked for.
    for secrets in [DocumentSecrets::Encrypted, DocumentSecrets::Clear] {
        let text = open.to_document(&loaded.state, secrets).expect("written");
        let parsed = StateDocument::parse(text.as_bytes()).expect("parses");
        assert_eq!(open.read_document(parsed).expect("reads"), loaded.state);
        assert!(text.contains("acme_thing.r0"));
    }
    // An older state becomes the current one.
    let mut open = whole.write();
    let loaded = open.load().expect("loads");
    let back = cofferdam_model::state::StackState { serial: loaded.state.serial, ..first };
    let _ = open.compact(&back).expect("written");
    drop(open);
    let after = load(&whole).expect("loads");
    assert_eq!((after.state.resources, after.in_flight), (back.resources, loaded.in_flight));
    assert_eq!(told(&whole, &TOLD), BTreeSet::new());
}

#[tokio::test]
async fn one_form_follows_the_other() {
    let place = Place::new();
    let before = prepared(&place).await;
    // Turned on: what comes is encrypted, beside what is there.
    let mut open = open_in(&place, Form::Whole);
    append(&mut open, [result(4, Some(plain_entry(4444)))]).await;
    drop(open);
    assert_eq!(told(&place, &["thing-004444", "thing-000001"]), ["thing-000001"].into());
    let mixed = load(&place).expect("reads both");
    assert_eq!(mixed.state.resources.len(), before.state.resources.len() + 1);
    // The next snapshot has the form of the setting, the writes in flight with it; the history keeps its own.
    assert!(compact(&with(&place, Form::Whole).with_history(1)));
    assert_eq!(told(&place, &TOLD), BTreeSet::new());
    assert_eq!(load(&place).expect("loads").state.resources, mixed.state.resources);
    assert_eq!(load(&place).expect("loads").in_flight, mixed.in_flight);
    let mut open = open_in(&place, Form::Whole);
    append(&mut open, [result(2, Some(secret_entry(2)))]).await;
    drop(open);
    assert!(compact(&with(&place, Form::Whole)));
    assert!(!compact(&with(&place, Form::Whole)), "nothing has changed");

    // Turned off: nothing has changed but the form.
    let before = load(&place).expect("loads");
    assert!(compact(&with(&place, Form::Values)));
    assert!(told(&place, &TOLD).contains("acme_thing") && told(&place, &SECRETS).is_empty());
    assert_eq!(load(&place).expect("loads").state.resources, before.state.resources);
    assert!(!compact(&with(&place, Form::Values)), "nothing has changed");
    let mut open = place.read();
    let serials: Vec<u64> = open.history().expect("whole").iter().map(|version| version.serial).collect();
    assert_eq!(serials, [3, 4, 5], "each in its form");
    assert_eq!(open.at(4).expect("opens").resources, open.at(5).expect("opens").resources);
}

#[tokio::test]
async fn every_change_is_found() {
    let place = Place::whole();
    let expected = prepared(&place).await;
    let mut objects = place.objects("journal");
    objects.push(place.snapshot());
    for path in objects {
        let good = std::fs::read(&path).expect("read");
        for at in (0..good.len()).step_by(7) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            std::fs::write(&path, &bad).expect("changed");
            assert!(load(&place).is_err(), "{}, byte {at}", path.display());
        }
        std::fs::write(&path, &good).expect("put back");
    }
    assert_eq!(load(&place).expect("as it was"), expected);
}

#[tokio::test]
async fn whoever_makes_checksums_anew_still_moves_nothing() {
    let place = Place::whole();
    prepared(&place).await;
    let base = place.objects("journal").remove(0);
    // All of the log in one piece, which is the same log.
    let pieces: Vec<String> =
        place.objects("journal").iter().map(|path| std::fs::read_to_string(path).expect("text")).collect();
    let lines: Vec<String> = pieces.concat().lines().map(str::to_owned).collect();
    for path in place.objects("journal").into_iter().skip(1) {
        std::fs::remove_file(path).expect("removed");
    }
    let records: Vec<usize> =
        lines.iter().enumerate().filter(|(_, line)| line.contains("sealed")).map(|(at, _)| at).collect();
    assert!(records.len() >= 3, "{lines:?}");
    std::fs::write(&base, chained(&lines)).expect("written");
    load(&place).expect("the checksums are right");

    let refused = |lines: &[String], what: &str| {
        std::fs::write(&base, chained(lines)).expect("written");
        let error = load(&place).expect_err(what);
        assert!(error.to_string().contains("it was changed, or does not belong there"), "{what}: {error}");
        let found = place.read().verify().expect("readable");
        assert!(found.iter().any(|found| found.health == Health::Damaged), "{what}: {found:?}");
    };
    let mut swapped = lines.clone();
    swapped.swap(records[0], records[1]);
    refused(&swapped, "two records change places");
    let mut dropped = lines.clone();
    dropped.remove(records[0]);
    refused(&dropped, "a record is dropped");
    let mut twice = lines.clone();
    twice.push(lines[records[0]].clone());
    refused(&twice, "a record comes twice");
    let id =
        |line: &str| line.split(r#""journal":""#).nth(1).expect("an id").split('"').next().expect("ends").to_owned();
    let (of_header, other) = (id(&lines[0]), "0".repeat(16));
    let renamed: Vec<String> = lines.iter().map(|line| line.replace(&of_header, &other)).collect();
    refused(&renamed, "records of another journal");
    let foreign: Vec<String> = lines
        .iter()
        .enumerate()
        .map(|(at, line)| if at == records[0] { line.replace(&of_header, &other) } else { line.clone() })
        .collect();
    std::fs::write(&base, chained(&foreign)).expect("written");
    assert!(load(&place).expect_err("refused").to_string().contains("it is the record of another journal"));
}

#[tokio::test]
async fn a_snapshot_is_that_of_its_serial_lineage_and_stage() {
    let place = Place::whole();
    prepared(&place).await;
    let states = place.objects("states");
    let [older, current] = &states[..] else { panic!("two snapshots") };
    let good = std::fs::read_to_string(older).expect("text");
    // Under another name it is another serial.
    std::fs::write(older, std::fs::read(current).expect("read")).expect("swapped");
    let error = place.read().at(1).expect_err("swapped");
    assert!(error.to_string().contains("it is the state of serial 2"), "{error}");
    // What it says of itself is bound to what is encrypted; the checksum is made anew.
    let forged = |from: &str, to: &str| {
        use sha2::Digest as _;
        let (_, body) = good.trim_end().split_once(r#""body":"#).expect("a body");
        let body = body.strip_suffix('}').expect("ends").replace(from, to);
        let sum = hex::encode(sha2::Sha256::digest(&body));
        std::fs::write(older, format!("{{\"v\":2,\"sum\":\"{sum}\",\"body\":{body}}}\n")).expect("written");
        place.read().at(1)
    };
    forged("", "").expect("as it was");
    let lineage = load(&place).expect("loads").state.lineage;
    let error = forged(&lineage, &"0".repeat(32)).expect_err("another lineage");
    assert!(error.to_string().contains("it was changed, or does not belong there"), "{error}");
    // Another stage of the same home has the same key.
    let other: cofferdam_model::StageName = "production".parse().expect("valid");
    let copy = place.root().join("stacks/shop/production");
    for kind in ["journal", "states"] {
        std::fs::create_dir_all(copy.join(kind)).expect("made");
        for path in place.objects(kind) {
            let text = std::fs::read_to_string(&path).expect("text");
            std::fs::write(copy.join(kind).join(path.file_name().expect("a name")), text).expect("copied");
        }
    }
    let mut open = place.home().open_stage(&stack(), &other, Access::Read).expect("opens");
    open.load().expect_err("the journal says whose it is");
    let error = open.verify().expect("readable").into_iter().find(|found| found.key.contains("states/0000000002"));
    assert_eq!(error.expect("there").note, "it was changed, or does not belong there");
}

#[tokio::test]
async fn without_a_key_nothing_opens_and_checksums_are_still_checked() {
    let place = Place::whole();
    prepared(&place).await;
    let stranger = || {
        let nobody = Keys::new(place.directory.path().join("nobody/identity.txt"));
        place.home_with(nobody).open_stage(&stack(), &stage(), Access::Read).expect("opens")
    };
    let error = stranger().load().expect_err("no key");
    assert!(matches!(error, LoadError::Key(KeyError::NoIdentity { .. })), "{error}");
    assert!(error.hint().is_some());
    assert!(matches!(stranger().history(), Err(LoadError::Key(_))));
    assert!(matches!(stranger().examine(), Err(LoadError::Key(_))), "what is whole cannot be told");
    let health = |kind: &str| {
        let found = stranger().verify().expect("readable");
        found.into_iter().filter(|f| f.key.contains(kind)).map(|f| f.health.as_str()).collect::<BTreeSet<_>>()
    };
    assert_eq!(health("/journal/"), ["whole"].into());
    assert_eq!(health("/states/"), ["locked"].into());
    for kind in ["journal", "states"] {
        let path = place.objects(kind).pop().expect("there");
        let mut bytes = std::fs::read(&path).expect("read");
        let at = bytes.len() - 20;
        bytes[at] ^= 1;
        std::fs::write(&path, bytes).expect("changed");
        assert!(health(&format!("/{kind}/")).contains("damaged"), "{kind}");
    }
}

#[tokio::test]
async fn a_newer_form_is_refused() {
    let place = Place::whole();
    prepared(&place).await;
    for path in [place.piece(), place.snapshot()] {
        let good = std::fs::read_to_string(&path).expect("text");
        std::fs::write(&path, good.replace(r#"{"v":2,"#, r#"{"v":3,"#)).expect("changed");
        let error = load(&place).expect_err("newer");
        assert!(matches!(error, LoadError::Newer(_)), "{error}");
        std::fs::write(&path, good).expect("put back");
    }
}

#[tokio::test]
async fn a_repair_keeps_what_is_whole() {
    for damaged_line in [0, 1] {
        let place = Place::whole();
        let before = prepared(&place).await;
        // The base with its header, or the piece with the first record.
        let path = place.objects("journal").remove(damaged_line);
        let mut text = std::fs::read(&path).expect("read");
        text[40] ^= 1;
        std::fs::write(&path, &text).expect("changed");
        let mut open = place.write();
        let repair = open.examine().expect("readable").expect("damaged");
        assert_eq!(repair.start, Start::Snapshot(2));
        assert!(repair.state.resources.contains_key(&address(3)), "the records behind it are whole");
        let repaired = open.repair(&repair).expect("repaired");
        drop(open);
        let after = load(&place).expect("loads");
        assert_eq!((after.state.serial, after.state.resources), (repaired.serial, before.state.resources));
        assert_eq!(told(&place, &TOLD), BTreeSet::new());
    }
}

#[tokio::test]
async fn new_keys_and_other_stacks_leave_the_form_as_it_is() {
    let place = Place::whole();
    let before = prepared(&place).await;
    let other: StackName = "blog".parse().expect("valid");
    // A rotation by a stack that encrypts values alone.
    let home = with(&place, Form::Values).with_history(1);
    let mut open = home.open_stage(&other, &stage(), Access::Write(holder())).expect("free");
    append(&mut open, [result(0, Some(plain_entry(7777)))]).await;
    drop(open);
    home.change_keys(&KeyChange::Rotate).expect("rotated");
    for (stack, stage) in home.stages().expect("listed") {
        let settings = if stack == other { SettingsOf::ThisStack } else { SettingsOf::AnotherStack };
        home.reencrypt((&stack, &stage), settings, &holder()).expect("encrypted anew");
    }
    assert_eq!(told(&place, &["thing-000001", "thing-007777"]), ["thing-007777"].into());
    let after = load(&place).expect("loads");
    assert_eq!((after.state.resources, after.in_flight), (before.state.resources.clone(), before.in_flight.clone()));
    // The write in flight has the new key as well, so that nothing needs the old one.
    assert_eq!(home.drop_unused_keys().expect("dropped"), [1]);
    let after = load(&place).expect("loads");
    assert_eq!((after.state.resources, after.in_flight), (before.state.resources, before.in_flight));
}

#[tokio::test]
async fn a_home_moves_as_it_is() {
    let place = Place::whole();
    let before = prepared(&place).await;
    let HomeCtx { store, keys, clock, entropy } = place.ctx(Keys::new(place.identity()));
    let to = Arc::new(LocalStore::new(place.directory.path().join("new")));
    let (to_name, to_store) = ("local:/new".to_owned(), Arc::clone(&to));
    migrate(&Migration { from: store, to: to_store, to_name, holder: holder(), keys, clock, entropy }).expect("moved");
    let home = Home::open(HomeCtx { store: to, ..place.ctx(place.keys()) }).expect("opens");
    let mut open = home.open_stage(&stack(), &stage(), Access::Read).expect("opens");
    assert_eq!(open.load().expect("loads"), before);
    let moved = place.directory.path().join("new/stacks");
    let mut files = Vec::new();
    collect(&moved, &mut files);
    assert!(files.iter().all(|bytes| !String::from_utf8_lossy(bytes).contains("acme_thing")));
}

fn collect(directory: &Path, files: &mut Vec<Vec<u8>>) {
    for entry in std::fs::read_dir(directory).expect("listed") {
        let path = entry.expect("listed").path();
        if path.is_dir() { collect(&path, files) } else { files.push(std::fs::read(&path).expect("read")) }
    }
}
