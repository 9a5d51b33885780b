//! What is written comes back, with every mark; what is secret is nowhere in clear; what changed nothing writes
//! nothing.

mod support;

use std::os::unix::fs::PermissionsExt as _;

use cofferdam_home::{Compaction, WriteError};
use cofferdam_model::journal::Record;
use cofferdam_model::state::StackState;
use support::{
    Place, SECRETS, address, append, checkpoint, empty, intent, operation, outputs, plain_entry, result, secret_entry,
};

/// A state with secrets, as a run leaves it.
async fn deploy(place: &Place) -> StackState {
    let mut stage = place.write();
    let loaded = stage.load().expect("loads");
    assert_eq!((&loaded.state, loaded.recovered), (&empty(), false));
    let partial = secret_entry(0).state;
    let records = [
        Record::RunStarted { command: "deploy".into(), at_ms: 1 },
        intent(0),
        checkpoint(0, Some(partial)),
        result(0, Some(secret_entry(0))),
        intent(1),
        result(1, Some(plain_entry(1))),
        Record::Outputs { outputs: outputs() },
        Record::RunFinished { at_ms: 2 },
    ];
    append(&mut stage, records).await;
    let resources = [(address(0), secret_entry(0)), (address(1), plain_entry(1))].into();
    let state = StackState { resources, outputs: outputs(), ..empty() };
    assert_eq!(place.read().load().expect("loads").state, state, "through the journal");
    let written = stage.compact(&state).expect("written");
    let lineage = match written {
        Compaction::Written { lineage, serial: 1, .. } => Some(lineage),
        _ => None,
    };
    let lineage = lineage.expect("the first snapshot has serial 1");
    StackState { lineage, serial: 1, ..state }
}

#[tokio::test]
async fn marks_come_back_and_secrets_are_not_in_clear() {
    let place = Place::new();
    let state = deploy(&place).await;
    let loaded = place.read().load().expect("loads");
    assert_eq!((&loaded.state, loaded.recovered), (&state, false));
    assert_nothing_in_clear(&place);
}

#[tokio::test]
async fn a_journal_alone_has_no_secret_in_clear() {
    let place = Place::new();
    let mut stage = place.write();
    let records = [
        intent(0),
        checkpoint(0, Some(secret_entry(0).state)),
        result(1, Some(secret_entry(1))),
        Record::Outputs { outputs: outputs() },
    ];
    append(&mut stage, records).await;
    assert_nothing_in_clear(&place);
    let loaded = place.read().load().expect("loads");
    assert!(loaded.recovered);
    assert_eq!(loaded.state.resources[&address(1)], secret_entry(1));
    let [step] = &loaded.in_flight[..] else { panic!("one step is in flight") };
    assert_eq!((&step.operation, &step.address), (&operation(0), &address(0)));
    assert_eq!(step.provider, plain_entry(0).provider);
    assert_eq!(step.checkpoint.as_deref(), Some(SECRETS[3].as_bytes()));
    assert_eq!(step.partial, Some(secret_entry(0).state));
}

fn assert_nothing_in_clear(place: &Place) {
    let files = place.files();
    assert!(files.len() >= 4, "{:?}", files.keys());
    for (path, bytes) in files {
        for secret in SECRETS {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} in {}", path.display());
        }
    }
}

#[tokio::test]
async fn equal_secrets_have_different_ciphertexts() {
    let place = Place::new();
    deploy(&place).await;
    let text = std::fs::read_to_string(place.snapshot()).expect("text");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let sealed = |pointer: &str| {
        let sealed = &json["body"]["marks"]["secret"][pointer];
        sealed.as_str().unwrap_or_else(|| panic!("{pointer} is sealed")).to_owned()
    };
    assert_ne!(sealed("/outputs/token"), sealed("/outputs/token-2/a"));
}

#[tokio::test]
async fn a_run_that_changes_nothing_writes_nothing() {
    let place = Place::new();
    let state = deploy(&place).await;
    let before = place.lasting();
    let mut stage = place.write();
    assert_eq!(stage.load().expect("loads").state, state);
    stage.journal().expect("opens");
    assert_eq!(stage.compact(&state).expect("compared"), Compaction::Unchanged);
    drop(stage);
    assert_eq!(place.lasting(), before);
}

#[tokio::test]
async fn records_of_runs_alone_make_no_snapshot() {
    let place = Place::new();
    let state = deploy(&place).await;
    let mut stage = place.write();
    append(&mut stage, [Record::RunStarted { command: "deploy".into(), at_ms: 3 }]).await;
    assert_eq!(stage.compact(&state).expect("compared"), Compaction::Unchanged);
    assert!(!place.read().load().expect("loads").recovered);
}

#[tokio::test]
async fn a_second_snapshot_keeps_the_lineage() {
    let place = Place::new();
    let state = deploy(&place).await;
    let mut stage = place.write();
    append(&mut stage, [intent(2), result(2, None), result(0, None)]).await;
    let mut next = state.clone();
    next.resources.remove(&address(0));
    let expected = Compaction::Written { lineage: state.lineage.clone(), serial: 2, in_flight: 0 };
    assert_eq!(stage.compact(&next).expect("written"), expected);
    let next = StackState { serial: 2, ..next };
    assert_eq!(stage.compact(&next).expect("compared"), Compaction::Unchanged);
    assert_eq!(stage.load().expect("loads").state, next);
    // The journal goes on behind the snapshot.
    append(&mut stage, [result(3, Some(plain_entry(3)))]).await;
    assert!(place.read().load().expect("loads").state.resources.contains_key(&address(3)));
}

#[tokio::test]
async fn what_is_in_flight_outlives_snapshots() {
    let place = Place::new();
    let mut stage = place.write();
    let records = [intent(0), checkpoint(0, Some(secret_entry(0).state)), intent(1), result(1, Some(plain_entry(1)))];
    append(&mut stage, records).await;
    let told = stage.load().expect("loads").in_flight;
    assert_eq!(told.len(), 1);
    for serial in 1..3 {
        let state = stage.load().expect("loads").state;
        append(&mut stage, [result(7 + serial, Some(plain_entry(7 + serial)))]).await;
        let state = StackState { resources: stage.load().expect("loads").state.resources, ..state };
        let written = stage.compact(&state).expect("written");
        assert!(matches!(written, Compaction::Written { in_flight: 1, .. }), "{written:?}");
        assert_eq!(place.read().load().expect("loads").in_flight, told);
    }
    assert_eq!(place.objects("journal").len(), 1);
    drop(stage);
    // The next run knows it, too.
    let mut stage = place.write();
    assert_eq!(stage.load().expect("loads").in_flight, told);
    append(&mut stage, [intent(0), result(0, Some(plain_entry(0)))]).await;
    let state = stage.load().expect("loads").state;
    let written = stage.compact(&state).expect("written");
    assert!(matches!(written, Compaction::Written { in_flight: 0, .. }), "{written:?}");
    assert_eq!(place.read().load().expect("loads").in_flight, []);
}

#[tokio::test]
async fn so_many_snapshots_are_kept() {
    let place = Place::new();
    let home = place.home().with_history(3);
    let mut stage = home
        .open_stage(&support::stack(), &support::stage(), cofferdam_home::Access::Write(support::holder()))
        .expect("free");
    for i in 0..6 {
        append(&mut stage, [result(i, Some(plain_entry(i)))]).await;
        let state = stage.load().expect("loads").state;
        let _ = stage.compact(&state).expect("written");
    }
    let names: Vec<_> = place.objects("states").iter().map(|path| path.file_name().map(|n| n.to_owned())).collect();
    let names: Vec<_> = names.into_iter().flatten().map(|name| name.to_string_lossy()[..10].to_owned()).collect();
    assert_eq!(names, ["0000000004", "0000000005", "0000000006"]);
}

#[tokio::test]
async fn a_checkpoint_without_an_object_keeps_what_an_earlier_one_told() {
    let place = Place::new();
    let mut stage = place.write();
    append(&mut stage, [intent(0), checkpoint(0, Some(plain_entry(0).state)), checkpoint(0, None)]).await;
    assert_eq!(place.read().load().expect("loads").in_flight[0].partial, Some(plain_entry(0).state));
}

#[tokio::test]
async fn another_state_than_the_loaded_one_is_refused() {
    let place = Place::new();
    let state = deploy(&place).await;
    let mut stage = place.write();
    for other in [StackState { serial: 0, ..state.clone() }, StackState { lineage: "other".into(), ..state.clone() }] {
        let error = stage.compact(&other).expect_err("refused");
        assert!(matches!(error, WriteError::Outdated { .. }), "{error}");
    }
    assert!(matches!(place.read().compact(&state), Err(WriteError::ReadOnly(_))));
    assert!(matches!(place.read().journal(), Err(WriteError::ReadOnly(_))));
}

#[test]
fn to_read_makes_nothing() {
    let place = Place::new();
    assert_eq!(place.read().load().expect("loads").state, empty());
    assert!(!place.root().exists());
}

#[tokio::test]
async fn everything_is_private_to_the_user() {
    let place = Place::new();
    deploy(&place).await;
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    for path in place.files().keys().chain([&place.identity()]) {
        assert_eq!(mode(path), 0o600, "{}", path.display());
        assert_eq!(mode(path.parent().expect("in a directory")), 0o700, "around {}", path.display());
    }
}
