//! The stack that the secrets go through.

use crate::planted::{PLANTED, Way};

/// No secret: stands wherever a plugin, a resource or a person says something, so that the search is seen to search.
pub const MARKER: &str = "plain-marker-Osprey";

/// What is told by the plugin in every way, once for each form of a secret.
const TOLD: [&str; 13] = [
    "password", "short", "spaced", "lines", "document", "escaped", "quotes", "unicode", "in_query", "in_file", "flag",
    "base64", "token",
];

/// An expression for a secret.
fn of(name: &str) -> String {
    let planted = PLANTED.iter().find(|planted| planted.name == name).expect("planted");
    match planted.way {
        Way::Stage | Way::StageFile | Way::StageStdin => format!("secret(\"{name}\")"),
        _ => format!("var.{name}"),
    }
}

/// The stack with a home and a server; `version` stands in what changes, `more` behind everything else.
pub fn stack(home: &str, host: &str, version: u32, more: &str) -> String {
    let mut text = format!(
        r#"
stack "shop" {{
{home}  encryption = {{ passphrase = true }}
}}

provider "leaky" {{
  source = "./leaky.wasm"
  config = {{ host = "{host}", key = var.in_config }}
  grant {{
    hosts = ["{host}"]
    credential "bearer" {{
      from = "env:LEAKY_TOKEN"
    }}
    credential "basic" {{
      from = "secret:basic"
    }}
  }}
}}

provider "local" {{
  source = "builtin:local"
  grant {{
    directory "out" {{
      path  = "./out"
      write = true
    }}
  }}
}}

locals {{
  dsn = "postgres://app:${{var.in_url}}@db.test:5432/app?key=${{urlencode(var.in_query)}}"
}}

resource "leaky_thing" "quiet" {{
  name   = "{MARKER}"
  secret = var.password
  values = {{
    plain    = "{MARKER} {version}"
    short    = var.short
    dsn      = local.dsn
    deep     = {{ list = ["{MARKER}", var.in_list], map = {{ key = var.in_map }} }}
    json     = jsonencode({{ secret = var.quotes, more = var.in_object }})
    encoded  = base64encode("user:${{var.unicode}}")
    twice    = jsonencode({{ text = jsonencode(var.document) }})
    rotated  = secret("rotated")
  }}
}}

resource "null_resource" "triggers" {{
  triggers = {{
    plain    = "{MARKER} {version}"
    lines    = var.lines
    escaped  = var.escaped
    token    = secret("token")
    sentence = "the key is ${{secret("base64")}}, ${{var.flag}} or ${{var.in_file}}"
  }}
}}

resource "local_file" "key" {{
  directory = "out"
  filename  = "tls.pem"
  content   = secret("tls_key")
}}

resource "random_password" "db" {{
  length = 24
}}

resource "tls_private_key" "site" {{
  algorithm = "ED25519"
}}

resource "local_file" "config" {{
  directory = "out"
  filename  = "app.conf"
  content   = "{MARKER} {version}\npassword = ${{random_password.db.result}}\n${{tls_private_key.site.private_key_pem}}"
}}

output "plain" {{
  value = "{MARKER}"
}}

output "connection" {{
  value = local.dsn
}}

output "marked" {{
  value     = {{ text = var.in_output, spaced = var.spaced, list = [var.short] }}
  sensitive = true
}}
"#
    );
    for name in TOLD {
        let secret = of(name);
        text += &format!(
            "\nresource \"leaky_thing\" \"told_{name}\" {{\n  name   = \"{MARKER}-{name}\"\n  how    = \"tell\"\n  secret = \
             {secret}\n  values = {{ version = {version} }}\n}}\n"
        );
    }
    for planted in PLANTED {
        if matches!(planted.way, Way::Environment | Way::JsonFile | Way::VariableFile | Way::Flag) {
            text += &format!("\nvariable \"{}\" {{\n  type      = string\n  sensitive = true\n}}\n", planted.name);
        }
    }
    text + more
}

/// One more object, whose write does something else than others.
pub fn trouble(how: &str, secret: &str) -> String {
    let secret = of(secret);
    format!(
        "\nresource \"leaky_thing\" \"trouble\" {{\n  name   = \"{MARKER}-trouble\"\n  how    = \"{how}\"\n  secret = \
         {secret}\n}}\n"
    )
}
