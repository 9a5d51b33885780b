//! `completions`: scripts that the shells themselves accept.

use std::process::{Command, Stdio};

use cofferdam_tests::Sandbox;

#[test]
fn every_shell_has_a_script() {
    let sandbox = Sandbox::new();
    for (shell, sign) in [("bash", "complete -F"), ("zsh", "#compdef cofferdam"), ("fish", "complete -c cofferdam")] {
        let script = sandbox.run(&["completions", shell]).exits(0).stdout;
        assert!(script.contains(sign), "{shell} would not know this script");
        for word in ["deploy", "destroy", "parallelism"] {
            assert!(script.contains(word), "the script for {shell} does not know `{word}`");
        }
        assert!(!script.contains("compile-component"), "the script for {shell} shows a hidden command");
    }
    sandbox.run(&["completions", "tcsh"]).exits(2);
}

#[test]
fn bash_accepts_its_script() {
    let sandbox = Sandbox::new();
    sandbox.file("completions.bash", sandbox.run(&["completions", "bash"]).exits(0).stdout);
    let checked = Command::new("bash").arg("-n").arg(sandbox.path("completions.bash")).stdin(Stdio::null()).output();
    let checked = checked.expect("bash is on this machine, as the build needs it");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}
