//! Command lines that make no sense: exit code 2, and what would.

use cofferdam_tests::Sandbox;

#[track_caller]
fn refused(name: &str, args: &[&str]) {
    let sandbox = Sandbox::new();
    sandbox.stack("stack \"shop\" {}\n");
    insta::assert_snapshot!(name, sandbox.run(args).exits(2).shown());
}

#[test]
fn wrong_command_lines() {
    refused("nothing", &[]);
    refused("unknown_command", &["deplyo"]);
    refused("unknown_flag", &["plan", "--paralelism", "3"]);
    refused("no_parallelism", &["plan", "--parallelism", "0"]);
    refused("bad_stage", &["plan", "--stage", "Not A Stage"]);
    refused("bad_assignment", &["plan", "--var", "name"]);
    refused("bad_address", &["state", "show", "nowhere"]);
    refused("plan_with_variables", &["deploy", "release.plan", "--var", "name=value"]);
    refused("plan_over_a_stack_file", &["plan", "--out", "stack.hcl"]);
    refused("show_nothing", &["show"]);
}

/// Nobody is there to be asked.
#[test]
fn questions_need_a_terminal() {
    refused("deploy_without_yes", &["deploy"]);
    refused("destroy_without_yes", &["destroy"]);
    refused("json_without_yes", &["deploy", "--format", "json"]);
}

#[test]
fn help_teaches() {
    let sandbox = Sandbox::new();
    insta::assert_snapshot!("help", sandbox.run(&["--help"]).exits(0).shown());
    insta::assert_snapshot!("help_plan", sandbox.run(&["plan", "--help"]).exits(0).shown());
    insta::assert_snapshot!("help_deploy", sandbox.run(&["deploy", "--help"]).exits(0).shown());
}

#[test]
fn a_folder_without_a_stack() {
    let sandbox = Sandbox::new();
    insta::assert_snapshot!("no_stack", sandbox.run(&["plan"]).exits(3).shown());
    insta::assert_snapshot!("no_folder", sandbox.run(&["plan", "--dir", "elsewhere"]).exits(3).shown());
}

#[test]
fn a_stack_elsewhere() {
    let sandbox = Sandbox::new();
    sandbox.file("elsewhere/stack.hcl", "stack \"shop\" {}\n\nresource \"null_resource\" \"one\" {}\n");
    sandbox.run(&["deploy", "--yes", "--dir", "elsewhere"]).exits(0);
    sandbox.run(&["state", "list", "-C", "elsewhere"]).exits(0).says("null_resource.one");
    assert!(!sandbox.path(".cofferdam").exists(), "the state lies beside the stack, not where one stands");
}
