//! The stack as the engine sees it.

use std::collections::BTreeMap;

use cofferdam_model::program::{Known, Program, ResourceNode};
use cofferdam_model::{Address, Data, Diagnostic, Pointer, ProviderKey, SourceSpan, StackName, Value};

use crate::constants::Constants;
use crate::eval::{Evaluator, Frame};
use crate::findings::Findings;
use crate::graph::Node;
use crate::source::span;
use crate::stack::Stack;
use crate::{convert, locate};

impl Program for Stack {
    fn stack(&self) -> &StackName {
        &self.name
    }

    fn resources(&self) -> &[ResourceNode] {
        &self.nodes
    }

    fn outputs(&self) -> Vec<String> {
        self.scope.declarations.outputs.keys().cloned().collect()
    }

    fn resource_inputs(&self, address: &Address, known: &dyn Known) -> Result<Value, Vec<Diagnostic>> {
        let declarations = &self.scope.declarations;
        let index = declarations.resource(address.resource_type().as_str(), address.name());
        let Some((index, resource)) = index.and_then(|index| Some((index, declarations.resources.get(index)?))) else {
            return Err(vec![Diagnostic::error("the stack has no such resource").about(address)]);
        };
        let evaluator = Evaluator::new(&self.scope, known);
        evaluator.prepare(self.scope.graph.references(Node::Resource(index)));
        let mut inputs = BTreeMap::new();
        let mut findings = Vec::new();
        for attribute in &resource.attributes {
            let key = attribute.key.as_str();
            match evaluator.whole(&attribute.value, Frame::new(&resource.place.file)) {
                Ok(value) if value.is_null() => {}
                Ok(value) => {
                    inputs.insert(key.to_owned(), value);
                }
                Err(_) => {
                    let at = Pointer::from_parts(vec![key.to_owned()]);
                    findings
                        .extend(evaluator.take_findings().into_list().into_iter().map(|found| found.at(at.clone())));
                }
            }
        }
        let rest = evaluator.into_findings().into_list();
        findings.extend(rest);
        finish(findings, Value::object(inputs), Some(address))
    }

    fn provider_config(&self, provider: &ProviderKey, known: &dyn Known) -> Result<Value, Vec<Diagnostic>> {
        let declarations = &self.scope.declarations;
        let empty = || Value::object(BTreeMap::new());
        let index = declarations.provider_index.get(provider).copied();
        let Some((index, block)) = index.and_then(|index| Some((index, declarations.providers.get(index)?))) else {
            return Ok(empty());
        };
        let Some(config) = &block.config else { return Ok(empty()) };
        let evaluator = Evaluator::new(&self.scope, known);
        evaluator.prepare(self.scope.graph.references(Node::Provider(index)));
        let frame = Frame::new(&block.place.file);
        let value = evaluator.whole(config, frame).unwrap_or_else(|_| empty());
        if !matches!(value.data(), Data::Object(_) | Data::Unknown) {
            let summary = format!("`config` is an object, and this is {}", convert::kind(&value));
            evaluator.fail(frame, crate::eval::range(config), summary, Some("write `config = { … }`".into()));
        }
        finish(evaluator.into_findings().into_list(), value, None)
    }

    fn output(&self, name: &str, known: &dyn Known) -> Result<Value, Vec<Diagnostic>> {
        let Some(output) = self.scope.declarations.outputs.get(name) else {
            return Err(vec![Diagnostic::error("the stack has no such output")]);
        };
        let evaluator = Evaluator::new(&self.scope, known);
        evaluator.prepare(self.scope.graph.outputs.get(name).map_or(&[][..], Vec::as_slice));
        let value = evaluator.whole(&output.value, Frame::new(&output.place.file));
        let sensitive = output.sensitive.as_ref().is_some_and(|sensitive| {
            let mut findings = Findings::default();
            let mut constants = Constants { scope: &self.scope, file: &output.place.file, findings: &mut findings };
            // It has been read without an error when the stack was loaded.
            constants.flag(sensitive).unwrap_or(true)
        });
        let value = value.unwrap_or_else(|_| Value::null()).with_secret(sensitive);
        finish(evaluator.into_findings().into_list(), value, None)
    }

    fn locate(&self, address: &Address, at: Option<&Pointer>) -> Option<SourceSpan> {
        let resource = self.scope.declarations.resource_at(address)?;
        let found = at.and_then(|pointer| locate::within(&resource.attributes, pointer));
        Some(span(&resource.place.file, found.unwrap_or_else(|| resource.place.header.clone())))
    }
}

fn finish(findings: Vec<Diagnostic>, value: Value, address: Option<&Address>) -> Result<Value, Vec<Diagnostic>> {
    if findings.is_empty() {
        return Ok(value);
    }
    let about = |found: Diagnostic| match address {
        Some(address) => found.about(address),
        None => found,
    };
    Err(findings.into_iter().map(about).collect())
}
