//! The settings of the `stack` block: where the home is, and how it is kept.

use std::time::Duration;

use cofferdam_model::Data;
use hcl_edit::expr::Expression;
use serde::{Deserialize, Serialize};

use crate::bootstrap::BootstrapSetting;
use crate::constants::Constants;
use crate::declare::StackBlock;
use crate::eval::Scope;
use crate::fields::{Fields, RoleSetting};
use crate::findings::{Findings, quoted};
use crate::units;

/// The shortest time to live of a lease: stores tell times in whole seconds.
const MIN_LEASE: Duration = Duration::from_secs(5);
/// The longest: so long may a run that was killed stand in the way.
const MAX_LEASE: Duration = Duration::from_secs(600);

/// Where the state of a stack lives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HomeSetting {
    /// What it lies in.
    pub place: HomePlace,
    /// How long a lease lives that nobody renews; none for the usual time.
    pub lease: Option<Duration>,
    /// How many snapshots a stage keeps; none for the usual number.
    pub history: Option<usize>,
}

/// What a home lies in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum HomePlace {
    /// A directory.
    Local {
        /// Relative to the stack's folder unless absolute; none for the usual one.
        path: Option<String>,
    },
    /// A bucket.
    S3(Box<S3Place>),
    /// The state bucket of an account's bootstrap.
    Aws(Box<AwsPlace>),
}

impl HomePlace {
    /// The account and region that the environment names.
    #[must_use]
    pub fn aws() -> Self {
        Self::Aws(Box::default())
    }
}

impl Default for HomePlace {
    fn default() -> Self {
        Self::Local { path: None }
    }
}

/// A bucket, and how it is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Place {
    /// The bucket.
    pub bucket: String,
    /// What all names of the home begin with; empty for the whole bucket.
    pub prefix: String,
    /// The bucket's region.
    pub region: Option<String>,
    /// The profile of the AWS configuration.
    pub profile: Option<String>,
    /// Another server than Amazon's.
    pub endpoint: Option<String>,
    /// Whether the bucket is named in the path instead of the host.
    pub path_style: bool,
    /// A role to take.
    pub role: Option<RoleSetting>,
}

/// An account and region that are prepared where they are not yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsPlace {
    /// The region; none for that of the configuration.
    pub region: Option<String>,
    /// The profile of the AWS configuration.
    pub profile: Option<String>,
    /// Another server than Amazon's.
    pub endpoint: Option<String>,
    /// Whether buckets are named in the path instead of the host.
    pub path_style: bool,
    /// A role to take.
    pub role: Option<RoleSetting>,
    /// The account that it has to be.
    pub expected_account: Option<String>,
    /// How the account is prepared: decides where the home is.
    pub bootstrap: BootstrapSetting,
}

const KINDS: &str = "write `home = \"local\"`, `home = \"aws\"`, `home = { local = { path = \"./state\" } }` or \
                     `home = { s3 = { bucket = \"acme-state\", region = \"eu-west-1\" } }`";

/// Reads `home`; a local one where it is not set.
pub(crate) fn home(
    block: &StackBlock,
    scope: &Scope,
    bootstrap: &BootstrapSetting,
    findings: &mut Findings,
) -> HomeSetting {
    let mut setting = home_alone(block, scope, findings);
    if let HomePlace::Aws(place) = &mut setting.place {
        place.bootstrap = bootstrap.clone();
    }
    setting
}

fn home_alone(block: &StackBlock, scope: &Scope, findings: &mut Findings) -> HomeSetting {
    let Some(home) = block.fields.get("home") else { return HomeSetting::default() };
    let mut constants = Constants { scope, file: &block.place.file, findings };
    let Some(value) = constants.any(&home.value) else { return HomeSetting::default() };
    let read = match value.data() {
        Data::String(name) if &**name == "local" => Ok(HomeSetting::default()),
        Data::String(name) if &**name == "aws" => Ok(HomeSetting { place: HomePlace::aws(), ..HomeSetting::default() }),
        Data::Object(kinds) if kinds.len() == 1 => match (kinds.get("local"), kinds.get("s3"), kinds.get("aws")) {
            (Some(local), ..) => Fields::of(local, "local").and_then(Fields::local),
            (_, Some(s3), _) => Fields::of(s3, "s3").and_then(Fields::s3),
            (.., Some(aws)) => Fields::of(aws, "aws").and_then(Fields::aws),
            _ => {
                Err(format!("there is no home of kind `{}`", kinds.keys().map(|kind| quoted(kind)).collect::<String>()))
            }
        },
        Data::String(name) => Err(format!("there is no home of kind `{}`", quoted(name))),
        _ => Err("this is no home".to_owned()),
    };
    read.unwrap_or_else(|summary| refuse(&mut constants, &home.value, &summary))
}

fn refuse(constants: &mut Constants<'_>, expression: &Expression, summary: &str) -> HomeSetting {
    constants.error(expression, summary, Some(KINDS));
    HomeSetting::default()
}

/// The settings of one kind of home.
impl Fields {
    fn local(mut self) -> Result<HomeSetting, String> {
        let path = self.text("path")?;
        self.finish(HomePlace::Local { path })
    }

    fn aws(mut self) -> Result<HomeSetting, String> {
        let place = AwsPlace {
            role: self.role()?,
            region: self.text("region")?,
            profile: self.text("profile")?,
            endpoint: self.text("endpoint")?,
            path_style: self.flag("path_style")?,
            expected_account: self.text("expected_account")?,
            bootstrap: BootstrapSetting::default(),
        };
        self.finish(HomePlace::Aws(Box::new(place)))
    }

    fn s3(mut self) -> Result<HomeSetting, String> {
        let bucket = self.text("bucket")?.ok_or("a home in S3 has a `bucket`")?;
        let role = self.role()?;
        let place = S3Place {
            bucket,
            prefix: self.text("prefix")?.unwrap_or_default(),
            region: self.text("region")?,
            profile: self.text("profile")?,
            endpoint: self.text("endpoint")?,
            path_style: self.flag("path_style")?,
            role,
        };
        self.finish(HomePlace::S3(Box::new(place)))
    }

    /// What every kind of home has.
    fn finish(mut self, place: HomePlace) -> Result<HomeSetting, String> {
        let lease = self.text("lease")?.map(|text| {
            let lease = units::milliseconds(&text).map(Duration::from_millis).map_err(str::to_owned)?;
            let fits = (MIN_LEASE..=MAX_LEASE).contains(&lease);
            fits.then_some(lease).ok_or_else(|| "a `lease` lives from 5s to 10m".to_owned())
        });
        let history = self.value("history").map(|history| {
            let number = match history.data() {
                Data::Number(number) => number.as_i64().and_then(|number| usize::try_from(number).ok()),
                _ => None,
            };
            let fits = number.filter(|number| (1..=10_000).contains(number));
            fits.ok_or("`history` is how many snapshots are kept: a whole number from 1 to 10000")
        });
        self.nothing_left()?;
        Ok(HomeSetting { place, lease: lease.transpose()?, history: history.transpose()? })
    }
}
