//! Protocols that lack a rule, each in the smallest surroundings in which that matters.

use crate::rules::{Clocks, Listing, Protocol, Rule};

/// Every protocol that must have a counterexample, with what it does wrong.
pub fn protocols() -> Vec<(&'static str, Protocol)> {
    let lying = Protocol { faults: 0, clocks: Clocks::Useless, ..Protocol::new(2, 0) };
    let three = Protocol { faults: 0, listing: Listing::Atomic, ..Protocol::new(3, 0) };
    let reader = Protocol { faults: 0, ..Protocol::new(1, 1) };
    let takers = Protocol { operations: 0, compactions: 0, listing: Listing::Loose, ..three };
    vec![
        ("no fence after a lease that was not released", lying.without(Rule::Fence)),
        ("fences removed by compaction", lying.without(Rule::KeepFences)),
        ("released although a request may still arrive", Protocol::new(2, 0).without(Rule::ReleaseSettled)),
        ("released before the fence stands", three.without(Rule::ReleaseFenced)),
        ("a look at the name, then a write", lying.without(Rule::Exclusive)),
        ("no second listing, and old tokens removed", three.without(Rule::ListAgain)),
        ("tokens removed while somebody may be taking", takers_without_log(takers).without(Rule::TokensWait)),
        ("a snapshot that replaces the one before", three.without(Rule::CommitByBase)),
        ("the log not read again after a lost fence", lying.without(Rule::ReadAgain)),
        ("the clock looked at before the log is read", three.without(Rule::ClockLast).without(Rule::TokensInLog)),
        ("no tokens in the log, and clocks that lie", lying.without(Rule::TokensInLog)),
        ("a heartbeat that revives a lease", Protocol { heartbeats: 1, ..three }.without(Rule::LapseIsFinal)),
        ("a log without a base is an empty one, to a taker", lying.without(Rule::BaseFirst)),
        ("a log without a base is an empty one, to a reader", reader.without(Rule::BaseFirst)),
        ("a load that reads its base first", Protocol { faults: 1, ..lying }.without(Rule::BaseLast)),
        ("the newest piece removed first", reader.without(Rule::RemoveUpwards)),
        ("the log not read after the fence, and clocks that lie", lying.without(Rule::LoadAfterFence)),
        ("a fence that need not be the last piece, and clocks that lie", lying.without(Rule::FenceIsLast)),
    ]
}

/// Fewer steps where only the tokens matter.
fn takers_without_log(takers: Protocol) -> Protocol {
    Protocol { writers: 4, ..takers }.without(Rule::LoadAfterFence).without(Rule::BaseFirst)
}
