//! Plans outside of the home: they open with its keys, for what they were sealed for.

mod support;

use cofferdam_home::{KeyError, OpenPlanError, PlanScope};
use cofferdam_model::{StackName, StageName};
use support::{Place, stack, stage};

const PLAIN: &[u8] = b"{\"password\":\"hunter2-inputs\"}";

fn changed(opened: &Result<impl Sized, OpenPlanError>) -> bool {
    matches!(opened, Err(OpenPlanError::Changed))
}

#[test]
fn a_plan_opens_for_what_it_was_sealed_for() {
    let place = Place::new();
    assert_eq!(place.home().id().expect("read"), None);
    let (stack, stage) = (stack(), stage());
    let scope = PlanScope { stack: &stack, stage: &stage, lineage: "1f", serial: 3, beside: "header" };
    let text = place.home().seal_plan(&scope, PLAIN.to_vec()).expect("sealed");
    let id = place.home().id().expect("read").expect("a home without a run before has been made");
    assert_eq!(place.home().id_of_made().expect("read"), id);
    assert!(!text.contains("hunter2") && text.lines().count() == 1);
    assert_eq!(&**place.home().open_plan(&scope, &text).expect("opens"), PLAIN);

    let (other_stack, other_stage) = (StackName::new("other").expect("valid"), StageName::new("other").expect("valid"));
    let elsewhere = [
        PlanScope { stack: &other_stack, ..scope },
        PlanScope { stage: &other_stage, ..scope },
        PlanScope { lineage: "2f", ..scope },
        PlanScope { serial: 4, ..scope },
        PlanScope { beside: "another header", ..scope },
    ];
    for scope in elsewhere {
        assert!(changed(&place.home().open_plan(&scope, &text)), "{scope:?}");
    }
    for at in (0..text.len()).step_by(7) {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let text = String::from_utf8(bytes).expect("ASCII");
        assert!(place.home().open_plan(&scope, &text).is_err(), "at {at}");
        assert!(changed(&place.home().open_plan(&scope, &text[..at])), "cut at {at}");
    }
}

#[test]
fn another_home_does_not_open_it() {
    let (place, other) = (Place::new(), Place::new());
    let (stack, stage) = (stack(), stage());
    let scope = PlanScope { stack: &stack, stage: &stage, lineage: "", serial: 0, beside: "" };
    let text = place.home().seal_plan(&scope, PLAIN.to_vec()).expect("sealed");
    assert!(matches!(other.home().open_plan(&scope, &text), Err(OpenPlanError::Key(KeyError::NoKey { .. }))));
    other.home().seal_plan(&scope, PLAIN.to_vec()).expect("sealed");
    assert!(changed(&other.home().open_plan(&scope, &text)));
}
