//! What an intent says of a write comes back to the run that settles it, and its secrets are nowhere in clear.

mod support;

use std::sync::Arc;

use cofferdam_home::Compaction;
use cofferdam_model::Value;
use cofferdam_model::journal::{InFlight, Record};
use support::{Place, SECRETS, append, checkpoint, intent, object, operation, plain_entry, result, secret_entry};

fn wanting(i: usize, inputs: &Value) -> Record {
    let mut record = intent(i);
    if let Record::Intent { desired, .. } = &mut record {
        *desired = Some(Arc::new(inputs.clone()));
    }
    record
}

fn began(command: &str) -> Record {
    Record::RunStarted { command: command.into(), at_ms: 1 }
}

fn in_flight(place: &Place) -> Vec<InFlight> {
    place.read().load().expect("loads").in_flight
}

#[tokio::test]
async fn the_inputs_come_back_with_their_marks() {
    let secret = Value::from(SECRETS[0]).into_secret();
    let all = [
        secret_entry(0).inputs,
        plain_entry(0).inputs,
        object(&[("pin", Value::null().into_secret()), ("none", Value::null())]),
        object(&[("password", secret)]).into_secret(),
        object(&[]),
    ];
    for inputs in all {
        let place = Place::new();
        let mut stage = place.write();
        append(&mut stage, [began("deploy"), wanting(0, &inputs)]).await;
        let [write] = &in_flight(&place)[..] else { panic!("one write is in flight") };
        assert!(write.desired.as_deref() == Some(&inputs), "{:?}", write.desired);
        assert_eq!(write.command.as_deref(), Some("deploy"));
        for (path, bytes) in place.files() {
            let found = bytes.windows(SECRETS[0].len()).any(|window| window == SECRETS[0].as_bytes());
            assert!(!found, "a secret in {}", path.display());
        }
    }
}

#[tokio::test]
async fn an_intent_without_inputs_is_read_as_ever() {
    let place = Place::new();
    let mut stage = place.write();
    append(&mut stage, [intent(0)]).await;
    let [write] = &in_flight(&place)[..] else { panic!("one write is in flight") };
    assert_eq!((&write.desired, &write.command), (&None, &None));
}

#[tokio::test]
async fn an_intent_that_is_told_again_keeps_what_was_known() {
    let place = Place::new();
    let mut stage = place.write();
    let inputs = secret_entry(0).inputs;
    append(&mut stage, [began("deploy"), wanting(0, &inputs), checkpoint(0, None)]).await;
    let before = in_flight(&place);
    append(&mut stage, [began("destroy"), intent(0), intent(1)]).await;
    let after = in_flight(&place);
    assert!(after[0] == before[0], "{after:?}");
    assert_eq!((&after[1].operation, after[1].command.as_deref()), (&operation(1), Some("destroy")));
    append(&mut stage, [result(0, None), result(1, Some(plain_entry(1)))]).await;
    let state = stage.load().expect("loads").state;
    assert!(matches!(stage.compact(&state).expect("written"), Compaction::Written { .. }));
}
