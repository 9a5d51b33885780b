//! A configured plugin as the engine calls it: sessions, grants and instances stay behind this.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use cofferdam_model::capabilities::Grant;
use cofferdam_model::error::{CallError, PluginFault, WriteFailure};
use cofferdam_model::limits::Limits;
use cofferdam_model::provider::{Call, Checked, Mode, Planned, Provider, Target, WriteOutcome};
use cofferdam_model::redact::Redactor;
use cofferdam_model::state::{PluginIdentity, ResourceState};
use cofferdam_model::{ProviderKey, ResourceType, Value};
use futures_util::future::BoxFuture;
use wasmtime::Store;

use crate::assets::AssetAccess;
use crate::bootstrap::Own;
use crate::call::{Setup, run};
use crate::contract::v0_1::convert;
use crate::contract::v0_1::exported;
use crate::egress::Session;
use crate::host::files::Directory;
use crate::host::{Caller, Guest, Reach};
use crate::plugin::Plugin;

/// The longest session, in bytes.
const MAX_SESSION_BYTES: usize = 1024 * 1024;

/// What a provider may reach and how much it may use.
pub(crate) struct Access {
    pub key: ProviderKey,
    pub grant: Arc<Grant>,
    pub directories: Arc<BTreeMap<String, Directory>>,
    pub assets: Arc<AssetAccess>,
    pub limits: Arc<Limits>,
}

/// A plugin with one configuration.
pub(crate) struct PluginProvider {
    plugin: Arc<Plugin>,
    access: Arc<Access>,
    session: Arc<Vec<u8>>,
    own: Own,
}

/// How long a kind of call may compute.
#[derive(Clone, Copy)]
pub(crate) enum Cpu {
    Call,
    Plan,
}

impl Access {
    /// What a call starts from. `own`: the plugin with its session, where it is configured.
    pub fn setup(&self, plugin: &Plugin, call: &Call, cpu: Cpu, own: Option<Own>) -> Setup {
        let PluginIdentity { name, version, .. } = plugin.identity();
        let caller = Caller {
            provider: self.key.to_string(),
            plugin: format!("{name} {version}"),
            address: call.address.clone(),
        };
        let (grant, limits, uncertain) = (self.grant.clone(), self.limits.clone(), Arc::default());
        let http = Session { grant, mode: call.mode, caller: caller.clone(), limits, uncertain };
        let shared = plugin.runtime.shared.clone();
        Setup {
            caller,
            cpu_ms: match cpu {
                Cpu::Call => self.limits.cpu_ms,
                Cpu::Plan => self.limits.plan_cpu_ms,
            },
            limits: self.limits.clone(),
            reach: Some(Reach {
                provider: self.key.clone(),
                mode: call.mode,
                directories: self.directories.clone(),
                assets: self.assets.clone(),
                http,
                shared: shared.clone(),
                own,
                flight: None,
            }),
            shared,
        }
    }
}

impl PluginProvider {
    /// Calls `configure`.
    pub async fn configure(
        plugin: Arc<Plugin>,
        access: Arc<Access>,
        config: &Value,
        mode: Mode,
    ) -> Result<Self, CallError> {
        let call = Call { mode, operation: None, attempt: 1, address: None };
        let context = convert::context_out(&call, access.limits.wall_ms);
        let document = convert::document_out(config);
        let redactor = &plugin.runtime.shared.redactor;
        let session = run(access.setup(&plugin, &call, Cpu::Call, None), &plugin.linked.pre, move |store, guest| {
            Box::pin(async move { guest.call_configure(store, &context, &document).await })
        })
        .await?
        .map_err(|error| convert::error_in(error, redactor))?;
        if session.len() > MAX_SESSION_BYTES {
            let text = format!("a session of {} bytes, more than the {MAX_SESSION_BYTES} allowed", session.len());
            return Err(PluginFault::Contract(text).into());
        }
        let session = Arc::new(session);
        let own = Own::new(plugin.clone(), access.clone(), session.clone(), config);
        Ok(Self { plugin, access, session, own })
    }

    /// What its own preparations need.
    pub fn own(&self) -> &Own {
        &self.own
    }

    async fn call<T>(
        &self,
        call: &Call,
        cpu: Cpu,
        work: impl for<'a> FnOnce(
            &'a mut Store<Guest>,
            &'a exported::Guest,
            Arc<Vec<u8>>,
        ) -> BoxFuture<'a, wasmtime::Result<T>>
        + Send,
    ) -> Result<T, PluginFault> {
        let session = self.session.clone();
        let setup = self.access.setup(&self.plugin, call, cpu, Some(self.own.clone()));
        run(setup, &self.plugin.linked.pre, move |store, guest| work(store, guest, session)).await
    }

    /// A call that writes.
    async fn write<T>(
        &self,
        call: &Call,
        work: impl for<'a> FnOnce(
            &'a mut Store<Guest>,
            &'a exported::Guest,
            Arc<Vec<u8>>,
        ) -> BoxFuture<'a, wasmtime::Result<Result<T, exported::Failure>>>
        + Send,
    ) -> Result<T, WriteFailure> {
        let session = self.session.clone();
        let setup = self.access.setup(&self.plugin, call, Cpu::Call, Some(self.own.clone()));
        let uncertain = setup.reach.as_ref().map(|reach| reach.http.uncertain.clone()).unwrap_or_default();
        let answer = run(setup, &self.plugin.linked.pre, move |store, guest| work(store, guest, session)).await?;
        answer.map_err(|error| convert::failure_in(error, uncertain.load(Ordering::Relaxed), self.redactor()))
    }

    fn redactor(&self) -> &Redactor {
        &self.plugin.runtime.shared.redactor
    }

    fn context(&self, call: &Call) -> crate::contract::v0_1::imports::types::CallContext {
        convert::context_out(call, self.access.limits.wall_ms)
    }
}

#[async_trait]
impl Provider for PluginProvider {
    fn plugin(&self) -> &PluginIdentity {
        self.plugin.identity()
    }

    async fn check(
        &self,
        call: Call,
        ty: &ResourceType,
        inputs: &Value,
        prior: Option<&ResourceState>,
    ) -> Result<Checked, CallError> {
        let (context, ty, inputs) = (self.context(&call), ty.to_string(), convert::document_out(inputs));
        let prior = prior.map(convert::state_out);
        let checked = self
            .call(&call, Cpu::Plan, move |store, guest, session| {
                Box::pin(async move { guest.call_check(store, &session, &context, &ty, &inputs, prior.as_ref()).await })
            })
            .await?
            .map_err(|error| convert::error_in(error, self.redactor()))?;
        Ok(convert::checked_in(checked, self.redactor())?)
    }

    async fn plan(
        &self,
        call: Call,
        ty: &ResourceType,
        prior: Option<&ResourceState>,
        inputs: &Value,
    ) -> Result<Planned, CallError> {
        let (context, ty, inputs) = (self.context(&call), ty.to_string(), convert::document_out(inputs));
        let prior = prior.map(convert::state_out);
        let planned = self
            .call(&call, Cpu::Plan, move |store, guest, session| {
                Box::pin(async move { guest.call_plan(store, &session, &context, &ty, prior.as_ref(), &inputs).await })
            })
            .await?
            .map_err(|error| convert::error_in(error, self.redactor()))?;
        Ok(convert::planned_in(planned, self.redactor())?)
    }

    async fn create(&self, call: Call, ty: &ResourceType, inputs: &Value) -> Result<WriteOutcome, WriteFailure> {
        let (context, ty, inputs) = (self.context(&call), ty.to_string(), convert::document_out(inputs));
        let outcome = self
            .write(&call, move |store, guest, session| {
                Box::pin(async move { guest.call_create(store, &session, &context, &ty, &inputs).await })
            })
            .await?;
        Ok(convert::write_in(outcome, self.redactor())?)
    }

    async fn update(
        &self,
        call: Call,
        ty: &ResourceType,
        prior: &ResourceState,
        inputs: &Value,
        patch: String,
    ) -> Result<WriteOutcome, WriteFailure> {
        let (context, ty, inputs) = (self.context(&call), ty.to_string(), convert::document_out(inputs));
        let prior = convert::state_out(prior);
        let outcome = self
            .write(&call, move |store, guest, session| {
                Box::pin(
                    async move { guest.call_update(store, &session, &context, &ty, &prior, &inputs, &patch).await },
                )
            })
            .await?;
        Ok(convert::write_in(outcome, self.redactor())?)
    }

    async fn delete(&self, call: Call, ty: &ResourceType, prior: &ResourceState) -> Result<WriteOutcome, WriteFailure> {
        let (context, ty, prior) = (self.context(&call), ty.to_string(), convert::state_out(prior));
        let outcome = self
            .write(&call, move |store, guest, session| {
                Box::pin(async move { guest.call_delete(store, &session, &context, &ty, &prior).await })
            })
            .await?;
        Ok(convert::delete_in(outcome, self.redactor())?)
    }

    async fn resume(&self, call: Call, ty: &ResourceType, checkpoint: Vec<u8>) -> Result<WriteOutcome, WriteFailure> {
        let (context, ty) = (self.context(&call), ty.to_string());
        let outcome = self
            .write(&call, move |store, guest, session| {
                Box::pin(async move { guest.call_resume(store, &session, &context, &ty, &checkpoint).await })
            })
            .await?;
        Ok(convert::resume_in(outcome, self.redactor())?)
    }

    async fn read(&self, call: Call, ty: &ResourceType, target: Target) -> Result<Option<ResourceState>, CallError> {
        let (context, ty, target) = (self.context(&call), ty.to_string(), convert::target_out(&target));
        let state = self
            .call(&call, Cpu::Call, move |store, guest, session| {
                Box::pin(async move { guest.call_read(store, &session, &context, &ty, &target).await })
            })
            .await?
            .map_err(|error| convert::error_in(error, self.redactor()))?;
        Ok(state.map(|state| convert::state_in(state, self.redactor())).transpose()?)
    }

    async fn migrate(&self, ty: &ResourceType, state: &ResourceState) -> Result<ResourceState, CallError> {
        let identity = self.plugin.identity();
        let origin = exported::Origin {
            provider: identity.name.clone(),
            type_: ty.to_string(),
            schema_version: state.schema_version,
        };
        let (ty, properties, hidden) = (ty.to_string(), convert::document_out(&state.properties), state.hidden.clone());
        let migrated = run(
            crate::plugin::bare(&self.plugin.runtime, &identity.name),
            &self.plugin.linked.pre,
            move |store, guest| {
                Box::pin(async move { guest.call_migrate(store, &origin, &ty, &properties, &hidden).await })
            },
        )
        .await?
        .map_err(|error| convert::error_in(error, self.redactor()))?;
        Ok(convert::state_in(migrated, self.redactor())?)
    }
}
