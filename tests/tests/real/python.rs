//! A provider in Python, made by `componentize-py`.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use cofferdam_tests::{Objects, Request, Response, Sandbox, Server, repository, target};

const TOKEN: &str = "a-token-for-python";

/// Builds the component, or takes the one that an earlier run built from the same files.
fn component() -> Vec<u8> {
    let source = repository().join("tests/real/python");
    let contract = repository().join("wit/0.1.0");
    let tool = target().join("real/venv/bin/componentize-py");
    assert!(tool.is_file(), "`{}` is not there; run `tests/real/setup` first", tool.display());

    let mut hasher = DefaultHasher::new();
    for path in [files(&source), files(&contract)].concat() {
        (path.file_name(), fs::read(&path).expect("the folder was just listed")).hash(&mut hasher);
    }
    let built = target().join(format!("real/python-{:016x}.wasm", hasher.finish()));
    if !built.is_file() {
        // Older ones are of no use any more.
        for old in files(&target().join("real")) {
            if old.extension().is_some_and(|extension| extension == "wasm") {
                let _ = fs::remove_file(old);
            }
        }
        // Renamed into place when it is whole, so that a build that was cut off is not taken for one.
        let unfinished = built.with_extension("new");
        let output = Command::new(tool)
            .args(["--wit-path".as_ref(), contract.as_os_str(), "--world".as_ref(), "provider-plugin".as_ref()])
            .args(["componentize", "--stub-wasi", "app", "--python-path"])
            .args([source.as_os_str(), "--output".as_ref(), unfinished.as_os_str()])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .output()
            .expect("the tool was just seen");
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "componentize-py failed:\n{}", String::from_utf8_lossy(&said));
        fs::rename(&unfinished, &built).expect("both lie in one folder");
    }
    fs::read(&built).expect("it was just made")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is part of the checkout");
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

fn stack(host: &str, body: &str) -> String {
    format!(
        r#"
stack "notes" {{}}

provider "python" {{
  source = "./python.wasm"
  config = {{ host = "{host}" }}
  grant {{
    hosts = ["{host}"]
    credential "token" {{
      from = "env:NOTES_TOKEN"
    }}
  }}
}}

resource "python_note" "first" {{
  title = "first"
  body  = "{body}"
}}

output "id" {{
  value = python_note.first.id
}}
"#
    )
}

#[test]
fn a_provider_in_python_deploys() {
    let objects = Arc::new(Objects::at("/notes"));
    let answering = objects.clone();
    let server = Server::start(move |request: &Request| {
        if request.header("authorization") != Some(&format!("Bearer {TOKEN}")) {
            return Response::status(401);
        }
        answering.answer(request)
    });
    let host = server.host();
    let sandbox = Sandbox::new();
    sandbox.file("python.wasm", component()).stack(&stack(&host, "hello"));
    let cofferdam = |args: &[&str]| sandbox.cofferdam(args).env("NOTES_TOKEN", TOKEN).run().exits(0);

    cofferdam(&["plugin", "inspect", "./python.wasm"]).says("python_note").says("0.1.0");
    cofferdam(&["deploy", "--yes"]).says("asking Python");
    assert_eq!(objects.all()[0]["body"], "hello");
    assert_eq!(cofferdam(&["output", "id"]).stdout, "object-1\n");
    cofferdam(&["plan", "--exit-code"]);

    sandbox.stack(&stack(&host, "good evening"));
    cofferdam(&["deploy", "--yes"]);
    assert_eq!((objects.all()[0]["body"].as_str(), objects.made()), (Some("good evening"), 1));

    objects.edit("object-1", |note| note["body"] = "by hand".into());
    let drift = sandbox.cofferdam(&["plan", "--refresh", "all", "--exit-code"]).env("NOTES_TOKEN", TOKEN).run();
    drift.exits(10).says("by hand");

    cofferdam(&["destroy", "--yes"]);
    assert_eq!(objects.all().len(), 0);
}
