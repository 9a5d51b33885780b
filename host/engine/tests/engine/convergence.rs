//! Random stacks, random changes, random failures: in the end the state is what the cloud has and what the stack says,
//! nothing is made twice, and nothing is removed before what uses it.

use std::collections::{BTreeMap, BTreeSet};

use cofferdam_engine::Refresh;
use cofferdam_model::Address;
use cofferdam_model::error::ErrorKind;
use proptest::prelude::*;
use serde_json::json;

use crate::support::cloud::{IDEMPOTENT, LOOKED_UP, json_of, with};
use crate::support::{Harness, Script, Stack};

const NAMES: usize = 7;

/// One resource of one version of a stack.
#[derive(Clone, Debug)]
struct Shape {
    there: bool,
    name: u8,
    value: u8,
    /// Bit `i`: refers to resource `i`, if the order of the version allows it.
    uses: u8,
    kind: u8,
}

/// One version: shapes, the order that keeps references acyclic, and what fails.
#[derive(Clone, Debug)]
pub struct Version {
    shapes: Vec<Shape>,
    order: Vec<usize>,
    failures: Vec<(usize, u8, u8)>,
}

pub fn version() -> impl Strategy<Value = Version> {
    let shape = (prop::bool::weighted(0.8), 0..3_u8, 0..3_u8, any::<u8>(), 0..2_u8)
        .prop_map(|(there, name, value, uses, kind)| Shape { there, name, value, uses, kind });
    let shapes = prop::collection::vec(shape, NAMES);
    let order = Just((0..NAMES).collect::<Vec<_>>()).prop_shuffle();
    let failures = prop::collection::vec((0..NAMES, 0..3_u8, 0..7_u8), 0..6);
    (shapes, order, failures).prop_map(|(shapes, order, failures)| Version { shapes, order, failures })
}

fn at(i: usize) -> String {
    format!("t_x.n{i}")
}

impl Version {
    pub fn stack(&self) -> Stack {
        let mut stack = Stack::new();
        for (rank, &i) in self.order.iter().enumerate() {
            let shape = &self.shapes[i];
            if !shape.there {
                continue;
            }
            let used: Vec<String> = self.order[..rank]
                .iter()
                .filter(|used| self.shapes[**used].there && shape.uses >> **used & 1 == 1)
                .map(|used| format!("${{{}.id}}", at(*used)))
                .collect();
            // References in place, or at a place whose change replaces.
            let mut inputs = json!({"value": shape.value, "name": format!("n{}", shape.name), "deps": used});
            if shape.kind == 1 && !used.is_empty() {
                inputs["name"] = json!(used[0]);
            }
            stack = stack.resource(&at(i), inputs);
        }
        stack
    }

    pub fn script(&self, harness: &Harness) {
        for (i, verb, how) in &self.failures {
            let verb = ["create", "update", "delete"][usize::from(*verb)];
            let script = match how {
                0 => Script::Fails(ErrorKind::AccessDenied),
                1 => Script::Fails(ErrorKind::Throttled),
                2 => Script::Traps,
                3 => Script::Pends(2, 30),
                4 => Script::Slow(70),
                5 => Script::Dies,
                _ if verb == "delete" => Script::Fails(ErrorKind::Conflict),
                _ => Script::FailsPartly(ErrorKind::InvalidInput),
            };
            harness.cloud.script(&format!("{verb} {}", at(*i)), script);
        }
    }
}

fn assert_state_is_remote(harness: &Harness) {
    let remote = &harness.cloud.0.lock().objects;
    let state: BTreeMap<String, serde_json::Value> = harness
        .state
        .resources
        .values()
        .map(|entry| {
            let json = json_of(&entry.state.properties);
            (json["id"].as_str().expect("an id").to_owned(), json)
        })
        .collect();
    let remote: BTreeMap<String, serde_json::Value> =
        remote.iter().map(|(id, value)| (id.clone(), json_of(value))).collect();
    assert_eq!(state, remote);
}

/// Within one run, no object goes before the objects that referred to it and go too.
fn assert_users_go_first(users: &BTreeMap<Address, BTreeSet<Address>>, log: &[String]) {
    // The attempt that worked is the last one.
    let gone: BTreeMap<Address, usize> = log
        .iter()
        .enumerate()
        .filter_map(|(when, call)| Some((call.strip_prefix("delete ")?.parse().expect("an address"), when)))
        .collect();
    let first: BTreeMap<Address, usize> = log
        .iter()
        .enumerate()
        .rev()
        .filter_map(|(when, call)| Some((call.strip_prefix("delete ")?.parse().expect("an address"), when)))
        .collect();
    for (user, uses) in users {
        for used in uses {
            if let (Some(user_gone), Some(used_began)) = (gone.get(user), first.get(used)) {
                let circle = users.get(used).is_some_and(|uses| uses.contains(user));
                assert!(user_gone < used_began || circle, "{used} went before {user}: {log:?}");
            }
        }
    }
}

async fn run(versions: Vec<Version>, keyword: &str) {
    let mut harness = Harness::new();
    harness.cloud.schema("t_x", &with(keyword));
    harness.parallelism = 3;
    for version in &versions {
        let stack = version.stack();
        version.script(&harness);
        // With failures, then without.
        for round in 0..6 {
            if round == 4 {
                harness.cloud.unscript();
            }
            harness.recover(&stack).await;
            let users: BTreeMap<Address, BTreeSet<Address>> =
                harness.state.resources.iter().map(|(user, entry)| (user.clone(), entry.depends_on.clone())).collect();
            harness.cloud.take_log();
            let outcome = harness.deploy(&stack).await;
            assert!(outcome.journal_error.is_none());
            if !has_circle(&users) {
                assert_users_go_first(&users, &harness.cloud.take_log());
            }
            assert_eq!(outcome.in_flight.len(), harness.in_flight.len());
        }
        assert_state_is_remote(&harness);
        let plan = harness.plan_with(&stack, Refresh::All).await.expect("planned");
        assert!(!plan.has_changes(), "{plan:?}");
    }
    let stack = Stack::new();
    assert!(harness.destroy(&stack).await.is_success());
    assert!(harness.cloud.0.lock().objects.is_empty());
}

/// Half-done deploys of different versions can leave references that run in a circle; no order suits those.
fn has_circle(users: &BTreeMap<Address, BTreeSet<Address>>) -> bool {
    let mut left: BTreeMap<&Address, BTreeSet<&Address>> = users
        .iter()
        .map(|(user, uses)| (user, uses.iter().filter(|used| *used != user && users.contains_key(*used)).collect()))
        .collect();
    while let Some(free) = left.iter().find(|(_, uses)| uses.is_empty()).map(|(user, _)| *user) {
        left.remove(free);
        left.values_mut().for_each(|uses| {
            uses.remove(free);
        });
    }
    !left.is_empty()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_fails_the_state_stays_true_and_converges(
        versions in prop::collection::vec(version(), 1..4),
        looked_up in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(run(versions, if looked_up { LOOKED_UP } else { IDEMPOTENT }));
    }
}
