//! A stack in JSON. `"${t.a.id}"` refers, `{"$secret": …}` marks.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use cofferdam_model::program::{Known, Program, ResourceNode};
use cofferdam_model::{Address, Diagnostic, Pointer, ProviderKey, SourceSpan, StackName, Value};
use serde_json::Value as Json;

use super::{address, key, value};

#[derive(Clone)]
pub struct Stack {
    name: StackName,
    nodes: Vec<ResourceNode>,
    inputs: HashMap<Address, Json>,
    configs: HashMap<ProviderKey, Json>,
    outputs: BTreeMap<String, Json>,
}

impl Stack {
    pub fn new() -> Self {
        Self {
            name: StackName::new("test").expect("valid"),
            nodes: Vec::new(),
            inputs: HashMap::new(),
            configs: HashMap::new(),
            outputs: BTreeMap::new(),
        }
    }

    /// A resource; its references are found in its inputs.
    pub fn resource(self, at: &str, inputs: Json) -> Self {
        self.resource_after(at, inputs, &[])
    }

    /// The same, with `depends_on`.
    pub fn resource_after(mut self, at: &str, inputs: Json, after: &[&str]) -> Self {
        let mut depends_on: BTreeSet<Address> = after.iter().map(|text| address(text)).collect();
        references(&inputs, &mut depends_on);
        let at = address(at);
        let provider = key(at.resource_type().prefix());
        if let Some(config) = self.configs.get(&provider) {
            references(config, &mut depends_on);
        }
        self.nodes.push(ResourceNode { address: at.clone(), provider, depends_on });
        self.inputs.insert(at, inputs);
        self
    }

    /// Has the last resource served by another provider.
    pub fn by(mut self, provider: &str) -> Self {
        self.nodes.last_mut().expect("there is one").provider = key(provider);
        self
    }

    /// A provider's configuration; comes before the resources that it serves.
    pub fn config(mut self, provider: &str, config: Json) -> Self {
        self.configs.insert(key(provider), config);
        self
    }

    pub fn output(mut self, name: &str, value: Json) -> Self {
        self.outputs.insert(name.to_owned(), value);
        self
    }
}

fn reference(text: &str) -> Option<(Address, Vec<String>)> {
    let inner = text.strip_prefix("${")?.strip_suffix('}')?;
    let mut parts = inner.split('.');
    let at = format!("{}.{}", parts.next()?, parts.next()?).parse().ok()?;
    Some((at, parts.map(str::to_owned).collect()))
}

fn references(json: &Json, found: &mut BTreeSet<Address>) {
    match json {
        Json::String(text) => found.extend(reference(text).map(|(at, _)| at)),
        Json::Array(items) => items.iter().for_each(|item| references(item, found)),
        Json::Object(entries) => entries.values().for_each(|entry| references(entry, found)),
        _ => {}
    }
}

fn evaluate(json: &Json, known: &dyn Known) -> Result<Value, Vec<Diagnostic>> {
    match json {
        Json::String(text) => {
            let Some((at, parts)) = reference(text) else { return Ok(value(json)) };
            let Some(properties) = known.resource(&at) else { return Ok(Value::unknown()) };
            let found = properties.at(&Pointer::from_parts(parts));
            found.ok_or_else(|| vec![Diagnostic::error(format!("`{text}` has no such attribute"))])
        }
        Json::Array(items) => {
            Ok(Value::list(items.iter().map(|item| evaluate(item, known)).collect::<Result<_, _>>()?))
        }
        Json::Object(entries) => {
            if let Some(secret) = entries.get("$secret") {
                return Ok(evaluate(secret, known)?.into_secret());
            }
            let entries = entries.iter().map(|(key, entry)| Ok((key.clone(), evaluate(entry, known)?)));
            Ok(Value::object(entries.collect::<Result<_, Vec<Diagnostic>>>()?))
        }
        _ => Ok(value(json)),
    }
}

impl Program for Stack {
    fn stack(&self) -> &StackName {
        &self.name
    }

    fn resources(&self) -> &[ResourceNode] {
        &self.nodes
    }

    fn outputs(&self) -> Vec<String> {
        self.outputs.keys().cloned().collect()
    }

    fn resource_inputs(&self, address: &Address, known: &dyn Known) -> Result<Value, Vec<Diagnostic>> {
        evaluate(&self.inputs[address], known)
    }

    fn provider_config(&self, provider: &ProviderKey, known: &dyn Known) -> Result<Value, Vec<Diagnostic>> {
        match self.configs.get(provider) {
            Some(config) => evaluate(config, known),
            None => Ok(Value::object(BTreeMap::new())),
        }
    }

    fn output(&self, name: &str, known: &dyn Known) -> Result<Value, Vec<Diagnostic>> {
        evaluate(&self.outputs[name], known)
    }

    fn locate(&self, address: &Address, at: Option<&Pointer>) -> Option<SourceSpan> {
        let start = self.nodes.iter().position(|node| node.address == *address)? * 100;
        let range = start..start + at.map_or(1, |at| 10 + at.parts().len());
        Some(SourceSpan { file: Arc::from("stack.hcl"), range })
    }
}
