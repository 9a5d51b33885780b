//! What a guest reaches: one module per imported interface. [`Guest`] is the state of one call; every limit that the
//! engine underneath does not know is counted here.

pub mod assets;
pub mod bootstrap;
pub mod clock;
pub mod files;
pub mod http;
pub mod limits;
mod lines;
pub mod log;
pub mod random;
pub mod types;
pub mod wall;
pub mod wasi;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use cofferdam_model::limits::Limits;
use cofferdam_model::provider::Mode;
use cofferdam_model::{Address, ProviderKey};
use tokio::time::Instant;
use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime_wasi::WasiCtx;

use crate::assets::AssetAccess;
use crate::bootstrap::{Asker, Flight, Own};
use crate::contract::v0_1::ProviderPlugin;
use crate::egress::Session;
use crate::engine::Shared;
use clock::Time;
use files::Directory;
use limits::StoreLimiter;
use log::CallLog;

/// The state of one call: what the guest may reach, and what it has used.
pub(crate) struct Guest {
    pub wasi: WasiCtx,
    pub table: ResourceTable,
    pub limiter: StoreLimiter,
    pub limits: Arc<Limits>,
    pub usage: Arc<Usage>,
    pub time: Time,
    pub random: random::Source,
    pub log: Arc<CallLog>,
    /// When the call is ended, wherever it is, but for time that does not count.
    pub ends_at: Instant,
    /// None: a call without capabilities, such as `describe`.
    pub reach: Option<Reach>,
}

/// What has been used by one call, looked at while the guest runs.
#[derive(Default)]
pub(crate) struct Usage {
    pub host_calls: AtomicU64,
    pub waived: wall::Waived,
}

/// What a call with capabilities may reach.
pub(crate) struct Reach {
    pub provider: ProviderKey,
    pub mode: Mode,
    pub directories: Arc<BTreeMap<String, Directory>>,
    pub assets: Arc<AssetAccess>,
    pub http: Session,
    pub shared: Arc<Shared>,
    /// The plugin with its session, for preparations that it does itself; none before it is configured.
    pub own: Option<Own>,
    /// The preparation whose step the call is; none for any other call.
    pub flight: Option<Flight>,
}

impl Reach {
    /// Who asks for preparations in this call.
    pub(crate) fn asker(&self) -> Asker<'_> {
        Asker {
            provider: &self.provider,
            grant: &self.http.grant,
            mode: self.mode,
            own: self.own.as_ref(),
            flight: self.flight.as_ref(),
        }
    }
}

/// Who calls, for messages.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub provider: String,
    pub plugin: String,
    pub address: Option<Address>,
}

impl Guest {
    /// Counts a host call; over the limit it traps.
    pub fn count(&self) -> wasmtime::Result<()> {
        limits::count(&self.usage, &self.limits)
    }
}

/// Links every interface that a guest may import.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wasi::add_to_linker(linker)?;
    ProviderPlugin::add_to_linker::<_, HasSelf<_>>(linker, |guest| guest)
}
