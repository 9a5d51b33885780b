//! A model of the lease and the log (`host/docs/design/home.md`), and every state that a few runs can bring it to.
//!
//! It is beside the code, not made from it: it says which rules the code has to keep, and shows for each of them what
//! happens without it. The code's own tests show that it keeps them.

mod actions;
mod broken;
mod faults;
mod holding;
mod load;
mod properties;
mod rules;
mod search;
mod state;
mod store;
mod taking;

use properties::{Sighting, Sightings};
use rules::{Clocks, Listing, Protocol};
use search::search;

/// States that an unoptimised test visits in some seconds.
const SMALL: usize = 700_000;

/// One model and the most states it may have: a model that grows should be noticed.
struct Case {
    name: &'static str,
    states: usize,
    protocol: Protocol,
}

fn case(name: &'static str, states: usize, protocol: Protocol) -> Case {
    Case { name, states, protocol }
}

/// Models of seconds.
fn cases() -> Vec<Case> {
    let two = Protocol::new(2, 0);
    let no_fault = Protocol { faults: 0, token_removals: 0, ..two };
    vec![
        case("2 runs, a directory", 500_000, two),
        case("2 runs, a bucket", 500_000, Protocol { listing: Listing::Ordered, ..two }),
        case("2 runs, clocks that lie", 700_000, Protocol { clocks: Clocks::Useless, ..two }),
        case("2 runs with heartbeats", 150_000, Protocol { faults: 0, heartbeats: 1, ..two }),
        case("1 run and a reader", 20_000, Protocol::new(1, 1)),
        case("2 runs and a reader", 3_000_000, Protocol { readers: 1, ..no_fault }),
        case("3 runs", 4_000_000, Protocol { writers: 3, listing: Listing::Atomic, ..no_fault }),
    ]
}

/// Models of minutes. In a bucket requests arrive late or twice; in a directory they do not, but listings are loose.
fn large_cases() -> Vec<Case> {
    let two = Protocol::new(2, 0);
    let three = Protocol { writers: 3, faults: 0, ..two };
    let atomic = Protocol { listing: Listing::Atomic, ..three };
    let reader = Protocol { readers: 1, token_removals: 0, ..two };
    let takers = Protocol { operations: 0, compactions: 0, ..atomic };
    vec![
        case("2 runs, 2 faults", LARGE, Protocol { faults: 2, ..two }),
        case("2 runs, 2 faults, clocks that lie", LARGE, Protocol { faults: 2, clocks: Clocks::Useless, ..two }),
        case("2 runs and a reader, a bucket", LARGE, Protocol { listing: Listing::Ordered, ..reader }),
        case("2 runs and a reader, clocks that lie", LARGE, Protocol { faults: 0, clocks: Clocks::Useless, ..reader }),
        case("3 runs, removing tokens", LARGE, atomic),
        case("3 runs, clocks that lie", LARGE, Protocol { clocks: Clocks::Useless, token_removals: 0, ..atomic }),
        case("3 runs that do not compact", LARGE, Protocol { compactions: 0, ..three }),
        case("4 runs that only take the lease", LARGE, Protocol { writers: 4, ..takers }),
    ]
}

const LARGE: usize = 40_000_000;

/// Searches models in which nothing may go wrong; what they showed, and their sizes.
fn check(cases: &[Case]) -> (Sightings, String) {
    let (mut seen, mut sizes) = (Sightings::default(), String::new());
    for Case { name, states, protocol } in cases {
        let found = search(protocol, *states);
        let wrong = found.counterexample.map_or_else(String::new, |counterexample| counterexample.to_string());
        assert!(wrong.is_empty(), "{name}: {wrong}");
        sizes += &format!("{name}: {} states, up to {} steps\n", found.states, found.depth);
        seen.join(found.seen);
    }
    (seen, sizes)
}

/// Whatever runs, pauses, late requests and lost answers do, the log is one and nothing is lost. Nor does that follow
/// from nothing happening.
#[test]
fn no_run_forks_the_log_or_loses_a_record() {
    let mut cases = cases();
    if cfg!(debug_assertions) {
        cases.retain(|case| case.states <= SMALL);
    }
    let (seen, sizes) = check(&cases);
    println!("{sizes}");
    let missing = seen.missing(Sighting::ALL);
    assert!(missing.is_empty(), "never happened: {missing:?}");
}

#[test]
#[ignore = "takes minutes and gigabytes"]
fn no_larger_model_does() {
    println!("{}", check(&large_cases()).1);
}

/// A rule without which nothing goes wrong would not be a rule.
#[test]
fn without_any_one_rule_something_goes_wrong() {
    let mut protocols = broken::protocols();
    if cfg!(debug_assertions) {
        protocols.retain(|(_, protocol)| protocol.writers < 4);
    }
    for (name, protocol) in protocols {
        let found = search(&protocol, 5_000_000);
        let counterexample = found.counterexample.expect(name);
        println!("{name}: {counterexample}");
    }
}
