//! What refers to what: resources, locals and provider blocks as nodes, checked for cycles, in an order in which
//! everything comes after what it refers to. No recursion: a chain may be as long as the stack.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::declare::Declarations;
use crate::findings::Findings;
use crate::references::{Allowed, Reference, Walk};
use crate::source::span;

/// A place in one of the lists of the declarations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Node {
    Resource(usize),
    Local(usize),
    Provider(usize),
}

/// The references of every node and output.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    resources: Vec<Vec<Reference>>,
    locals: Vec<Vec<Reference>>,
    providers: Vec<Vec<Reference>>,
    /// The references of every output.
    pub(crate) outputs: BTreeMap<String, Vec<Reference>>,
    /// Locals, each after those that it refers to.
    pub(crate) local_order: Vec<usize>,
    /// The place of each local in that order.
    pub(crate) local_rank: Vec<usize>,
    /// The resources that a local depends on through other locals too; sorted.
    pub(crate) local_resources: Vec<Arc<[usize]>>,
}

impl Graph {
    /// Walks everything that is declared. `provider_of` tells the provider block that serves a resource.
    pub(crate) fn build(
        declarations: &Declarations,
        provider_of: &[Option<usize>],
        findings: &mut Findings,
    ) -> Result<Self, Cyclic> {
        let mut graph = Self::default();
        let mut counter = 0;
        for (index, resource) in declarations.resources.iter().enumerate() {
            let file = &resource.place.file;
            let mut walk = Walk::new(declarations, file, Allowed::Everything, findings, &mut counter);
            resource.attributes.iter().for_each(|attribute| walk.expression(&attribute.value));
            if let Some(depends_on) = &resource.depends_on {
                walk.depends_on(depends_on);
            }
            let mut references = walk.into_references();
            if let Some(provider) = provider_of.get(index).copied().flatten() {
                let range =
                    resource.provider.as_ref().map_or(resource.place.header.clone(), |(_, range)| range.clone());
                references.push(Reference { target: Node::Provider(provider), range });
            }
            graph.resources.push(references);
        }
        for local in &declarations.locals {
            let mut walk = Walk::new(declarations, &local.place.file, Allowed::Everything, findings, &mut counter);
            walk.expression(&local.value);
            graph.locals.push(walk.into_references());
        }
        for provider in &declarations.providers {
            let mut walk = Walk::new(declarations, &provider.place.file, Allowed::Everything, findings, &mut counter);
            if let Some(config) = &provider.config {
                walk.expression(config);
            }
            graph.providers.push(walk.into_references());
        }
        for (name, output) in &declarations.outputs {
            let mut walk = Walk::new(declarations, &output.place.file, Allowed::Everything, findings, &mut counter);
            walk.expression(&output.value);
            if let Some(depends_on) = &output.depends_on {
                walk.depends_on(depends_on);
            }
            graph.outputs.insert(name.clone(), walk.into_references());
        }
        graph.order(declarations, findings)?;
        Ok(graph)
    }

    /// What a node refers to directly.
    pub(crate) fn references(&self, node: Node) -> &[Reference] {
        let (list, index) = match node {
            Node::Resource(index) => (&self.resources, index),
            Node::Local(index) => (&self.locals, index),
            Node::Provider(index) => (&self.providers, index),
        };
        list.get(index).map_or(&[], Vec::as_slice)
    }

    /// The locals among some references, those that they refer to included, each after those that it refers to.
    pub(crate) fn locals_of(&self, references: &[Reference]) -> Vec<usize> {
        let mut found = Vec::new();
        let mut seen = std::collections::HashSet::new();
        let mut open: Vec<Node> = references.iter().map(|reference| reference.target).collect();
        while let Some(node) = open.pop() {
            if let Node::Local(index) = node
                && seen.insert(index)
            {
                found.push(index);
                open.extend(self.references(node).iter().map(|reference| reference.target));
            }
        }
        found.sort_by_key(|index| self.local_rank.get(*index).copied());
        found
    }

    /// Depth first with an own stack; reports every cycle that it meets.
    fn order(&mut self, declarations: &Declarations, findings: &mut Findings) -> Result<(), Cyclic> {
        #[derive(Clone, Copy, PartialEq)]
        enum Mark {
            New,
            Open,
            Done,
        }
        let (resources, locals) = (self.resources.len(), self.locals.len());
        let number = |node: Node| match node {
            Node::Resource(index) => index,
            Node::Local(index) => resources + index,
            Node::Provider(index) => resources + locals + index,
        };
        let nodes = (0..resources)
            .map(Node::Resource)
            .chain((0..locals).map(Node::Local))
            .chain((0..self.providers.len()).map(Node::Provider));
        let mut marks = vec![Mark::New; resources + locals + self.providers.len()];
        let mut cyclic = false;
        let mut done = Vec::with_capacity(marks.len());
        for root in nodes {
            if marks[number(root)] != Mark::New {
                continue;
            }
            marks[number(root)] = Mark::Open;
            let mut path = vec![(root, 0)];
            while let Some((node, next)) = path.last_mut() {
                let node = *node;
                let Some(reference) = self.references(node).get(*next) else {
                    marks[number(node)] = Mark::Done;
                    done.push(node);
                    path.pop();
                    continue;
                };
                *next += 1;
                match marks[number(reference.target)] {
                    Mark::New => {
                        marks[number(reference.target)] = Mark::Open;
                        path.push((reference.target, 0));
                    }
                    Mark::Open => {
                        cyclic = true;
                        let from = path.iter().position(|(open, _)| *open == reference.target).unwrap_or(0);
                        let members: Vec<Node> = path[from..].iter().map(|(node, _)| *node).collect();
                        report(declarations, &members, reference, findings);
                    }
                    Mark::Done => {}
                }
            }
        }
        if cyclic {
            return Err(Cyclic);
        }
        self.finish(&done);
        Ok(())
    }

    fn finish(&mut self, done: &[Node]) {
        self.local_rank = vec![0; self.locals.len()];
        self.local_resources = vec![Arc::from([]); self.locals.len()];
        for node in done {
            if let Node::Local(index) = *node {
                self.local_rank[index] = self.local_order.len();
                self.local_order.push(index);
                self.local_resources[index] = self.resources_of(&self.locals[index]);
            }
        }
    }

    /// The resources among some references, through locals and providers too; sorted, each once.
    pub(crate) fn resources_of(&self, references: &[Reference]) -> Arc<[usize]> {
        let mut found: Vec<usize> = Vec::new();
        for reference in references {
            match reference.target {
                Node::Resource(index) => found.push(index),
                Node::Local(index) => {
                    found.extend(self.local_resources.get(index).into_iter().flat_map(|set| set.iter().copied()));
                }
                Node::Provider(index) => {
                    let inner = self.providers.get(index).map_or(&[][..], Vec::as_slice);
                    if !inner.is_empty() {
                        found.extend(self.resources_of(inner).iter().copied());
                    }
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found.into()
    }
}

/// The stack refers to itself in a circle; every circle has been reported.
pub(crate) struct Cyclic;

fn report(declarations: &Declarations, members: &[Node], closing: &Reference, findings: &mut Findings) {
    const SHOWN: usize = 8;
    let names: Vec<String> = members.iter().map(|node| name(declarations, *node)).collect();
    let file = members.last().and_then(|node| file(declarations, *node));
    let at = file.map(|file| span(file, closing.range.clone()));
    let summary = match names.as_slice() {
        [one] => format!("{one} refers to itself"),
        names => {
            let first = names.first().cloned().unwrap_or_default();
            let mut shown: Vec<String> = names.iter().take(SHOWN).cloned().collect();
            if names.len() > SHOWN {
                shown.push(format!("{} more", names.len() - SHOWN));
            }
            shown.push(first);
            format!("these refer to each other in a circle: {}", shown.join(" → "))
        }
    };
    let diagnostic = cofferdam_model::Diagnostic::error(summary)
        .with_hint("take one of these references out, or put what both need into a third place")
        .with_span(at);
    findings.push(diagnostic);
}

fn name(declarations: &Declarations, node: Node) -> String {
    let name = match node {
        Node::Resource(index) => declarations.resources.get(index).map(|resource| resource.address.to_string()),
        Node::Local(index) => declarations.locals.get(index).map(|local| format!("local.{}", local.name)),
        Node::Provider(index) => {
            return declarations
                .providers
                .get(index)
                .map_or_else(String::new, |provider| format!("provider `{}`", provider.key));
        }
    };
    format!("`{}`", name.unwrap_or_default())
}

fn file(declarations: &Declarations, node: Node) -> Option<&Arc<str>> {
    match node {
        Node::Resource(index) => declarations.resources.get(index).map(|resource| &resource.place.file),
        Node::Local(index) => declarations.locals.get(index).map(|local| &local.place.file),
        Node::Provider(index) => declarations.providers.get(index).map(|provider| &provider.place.file),
    }
}
