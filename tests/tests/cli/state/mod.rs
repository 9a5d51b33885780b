//! `state …`: what people see of a stage's states, and how they change one by hand.

mod change;
mod look;
mod mend;
mod whole;

use cofferdam_tests::{Output, Sandbox};
use regex::Regex;

/// A stack whose `n` and password decide what there is.
fn stack(resources: &str) -> String {
    let secret = "\nresource \"random_password\" \"db\" {\n  length = 20\n}\n";
    let output = "\noutput \"password\" {\n  value     = random_password.db.result\n  sensitive = true\n}\n";
    format!("stack \"shop\" {{}}\n{secret}{output}{resources}")
}

/// A `null_resource` with one trigger.
fn null(name: &str, value: &str) -> String {
    format!("\nresource \"null_resource\" \"{name}\" {{\n  triggers = {{\n    value = \"{value}\"\n  }}\n}}\n")
}

/// Three states: `one` alone; `one` changed beside `two`; `two` alone.
fn deployed() -> Sandbox {
    let sandbox = Sandbox::new();
    for resources in [null("one", "a"), null("one", "b") + &null("two", "a"), null("two", "a")] {
        sandbox.stack(&stack(&resources));
        sandbox.deploy();
    }
    sandbox
}

/// What a run said, without moments, hosts, lengths and random ids.
fn shown(output: &Output) -> String {
    let patterns = [
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "[moment]"),
        (r"tester on \S+", "tester on [host]"),
        (r"\b\d+ (?:B|kB)\b", "[size]"),
        (r"\b[0-9a-f]{32}\b", "[lineage]"),
        (r"\b\d{10}-[0-9a-f]{8}\.json", "[snapshot].json"),
        (r"\b\d{10}\.jsonl", "[piece].jsonl"),
        (r"spare/\d{10}-", "spare/[piece]-"),
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "[uuid]"),
        (r"\([0-9a-f]{12}\)", "([digest])"),
        // Columns are as wide as what was just replaced.
        (r"(\S)  +", "$1  "),
    ];
    patterns.iter().fold(output.shown(), |text, (pattern, word)| {
        Regex::new(pattern).expect("a valid pattern").replace_all(&text, *word).into_owned()
    })
}

/// Runs a command and compares what it said.
#[track_caller]
fn says(sandbox: &Sandbox, name: &str, code: i32, args: &[&str]) {
    let output = sandbox.run(&[&["state"], args].concat()).exits(code);
    insta::assert_snapshot!(name, shown(&output));
}
