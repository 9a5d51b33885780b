//! Every state that can be reached, breadth first, so that the first counterexample is a shortest one.
//!
//! Written here rather than taken from the crate `stateright`: that brings forty packages, an HTTP server among them,
//! and looks at states alone, where half of what is asked here is about steps. Only fingerprints of 64 bits are kept: with ten
//! million states two differ and look the same once in 300,000 checks.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hash as _, Hasher};

use crate::actions::{actions, apply, describe};
use crate::properties::{Sightings, Violation};
use crate::rules::Protocol;
use crate::state::State;

/// What a search found.
pub struct Found {
    pub states: usize,
    /// Steps from the first state to the last one.
    pub depth: usize,
    pub seen: Sightings,
    pub counterexample: Option<Counterexample>,
}

/// A shortest way to a violation.
pub struct Counterexample {
    pub violation: Violation,
    pub steps: Vec<String>,
}

impl fmt::Display for Counterexample {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{:?} after {} steps", self.violation, self.steps.len())?;
        self.steps.iter().enumerate().try_for_each(|(at, step)| writeln!(formatter, "{:4}  {step}", at + 1))
    }
}

/// Visits every state of a model, or stops at the first violation.
pub fn search(protocol: &Protocol, limit: usize) -> Found {
    let first = crate::actions::first(protocol);
    let mut parents: Parents = HashMap::default();
    parents.insert(fingerprint(&first), 0);
    let mut frontier = vec![first];
    let mut found = Found { states: 1, depth: 0, seen: Sightings::default(), counterexample: None };
    let mut possible = Vec::new();
    while !frontier.is_empty() {
        let mut next = Vec::new();
        for state in &frontier {
            possible.clear();
            actions(protocol, state, &mut possible);
            let print_before = fingerprint(state);
            for action in &possible {
                let after = apply(protocol, state, *action);
                found.seen.join(after.seen);
                if let Some(violation) = after.violation {
                    let mut steps = path(protocol, &first, &parents, print_before);
                    steps.push(describe(state, *action));
                    found.counterexample = Some(Counterexample { violation, steps });
                    found.states = parents.len();
                    return found;
                }
                let print = fingerprint(&after.state);
                if let std::collections::hash_map::Entry::Vacant(entry) = parents.entry(print) {
                    entry.insert(print_before);
                    next.push(after.state);
                }
            }
        }
        found.depth += 1;
        found.states = parents.len();
        assert!(found.states <= limit, "more than {limit} states at depth {} of {protocol:?}", found.depth);
        frontier = next;
    }
    found
}

/// Walks again from the first state along the fingerprints that lead to one.
fn path(protocol: &Protocol, first: &State, parents: &Parents, last: u64) -> Vec<String> {
    let mut way = vec![last];
    while let Some(&parent) = parents.get(&way[way.len() - 1])
        && parent != 0
    {
        way.push(parent);
    }
    let mut state = *first;
    let mut steps = Vec::new();
    let mut possible = Vec::new();
    for print in way.iter().rev().skip(1) {
        possible.clear();
        actions(protocol, &state, &mut possible);
        let (action, after) = possible
            .iter()
            .map(|action| (*action, apply(protocol, &state, *action).state))
            .find(|(_, after)| fingerprint(after) == *print)
            .expect("the search came this way");
        steps.push(describe(&state, action));
        state = after;
    }
    steps
}

type Parents = HashMap<u64, u64, BuildHasherDefault<AsItIs>>;

/// Takes a fingerprint as its own hash.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, _: &[u8]) {
        unreachable!("fingerprints are numbers of 64 bits")
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

fn fingerprint(state: &State) -> u64 {
    let mut hasher = Fingerprint(0x51_7c_c1_b7_27_22_0a_95);
    state.hash(&mut hasher);
    hasher.finish()
}

/// A multiplication for each field: states are small and many.
struct Fingerprint(u64);

impl Fingerprint {
    fn add(&mut self, value: u64) {
        let wide = u128::from(self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        self.0 = ((wide as u64).rotate_left(29) ^ (wide >> 64) as u64).wrapping_add(0x2545_f491_4f6c_dd1d);
    }
}

impl Hasher for Fingerprint {
    fn write(&mut self, bytes: &[u8]) {
        bytes.chunks(8).for_each(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.add(u64::from_le_bytes(word));
        });
    }

    fn write_u8(&mut self, value: u8) {
        self.add(u64::from(value));
    }

    fn write_u16(&mut self, value: u16) {
        self.add(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.add(u64::from(value));
    }

    fn write_isize(&mut self, value: isize) {
        self.add(value as u64);
    }

    fn write_usize(&mut self, value: usize) {
        self.add(value as u64);
    }

    fn finish(&self) -> u64 {
        self.0 | 1
    }
}
