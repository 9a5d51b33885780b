//! An author who follows `plugins/README.md` in a folder of their own: what stands there builds with cargo alone, its
//! test passes, and its stack deploys.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use cofferdam_tests::{Objects, Request, Response, Sandbox, Server, repository, target, toolchain};

const TOKEN: &str = "a-token-of-the-notes-api";
/// Where the README's stack expects its server.
const SERVER: &str = "127.0.0.1:8080";
const COMPONENT: &str = "target/wasm32-wasip2/release/notes.wasm";

/// The code blocks of the README by their language; there is one of each.
fn blocks() -> BTreeMap<String, String> {
    let text = fs::read_to_string(repository().join("plugins/README.md")).expect("the README is there");
    let mut blocks = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else { continue };
        let block: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
        let twice = blocks.insert(language.to_owned(), block.join("\n") + "\n");
        assert!(twice.is_none(), "the README has two blocks in `{language}`; say here which file each one is");
    }
    blocks
}

/// Writes the crate and the stack of the README.
fn write(sandbox: &Sandbox, server: &Server) {
    let blocks = blocks();
    let block = |language: &str| {
        assert!(blocks.contains_key(language), "the README has no block in `{language}`");
        blocks[language].as_str()
    };
    let checkout = repository().display().to_string();
    sandbox.file("Cargo.toml", block("toml").replace("COFFERDAM", &checkout));
    sandbox.file("src/lib.rs", [block("rust"), block("rust,bootstrapper")].concat());
    sandbox.file("stack.hcl", block("hcl").replace(SERVER, &server.host()));
    // The versions that the repository tests with; an author gets the newest that fit.
    sandbox.file("Cargo.lock", fs::read(repository().join("Cargo.lock")).expect("the lock file is there"));
}

/// Runs cargo as a person would, not as a test that cargo runs.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "what cargo told this test must not reach the author's cargo")]
fn cargo(mut command: Command, folder: &Path, built: &Path) {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let of_cargo = name.starts_with("CARGO_") && name != "CARGO_HOME";
        if of_cargo || name == "LD_LIBRARY_PATH" || name.starts_with("RUSTFLAGS") || name == "CARGO" {
            command.env_remove(name);
        }
    }
    let output = command.current_dir(folder).env("CARGO_TARGET_DIR", built).output().expect("cargo can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed:\n{}{said}", String::from_utf8_lossy(&output.stdout));
}

/// The service that the README's provider is for.
fn notes() -> (Server, Arc<Objects>) {
    let objects = Arc::new(Objects::at("/notes"));
    let answering = objects.clone();
    let server = Server::start(move |request: &Request| {
        if request.header("authorization") != Some(&format!("Bearer {TOKEN}")) {
            return Response::status(401);
        }
        answering.answer(request)
    });
    (server, objects)
}

#[test]
fn the_readme_makes_a_provider() {
    let sandbox = Sandbox::new();
    let (server, objects) = notes();
    write(&sandbox, &server);

    // Kept between runs: the standard library is built once.
    let built = target().join("author");
    let mut build = Command::new(toolchain());
    build.args(["--run", "cargo", "build", "--release", "--target", "wasm32-wasip2"]);
    cargo(build, &sandbox.path(""), &built);
    let component = fs::read(built.join("wasm32-wasip2/release/notes.wasm")).expect("cargo made it");
    sandbox.file(COMPONENT, component);

    let cofferdam = |args: &[&str]| sandbox.cofferdam(args).env("NOTES_TOKEN", TOKEN).run();
    cofferdam(&["plan"]).exits(0).says("2 to create");
    cofferdam(&["deploy", "--yes"]).exits(0).never_says(TOKEN);
    assert_eq!(objects.all()[0]["title"], "hello-world");
    cofferdam(&["plan", "--exit-code"]).exits(0);
    cofferdam(&["destroy", "--yes"]).exits(0);
    assert_eq!(objects.all().len(), 0);
}

#[test]
fn the_readmes_test_passes() {
    let sandbox = Sandbox::new();
    write(&sandbox, &notes().0);
    let mut test = Command::new("cargo");
    test.arg("test");
    cargo(test, &sandbox.path(""), &target().join("author-tests"));
}

/// Without the grant nothing is reached, and the refusal names the line that is missing.
#[test]
fn the_refusal_names_the_missing_line() {
    let sandbox = Sandbox::new();
    let server = Server::start(|_| Response::status(500));
    sandbox.plugin("web").stack(&format!(
        "stack \"notes\" {{}}\n\nprovider \"web\" {{\n  source = \"./web.wasm\"\n  config = {{ host = \"{}\" }}\n}}\n\nresource \"web_object\" \"first\" {{\n  name = \"first\"\n}}\n",
        server.host()
    ));
    insta::assert_snapshot!(sandbox.run(&["deploy", "--yes"]).exits(1).shown());
    assert!(server.requests().is_empty());
}
