//! Beginnings of stacks that many tests share.

use crate::server::Server;

/// A stack with the provider of the web fixture, which may reach the server and nothing else.
#[must_use]
pub fn web_stack(server: &Server) -> String {
    let host = server.host();
    format!(
        r#"
stack "shop" {{}}

provider "web" {{
  source = "./web.wasm"
  config = {{ host = "{host}" }}
  grant {{
    hosts = ["{host}"]
  }}
}}
"#
    )
}
