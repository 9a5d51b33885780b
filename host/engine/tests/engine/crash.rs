//! Runs that are killed, at every point where that makes a difference, and once more while the next one recovers: in
//! the end every object is there once, and the state knows it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cofferdam_engine::{PlanOptions, Refresh, Settlement};
use cofferdam_model::state::Identity;
use serde_json::json;

use crate::support::cloud::{IDEMPOTENT, LOOKED_UP, SCHEMA, json_of, with};
use crate::support::{Fuse, Harness, MemoryJournal, Script, Stack, address};

/// Longer than any run takes in the time of the tests.
const LONG: Duration = Duration::from_secs(1_000_000);

/// `next` creates, changes, replaces and removes.
fn stack(next: bool) -> Stack {
    let value = if next { 2 } else { 1 };
    let mut stack = Stack::new()
        .resource("t_x.changed", json!({"value": value, "password": format!("hunter-{value}")}))
        .resource("t_x.replaced", json!({"name": format!("n{value}"), "deps": ["${t_x.changed.id}"]}));
    if next {
        stack = stack
            .resource("t_x.made", json!({"value": "${t_x.replaced.id}"}))
            .resource("t_x.slow", json!({"value": "${t_x.changed.id}"}));
    } else {
        stack = stack.resource("t_x.removed", json!({"value": "${t_x.changed.id}"}));
    }
    stack.output("id", json!("${t_x.replaced.id}"))
}

struct Crashing {
    harness: Harness,
    fuse: Fuse,
    /// The last snapshot.
    base: cofferdam_model::state::StackState,
}

impl Crashing {
    async fn new(schema: &str) -> Self {
        let mut harness = Harness::new();
        harness.cloud.schema("t_x", schema);
        assert!(harness.deploy(&stack(false)).await.is_success());
        let fuse = harness.cloud.1.clone();
        harness.journal = Arc::new(MemoryJournal { fuse: fuse.clone(), ..Default::default() });
        harness.cloud.script("create t_x.slow", Script::Pends(2, 1_000));
        let base = harness.state.clone();
        Self { harness, fuse, base }
    }

    /// Runs until the end, or is killed at a point. The next run knows what the journal says.
    async fn run(&mut self, kill_at: Option<usize>) -> bool {
        (self.harness.state, self.harness.in_flight) = self.harness.journal.replay(self.base.clone());
        if let Some(point) = kill_at {
            self.fuse.light(point);
        }
        let next = stack(true);
        let run = async {
            let recovery = self.harness.recover(&next).await;
            assert!(recovery.errors.is_empty() && recovery.journal_error.is_none(), "{recovery:?}");
            self.harness.deploy(&next).await
        };
        let ended = tokio::time::timeout(LONG, run).await;
        let killed = self.fuse.is_out();
        self.fuse.renew();
        if let Ok(outcome) = ended {
            assert!(!killed);
            let held = !self.harness.in_flight.is_empty();
            assert_eq!(outcome.is_success(), !held, "{outcome:?}");
        } else {
            assert!(killed, "it hangs");
        }
        killed
    }

    /// Settles truly what is left for the user.
    async fn settle(&mut self) -> usize {
        let (engine, journal) = (self.harness.engine(&stack(true)), self.harness.journal.clone());
        let (mut state, in_flight) = journal.replay(self.base.clone());
        for write in &in_flight {
            let made = self.harness.cloud.0.lock().made.get(&write.operation).cloned();
            let how = match made {
                Some(id) => Settlement::Identity(Identity(vec![("id".into(), id)])),
                None => Settlement::Absent,
            };
            engine.settle(&mut state, write, how, journal.clone()).await.expect("settled");
        }
        in_flight.len()
    }

    /// The cloud has what the stack says and nothing else, and the state knows all of it.
    async fn assert_done(&self, context: &str) {
        assert!(self.harness.journal.in_flight().is_empty(), "{context}");
        let state = self.harness.journal.replay(self.base.clone()).0;
        assert_eq!(state.resources, self.harness.state.resources, "{context}");
        let known: BTreeMap<String, serde_json::Value> = state
            .resources
            .values()
            .map(|entry| (json_of(&entry.state.properties)["id"].to_string(), json_of(&entry.state.properties)))
            .collect();
        let there: BTreeMap<String, serde_json::Value> = {
            let world = self.harness.cloud.0.lock();
            world.objects.iter().map(|(id, object)| (json!(id).to_string(), json_of(object))).collect()
        };
        assert_eq!(known, there, "{context}");
        assert_eq!(known.len(), 4, "{context}");
        let options = PlanOptions { refresh: Refresh::All, in_flight: Vec::new() };
        let plan = self.harness.engine(&stack(true)).plan(&state, options).await.expect("planned");
        assert!(!plan.has_changes(), "{context}: {plan:?}");
        let id = state.resources[&address("t_x.replaced")].state.properties.part("id").expect("there");
        assert!(state.outputs["id"].same(&id), "{context}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_may_be_killed_at_any_point() {
    for keyword in [LOOKED_UP, IDEMPOTENT] {
        let mut points = 0;
        loop {
            points += 1;
            let mut crashing = Crashing::new(&with(keyword)).await;
            let killed = crashing.run(Some(points)).await;
            crashing.run(None).await;
            crashing.assert_done(&format!("{keyword}, killed at {points}")).await;
            if !killed {
                break;
            }
        }
        assert!(points > 30, "{points}");
    }
}

#[tokio::test(start_paused = true)]
async fn and_the_next_one_and_the_one_after_that() {
    for keyword in [LOOKED_UP, IDEMPOTENT] {
        for first in (1..60).step_by(4) {
            for second in (1..40).step_by(3) {
                let mut crashing = Crashing::new(&with(keyword)).await;
                crashing.run(Some(first)).await;
                crashing.run(Some(second)).await;
                crashing.run(Some(1 + (first * second) % 13)).await;
                crashing.run(None).await;
                crashing.assert_done(&format!("{keyword}, killed at {first}, {second}")).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_only_the_user_can_tell_is_made_once_as_well() {
    let (mut points, mut asked) = (0, 0);
    loop {
        points += 1;
        let mut crashing = Crashing::new(SCHEMA).await;
        let killed = crashing.run(Some(points)).await;
        let second = crashing.run(Some(1 + points * 7 % 23)).await;
        crashing.run(None).await;
        asked += crashing.settle().await;
        crashing.run(None).await;
        crashing.assert_done(&format!("killed at {points}")).await;
        if !killed && !second {
            break;
        }
    }
    assert!(points > 30 && asked > 3, "{points}, {asked}");
}
