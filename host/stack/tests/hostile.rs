//! Input that tries to overflow the stack, to take all memory or to run forever.

mod support;

use support::Case;

/// Runs on a thread with the stack of a tokio worker.
fn loads(text: String) -> bool {
    let run = move || Case::new(&text).load().is_ok();
    let thread = std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(run).expect("a thread");
    thread.join().expect("no overflow, no panic")
}

#[test]
fn deep_nesting_is_refused() {
    const DEEP: usize = 10_000;
    let both = |open: &str, inner: &str, close: &str| format!("{}{inner}{}", open.repeat(DEEP), close.repeat(DEEP));
    for expression in [
        both("[", "", "]"),
        both("{ a = ", "1", " }"),
        both("(", "1", ")"),
        both("\"${", "1", "}\""),
        both("upper(", "\"a\"", ")"),
        both("[for x in [1] : ", "x", "]"),
        both("%{ if true }", "", "%{ endif }"),
        both("\"%{ if true }", "", "%{ endif }\""),
        format!("{}1", "!".repeat(DEEP)),
        format!("{}1", "- ".repeat(DEEP)),
        format!("1{}", " + 1".repeat(DEEP)),
        format!("{}1", "true ? 1 : ".repeat(DEEP)),
        format!("[1]{}", "[*]".repeat(DEEP)),
        format!("[1]{}", ".*".repeat(DEEP)),
    ] {
        assert!(!loads(format!("locals {{\n  a = {expression}\n}}\n")), "{}", &expression[..20]);
    }
    assert!(!loads(both("a {\n", "", "}\n")));
}

#[test]
fn the_deepest_that_parses_is_evaluated() {
    for depth in [40, 60] {
        let nested = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(loads(format!("locals {{\n  a = {nested}\n}}\n")), "{depth}");
    }
    for (open, inner, close) in [
        ("{ a = ", "1", " }"),
        ("[for x in [1, 2] : ", "x", " if x == 1]"),
        ("{ for k, v in { a = 1 } : k => ", "v", " }"),
        ("\"%{ if true }a${", "1", "}%{ endif }\""),
        ("\"%{ for x in [1] }${", "x", "}%{ endfor }\""),
        ("try(", "1", ", 2)"),
        ("true ? 1 : [", "1", "]"),
        ("[", "1", "][*]"),
        ("merge({ a = ", "1", " })"),
    ] {
        let levels = (20..64).rev().find(|levels| {
            let nested = format!("{}{inner}{}", open.repeat(*levels), close.repeat(*levels));
            loads(format!("locals {{\n  a = {nested}\n}}\n"))
        });
        assert!(levels.is_some(), "{open}");
    }
    let sums = format!("1{}", " + 1".repeat(127));
    assert!(loads(format!("locals {{\n  a = {}{sums}{}\n}}\n", "upper(".repeat(50), ")".repeat(50))));
}

#[test]
fn long_chains_cost_no_recursion() {
    let mut text = "resource \"null_resource\" \"r0\" {}\n".to_owned();
    for i in 1..10_000 {
        text += &format!("resource \"null_resource\" \"r{i}\" {{\n  x = null_resource.r{}.id\n}}\n", i - 1);
    }
    assert!(loads(text));
    let chain = |first: &str| {
        let links: String = (1..10_000).map(|i| format!("  l{i} = local.l{}\n", i - 1)).collect();
        format!(
            "resource \"null_resource\" \"r\" {{}}\nlocals {{\n  l0 = {first}\n{links}}}\noutput \"x\" {{ value = local.l9999 }}\n"
        )
    };
    assert!(loads(chain("1")));
    assert!(loads(chain("null_resource.r.id")));
    let ring: String = (0..10_000).map(|i| format!("  l{i} = local.l{}\n", (i + 1) % 10_000)).collect();
    let errors = Case::new(&format!("locals {{\n{ring}}}\n")).errors();
    assert!(errors[0].0.ends_with("`local.l7` → 9992 more → `local.l0`"), "{}", errors[0].0);
}

#[test]
fn many_errors_are_cut() {
    let wrong: String = (0..5_000).map(|i| format!("  l{i} = var.v{i}\n")).collect();
    let errors = Case::new(&format!("locals {{\n{wrong}}}\n")).errors();
    assert_eq!(errors.len(), 101);
    assert_eq!(errors[100].0, "4900 more findings are not shown");
}

#[test]
fn large_files_are_refused() {
    let errors = Case::new("").file("large.hcl", &"#".repeat(cofferdam_stack::MAX_FILE_BYTES + 1)).errors();
    assert!(errors[0].0.contains("too long"), "{}", errors[0].0);
}

#[test]
fn texts_do_not_grow_without_bound() {
    for expression in [
        "join(\"\", [for i in range(200000) : format(\"%1000s\", i)])",
        "replace(format(\"%1000s\", \"\"), \" \", join(\"\", [for i in range(1000) : format(\"%1000s\", i)]))",
        "replace(format(\"%1000s\", \"\"), \"/ /\", join(\"\", [for i in range(1000) : format(\"%1000s\", i)]))",
        "jsonencode([for i in range(100000) : local.long])",
        "indent(1000000000, \"a\\nb\")",
        "[for i in range(1000) : join(\"\", [for j in range(1000) : local.long])]",
        "\"%{ for i in range(1000000) }${local.long}%{ endfor }\"",
        "format(\"%99999999999999999999d\", 1)",
        "flatten([for i in range(2000) : range(1000)])",
        "concat([for i in range(2000) : range(1000)]...)",
        "regex(\"(a{1000}){1000}\", \"a\")",
    ] {
        let long = "long = format(\"%1000s\", \"x\")";
        assert!(!loads(format!("locals {{\n  {long}\n  a = {expression}\n}}\n")), "{expression}");
    }
}
