//! Homes whose keys AWS KMS wraps: whom the service lets decrypt works with them, with no identity of his own.

use std::path::Path;

use cofferdam_tests::{Invocation, Moto, Output, Sandbox};

const STACK: &str = r#"
stack "shop" {
  encryption = ENCRYPTION
}

resource "random_password" "db" {
  length = LENGTH
}

output "token" {
  value = secret("token")
}
"#;

/// A home in whose stack stands the key, and the service.
struct Case {
    sandbox: Sandbox,
    moto: Moto,
    arn: String,
}

impl Case {
    fn new() -> Self {
        let moto = Moto::start();
        let arn = moto.make_key();
        let case = Self { sandbox: Sandbox::new(), moto, arn };
        case.stack(&case.kms(), 20);
        case
    }

    fn kms(&self) -> String {
        format!("{{ kms = {{ key = \"{}\", endpoint = \"{}\" }} }}", self.arn, self.moto.url())
    }

    fn stack(&self, encryption: &str, length: usize) {
        let text = STACK.replace("ENCRYPTION", encryption).replace("LENGTH", &length.to_string());
        self.sandbox.stack(&text);
    }

    /// Somebody with an own configuration, and with credentials for AWS.
    fn as_user(&self, user: &str, args: &[&str]) -> Invocation {
        self.stranger(user, args).env("AWS_ACCESS_KEY_ID", "AKIDTEST").env("AWS_SECRET_ACCESS_KEY", "hunter2-aws")
    }

    /// Somebody without credentials.
    fn stranger(&self, user: &str, args: &[&str]) -> Invocation {
        let config = self.sandbox.root().join(user);
        let run = self.sandbox.cofferdam(args).env("COFFERDAM_CONFIG_DIR", config);
        run.env("AWS_EC2_METADATA_DISABLED", "true")
    }

    fn shown(&self, output: &Output) -> String {
        output.shown().replace(self.arn.rsplit('/').next().expect("an ARN"), "[key]")
    }
}

#[test]
fn whom_the_key_lets_decrypt_deploys() {
    let case = Case::new();
    case.as_user("ada", &["secret", "set", "token", "hunter2"]).run().exits(0);
    case.as_user("ada", &["deploy", "--yes"]).run().exits(0);
    insta::assert_snapshot!("list", case.shown(&case.as_user("bob", &["key", "list"]).run().exits(0)));
    for user in ["ada", "bob"] {
        let identity = case.sandbox.root().join(user).join("identity.txt");
        assert!(!Path::exists(&identity), "nobody needs an identity");
    }
    assert_eq!(case.as_user("bob", &["secret", "get", "token"]).run().exits(0).stdout, "hunter2\n");
    case.as_user("bob", &["plan", "--exit-code"]).run().exits(0);
    case.stack(&case.kms(), 30);
    case.as_user("bob", &["deploy", "--yes"]).run().exits(0).never_says("hunter2");
    case.as_user("ada", &["plan", "--exit-code"]).run().exits(0);

    // A saved plan says which key opens it.
    case.stack(&case.kms(), 40);
    case.as_user("ada", &["plan", "--out", "release.plan"]).run().exits(0);
    case.as_user("bob", &["deploy", "release.plan"]).run().exits(0);

    let refused = case.stranger("eve", &["secret", "get", "token"]).run().exits(1);
    insta::assert_snapshot!("no_credentials", case.shown(&refused));
    case.stack("{}", 40);
    let refused = case.as_user("eve", &["secret", "get", "token"]).run().exits(1);
    insta::assert_snapshot!("not_set_up", case.shown(&refused));
}

#[test]
fn keys_come_and_go() {
    let case = Case::new();
    case.stack("{}", 20);
    case.as_user("ada", &["secret", "set", "token", "hunter2"]).run().exits(0);
    case.as_user("ada", &["deploy", "--yes"]).run().exits(0);
    case.stack(&case.kms(), 20);
    let list = case.as_user("ada", &["key", "list"]).run().exits(0);
    list.says(&format!("The stack names `aws-kms:{}` as well", case.arn));
    insta::assert_snapshot!("add", case.shown(&case.as_user("ada", &["key", "add-recipient"]).run().exits(0)));
    case.as_user("bob", &["deploy", "--yes"]).run().exits(0);
    insta::assert_snapshot!("rotate", case.shown(&case.as_user("bob", &["key", "rotate", "--yes"]).run().exits(0)));
    let on_command_line = case.as_user("ada", &["key", "add-recipient", &case.arn]).run().exits(2);
    on_command_line.says("is named in the `stack` block");

    // The service is not asked to remove its key.
    let remove = ["key", "remove-recipient", &case.arn, "--yes"];
    insta::assert_snapshot!("remove", case.shown(&case.stranger("ada", &remove).run().exits(0)));
    case.stack("{}", 20);
    case.as_user("bob", &["secret", "get", "token"]).run().exits(1);
    assert_eq!(case.stranger("ada", &["secret", "get", "token"]).run().exits(0).stdout, "hunter2\n");
    let wrong = case.arn.replace(":kms:", ":s3:");
    case.stack(&format!("{{ kms = {{ key = \"{wrong}\" }} }}"), 20);
    insta::assert_snapshot!("no_key", case.shown(&case.as_user("ada", &["secret", "list"]).run().exits(3)));
}

#[test]
fn a_home_moves_with_its_key() {
    let case = Case::new();
    case.as_user("ada", &["secret", "set", "token", "hunter2"]).run().exits(0);
    case.as_user("ada", &["deploy", "--yes"]).run().exits(0);
    let migrate = case.as_user("bob", &["home", "migrate", "local:.cofferdam", "local:new", "--yes"]);
    migrate.env("AWS_ENDPOINT_URL_KMS", case.moto.url()).run().exits(0).says("compared byte by byte and loaded");
}
