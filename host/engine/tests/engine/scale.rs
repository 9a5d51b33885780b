//! Cost: linear in the number of resources, and no recursion along references.

use serde_json::json;

use crate::support::{Harness, Stack};

#[tokio::test(start_paused = true)]
async fn a_chain_of_ten_thousand_does_not_overflow() {
    let count = 10_000;
    let mut stack = Stack::new().resource("t_x.n0", json!({"value": 0}));
    for i in 1..count {
        stack = stack.resource(&format!("t_x.n{i}"), json!({"value": format!("${{t_x.n{}.id}}", i - 1)}));
    }
    let mut harness = Harness::new();
    assert_eq!(harness.deploy(&stack).await.done().count(), count);
    assert!(!harness.plan(&stack).await.expect("planned").has_changes());
    assert_eq!(harness.destroy(&stack).await.done().count(), count);
}

/// `cargo test --release -p cofferdam-engine -- --ignored --nocapture cost`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn cost_of_a_graph_of_services() {
    for count in [1_000, 10_000] {
        let mut stack = Stack::new();
        for i in 0..count {
            // Groups of ten, each member referring to the first of its group.
            let first = i - i % 10;
            let inputs = if i == first {
                json!({"value": i, "opts": {"a": 1, "b": [1, 2, 3]}})
            } else {
                json!({"value": format!("${{t_x.n{first}.id}}"), "note": "n"})
            };
            stack = stack.resource(&format!("t_x.n{i}"), inputs);
        }
        let mut harness = Harness::new();
        let began = tokio::time::Instant::now();
        harness.plan(&stack).await.expect("planned");
        let first_plan = began.elapsed();
        let began = tokio::time::Instant::now();
        assert!(harness.deploy(&stack).await.is_success());
        let deploy = began.elapsed();
        let began = tokio::time::Instant::now();
        assert!(!harness.plan(&stack).await.expect("planned").has_changes());
        let no_op = began.elapsed();
        let began = tokio::time::Instant::now();
        harness.plan_with(&stack, cofferdam_engine::Refresh::All).await.expect("planned");
        let read_all = began.elapsed();
        println!(
            "{count}: plan {first_plan:?}, plan+deploy {deploy:?}, no-op plan {no_op:?}, refresh=all {read_all:?}"
        );
    }
}
