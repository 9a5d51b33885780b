//! Variables: types, sources, precedence, secrets.

mod support;

use cofferdam_model::document::to_shown_json;
use cofferdam_model::program::Program;
use support::{Case, Resources};

fn value(declaration: &str, prepare: impl FnOnce(Case) -> Case) -> String {
    let text = format!("variable \"v\" {{\n{declaration}\n}}\noutput \"x\" {{ value = var.v }}\n");
    let value = prepare(Case::new(&text)).stack().output("x", &Resources::default()).expect("valid");
    to_shown_json(&value).to_string()
}

fn error(declaration: &str, prepare: impl FnOnce(Case) -> Case) -> (String, String) {
    let errors = prepare(Case::new(&format!("variable \"v\" {{\n{declaration}\n}}\n"))).errors();
    assert_eq!(errors.len(), 1, "{errors:#?}");
    errors.into_iter().next().expect("one")
}

#[test]
fn texts_become_the_declared_type() {
    for (ty, text, result) in [
        ("type = string", "5", r#""5""#),
        ("type = string", "\"a\"", r#""\"a\"""#),
        ("", "[1]", r#""[1]""#),
        ("default = [1]", "[2]", r#""[2]""#),
        ("default = \"1\"", "5", r#""5""#),
        ("default = 1", "5", "5"),
        ("default = true", "false", "false"),
        ("type = any", "[1]", "[1]"),
        ("type = number", "5", "5"),
        ("type = bool", "true", "true"),
        ("type = list(string)", "[1, \"a\"]", r#"["1","a"]"#),
        ("type = set(string)", "[\"b\", \"a\", \"b\"]", r#"["a","b"]"#),
        ("type = map(number)", "{ a = \"1\" }", r#"{"a":1}"#),
        ("type = tuple([string, bool])", "[1, \"true\"]", r#"["1",true]"#),
        (
            "type = object({ a = string, b = optional(number, 3), c = optional(bool) })",
            "{ a = 1, extra = 2 }",
            r#"{"a":"1","b":3,"c":null}"#,
        ),
        ("type = list(object({ a = optional(list(string), []) }))", "[{}]", r#"[{"a":[]}]"#),
        ("type = string\nsensitive = true", "hunter2", r#""(secret)""#),
        ("type = string\ndefault = \"d\"\nnullable = false", "x", r#""x""#),
    ] {
        assert_eq!(value(ty, |case| case.var("v", text)), result, "{ty} from {text}");
    }
    assert_eq!(value("type = number\ndefault = \"7\"", |case| case), "7");
    assert_eq!(value("default = [1]", |case| case), "[1]");
}

#[test]
fn the_command_line_counts_most() {
    let all = |case: Case| case.var("v", "cli").var_file("a.hcl", "v = \"file\"\n").env("v", "env");
    assert_eq!(value("type = string", all), r#""cli""#);
    let two = |case: Case| case.var_file("a.hcl", "v = \"a\"\n").var_file("b.json", r#"{"v": "b"}"#).env("v", "env");
    assert_eq!(value("type = string", two), r#""b""#);
    assert_eq!(value("type = string\ndefault = \"d\"", |case| case.env("v", "env")), r#""env""#);
    assert_eq!(value("type = string", |case| case.var("v", "one").var("v", "two")), r#""two""#);
    assert_eq!(value("default = 1", |case| case.env("other", "ignored")), "1");
    assert_eq!(value("default = true", |case| case.env("v", "false")), "false");
    assert_eq!(value("default = 1", |case| case.var_file("a.hcl", "v = \"x\"\n")), r#""x""#);
}

#[test]
fn what_does_not_fit_is_told_at_its_place() {
    let declared = "variable \"v\"".to_owned();
    for (declaration, text, summary, place) in [
        (
            "type = number",
            "abc",
            "the value of variable `v` in `--var v` does not fit its type: a number is required, and this is a string that holds none",
            "abc",
        ),
        (
            "default = 1",
            "abc",
            "the value of variable `v` in `--var v` does not fit its type: a number is required, and this is a string that holds none",
            "abc",
        ),
        ("type = list(number)", "[1, [", "the text in `--var v` is no value of its type", "[1, ["),
        ("type = list(number)", "foo", "the text in `--var v` is no value of its type", "foo"),
        ("type = list(number)", "[max(1)]", "the text in `--var v` is no value of its type", "[max(1)]"),
        (
            "type = map(list(number))",
            "{ a = [1, true] }",
            "the value of variable `v` in `--var v` does not fit its type: at `.a[1]`: a number is required, and this is a bool",
            "{ a = [1, true] }",
        ),
        (
            "type = object({ a = string })",
            "{}",
            "the value of variable `v` in `--var v` does not fit its type: the attribute `a` is missing",
            "{}",
        ),
    ] {
        assert_eq!(error(declaration, |case| case.var("v", text)), (summary.to_owned(), place.to_owned()), "{text}");
    }
    let (summary, place) = error("type = number\nsensitive = true", |case| case.var("v", "hunter2"));
    assert!(!summary.contains("hunter2"));
    assert_eq!(place, declared);
    let (summary, place) = error("type = number", |case| case.var_file("x.hcl", "v = \"hunter2\"\n"));
    assert!(summary.contains("in `x.hcl`"), "{summary}");
    assert!(!place.contains("hunter2"), "a variable file is masked: {place}");
    assert_eq!(error("type = strin", |case| case.var("v", "a")).1, "strin");
    assert_eq!(error("type = \"string\"\ndefault = 1", |case| case).0, "a type is written without quotes");
    assert_eq!(
        error("type = number\ndefault = \"a\"", |case| case).0,
        "the default of variable `v` does not fit its type: a number is required, and this is a string that holds none"
    );
    assert_eq!(
        error("default = upper(\"a\")", |case| case).0,
        "no function may be called here: the value is a constant"
    );
    assert_eq!(
        error("default = stack.name", |case| case).0,
        "nothing may be referred to here: the value is a constant"
    );
}

#[test]
fn what_is_missing_is_told_at_once() {
    let errors = Case::new("variable \"a\" {}\nvariable \"b\" {\n  type = string\n}\n").errors();
    let summaries: Vec<&str> = errors.iter().map(|(summary, _)| summary.as_str()).collect();
    assert_eq!(summaries, ["the variable `a` has no value", "the variable `b` has no value"]);
}

#[test]
fn what_nothing_declares_is_refused_without_its_value() {
    let case = || Case::new("variable \"region\" {\n  default = \"eu\"\n}\n");
    let error = case().var("regoin", "hunter2").load().expect_err("undeclared");
    assert_eq!(error.diagnostics[0].summary, "there is no variable `regoin`");
    assert_eq!(error.diagnostics[0].hint.as_deref(), Some("did you mean `region`?"));
    assert!(error.texts.iter().all(|(_, text)| !text.contains("hunter2")));
    let error = case().var_file("x.json", r#"{"regoin": "hunter2"}"#).load().expect_err("undeclared");
    assert_eq!(error.diagnostics[0].summary, "there is no variable `regoin`");
    assert!(error.texts.iter().all(|(_, text)| !text.contains("hunter2")));
}

#[test]
fn broken_variable_files_are_told() {
    for (name, text) in
        [("x.hcl", "v = "), ("x.hcl", "v {\n}\n"), ("x.json", "["), ("x.json", "[]"), ("x.hcl", "v = var.a\n")]
    {
        let errors = Case::new("variable \"v\" {\n  default = 1\n}\n").var_file(name, text).errors();
        assert_eq!(errors.len(), 1, "{text}: {errors:?}");
    }
}

#[test]
fn null_falls_back_where_null_is_not_allowed() {
    assert_eq!(value("type = any\ndefault = 5\nnullable = false", |case| case.var("v", "null")), "5");
    assert_eq!(value("type = any\ndefault = 5", |case| case.var("v", "null")), "null");
    let (summary, _) = error("type = any\nnullable = false", |case| case.var("v", "null"));
    assert_eq!(summary, "the variable `v` is null in `--var v`, and it is not `nullable`");
}
