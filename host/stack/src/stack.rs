//! Loading: from texts to a checked stack. Everything that can be found wrong without plugins is found here, at once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use cofferdam_model::program::ResourceNode;
use cofferdam_model::{Data, Diagnostic, Digest, ProviderKey, StackName, StageName, Value, document};

use crate::bootstrap::{self, BootstrapSetting};
use crate::declare::{Declarations, declare};
use crate::encryption::{self, EncryptionSetting};
use crate::eval::{Evaluator, Frame, NothingKnown, Scope};
use crate::files::ProjectFiles;
use crate::findings::Findings;
use crate::graph::{Graph, Node};
use crate::inputs::{Inputs, VariableInput};
use crate::providers::{self, Assigned, ProviderDecl};
use crate::secrets::{ReadSecret, StageSecrets};
use crate::settings::{self, HomePlace, HomeSetting};
use crate::source::{ReadFile, SourceTexts, Sources, span};
use crate::{basis, grant, parse, variables};

/// What a stack is loaded with besides its texts.
pub struct LoadOptions {
    /// Prefixes of resource types, and the bundled plugins that serve them without a `provider` block.
    pub bundled: BTreeMap<String, String>,
    /// The stage.
    pub stage: StageName,
    /// Values of variables from the command line and the environment; of two for one variable the later counts.
    pub variables: Vec<VariableInput>,
    /// Variable files, HCL or (by the end `.json` of the name) JSON; the later counts.
    pub variable_files: Vec<(Arc<str>, String)>,
    /// How functions reach the project's files.
    pub read_file: Arc<dyn ReadFile>,
    /// How the function `secret` reaches the secrets of the stage.
    pub read_secret: Arc<dyn ReadSecret>,
}

/// A stack, parsed and checked for what can be known without its plugins.
pub struct Stack {
    pub(crate) name: StackName,
    pub(crate) scope: Scope,
    pub(crate) nodes: Vec<ResourceNode>,
    providers: Arc<[ProviderDecl]>,
    home: HomeSetting,
    encryption: EncryptionSetting,
    bootstrap: BootstrapSetting,
    texts: SourceTexts,
    pub(crate) source_digests: BTreeMap<String, Digest>,
    digest: Digest,
}

impl std::fmt::Debug for Stack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stack").field("name", &self.name).field("resources", &self.nodes.len()).finish_non_exhaustive()
    }
}

impl Stack {
    /// Loads a stack. The second part of the result are warnings.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the files, and warnings between. The texts that the places point into
    /// come with it.
    pub fn load(sources: Sources, options: LoadOptions) -> Result<(Self, Vec<Diagnostic>), LoadError> {
        let mut texts = SourceTexts::default();
        let mut findings = Findings::default();
        let loaded = load(sources, options, &mut texts, &mut findings);
        let failed = findings.has_errors();
        let names: Vec<&str> = texts.iter().map(|(name, _)| name).collect();
        let diagnostics = findings.into_sorted(&names);
        match loaded {
            Some(mut stack) if !failed => {
                stack.texts = texts;
                Ok((stack, diagnostics))
            }
            _ => Err(LoadError { diagnostics, texts }),
        }
    }

    /// Every provider configuration: those with a block in the order of the files, then the implied ones.
    #[must_use]
    pub fn providers(&self) -> &[ProviderDecl] {
        &self.providers
    }

    /// Where the state lives.
    #[must_use]
    pub fn home(&self) -> &HomeSetting {
        &self.home
    }

    /// The same stack with its state elsewhere. How long leases live and how much history is kept stays as it is, and
    /// so does how accounts are prepared.
    #[must_use]
    pub fn with_home(mut self, mut place: HomePlace) -> Self {
        if let HomePlace::Aws(aws) = &mut place {
            aws.bootstrap = self.bootstrap.clone();
        }
        self.home.place = place;
        self
    }

    /// Who opens the secrets of the home, beside whoever makes it.
    #[must_use]
    pub fn encryption(&self) -> &EncryptionSetting {
        &self.encryption
    }

    /// How accounts are prepared.
    #[must_use]
    pub fn bootstrap(&self) -> &BootstrapSetting {
        &self.bootstrap
    }

    /// Whether its expressions use secrets of the stage.
    #[must_use]
    pub fn uses_secrets(&self) -> bool {
        self.scope.secrets.is_asked()
    }

    /// The texts that the places of diagnostics point into.
    #[must_use]
    pub fn sources(&self) -> &SourceTexts {
        &self.texts
    }

    /// The digest of everything that the stack was loaded from: its texts, its stage, the values of its variables, and
    /// the files and secrets that its functions read.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// An output's description.
    #[must_use]
    pub fn output_description(&self, name: &str) -> Option<&str> {
        self.scope.declarations.outputs.get(name)?.description.as_ref()?.as_str()
    }
}

/// A stack that cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[error("the stack is not valid: {} findings", diagnostics.len())]
pub struct LoadError {
    /// What is wrong; never empty.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that the places point into.
    pub texts: SourceTexts,
}

fn load(sources: Sources, options: LoadOptions, texts: &mut SourceTexts, findings: &mut Findings) -> Option<Stack> {
    let hashed: Vec<(Arc<str>, Digest)> =
        sources.files.iter().map(|(name, text)| (Arc::clone(name), Digest::of(text.as_bytes()))).collect();
    let first = hashed.first().map(|(name, _)| Arc::clone(name));
    let source_digests = basis::sources(&sources);
    let bodies = parse::sources(sources, texts, findings);
    let unparsed = findings.has_errors();
    let declarations = declare(bodies, texts, findings);
    if unparsed {
        // A file that does not parse may declare whatever else seems to be missing.
        return None;
    }
    let Some(stack) = &declarations.stack else {
        let summary = "there is no `stack` block";
        let hint = "add `stack \"NAME\" {}`";
        match first {
            Some(file) => findings.error_with_hint(span(&file, 0..0), summary, hint),
            None => findings.push(Diagnostic::error("there is no stack file").with_hint("write one: `stack.hcl`")),
        }
        return None;
    };
    let name = stack.name.clone();
    let assigned = providers::assign(&declarations, &options.bundled, findings);
    let graph = Graph::build(&declarations, &assigned.blocks, findings).ok()?;
    let mut scope = Scope {
        declarations,
        graph,
        variables: HashMap::new(),
        locals: Vec::new(),
        stack_name: Value::from(name.as_str()),
        stage: Value::from(options.stage.as_str()),
        files: ProjectFiles::new(options.read_file),
        secrets: StageSecrets::new(options.read_secret, options.stage),
    };
    let inputs = Inputs { variables: options.variables, files: options.variable_files };
    scope.variables = variables::resolve(&scope, inputs, texts, findings);
    scope.settle_locals(findings);
    let block = scope.declarations.stack.as_ref();
    let encryption = block.map(|block| encryption::encryption(block, &scope, findings)).unwrap_or_default();
    let bootstrap = block.map(|block| bootstrap::bootstrap(block, &scope, findings)).unwrap_or_default();
    let home = block.map(|block| settings::home(block, &scope, &bootstrap, findings)).unwrap_or_default();
    let grants = grant::evaluate(&scope, findings);
    check(&scope, findings);
    let providers = providers::list(&scope.declarations, &assigned, grants);
    let nodes = nodes(&scope, assigned);
    let digest = digest(&scope, &hashed);
    let texts = SourceTexts::default();
    Some(Stack { name, scope, nodes, providers, home, encryption, bootstrap, texts, source_digests, digest })
}

/// Evaluates everything once with nothing known of any resource: what is wrong whatever they answer is found now.
fn check(scope: &Scope, findings: &mut Findings) {
    let evaluator = Evaluator::new(scope, &NothingKnown);
    evaluator.prepare_all();
    findings.absorb(evaluator.take_findings());
    for resource in &scope.declarations.resources {
        for attribute in &resource.attributes {
            // What fails is in the findings.
            let _ = evaluator.whole(&attribute.value, Frame::new(&resource.place.file));
        }
        findings.extend(evaluator.take_findings().into_list().into_iter().map(|found| found.about(&resource.address)));
    }
    for provider in &scope.declarations.providers {
        if let Some(config) = &provider.config
            && let Ok(value) = evaluator.whole(config, Frame::new(&provider.place.file))
            && !matches!(value.data(), Data::Object(_) | Data::Unknown)
        {
            let at = span(&provider.place.file, crate::eval::range(config));
            let summary = format!("`config` is an object, and this is {}", crate::convert::kind(&value));
            findings.error_with_hint(at, summary, "write `config = { … }`");
        }
    }
    for output in scope.declarations.outputs.values() {
        let _ = evaluator.whole(&output.value, Frame::new(&output.place.file));
        let mut constants = crate::constants::Constants { scope, file: &output.place.file, findings };
        if let Some(sensitive) = &output.sensitive {
            constants.flag(sensitive);
        }
        if let Some(description) = &output.description {
            constants.text(description);
        }
    }
    findings.absorb(evaluator.into_findings());
}

fn nodes(scope: &Scope, assigned: Assigned) -> Vec<ResourceNode> {
    let Declarations { resources, .. } = &scope.declarations;
    let node = |(index, (resource, provider)): (usize, (&crate::declare::ResourceBlock, Option<ProviderKey>))| {
        let depends_on = scope.graph.resources_of(scope.graph.references(Node::Resource(index)));
        Some(ResourceNode {
            address: resource.address.clone(),
            provider: provider?,
            depends_on: depends_on.iter().filter_map(|index| Some(resources.get(*index)?.address.clone())).collect(),
        })
    };
    resources.iter().zip(assigned.keys).enumerate().filter_map(node).collect()
}

fn digest(scope: &Scope, sources: &[(Arc<str>, Digest)]) -> Digest {
    let mut variables: Vec<(&String, &Option<Value>)> = scope.variables.iter().collect();
    variables.sort_by_key(|(name, _)| *name);
    let values: Vec<serde_json::Value> = variables
        .into_iter()
        .map(|(name, value)| {
            let document = document::Document::from_value(value.as_ref().unwrap_or(&Value::null()));
            serde_json::json!([name, document.json, document.secret])
        })
        .collect();
    let sources: Vec<(&str, String)> = sources.iter().map(|(name, digest)| (&**name, digest.to_string())).collect();
    let files: Vec<(String, Option<String>)> = scope
        .files
        .digests()
        .into_iter()
        .map(|(path, digest)| (path, digest.map(|digest| digest.to_string())))
        .collect();
    let secrets: Vec<(String, Option<String>)> = scope
        .secrets
        .digests()
        .into_iter()
        .map(|(name, digest)| (name, digest.map(|digest| digest.to_string())))
        .collect();
    let stage = scope.stage.as_str();
    Digest::of(serde_json::json!([sources, stage, values, files, secrets]).to_string().as_bytes())
}
