//! A provider for the tests' own server: objects over HTTP, jobs that take a while, credentials, and what this version
//! of the host does not serve.

use cofferdam_sdk::prelude::*;

mod job;
mod login;
mod object;
mod prepared;
mod published;
mod settled;
mod unserved;

cofferdam_sdk::export!(Web);

struct Web;

/// Where the server is.
#[properties]
struct Config {
    /// Address and port.
    host: String,
}

impl Config {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host)
    }
}

impl Provider for Web {
    const NAME: &'static str = "web";
    type Config = Config;
    type Session = Config;

    fn define() -> Plugin<Self> {
        let capabilities = Capabilities::new()
            .host("${config.host}", "everything that this plugin does")
            .optional_credential("token", "web_login")
            .optional_credential("aws", "web_prepared")
            .optional_assets("web_published");
        Plugin::new()
            .capabilities(capabilities)
            .resource::<object::WebObject>()
            .resource::<job::WebJob>()
            .resource::<settled::WebFound>()
            .resource::<settled::WebOnce>()
            .resource::<settled::WebSlow>()
            .resource::<login::WebLogin>()
            .resource::<prepared::WebPrepared>()
            .resource::<published::WebPublished>()
            .resource::<unserved::WebUnserved>()
    }

    fn configure(_: &Cx<()>, config: Config) -> Result<Config, Error> {
        Ok(config)
    }
}
