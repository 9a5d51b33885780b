//! The function `secret`: what it yields, what it says of a secret that is not there, and where it may stand.

mod support;

use cofferdam_model::capabilities::CredentialSource;
use cofferdam_model::program::Program as _;
use cofferdam_stack::WithheldSecrets;
use support::{Case, Resources, error, json, value};

#[test]
fn a_secret_is_a_text_that_is_marked() {
    let found = value("secret(\"db\")");
    assert!(found.is_secret());
    assert_eq!(found.as_str(), Some("hunter2-db"));
    assert_eq!(json("\"postgres://app:${secret(\"db\")}@localhost\""), "\"(secret)\"");
    assert!(value("secret(\"later\")").is_unknown());
    assert_eq!(json("try(secret(\"none\"), \"instead\")"), "\"instead\"");
}

#[test]
fn a_missing_one_is_told_with_the_command_that_sets_it() {
    let text = "output \"x\" {\n  value = secret(\"nome\")\n}\n";
    let found = Case::new(text).load().expect_err("missing").diagnostics;
    let [only] = &found[..] else { panic!("{found:#?}") };
    assert_eq!(only.summary, "`secret`: there is no secret `nome` in stage `dev`");
    assert_eq!(only.hint.as_deref(), Some("set it: cofferdam secret set nome --stage dev"));
    assert_eq!(only.span.as_ref().map(|span| &text[span.range.clone()]), Some("\"nome\""));

    let (summary, place) = error("secret(\"closed\")");
    assert_eq!((summary.as_str(), place.as_str()), ("`secret`: no key opens it", "\"closed\""));
    let (summary, _) = error("secret(\"no name\")");
    assert!(summary.starts_with("`secret`: `no name` is no valid name of a secret: "), "{summary}");
    // A name that is itself secret is not quoted.
    let (summary, _) = error("secret(sensitive(\"nome\"))");
    assert!(!summary.contains("nome"), "{summary}");
}

#[test]
fn whether_a_stack_uses_secrets_is_known_after_loading() {
    assert!(!Case::new("output \"x\" {\n  value = 1\n}\n").stack().uses_secrets());
    let mut case = Case::new("resource \"null_resource\" \"r\" {\n  triggers = { a = secret(\"none\") }\n}\n");
    case.options.read_secret = std::sync::Arc::new(WithheldSecrets);
    let stack = case.stack();
    assert!(stack.uses_secrets());
    let inputs = stack.resource_inputs(&"null_resource.r".parse().expect("valid"), &Resources::default());
    assert!(inputs.is_ok_and(|inputs| inputs.has_secret()));
}

/// A changed secret is another stack, as a changed variable is.
#[test]
fn the_digest_covers_the_value() {
    let text = "output \"x\" {\n  value = secret(\"db\")\n}\n";
    let known = Case::new(text).stack().digest();
    let mut withheld = Case::new(text);
    withheld.options.read_secret = std::sync::Arc::new(WithheldSecrets);
    assert_ne!(known, withheld.stack().digest());
}

#[test]
fn a_credential_comes_from_a_secret() {
    let grant = |from: &str| {
        format!(
            "provider \"acme\" {{\n  source = \"./a.wasm\"\n  grant {{\n    credential \"token\" {{\n      from = \"{from}\"\n    }}\n  }}\n}}\n"
        )
    };
    let stack = Case::new(&grant("secret:acme_token")).stack();
    let from = &stack.providers()[0].grant.credentials["token"].from;
    assert_eq!(*from, CredentialSource::Secret("acme_token".parse().expect("valid")));
    let errors = Case::new(&grant("secret:no name")).errors();
    assert!(errors[0].0.contains("is no valid name of a secret"), "{errors:#?}");
}
