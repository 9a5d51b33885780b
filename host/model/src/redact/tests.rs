//! What is found, in which forms, and at which cost.

use super::*;

fn knowing(secrets: &[&str]) -> Redactor {
    let redactor = Redactor::default();
    secrets.iter().for_each(|secret| redactor.learn_text(secret));
    redactor
}

#[test]
fn takes_out_a_text_and_its_lines() {
    let redactor = Redactor::default();
    redactor.learn(&Value::from("pass\"word\nsecond line of the key").into_secret());
    assert_eq!(redactor.redact("a pass\"word\nsecond line of the key b"), "a (secret) b");
    assert_eq!(redactor.redact(r#"a pass\"word\nsecond line of the key b"#), "a (secret) b");
    assert_eq!(redactor.redact("| second line of the key"), "| (secret)");
}

#[test]
fn takes_out_what_encoders_make_of_it() {
    let redactor = knowing(&["p&ß\"w'ö <\\d>/\t!x"]);
    for (form, text) in [
        ("JSON", r#"{"a":"p&ß\"w'ö <\\d>/\t!x"}"#),
        ("JSON in ASCII", r#"{"a":"p&\u00df\"w'\u00f6 <\\d>\/\t!x"}"#),
        ("JSON in JSON", r#""{\"a\":\"p&ß\\\"w'ö <\\\\d>/\\t!x\"}""#),
        ("percent", "?a=p%26%C3%9F%22w%27%C3%B6%20%3C%5cd%3E%2f%09%21x&b=1"),
        ("form", "a=p%26%C3%9F%22w%27%C3%B6+%3C%5Cd%3E%2F%09%21x&b=1"),
        ("HTML", "<b>p&amp;ß&quot;w&#39;ö &lt;\\d&gt;/\t!x</b>"),
        ("XML", "<b>p&amp;&#xDF;&quot;w&apos;&#246; &lt;\\d&gt;/&#9;!x</b>"),
        ("shell", "echo 'p&ß\"w'\\''ö <\\d>/\t!x'"),
        ("YAML", "a: 'p&ß\"w''ö <\\d>/\t!x'"),
        ("Rust", r#"Some("p&ß\"w'ö <\\d>/\t!x")"#),
        ("base64", "a: cCbDnyJ3J8O2IDxcZD4vCSF4 b"),
        ("base64 over two lines", "a: cCbDnyJ3J8O2ID\n   xcZD4vCSF4 b"),
        ("base64 in an URL", "a=cCbDnyJ3J8O2IDxcZD4vCSF4"),
        ("hexadecimal", "a: 7026c39f2277 7026c39f227727c3b6203c5c643e2f092178"),
        ("hexadecimal, upper case", "a: 0x7026C39F227727C3B6203C5C643E2F092178"),
    ] {
        let redacted = redactor.redact(text);
        assert!(redacted.contains(SHOWN), "{form}: {redacted}");
        let left = redacted.replace(SHOWN, "").len();
        assert!(left <= 22, "{form}: {redacted}");
    }
}

#[test]
fn takes_out_a_secret_inside_of_a_longer_encoded_text() {
    let redactor = knowing(&["hunter22"]);
    // `user:hunter22@`, shifted by one, two and three bytes.
    assert_eq!(redactor.redact("Basic dXNlcjpodW50ZXIyMkA="), "Basic dXNlcj(secret)A=");
    assert_eq!(redactor.redact("Basic IHVzZXI6aHVudGVyMjJA"), "Basic IHVzZXI6(secret)A");
    assert_eq!(redactor.redact("Basic ICB1c2VyOmh1bnRlcjIyQA"), "Basic ICB1c2VyO(secret)QA");
    assert_eq!(redactor.redact("Basic aHVudGVyMjI="), "Basic (secret)");
    // The digit before the text shifts what is decoded.
    assert_eq!(redactor.redact("7-aHVudGVyMjI="), "7-(secret)");
    assert_eq!(redactor.redact("a68756e7465723232"), "a(secret)");
    // `+` and `=` of base64, with percent escapes.
    let redactor = knowing(&["\u{3bb}~~~>>>???"]);
    assert_eq!(redactor.redact("?a=zrt%2Bfn4%2BPj4%2FPz8%3D&b"), "?a=(secret)&b");
    assert_eq!(redactor.redact("?a=zrt-fn4-Pj4_Pz8&b"), "?a=(secret)&b");
}

#[test]
fn the_longest_goes_first() {
    let redactor = knowing(&["hunter", "hunter22"]);
    assert_eq!(redactor.redact("hunter22 hunter"), "(secret) (secret)");
}

#[test]
fn secrets_that_overlap_leave_nothing_behind() {
    let redactor = knowing(&["abcdef", "defghi"]);
    assert_eq!(redactor.redact("xabcdefghix"), "x(secret)x");
}

#[test]
fn the_marker_is_no_secret() {
    let redactor = knowing(&["secret", ")abc"]);
    assert_eq!(redactor.redact("a secret is (secret)"), "a (secret) is (secret)");
    assert_eq!(redactor.redact("(secret)abcab"), "(secret)ab");
    assert_eq!(redactor.redact("secretabc"), "(secret)");
}

#[test]
fn short_texts_and_blanks_are_not_looked_for() {
    let redactor = knowing(&["abc", "     ", "\n\n\n\n"]);
    assert_eq!(redactor.redact("abc     \n\n\n\n"), "abc     \n\n\n\n");
}

#[test]
fn json_stays_json() {
    let redactor = Redactor::default();
    redactor.learn(&Value::from(1000).into_secret());
    let json = serde_json::json!({ "a": 1000, "b": [51000, "x1000"], "x1000": 1, "x1000\u{0}": 2 });
    let redacted = r#"{"a":"(secret)","b":[51000,"x(secret)"],"x(secret)":1,"x(secret)\u0000":2}"#;
    assert_eq!(redactor.redact_json(json).to_string(), redacted);
}

#[test]
fn keys_stay_apart() {
    let redactor = knowing(&["hunter22", "hunter33"]);
    let json = serde_json::json!({ "hunter22": 1, "hunter33": 2 });
    assert_eq!(redactor.redact_json(json).to_string(), r#"{"(secret)":1,"(secret) 2":2}"#);
}

#[test]
fn a_value_keeps_its_shape_and_its_marks() {
    let redactor = knowing(&["hunter22"]);
    let value = crate::document::parse(r#"{"a":["x hunter22",1],"b":null}"#).expect("valid");
    let redacted = redactor.redact_value(&value);
    assert_eq!(crate::document::to_json(&redacted).to_string(), r#"{"a":["x (secret)",1],"b":null}"#);
    assert!(redactor.redact_value(&value.into_secret()).is_secret());
}

#[test]
fn the_start_of_a_text_holds_no_part_of_a_secret() {
    let redactor = knowing(&["hunter22hunter33"]);
    for most in 0..40 {
        let text = "hunter22hunter33 and hunter22hunter33 and so on";
        let start = redactor.redact_start(text, most);
        assert!(!start.contains("hun"), "{most}: {start}");
    }
    assert_eq!(redactor.redact_start("no secret", 2), "no");
    // Base64 of the secret, cut in its middle.
    assert_eq!(redactor.redact_start("a aHVudGVyMjJodW50ZXIzMw== b", 12), "a (secret)");
}

#[test]
fn a_long_secret_that_somebody_cut_is_hidden_in_pieces() {
    let secret: String = (0..200).map(|n| format!("{n:04x}-")).collect();
    let redactor = knowing(&[&secret]);
    assert_eq!(redactor.redact(&secret), SHOWN);
    let cut = redactor.redact(&secret[..700]);
    assert!(cut.starts_with(SHOWN) && cut.len() < 128, "{cut}");
    assert!(redactor.longest() <= 8 * 132);
}

#[test]
fn what_may_be_the_start_of_a_secret_is_not_certain() {
    let redactor = knowing(&["ab\ncd\nef"]);
    assert_eq!(redactor.certain("x ab\n"), 2);
    assert_eq!(redactor.certain("x ab\ncd\n"), 2);
    assert_eq!(redactor.certain("x ab\nce\n"), 8);
    assert_eq!(redactor.certain(""), 0);
}

/// `cargo test --release -p cofferdam-model --lib -- --ignored --nocapture cost`
#[test]
#[ignore = "prints what a search costs; nothing to fail"]
#[expect(clippy::disallowed_methods, reason = "it measures")]
fn cost() {
    use std::time::Instant;
    // Base64 of a simple generator: nothing alike in any two keys beside the first and the last line.
    let mut seed = 1_u64;
    let mut key = || {
        let mut text = String::from("-----BEGIN PRIVATE KEY-----\n");
        for _ in 0..30 {
            for _ in 0..64 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text.push(char::from(
                    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[(seed >> 58) as usize],
                ));
            }
            text.push('\n');
        }
        text + "-----END PRIVATE KEY-----\n"
    };
    let line = "time=2024-05-01T10:00:00Z level=info msg=\"PUT /v1/databases/7f9c done\" path=/etc/app/config.yaml took=12ms\n";
    let texts = [
        ("a line", line.to_owned()),
        ("1 MB of lines", line.repeat(10_000)),
        ("1 MB of base64", "QUJD".repeat(250_000)),
    ];
    for count in [1, 100, 10_000] {
        let redactor = Redactor::default();
        let keys: Vec<String> = (0..count).map(|_| key()).collect();
        let start = Instant::now();
        keys.iter().for_each(|key| redactor.learn_text(key));
        let learned = start.elapsed();
        let layers = redactor.known.layers();
        let memory: usize = layers.iter().map(|layer| layer.memory() + layer.bytes).sum();
        println!(
            "{count} keys: learned in {learned:?}, built in {:?}, {} KB",
            start.elapsed() - learned,
            memory / 1000
        );
        for (what, text) in &texts {
            let start = Instant::now();
            std::hint::black_box(redactor.redact(text));
            println!("  {what}, {} bytes: {:?}", text.len(), start.elapsed());
        }
    }
    let redactor = Redactor::default();
    let start = Instant::now();
    for _ in 0..2_000 {
        redactor.learn_text(&key());
        std::hint::black_box(redactor.redact(line));
    }
    println!("2000 keys, a line after each: {:?}", start.elapsed());
    let redactor = knowing(&["a".repeat(1_000_000).as_str()]);
    let start = Instant::now();
    std::hint::black_box(redactor.redact(&"a".repeat(1_000_000)));
    println!("a million of one letter, as secret and as text: {:?}", start.elapsed());
}
