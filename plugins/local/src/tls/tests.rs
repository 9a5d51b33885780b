//! Keys and certificates through the provider, checked by parsing them again, and by `openssl` where it is installed.

use std::process::Command;

use cofferdam_sdk::prelude::*;
use cofferdam_sdk::testing::{Harness, Outcome, TestHost, set_now_ms};
use x509_cert::Certificate;
use x509_cert::der::{DecodePem, Encode};

use super::key::Key;
use crate::{Local, test};

const KINDS: [(&str, Option<&str>); 4] =
    [("RSA", None), ("ECDSA", Some("P256")), ("ECDSA", Some("P384")), ("ED25519", None)];

fn make(local: &Harness<Local>, name: &str, inputs: &Value) -> Value {
    let mut outcome = local.create(name, inputs).expect("created");
    while let Outcome::Pending { checkpoint, .. } = outcome {
        outcome = local.resume(name, &checkpoint).expect("resumed");
    }
    outcome.state().expect("done").properties
}

fn key(local: &Harness<Local>, (algorithm, curve): (&str, Option<&str>)) -> Value {
    make(local, "tls_private_key", &json!({"algorithm": algorithm, "ecdsa_curve": curve}))
}

fn authority(local: &Harness<Local>, key: &Value) -> Value {
    let inputs = json!({
        "private_key_pem": key["private_key_pem"], "subject": {"common_name": "Test CA", "country": "NL"},
        "validity_period_hours": 876_000, "is_ca_certificate": true, "allowed_uses": ["cert_signing", "crl_signing"],
    });
    make(local, "tls_self_signed_cert", &inputs)
}

#[test]
fn every_key_reads_back_from_every_form() {
    test(TestHost::new(), |local| {
        for kind in KINDS {
            let made = key(local, kind);
            for form in ["private_key_pem", "private_key_pem_pkcs8"] {
                let read = Key::from_pem(form, made[form].as_str().expect("text")).expect("a key");
                assert_eq!(read.public_key_pem().expect("written"), made["public_key_pem"], "{kind:?}");
            }
            let openssh = made["private_key_openssh"].as_str().expect("text");
            let openssh = ssh_key::PrivateKey::from_openssh(openssh).expect("an OpenSSH key");
            let line = made["public_key_openssh"].as_str().expect("text");
            assert_eq!(openssh.public_key().to_openssh().expect("written").trim(), line.trim());
        }
    });
}

#[test]
fn a_request_becomes_a_certificate_that_verifies() {
    test(TestHost::new().at(1_800_000_000_000), |local| {
        for (number, kind) in KINDS.into_iter().enumerate() {
            let root_key = key(local, kind);
            let root = authority(local, &root_key);
            let leaf_key = key(local, KINDS[(number + 1) % KINDS.len()]);
            let request = make(
                local,
                "tls_cert_request",
                &json!({
                    "private_key_pem": leaf_key["private_key_pem_pkcs8"],
                    "subject": {"common_name": "é.test", "street_address": ["One", "Two"]},
                    "dns_names": ["a.test", "*.b.test"], "ip_addresses": ["10.0.0.1", "::1"], "uris": ["spiffe://a/b"],
                }),
            );
            let leaf = make(
                local,
                "tls_locally_signed_cert",
                &json!({
                    "cert_request_pem": request["cert_request_pem"], "ca_private_key_pem": root_key["private_key_pem"],
                    "ca_cert_pem": root["cert_pem"], "validity_period_hours": 24, "allowed_uses": ["server_auth", "digital_signature"],
                }),
            );
            let parse = |made: &Value| Certificate::from_pem(made["cert_pem"].as_str().expect("text")).expect("parses");
            let (root_parsed, leaf_parsed) = (parse(&root).tbs_certificate, parse(&leaf).tbs_certificate);
            assert_eq!(leaf_parsed.issuer, root_parsed.subject);
            assert_eq!(leaf_parsed.extensions.expect("some").len(), 5);
            openssl_verifies(number, &root, &leaf);
        }
    });
}

/// Nothing where there is no `openssl`.
fn openssl_verifies(number: usize, root: &Value, leaf: &Value) {
    if Command::new("openssl").arg("version").output().is_err() {
        return;
    }
    let at = |name: &str| std::env::temp_dir().join(format!("cofferdam-{}-{number}-{name}.pem", std::process::id()));
    let (root_at, leaf_at) = (at("root"), at("leaf"));
    std::fs::write(&root_at, root["cert_pem"].as_str().expect("text")).expect("written");
    std::fs::write(&leaf_at, leaf["cert_pem"].as_str().expect("text")).expect("written");
    let verify = [
        "verify",
        "-x509_strict",
        "-purpose",
        "sslserver",
        "-verify_ip",
        "10.0.0.1",
        "-attime",
        "1800003600",
        "-CAfile",
    ];
    let output = Command::new("openssl").args(verify).arg(&root_at).arg(&leaf_at).output().expect("openssl runs");
    std::fs::remove_file(root_at).expect("removed");
    std::fs::remove_file(leaf_at).expect("removed");
    assert!(output.status.success(), "{number}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_certificate_that_is_due_is_replaced() {
    test(TestHost::new().at(1_800_000_000_000), |local| {
        let key = key(local, ("ED25519", None));
        let inputs = |early: u32| json!({"private_key_pem": key["private_key_pem"], "validity_period_hours": 10, "early_renewal_hours": early});
        let state = local.create("tls_self_signed_cert", &inputs(2)).expect("created").state().expect("done");
        assert_eq!(state.secrets, ["/private_key_pem"]);
        let plan = |early| local.plan("tls_self_signed_cert", Some(&state), &inputs(early)).expect("planned");
        assert!(plan(2).replace.is_empty() && plan(2).after.unknown.is_empty());
        assert!(plan(3).replace.is_empty());
        assert_eq!(plan(10).replace.len(), 1);
        set_now_ms(1_800_000_000_000 + 8 * 3_600_000);
        assert_eq!(plan(2).replace[0].0, "/validity_end_time");
        assert!(local.update("tls_self_signed_cert", &state, &inputs(3)).is_ok());
    });
}

#[test]
fn what_cannot_be_signed_is_said_with_its_place() {
    test(TestHost::new(), |local| {
        let place = |name: &str, inputs: Value| {
            let failure = local.create(name, &inputs).expect_err("refused");
            failure.error().diagnostics()[0].at.clone().expect("a place")
        };
        let good = key(local, ("ED25519", None));
        let pem = &good["private_key_pem"];
        let other = authority(local, &key(local, ("ECDSA", None)));
        let request = make(local, "tls_cert_request", &json!({"private_key_pem": pem}));
        assert_eq!(place("tls_cert_request", json!({"private_key_pem": "nonsense"})), "/private_key_pem");
        let bad_ip = json!({"private_key_pem": pem, "ip_addresses": ["10.0.0.1", "10.0.0.256"]});
        assert_eq!(place("tls_cert_request", bad_ip), "/ip_addresses/1");
        let bad_country = json!({"private_key_pem": pem, "subject": {"country": "é"}});
        assert_eq!(place("tls_cert_request", bad_country), "/subject/country");
        let stranger = json!({
            "cert_request_pem": request["cert_request_pem"], "ca_private_key_pem": pem,
            "ca_cert_pem": other["cert_pem"], "validity_period_hours": 1,
        });
        assert_eq!(place("tls_locally_signed_cert", stranger), "/ca_private_key_pem");
        assert_eq!(place("tls_private_key", json!({"algorithm": "RSA", "rsa_bits": 512})), "/rsa_bits");
    });
}

#[test]
fn names_are_written_in_the_usual_order() {
    let subject: super::names::Subject =
        serde_json::from_value(json!({"common_name": "x", "country": "NL", "organization": "o"})).expect("fits");
    let name = subject.to_name().expect("a name");
    assert_eq!(name.to_string(), "CN=x,O=o,C=NL");
    assert!(name.to_der().is_ok());
}
