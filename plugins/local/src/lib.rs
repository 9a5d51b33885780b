//! What a stack needs and no cloud has: files and archives in granted directories, random values, keys, certificates,
//! and times that come round. Nothing here talks to a network.

use cofferdam_sdk::prelude::*;

mod archive;
mod digests;
mod directory;
mod file;
mod mode;
mod paths;
mod random;
mod rotating;
mod tls;

cofferdam_sdk::export!(Local);

/// The provider: no configuration, and every directory that the user grants.
struct Local;

impl Provider for Local {
    const NAME: &'static str = "local";
    type Config = NoConfig;
    type Session = ();

    fn define() -> Plugin<Self> {
        Plugin::new()
            .capabilities(Capabilities::new().writable_directory("*", "local_file, local_directory and local_archive"))
            .resource::<file::LocalFile>()
            .resource::<directory::LocalDirectory>()
            .resource::<archive::LocalArchive>()
            .resource::<random::password::RandomPassword>()
            .resource::<random::id::RandomId>()
            .resource::<random::uuid::RandomUuid>()
            .resource::<rotating::TimeRotating>()
            .resource::<tls::private_key::PrivateKey>()
            .resource::<tls::self_signed::SelfSignedCert>()
            .resource::<tls::request::CertRequest>()
            .resource::<tls::locally_signed::LocallySignedCert>()
    }

    fn configure(_: &Cx<()>, _: NoConfig) -> Result<(), Error> {
        Ok(())
    }
}

/// Runs `body` against a provider in memory.
#[cfg(test)]
fn test(host: cofferdam_sdk::testing::TestHost, body: impl FnOnce(&cofferdam_sdk::testing::Harness<Local>)) {
    host.run(|| body(&cofferdam_sdk::testing::Harness::new(&json!({})).expect("the definitions are right")));
}
