//! The order of a deploy: which half of which step comes before which. A replacement has two halves; everything else
//! has one.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use cofferdam_model::{Address, Pointer, ProviderKey, ResourceType, Value, document};

use crate::circles::parts;
use crate::deploy::Remover;
use crate::graph::Edges;
use crate::kinds::Kind;
use crate::{Action, Step, StepError};

/// The half of a step that makes, changes or keeps its object.
pub(crate) fn apply(step: usize) -> usize {
    2 * step
}

/// The half of a step that removes its object.
pub(crate) fn remove(step: usize) -> usize {
    2 * step + 1
}

/// The step of a half.
pub(crate) fn step_of(half: usize) -> usize {
    half / 2
}

/// Whether a half removes.
pub(crate) fn is_remove(half: usize) -> bool {
    half % 2 == 1
}

fn applies(step: &Step) -> bool {
    step.action != Action::Delete
}

fn removes(step: &Step) -> bool {
    matches!(step.action, Action::Delete | Action::Replace { .. })
}

/// Every half that there is.
pub(crate) fn halves(steps: &[Step]) -> impl Iterator<Item = usize> {
    steps.iter().enumerate().flat_map(|(i, step)| {
        let halves = [(apply(i), applies(step)), (remove(i), removes(step))];
        halves.into_iter().filter(|(_, exists)| *exists).map(|(half, _)| half)
    })
}

/// How much an edge matters; where they run in a circle, the least important on it goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// What is used exists before its user; an old object is gone before the new one is made.
    Must,
    /// A user's object is removed before what it uses. Runs in a circle only in a state that half-done deploys of
    /// different stacks left behind.
    Removal,
    /// An object is gone before another one with its identifiers is made: a renamed resource.
    Named,
    /// What no longer refers to an object is changed before that is removed.
    Released,
    /// An old object stays until all that its replacement needs is there.
    Kept,
}

struct Edge {
    first: usize,
    then: usize,
    weight: Weight,
}

/// The edges between the halves of a plan's steps. `before` holds what each step's object referred to so far.
pub(crate) fn edges(
    steps: &[Step],
    before: &[Option<&BTreeSet<Address>>],
    removers: &[Remover],
    kinds: &[Result<Arc<Kind>, Box<StepError>>],
    index: &HashMap<Address, usize>,
) -> Edges {
    let mut all = Vec::new();
    named_edges(steps, removers, kinds, &mut all);
    for (i, step) in steps.iter().enumerate() {
        step_edges(steps, i, step, before[i], index, &mut all);
    }
    for weight in [Weight::Kept, Weight::Released, Weight::Named, Weight::Removal] {
        let graph = graph(&all, 2 * steps.len());
        if graph.order().len() == 2 * steps.len() {
            return graph;
        }
        let part = parts(&graph.after);
        all.retain(|edge| edge.weight != weight || part[edge.first] != part[edge.then]);
    }
    graph(&all, 2 * steps.len())
}

fn graph(all: &[Edge], halves: usize) -> Edges {
    let mut graph = Edges::new(halves);
    all.iter().for_each(|edge| graph.add(edge.first, edge.then));
    graph
}

/// The provider, type and primary identifiers of an object, where the user gives all of them and all are known.
type Name<'a> = (&'a ProviderKey, &'a ResourceType, Vec<String>);

fn name<'a>(provider: &'a ProviderKey, kind: &'a Kind, properties: Option<&Value>) -> Option<Name<'a>> {
    let schema = &kind.schema;
    let identifier = |pointer: &Pointer| {
        let provided = schema.read_only.iter().any(|pattern| pattern.covers(pointer));
        let value = properties?.at(pointer).filter(|value| !provided && !value.is_null() && value.is_wholly_known())?;
        Some(document::to_json(&value).to_string())
    };
    let identifiers: Vec<String> = schema.primary_identifier.iter().map(identifier).collect::<Option<_>>()?;
    (!identifiers.is_empty()).then_some((provider, &schema.ty, identifiers))
}

fn named_edges(steps: &[Step], removers: &[Remover], kinds: &[Result<Arc<Kind>, Box<StepError>>], all: &mut Vec<Edge>) {
    let mut leaving: HashMap<Name<'_>, usize> = HashMap::new();
    for (i, step) in steps.iter().enumerate().filter(|(_, step)| removes(step)) {
        let Ok((subject, kind)) = &removers[i] else { continue };
        leaving.extend(name(&subject.provider, kind, step.before.as_ref()).map(|name| (name, i)));
    }
    if leaving.is_empty() {
        return;
    }
    let made = |step: &Step| matches!(step.action, Action::Create | Action::Replace { .. });
    for (i, step) in steps.iter().enumerate().filter(|(_, step)| made(step)) {
        let Ok(kind) = &kinds[i] else { continue };
        let before = name(&step.provider, kind, step.inputs.as_ref()).and_then(|name| leaving.get(&name).copied());
        if let Some(old) = before.filter(|old| *old != i) {
            all.push(Edge { first: remove(old), then: apply(i), weight: Weight::Named });
        }
    }
}

fn step_edges(
    steps: &[Step],
    i: usize,
    step: &Step,
    before: Option<&BTreeSet<Address>>,
    index: &HashMap<Address, usize>,
    all: &mut Vec<Edge>,
) {
    let mut add = |first: usize, then: usize, weight: Weight| all.push(Edge { first, then, weight });
    let known = |addresses: &BTreeSet<Address>| -> Vec<usize> {
        addresses.iter().filter_map(|address| index.get(address).copied()).filter(|used| *used != i).collect()
    };
    if applies(step) {
        for used in known(&step.depends_on).into_iter().filter(|used| applies(&steps[*used])) {
            add(apply(used), apply(i), Weight::Must);
            if removes(step) {
                add(apply(used), remove(i), Weight::Kept);
            }
        }
        if removes(step) {
            add(remove(i), apply(i), Weight::Must);
        }
    }
    for used in before.map(known).unwrap_or_default().into_iter().filter(|used| removes(&steps[*used])) {
        if removes(step) {
            add(remove(i), remove(used), Weight::Removal);
        } else if !step.depends_on.contains(&steps[used].address) {
            add(apply(i), remove(used), Weight::Released);
        }
    }
}
