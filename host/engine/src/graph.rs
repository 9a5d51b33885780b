//! The resources of the stack and of the state as one indexed graph, and their order. Linear, and without recursion:
//! a chain may be as long as it likes.

use std::collections::{BTreeSet, HashMap, VecDeque};

use cofferdam_model::program::ResourceNode;
use cofferdam_model::state::StackState;
use cofferdam_model::{Address, ProviderKey};

use crate::PlanError;

/// A resource of the stack, of the state, or of both.
pub(crate) struct Node {
    pub address: Address,
    /// The configuration that serves it: the stack's word before the state's.
    pub provider: ProviderKey,
    /// Whether the stack has it.
    pub declared: bool,
    /// What the stack says it refers to; for what the stack no longer has, what the state says.
    pub depends_on: BTreeSet<Address>,
}

/// All of them, the stack's first.
pub(crate) struct Graph {
    pub nodes: Vec<Node>,
    pub index: HashMap<Address, usize>,
}

impl Graph {
    pub(crate) fn build(declared: &[ResourceNode], state: &StackState) -> Self {
        let mut graph = Self { nodes: Vec::with_capacity(declared.len()), index: HashMap::new() };
        for node in declared {
            graph.add(&node.address, &node.provider, &node.depends_on, true);
        }
        for (address, entry) in &state.resources {
            if graph.index_of(address).is_none() {
                graph.add(address, &entry.provider, &entry.depends_on, false);
            }
        }
        graph
    }

    fn add(&mut self, address: &Address, provider: &ProviderKey, depends_on: &BTreeSet<Address>, declared: bool) {
        self.index.insert(address.clone(), self.nodes.len());
        self.nodes.push(Node {
            address: address.clone(),
            provider: provider.clone(),
            declared,
            depends_on: depends_on.clone(),
        });
    }

    pub(crate) fn index_of(&self, address: &Address) -> Option<usize> {
        self.index.get(address).copied()
    }

    /// The edges from what is used to its users, among the resources of the stack.
    pub(crate) fn declared_edges(&self) -> Edges {
        let mut edges = Edges::new(self.nodes.len());
        for (user, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.declared) {
            for used in node.depends_on.iter().filter_map(|address| self.index_of(address)) {
                if self.nodes[used].declared && used != user {
                    edges.add(used, user);
                }
            }
        }
        edges
    }

    /// The stack's resources, each after what it refers to; among equals, in the order of the files.
    pub(crate) fn declared_order(&self, edges: &Edges) -> Result<Vec<usize>, PlanError> {
        let order = edges.order();
        if order.len() < self.nodes.len() {
            let mut seen = vec![false; self.nodes.len()];
            order.iter().for_each(|&i| seen[i] = true);
            let stuck = seen.iter().position(|seen| !seen).unwrap_or_default();
            return Err(PlanError::Cycle(self.nodes[stuck].address.clone()));
        }
        Ok(order.into_iter().filter(|&i| self.nodes[i].declared).collect())
    }

    /// The given resources, each before what it refers to. References that run in a circle, which half-done deploys
    /// of different stacks can leave in a state, do not matter to the rest.
    pub(crate) fn users_first(&self, members: &[usize]) -> Vec<usize> {
        let mut local = vec![usize::MAX; self.nodes.len()];
        members.iter().enumerate().for_each(|(at, &i)| local[i] = at);
        let mut edges = Edges::new(members.len());
        for (at, &i) in members.iter().enumerate() {
            for used in self.nodes[i].depends_on.iter().filter_map(|address| self.index_of(address)) {
                if local[used] != usize::MAX && used != i {
                    edges.add(at, local[used]);
                }
            }
        }
        let mut order = edges.order();
        if order.len() < members.len() {
            let mut seen = vec![false; members.len()];
            order.iter().for_each(|&i| seen[i] = true);
            order.extend((0..members.len()).filter(|&i| !seen[i]));
        }
        order.into_iter().map(|at| members[at]).collect()
    }
}

/// Directed edges between small numbers: what comes first, what comes after.
#[derive(Clone)]
pub(crate) struct Edges {
    pub after: Vec<Vec<usize>>,
    pub waits_for: Vec<usize>,
}

impl Edges {
    pub(crate) fn new(nodes: usize) -> Self {
        Self { after: vec![Vec::new(); nodes], waits_for: vec![0; nodes] }
    }

    pub(crate) fn add(&mut self, first: usize, then: usize) {
        self.after[first].push(then);
        self.waits_for[then] += 1;
    }

    /// Everything that is on no circle and behind none, first things first, the lower number first among equals.
    pub(crate) fn order(&self) -> Vec<usize> {
        let mut waits_for = self.waits_for.clone();
        let mut ready: VecDeque<usize> = (0..waits_for.len()).filter(|&i| waits_for[i] == 0).collect();
        let mut order = Vec::with_capacity(waits_for.len());
        while let Some(i) = ready.pop_front() {
            order.push(i);
            for &then in &self.after[i] {
                waits_for[then] -= 1;
                if waits_for[then] == 0 {
                    ready.push_back(then);
                }
            }
        }
        order
    }
}
