//! What every evaluation of a stack shares: its declarations, its variables and its constant locals.

use std::collections::HashMap;

use cofferdam_model::Value;

use super::Evaluator;
use crate::declare::Declarations;
use crate::files::ProjectFiles;
use crate::graph::Graph;
use crate::secrets::StageSecrets;

/// A local between evaluations.
#[derive(Debug)]
pub(crate) enum LocalState {
    /// It depends on no resource.
    Constant(Value),
    /// It depends on resources: evaluated anew with what is known.
    Dynamic,
    /// It has no value; why has been reported.
    Failed,
}

/// The shared part.
pub(crate) struct Scope {
    pub(crate) declarations: Declarations,
    pub(crate) graph: Graph,
    /// The value of every variable; none where it has none, which has been reported.
    pub(crate) variables: HashMap<String, Option<Value>>,
    /// In the order of the declarations.
    pub(crate) locals: Vec<LocalState>,
    pub(crate) stack_name: Value,
    pub(crate) stage: Value,
    pub(crate) files: ProjectFiles,
    pub(crate) secrets: StageSecrets,
}

impl Scope {
    /// Evaluates every local that depends on no resource, each after those that it refers to.
    pub(crate) fn settle_locals(&mut self, findings: &mut crate::findings::Findings) {
        self.locals = self.declarations.locals.iter().map(|_| LocalState::Dynamic).collect();
        for index in self.graph.local_order.clone() {
            if self.graph.local_resources.get(index).is_some_and(|resources| !resources.is_empty()) {
                continue;
            }
            let evaluator = Evaluator::new(self, &super::NothingKnown);
            let state = evaluator.local(index).map_or(LocalState::Failed, LocalState::Constant);
            findings.absorb(evaluator.into_findings());
            if let Some(place) = self.locals.get_mut(index) {
                *place = state;
            }
        }
    }
}
