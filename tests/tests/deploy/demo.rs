//! The stack that `make demo` deploys, checked with the tools that people would use.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cofferdam_tests::{Sandbox, repository};

/// The demo's sources, without what a deploy of them in place would leave there.
fn devbox() -> Sandbox {
    let sandbox = Sandbox::new();
    copy(&repository().join("tests/stacks/devbox"), &sandbox.path(""));
    sandbox
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the sandbox can be written");
    for entry in fs::read_dir(from).expect("the demo is part of the checkout").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_file() {
            fs::copy(entry.path(), target).expect("the sandbox can be written");
        } else if entry.file_name() != "out" && entry.file_name() != ".cofferdam" {
            copy(&entry.path(), &target);
        }
    }
}

/// Runs a program of the system in the folder of what was deployed, and expects success.
#[track_caller]
fn system<S: AsRef<OsStr>>(sandbox: &Sandbox, program: &str, args: &[S]) -> String {
    let output = Command::new(program).args(args).current_dir(sandbox.path("out")).output();
    let output = output.map_err(|error| format!("`{program}`: {error}")).expect("this test needs a program");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "`{program}` failed: {said}");
    said
}

#[test]
fn the_certificate_is_good_for_its_host() {
    let sandbox = devbox();
    sandbox.deploy();
    for host in ["devbox.test", "www.devbox.test", "localhost"] {
        let args =
            ["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "tls/ca.pem", "-verify_hostname", host];
        let said = system(&sandbox, "openssl", &[&args[..], &["tls/server.pem"]].concat());
        assert!(said.contains("tls/server.pem: OK"), "{host}: {said}");
    }
    let args = ["verify", "-CAfile", "tls/ca.pem", "-verify_hostname", "elsewhere.test", "tls/server.pem"];
    let refused = Command::new("openssl").args(args).current_dir(sandbox.path("out")).output();
    assert!(!refused.expect("openssl was just run").status.success(), "the certificate is good for any host");
}

#[test]
fn the_key_is_the_certificates() {
    let sandbox = devbox();
    sandbox.deploy();
    let key = system(&sandbox, "openssl", &["pkey", "-in", "tls/server-key.pem", "-pubout"]);
    let certified = system(&sandbox, "openssl", &["x509", "-in", "tls/server.pem", "-noout", "-pubkey"]);
    assert_eq!(key, certified, "the key is another certificate's");
}

#[test]
fn the_archive_opens() {
    let sandbox = devbox();
    sandbox.deploy();
    let said = system(&sandbox, "unzip", &["-t", "site.zip"]);
    assert!(said.contains("No errors detected"), "{said}");
    let listed = system(&sandbox, "unzip", &["-Z1", "site.zip"]);
    assert!(listed.contains("index.html") && !listed.contains("draft"), "{listed}");
    let page = system(&sandbox, "unzip", &["-p", "site.zip", "index.html"]);
    assert_eq!(page, sandbox.read("site/index.html"));
}

#[test]
fn the_password_is_in_its_file_alone() {
    let sandbox = devbox();
    let deployed = sandbox.run(&["deploy", "--yes", "--format", "json", "-vv"]).exits(0);
    let config = sandbox.read("out/app.conf");
    let password = config.lines().find_map(|line| line.trim().strip_prefix("password = ")).expect("it is configured");
    assert_eq!(password.len(), 24, "{config}");
    deployed.never_says(password);
    sandbox.run(&["deploy", "--yes"]).exits(0).never_says(password);
    assert_eq!(sandbox.holding(sandbox.root(), password), [sandbox.path("out/app.conf")]);
    assert_eq!(sandbox.holding(sandbox.cache(), password), Vec::<PathBuf>::new());

    let key = sandbox.read("out/tls/server-key.pem");
    let line = key.lines().nth(1).expect("a key has lines");
    assert_eq!(sandbox.holding(sandbox.root(), line), [sandbox.path("out/tls/server-key.pem")]);
}

#[test]
fn it_comes_and_goes_whole() {
    let sandbox = devbox();
    let before = sandbox.tree(&sandbox.path(""));
    sandbox.deploy();
    sandbox.expect_no_changes().says("No changes");
    sandbox.run(&["destroy", "--yes"]).exits(0);
    let left: Vec<_> = sandbox.tree(&sandbox.path("")).into_iter().filter(|path| !before.contains(path)).collect();
    let home = |path: &&String| path.starts_with(".cofferdam");
    let others: Vec<_> = left.iter().filter(|path| !home(path)).collect();
    assert_eq!(others, ["out/"], "more than the granted folder is left");
    sandbox.run(&["state", "list"]).exits(0).says("no resources");
}

/// Renewing the server's certificate touches neither the authority nor the password.
#[test]
fn a_variable_changes_what_it_should() {
    let sandbox = devbox();
    sandbox.deploy();
    let output = sandbox.run(&["plan", "--var", "hostname=shop.test", "--format", "json"]).exits(0);
    let plan = &output.events_of("plan")[0];
    let mut changed: Vec<_> = plan["steps"].as_array().expect("a plan has steps").iter().collect();
    changed.sort_by_key(|step| step["address"].to_string());
    let names: Vec<_> = changed.iter().map(|step| step["address"].as_str().unwrap_or_default()).collect();
    assert_eq!(
        names,
        ["local_file.config", "local_file.server", "tls_cert_request.server", "tls_locally_signed_cert.server"]
    );
}
