//! A plugin that means no harm and tells every secret that it is given: in lines, notes, errors, findings, crashes, in
//! what it keeps for itself, and in requests to a server that sends everything back.

use cofferdam_sdk::prelude::*;

mod telling;
mod thing;

cofferdam_sdk::export!(Leaky);

struct Leaky;

/// Where the server is, and a secret of the provider's own.
#[properties]
struct Config {
    /// Address and port.
    host: String,
    /// Part of its configuration, so that the session holds it.
    key: Option<String>,
}

impl Config {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host)
    }
}

impl Provider for Leaky {
    const NAME: &'static str = "leaky";
    type Config = Config;
    type Session = Config;

    fn define() -> Plugin<Self> {
        let capabilities = Capabilities::new()
            .host("${config.host}", "everything that this plugin does")
            .optional_credential("bearer", "sent with each create")
            .optional_credential("basic", "sent with each read");
        Plugin::new().capabilities(capabilities).resource::<thing::Thing>()
    }

    fn configure(_: &Cx<()>, config: Config) -> Result<Config, Error> {
        config.key.iter().for_each(|key| telling::lines("configure", key));
        Ok(config)
    }
}
