//! `--home`: the state elsewhere than where the stack says.

use cofferdam_tests::Sandbox;

use crate::account::{Account, run};
use crate::service::Service;

const STACK: &str = "stack \"shop\" {}\n\nresource \"null_resource\" \"one\" {}\n";

/// What a fresh account needs is one command.
#[test]
fn a_first_deploy_to_a_fresh_account_is_one_command() {
    let account = Account::new();
    let sandbox = Sandbox::new();
    sandbox.stack(STACK);
    let home = format!("aws?endpoint={}&path_style=true", account.url());
    run(&sandbox, &["plan", "--home", &home]).run().exits(0).says("a deploy would bootstrap it");
    assert!(account.buckets().is_empty());
    run(&sandbox, &["deploy", "--yes", "--home", &home]).run().exits(0).says("1 done");
    assert_eq!(account.buckets().len(), 2);
    run(&sandbox, &["plan", "--home", &home, "--exit-code"]).run().exits(0);
    run(&sandbox, &["state", "list", "--home", &home]).run().exits(0).says("null_resource.one");
    run(&sandbox, &["bootstrap", "verify", "--home", &home]).run().exits(0).says("is as it should be");
    // Nothing was made where the stack says.
    assert!(!sandbox.path(".cofferdam").exists());
    sandbox.run(&["plan", "--exit-code"]).exits(10);
    run(&sandbox, &["destroy", "--yes", "--home", &home]).run().exits(0);
    run(&sandbox, &["bootstrap", "destroy", "--yes", "--home", &home]).run().exits(0).says("is destroyed");
    assert!(account.buckets().is_empty());
}

/// The server of the account may be named in the environment.
#[test]
fn the_short_form_takes_the_account_of_the_environment() {
    let account = Account::new();
    let sandbox = Sandbox::new();
    sandbox.stack(STACK);
    let deploy = run(&sandbox, &["deploy", "--yes", "--home", "aws"]).env("AWS_ENDPOINT_URL", account.url());
    deploy.run().exits(0);
    assert_eq!(account.buckets().len(), 2);
}

#[test]
fn a_directory_and_a_bucket_are_named_too() {
    let sandbox = Sandbox::new();
    sandbox.stack("stack \"shop\" {\n  home = \"aws\"\n}\n\nresource \"null_resource\" \"one\" {}\n");
    let elsewhere = format!("local:{}", sandbox.path("elsewhere").display());
    sandbox.run(&["deploy", "--yes", "--home", &elsewhere]).exits(0);
    sandbox.run(&["state", "list", "--home", &elsewhere]).exits(0).says("null_resource.one");
    sandbox.run(&["deploy", "--yes", "--home", "local"]).exits(0);
    assert!(sandbox.path(".cofferdam").exists());
    for wrong in ["awz", "aws?regoin=x", "s3://", "local:"] {
        sandbox.run(&["plan", "--home", wrong]).exits(2).says("--home: ").says("hint: ");
    }
}

/// A saved plan belongs to the home that it was made with.
#[test]
fn a_saved_plan_keeps_its_home() {
    let sandbox = Sandbox::new();
    sandbox.stack(STACK);
    let elsewhere = format!("local:{}", sandbox.path("elsewhere").display());
    sandbox.run(&["plan", "--home", &elsewhere, "--out", "a.plan"]).exits(0);
    sandbox.run(&["deploy", "a.plan"]).exits(3).says("the stack has another home");
    sandbox.run(&["deploy", "a.plan", "--home", "local:other"]).exits(3).says("`--home` names another home");
    sandbox.run(&["deploy", "a.plan", "--home", &elsewhere]).exits(0).says("1 done");
    sandbox.run(&["state", "list", "--home", &elsewhere]).exits(0).says("null_resource.one");
}

/// Records of plugins lie in the home, wherever that is: an account is not destroyed under them.
#[test]
fn records_of_plugins_lie_in_the_home() {
    let (account, service) = (Account::new(), Service::new());
    let sandbox = service.sandbox("", &[""]);
    let home = format!("aws?endpoint={}&path_style=true", account.url());
    run(&sandbox, &["deploy", "--yes", "--home", &home]).run().exits(0);
    run(&sandbox, &["bootstrap", "status", "--home", &home]).run().exits(0).says("plugin:preparing");
    run(&sandbox, &["destroy", "--yes", "--home", &home]).run().exits(0);
    let gone = ["bootstrap", "destroy", "--yes", "--region", "us-east-1", "--home", &home];
    let refused = run(&sandbox, &gone).run().exits(1);
    refused.says("holds the record of what a plugin has prepared: preparing account config-");
    assert_eq!((account.buckets().len(), service.things().len()), (2, 3));
    run(&sandbox, &["bootstrap", "destroy", "--yes", "--home", &home]).run().exits(0);
    assert!(account.buckets().is_empty() && service.things().is_empty());
}
