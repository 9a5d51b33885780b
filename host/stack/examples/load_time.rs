//! Measures how long a stack of N resources takes to load and to evaluate once: `cargo run --release --example
//! load_time -- 10000`. The shape is that of `bench/gen_terraform.py --shape groups`.
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a tool that prints times")]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use cofferdam_model::program::{Known, Program};
use cofferdam_model::{Address, Value, document};
use cofferdam_stack::{LoadOptions, NoFiles, Sources, Stack, WithheldSecrets};

struct All(HashMap<Address, Value>);

impl Known for All {
    fn resource(&self, address: &Address) -> Option<&Value> {
        self.0.get(address)
    }
}

fn main() {
    let count = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let mut text = "stack \"bench\" {}\n".to_owned();
    for i in 0..count {
        let root = i / 10 * 10;
        let deps = match i % 10 {
            0 if i == 0 => String::new(),
            0 => "${null_resource.r0.id}".to_owned(),
            1 => format!("${{null_resource.r{root}.id}}"),
            _ => format!("${{null_resource.r{root}.id}},${{null_resource.r{}.id}}", i - 1),
        };
        let _ = write!(
            text,
            "resource \"null_resource\" \"r{i}\" {{\n  triggers = {{\n    v    = \"value-{i}\"\n    deps = \"{deps}\"\n    \
             env  = \"bench\"\n    idx  = \"{i}\"\n  }}\n}}\n"
        );
    }
    let bytes = text.len();
    let copy = text.clone();
    let options = LoadOptions {
        bundled: [("null".to_owned(), "null".to_owned())].into(),
        stage: "dev".parse().expect("a stage"),
        variables: Vec::new(),
        variable_files: Vec::new(),
        read_file: Arc::new(NoFiles),
        read_secret: Arc::new(WithheldSecrets),
    };
    let start = Instant::now();
    let (stack, _) = Stack::load(Sources { files: vec![("stack.hcl".into(), text)] }, options).expect("a valid stack");
    println!("load: {:?} for {count} resources, {bytes} bytes", start.elapsed());
    let id = document::parse(r#"{"id":"1"}"#).expect("JSON");
    let known = All(stack.resources().iter().map(|node| (node.address.clone(), id.clone())).collect());
    let start = Instant::now();
    for node in stack.resources() {
        stack.resource_inputs(&node.address, &known).expect("valid inputs");
    }
    println!("inputs of all, with everything known: {:?}", start.elapsed());
    let start = Instant::now();
    let parsed = hcl_edit::parser::parse_body(&copy).map(|body| body.len());
    println!("parser alone: {:?}", start.elapsed());
    drop(parsed);
}
