//! `bootstrap gc`: removes assets that no state needs any more, as far as this home can tell. What stages of other homes
//! have published stays.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cofferdam_home::{Access, AssetReference, AwsBootstrapSettings, Home, Mentioned};
use cofferdam_model::error::ProviderError;
use cofferdam_model::{StackName, StageName};
use serde_json::json;

use super::ask::Ask;
use super::bootstrap::Command;
use crate::args::GcArgs;
use crate::assets::bytes;
use crate::error::CliResult;
use crate::exit::Exit;
use crate::project::Project;

/// What the stages of this home need.
#[derive(Clone, Default)]
struct Needs {
    /// The home; none where there is none yet.
    home: Option<String>,
    stages: BTreeMap<(StackName, StageName), Mentioned>,
}

impl Needs {
    /// Whether an asset that a stage has published is needed there, as far as anybody knows here.
    fn has(&self, reference: &AssetReference) -> bool {
        let owner = &reference.owner;
        if self.home.as_ref() != Some(&owner.home) {
            return true;
        }
        match self.stages.get(&(owner.stack.clone(), owner.stage.clone())) {
            Some(Mentioned::These(digests)) => digests.contains(&reference.digest),
            Some(Mentioned::Unknown) => true,
            // The home has nothing of that stage.
            None => false,
        }
    }
}

impl Command<'_> {
    pub(super) async fn gc(
        &self,
        project: &Project,
        targets: Vec<AwsBootstrapSettings>,
        args: &GcArgs,
        ask: Ask,
    ) -> CliResult<Exit> {
        let looked = self.each(targets.clone(), |bootstrap, _| bootstrap.asset_stock());
        let (stocks, looked) = self.fine(looked.await)?;
        let known: BTreeSet<String> =
            stocks.iter().flat_map(|(_, stock)| &stock.references).map(|reference| reference.digest.clone()).collect();
        // After the listing: what a stage publishes from then on has references that were not listed.
        let needs = tokio::task::block_in_place(|| self.needs(project, &known))?;
        let older_than = Duration::from_millis(args.older_than);
        let mut collections = Vec::new();
        for (bootstrap, stock) in stocks {
            let collection = stock.unneeded(older_than, |reference| needs.has(reference));
            let size = collection.assets.iter().map(|asset| asset.bytes).sum::<u64>();
            let others = stock.references.iter().filter(|reference| needs.home.as_ref() != Some(&reference.owner.home));
            let others: BTreeSet<_> = others.map(|reference| &reference.digest).collect();
            let (scope, bucket) = (bootstrap.scope(), bootstrap.asset_bucket());
            self.session.reporter.json(&json!({
                "type": "asset-collection", "scope": scope, "bucket": bucket, "assets": stock.assets.len(),
                "unneeded": collection.assets.iter().map(|asset| {
                    json!({ "digest": format!("sha256:{}", asset.digest), "bytes": asset.bytes })
                }).collect::<Vec<_>>(),
                "unneeded_bytes": size, "references": collection.references.len(), "of_other_homes": others.len(),
            }));
            let mut line = format!(
                "bucket `{bucket}`: {} of {} not needed ({})",
                collection.assets.len(),
                counted(stock.assets.len()),
                bytes(size)
            );
            if !others.is_empty() {
                line += &format!("; {} published from other homes: run this there too", counted(others.len()));
            }
            self.session.reporter.say(&line);
            if !collection.is_empty() {
                collections.push((bootstrap, collection));
            }
        }
        if args.dry_run || collections.is_empty() || !ask.agreed(self.session, "Remove what is not needed?").await? {
            return Ok(looked);
        }
        let holder = self.session.holder("bootstrap gc");
        let run = format!("{}-{}", holder.since_ms, holder.pid);
        for (bootstrap, collection) in collections {
            let run = run.clone();
            let bucket = bootstrap.asset_bucket();
            let collected = crate::bootstraps::blocking(move || bootstrap.collect(&collection, &run)).await;
            let collected = collected.map_err(|error: ProviderError| error)?;
            self.session.reporter.json(&json!({
                "type": "assets-collected", "bucket": bucket, "assets": collected.assets, "bytes": collected.bytes,
                "published_meanwhile": collected.kept,
            }));
            let size = bytes(collected.bytes);
            self.session.reporter.say(&format!("bucket `{bucket}`: {} removed ({size}).", counted(collected.assets)));
        }
        Ok(looked)
    }

    /// What the home of the project needs, in all its stacks and stages.
    fn needs(&self, project: &Project, known: &BTreeSet<String>) -> CliResult<Needs> {
        let home = self.session.home(project)?;
        let Some(id) = home.id()? else { return Ok(Needs::default()) };
        // What was moved is needed where it is now.
        if home.moved()?.is_some() {
            return Ok(Needs::default());
        }
        let mut needs = Needs { home: Some(id), ..Needs::default() };
        for (stack, stage) in home.stages()? {
            let mentioned = self.mentioned(&home, &stack, &stage, known);
            needs.stages.insert((stack, stage), mentioned);
        }
        Ok(needs)
    }

    /// What a stage needs: everything while it is being written, or where its states cannot be read.
    fn mentioned(&self, home: &Home, stack: &StackName, stage: &StageName, known: &BTreeSet<String>) -> Mentioned {
        if !matches!(home.held(stack, stage), Ok(None)) {
            self.kept(stack, stage, "it is being written, or its lease cannot be read");
            return Mentioned::Unknown;
        }
        let opened = home.open_stage(stack, stage, Access::Read);
        match opened
            .map_err(|error| error.to_string())
            .and_then(|mut stage| stage.mentions(known).map_err(|error| error.to_string()))
        {
            Ok(Mentioned::Unknown) => {
                self.kept(stack, stage, "writes are in flight");
                Mentioned::Unknown
            }
            Ok(mentioned) => mentioned,
            Err(error) => {
                self.kept(stack, stage, &error);
                Mentioned::Unknown
            }
        }
    }

    fn kept(&self, stack: &StackName, stage: &StageName, why: &str) {
        let text = format!("stack `{stack}` in stage `{stage}` keeps all its assets: {why}");
        self.session.reporter.say(&self.session.redactor.redact(&text));
    }
}

fn counted(assets: usize) -> String {
    if assets == 1 { "1 asset".to_owned() } else { format!("{assets} assets") }
}
