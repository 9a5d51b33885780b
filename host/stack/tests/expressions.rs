//! Expressions: results as OpenTofu gives them, compared with Terraform 1.11 when they were written.

mod support;

use support::{error, json, known, value_with};

#[test]
fn operators_bind_as_in_hcl() {
    for (expression, result) in [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("7 / 2", "3.5"),
        ("6 / 2", "3"),
        ("-7 % 3", "-1"),
        ("\"2\" + 1", "3"),
        ("1 == \"1\"", "false"),
        ("[1, 2] == [1, 2]", "true"),
        ("{ a = 1 } != { a = 2 }", "true"),
        ("1 < 2 && !false || false", "true"),
        ("false && (1 / 0 == 1)", "false"),
        ("true ? 1 : \"a\"", "\"1\""),
        ("false ? 1 : 2", "2"),
        ("null == null", "true"),
        ("9007199254740993 + 1", "9007199254740994"),
        ("9223372036854775807 + 1", "9.223372036854776e+18"),
    ] {
        assert_eq!(json(expression), result, "{expression}");
    }
}

#[test]
fn traversals_reach_in() {
    for (expression, result) in [
        ("{ a = [{ b = 1 }] }.a[0].b", "1"),
        ("{ a = [{ b = 1 }] }.a.0.b", "1"),
        ("{ a = 1 }[\"a\"]", "1"),
        ("[{ b = 1 }, { b = 2 }][*].b", "[1,2]"),
        ("[{ b = [1] }, { b = [2] }][*].b[0]", "[1,2]"),
        ("[{ b = [1] }, { b = [2] }].*.b[0]", "[1]"),
        ("null[*]", "[]"),
        ("{ b = 1 }[*].b", "[1]"),
        ("[[1, 2], [3]][*][0]", "[1,3]"),
    ] {
        assert_eq!(json(expression), result, "{expression}");
    }
}

#[test]
fn for_expressions() {
    for (expression, result) in [
        ("[for x in [1, 2, 3] : x * 2 if x != 2]", "[2,6]"),
        ("[for i, x in [\"a\", \"b\"] : \"${i}${x}\"]", r#"["0a","1b"]"#),
        ("{ for k, v in { a = 1, b = 2 } : upper(k) => v }", r#"{"A":1,"B":2}"#),
        ("{ for x in [\"a\", \"b\", \"aa\"] : substr(x, 0, 1) => x... }", r#"{"a":["a","aa"],"b":["b"]}"#),
        ("[for x in [[1, 2], [3]] : [for y in x : y + 1]]", "[[2,3],[4]]"),
        ("[for k in keys({ b = 1, a = 2 }) : k]", r#"["a","b"]"#),
    ] {
        assert_eq!(json(expression), result, "{expression}");
    }
}

#[test]
fn templates() {
    for (expression, result) in [
        (r#""a${1}b${true}""#, r#""a1btrue""#),
        (r#""${[1]}""#, "[1]"),
        (r#""$${x} %%{if}""#, r#""${x} %{if}""#),
        (r#""%{ if true }yes%{ else }no%{ endif }""#, r#""yes""#),
        (r#""%{ for x in ["a", "b"] }<${x}>%{ endfor }""#, r#""<a><b>""#),
        (r#""a  ${~ "b" ~}  c""#, r#""abc""#),
        ("<<EOT\nhello\n  ${1}\nEOT\n", r#""hello\n  1\n""#),
        ("<<-EOT\n    a\n      b\n    c\n  EOT\n", r#""a\n  b\nc\n""#),
        ("<<-EOT\n  %{ for x in [1, 2] ~}\n  s ${x}\n  %{ endfor ~}\n  end\nEOT\n", r#""  s 1\n  s 2\n  end\n""#),
        (
            "<<-EOT\n    %{ for x in [1, 2] }\n      s ${x}\n    %{ endfor }\n    end\n  EOT\n",
            r#""\n  s 1\n\n  s 2\n\nend\n""#,
        ),
        ("<<-EOT\n      %{ if true }\n    less\n      %{ endif }\n      end\n  EOT\n", r#""  \nless\n  \n  end\n""#),
        (
            "<<-EOT\n    a\n      ${\"x\"} b\n    ${~ \"c\" ~}\n    d\n\n    e\n  EOT\n",
            r#""    a\n      x b\nc    d\n\n    e\n""#,
        ),
        ("<<EOT\n  x\n  %{ if true ~}\n  y\n  %{~ else }\n  z\n  %{ endif ~}\n  w\nEOT\n", r#""  x\n    y\n  w\n""#),
        (r#""a \n ${~ 1 ~} \n b""#, r#""a1b""#),
        ("<<EOT\na\n%{~ if true ~}\nb\n%{~ endif ~}\nc\nEOT\n", r#""abc\n""#),
    ] {
        assert_eq!(json(expression), result, "{expression}");
    }
}

#[test]
fn functions_by_family() {
    for (expression, result) in [
        ("abs(-2.5)", "2.5"),
        ("ceil(1.2) + floor(1.8)", "3"),
        ("max([1, 5, 3]...)", "5"),
        ("pow(2, 10)", "1024"),
        ("pow(2, 0.5) > 1.41", "true"),
        ("signum(-3)", "-1"),
        ("parseint(\"ff\", 16)", "255"),
        (
            "format(\"%s-%03d %5.1f|%-4s|%q %v\", \"a\", 7, 3.14159, \"x\", \"q\", [1])",
            r#""a-007   3.1|x   |\"q\" [1]""#,
        ),
        ("format(\"%[2]s%[1]s %%\", \"a\", \"b\")", "\"ba %\""),
        ("format(\"%x %X %b %o %e %g\", 255, 255, 5, 8, 1500.0, 0.00001)", "\"ff FF 101 10 1.500000e+03 1e-05\""),
        ("formatlist(\"%s=%d\", [\"a\", \"b\"], [1, 2])", r#"["a=1","b=2"]"#),
        ("join(\"-\", [\"a\", 1], [\"b\"])", "\"a-1-b\""),
        ("replace(\"hello\", \"/l+/\", \"[$0]\")", "\"he[ll]o\""),
        ("replace(\"a.b\", \".\", \"-\")", "\"a-b\""),
        ("split(\",\", \"a,b\")", r#"["a","b"]"#),
        ("strrev(\"añb\")", "\"bña\""),
        ("substr(\"hello\", -3, 2)", "\"ll\""),
        ("title(\"hello world\")", "\"Hello World\""),
        ("trim(\"!!a!!\", \"!\")", "\"a\""),
        ("trimprefix(\"ab\", \"a\") == trimsuffix(\"bc\", \"c\")", "true"),
        ("indent(2, \"a\\nb\")", r#""a\n  b""#),
        ("chomp(\"a\\n\\n\")", "\"a\""),
        ("regex(\"(\\\\d+)-(\\\\d+)\", \"12-34\")", r#"["12","34"]"#),
        ("concat([1], [2, 3])", "[1,2,3]"),
        ("contains([\"a\"], \"a\")", "true"),
        ("coalesce(null, \"\", \"a\")", "\"a\""),
        ("coalescelist([], [1])", "[1]"),
        ("compact([\"a\", \"\", null])", r#"["a"]"#),
        ("distinct([\"b\", \"a\", \"b\"])", r#"["b","a"]"#),
        ("element([1, 2, 3], 4)", "2"),
        ("flatten([[1, [2]], 3])", "[1,2,3]"),
        ("index([\"a\", \"b\"], \"b\")", "1"),
        ("length(\"héllo\") + length([1]) + length({ a = 1 })", "7"),
        ("lookup({ a = 1 }, \"b\", 2)", "2"),
        ("merge({ a = 1 }, null, { a = 2, b = 3 })", r#"{"a":2,"b":3}"#),
        ("range(3)", "[0,1,2]"),
        ("range(1, 8, 3)", "[1,4,7]"),
        ("range(4, 1)", "[4,3,2]"),
        ("reverse([1, 2])", "[2,1]"),
        ("slice([1, 2, 3], 1, 3)", "[2,3]"),
        ("sort([\"b\", \"a\"])", r#"["a","b"]"#),
        ("sum([1, 2.5])", "3.5"),
        ("zipmap([\"a\", \"b\"], [1, 2])", r#"{"a":1,"b":2}"#),
        ("setunion([\"b\", \"a\"], [\"c\", \"a\"])", r#"["a","b","c"]"#),
        ("setintersection([1, 2], [2, 3])", "[2]"),
        ("setsubtract([1, 2], [2])", "[1]"),
        ("toset([\"b\", \"a\", \"b\"])", r#"["a","b"]"#),
        ("tolist([1, \"a\"])", r#"["1","a"]"#),
        ("tomap({ a = 1, b = \"x\" })", r#"{"a":"1","b":"x"}"#),
        ("[tostring(1.5), tonumber(\"2\"), tobool(\"true\")]", r#"["1.5",2,true]"#),
        ("one([])", "null"),
        ("try({ a = 1 }.b, \"fallback\")", "\"fallback\""),
        ("[can(tonumber(\"a\")), can(1)]", "[false,true]"),
        ("base64encode(base64decode(\"aGk=\"))", "\"aGk=\""),
        (
            "jsonencode({ b = [1, 2.5, null], a = \"<&>\" })",
            r#""{\"a\":\"\\u003c\\u0026\\u003e\",\"b\":[1,2.5,null]}""#,
        ),
        ("jsondecode(\"{\\\"a\\\": [1]}\").a[0]", "1"),
        ("urlencode(\"a b/ü\")", "\"a+b%2F%C3%BC\""),
        ("md5(\"a\")", "\"0cc175b9c0f1b6a831c399e269772661\""),
        ("sha1(\"a\")", "\"86f7e437faa5a7fce15d1ddcb9eaeaea377667b8\""),
        ("substr(sha256(\"a\"), 0, 8)", "\"ca978112\""),
        ("base64sha256(\"a\")", "\"ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs=\""),
        ("file(\"./message.txt\")", "\"hello\""),
        ("file(\"${path.stack}/message.txt\")", "\"hello\""),
        ("fileexists(\"nothing\")", "false"),
        ("filebase64(\"binary\")", "\"/w==\""),
        ("[stack.name, stack.stage]", r#"["test","dev"]"#),
    ] {
        assert_eq!(json(expression), result, "{expression}");
    }
}

#[test]
fn marks_flow() {
    for (expression, result) in [
        ("\"a-${sensitive(\"b\")}\"", r#""(secret)""#),
        ("sensitive(1) + 1", r#""(secret)""#),
        ("sensitive(true) ? 1 : 2", r#""(secret)""#),
        ("{ a = sensitive(1), b = 2 }", r#"{"a":"(secret)","b":2}"#),
        ("sensitive({ a = 1 }).a", r#""(secret)""#),
        ("length([sensitive(1)])", "1"),
        ("length(sensitive([1]))", r#""(secret)""#),
        ("keys({ a = sensitive(1) })", r#"["a"]"#),
        ("values({ a = sensitive(1), b = 2 })", r#"["(secret)",2]"#),
        ("jsonencode({ a = sensitive(1) })", r#""(secret)""#),
        ("[for x in sensitive([1]) : x]", r#""(secret)""#),
        ("[for x in [1, 2] : x if sensitive(true)]", r#""(secret)""#),
        ("{ (sensitive(\"k\")) = 1 }", r#""(secret)""#),
        ("{ a = sensitive(1) } == null", "false"),
        ("{ a = sensitive(1) } == { a = 1 }", r#""(secret)""#),
        ("nonsensitive(sensitive(1))", "1"),
        ("upper(sensitive(\"a\"))", r#""(secret)""#),
        ("merge({ a = sensitive(1) }, { b = 2 })", r#"{"a":"(secret)","b":2}"#),
        ("concat(sensitive([1]), [2])", r#""(secret)""#),
        ("try(sensitive(1), 2)", r#""(secret)""#),
        ("can(tonumber(sensitive(\"x\")))", r#""(secret)""#),
        ("can(sensitive({ a = 1 }).b)", r#""(secret)""#),
        ("can({ a = 1 }[sensitive(\"b\")])", r#""(secret)""#),
        ("can(sum([sensitive(\"x\")]))", r#""(secret)""#),
        ("can(upper([sensitive(null)]...))", r#""(secret)""#),
        ("can([for x in sensitive([\"a\"]) : x + 1])", r#""(secret)""#),
        ("[sensitive(1), can(tonumber(\"x\"))]", r#"["(secret)",false]"#),
        ("try(tonumber(sensitive(\"x\")), 2, 3)", r#""(secret)""#),
        ("try(tonumber(sensitive(\"x\")), 2)", r#""(secret)""#),
        ("try(try(tonumber(sensitive(\"x\")), {}.a), 2)", r#""(secret)""#),
        ("try({}.a, [sensitive(1), 2])", r#"["(secret)",2]"#),
    ] {
        assert_eq!(json(expression), result, "{expression}");
    }
}

#[test]
fn unknown_flows() {
    let unknown = "null_resource.a.id";
    for (expression, result) in [
        ("\"a-${U}\"", "\"(known after deploy)\""),
        ("U + 1", "\"(known after deploy)\""),
        ("U == 1", "\"(known after deploy)\""),
        ("U == null", "\"(known after deploy)\""),
        ("U == \"a\" ? 1 : 2", "\"(known after deploy)\""),
        ("{ a = U, b = 1 }", r#"{"a":"(known after deploy)","b":1}"#),
        ("length([U])", "1"),
        ("length(U)", "\"(known after deploy)\""),
        ("jsonencode([U])", "\"(known after deploy)\""),
        ("[for x in U : x]", "\"(known after deploy)\""),
        ("[for x in [1] : x if U]", "\"(known after deploy)\""),
        ("false && U", "false"),
        ("U && false", "false"),
        ("true || U", "true"),
        ("[1, U] == [2, U]", "false"),
        ("[1, U] == [1, U]", "\"(known after deploy)\""),
        ("U[*].b", "\"(known after deploy)\""),
        ("coalesce(null, U, 1)", "\"(known after deploy)\""),
        ("coalesce(1, U)", "1"),
        ("lookup({ a = U }, \"b\", 1)", "1"),
        ("null_resource.a", "\"(known after deploy)\""),
        ("try([U], 1)", "\"(known after deploy)\""),
        ("try(1, U)", "1"),
        ("can([U])", "\"(known after deploy)\""),
    ] {
        let text = format!(
            "resource \"null_resource\" \"a\" {{}}\noutput \"x\" {{\n  value = {}\n}}\n",
            expression.replace('U', unknown)
        );
        let value = value_with(&text, &known(&[]));
        assert_eq!(cofferdam_model::document::to_shown_json(&value).to_string(), result, "{expression}");
    }
}

#[test]
fn errors_stand_at_their_place() {
    for (expression, summary, place) in [
        ("1 + [2]", "a number is required, and this is a list", "[2]"),
        ("1 / 0", "this divides by zero", "/"),
        ("[1][3]", "index 3 is out of range: the list has 1 elements", "3"),
        ("{ abc = 1 }.abd", "the object has no attribute `abd`", "abd"),
        ("upper([1])", "`upper`: a string is required, and this is a list", "[1]"),
        ("uper(\"a\")", "there is no function `uper`", "uper"),
        ("upper(\"a\", \"b\")", "`upper` takes 1 argument, and 2 are given", "upper"),
        ("upper(null)", "`upper` cannot take null here", "null"),
        ("\"a${null}\"", "a template cannot hold null", "null"),
        ("\"a${[1]}\"", "a template holds text, and this is a list", "[1]"),
        ("foo", "there is nothing called `foo` here", "foo"),
        ("var.foo", "there is no variable `foo`", "var.foo"),
        ("local.foo", "there is no `local.foo`", "local.foo"),
        ("null_resource.foo.id", "there is no resource `null_resource.foo`", "null_resource.foo"),
        ("path.module", "there is no `path.module`", "path.module"),
        ("each.key", "`each.key` is not supported by this version", "each.key"),
        ("provider::aws::f()", "functions of providers are not supported by this version", "f"),
        ("{ for x in [1, 1] : x => x }", "two elements give the key `1`", "x"),
        ("[for x in 1 : x]", "`for` goes over a list or an object, and this is a number", "1"),
        ("\"x\" ? 1 : 2", "a bool is required, and this is a string other than `true` and `false`", "\"x\""),
        ("file(\"../x\")", "`file`: `../x` leads out of the stack's folder", "\"../x\""),
        ("file(\"x\")", "`file`: the file `x` cannot be read: there is no such file", "\"x\""),
        ("range(10000000)", "`range`: the list gets more than 1000000 elements", "range"),
        ("regex(\"(\", \"a\")", "`regex`: the pattern is no regular expression: unclosed group", "\"(\""),
        (
            "parseint(sensitive(\"zz\"), 10)",
            "`parseint` cannot take these arguments; the reason is left out, because it may tell a secret",
            "sensitive(\"zz\")",
        ),
    ] {
        assert_eq!(error(expression), (summary.to_owned(), place.to_owned()), "{expression}");
    }
}

#[test]
fn one_expression_reports_everything() {
    let errors =
        support::Case::new("output \"x\" {\n  value = [1 + [], foo, upper(1, 2), { a = -\"x\" }]\n}\n").errors();
    assert_eq!(errors.len(), 4, "{errors:#?}");
}

#[test]
fn known_resources_are_read() {
    let text = "resource \"null_resource\" \"a\" {}\noutput \"x\" { value = null_resource.a.list[1].name }\n";
    let known = known(&[("null_resource.a", r#"{"list":[{},{"name":"n"}]}"#)]);
    assert_eq!(value_with(text, &known), "n".into());
}

#[test]
fn sizes_are_bounded() {
    let laughs: String = (1..40).map(|i| format!("l{i} = [local.l{0}, local.l{0}]\n", i - 1)).collect();
    let errors = support::Case::new(&format!("locals {{\nl0 = 1\n{laughs}}}\n")).errors();
    assert!(errors[0].0.contains("the value holds more than"), "{errors:?}");
    let deep: String = (1..100).map(|i| format!("l{i} = [local.l{}]\n", i - 1)).collect();
    let errors = support::Case::new(&format!("locals {{\nl0 = 1\n{deep}}}\n")).errors();
    assert!(errors[0].0.contains("nested more than 63 levels"), "{errors:?}");
    assert_eq!(
        error("[for a in range(10000) : [for b in range(10000) : 1]]").0,
        "this takes more than 10000000 steps to evaluate"
    );
}
