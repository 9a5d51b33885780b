//! The stores of homes: of a stack's settings, and by their names on the command line.

use std::path::Path;
use std::sync::Arc;

use cofferdam_home::store::{LocalStore, PreparedStore, S3Settings, S3Store, Store};
use cofferdam_home::{AwsAccess, AwsRole, OpenHomeError};
use cofferdam_stack::{AwsPlace, HomePlace, RoleSetting, S3Place};
use url::Url;

use crate::error::{CliError, CliResult};
use crate::exit::Exit;
use crate::session::Session;

/// What a name of a store may look like.
const NAMES: &str = "write local:PATH or s3://BUCKET/PREFIX, the latter with what your settings of the home say: \
                     ?region=…&profile=…&endpoint=…&path_style=true&role=ARN&external_id=…&session_name=…";

/// What `--home` may look like.
const HOMES: &str = "write local, local:PATH, aws or s3://BUCKET/PREFIX, the latter two with settings: \
                     aws?region=…&profile=…&expected_account=…&endpoint=…&path_style=true&role=ARN";

/// A store that somebody named.
pub struct NamedStore {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Its name, good from anywhere on this machine.
    pub name: String,
}

/// Opens what a home lies in, for the stack in a folder. Makes nothing.
///
/// # Errors
/// When there are no credentials for a bucket, or its settings are wrong.
pub fn open(session: &Session, place: &HomePlace, folder: &Path) -> CliResult<Arc<dyn Store>> {
    match place {
        HomePlace::Local { path } => {
            Ok(Arc::new(LocalStore::new(folder.join(path.as_deref().unwrap_or(".cofferdam")))))
        }
        HomePlace::S3(place) => {
            let S3Place { bucket, prefix, region, profile, endpoint, path_style, role } = (**place).clone();
            let access = AwsAccess { region, profile, keys: None, role: role.map(aws_role), endpoint };
            let settings = S3Settings { bucket, prefix, access, path_style, owner: None };
            let opened = tokio::task::block_in_place(|| S3Store::open(&settings));
            let store = opened.map_err(OpenHomeError::from)?;
            Ok(Arc::new(store.heard_by(session.contact.clone())))
        }
        HomePlace::Aws(place) => session.store_of(place, || {
            let preparing = session.preparing(&place.bootstrap);
            let settings = preparing.settings_of(place);
            let bootstrap = tokio::task::block_in_place(|| preparing.open(settings))?;
            let progress = preparing.progress(bootstrap.scope());
            let store = PreparedStore::new(bootstrap, preparing.holder, Box::new(progress));
            Ok(Arc::new(store.heard_by(session.contact.clone())))
        }),
    }
}

/// A role as a stack names it.
pub fn aws_role(role: RoleSetting) -> AwsRole {
    let RoleSetting { arn, external_id, session_name } = role;
    AwsRole { arn, external_id, session_name, endpoint: None }
}

/// Opens the store of a name. Makes nothing.
///
/// # Errors
/// When the text is no name, and as [`open`] says.
pub fn open_named(session: &Session, text: &str) -> CliResult<NamedStore> {
    let (place, name) = place(text).map_err(|error| CliError::new(Exit::Usage, error).hint(NAMES))?;
    Ok(NamedStore { store: open(session, &place, Path::new(""))?, name })
}

/// The place that `--home` names. A kind alone, `local` or `aws`, keeps what the stack says of a home of that kind.
///
/// # Errors
/// When the text is no name.
pub fn place_over(stack: &HomePlace, text: &str) -> CliResult<HomePlace> {
    let usage = |error: String| CliError::new(Exit::Usage, format!("--home: {error}")).hint(HOMES);
    match (text, stack) {
        ("local", HomePlace::Local { .. }) | ("aws", HomePlace::Aws(_)) => Ok(stack.clone()),
        ("local", _) => Ok(HomePlace::default()),
        ("aws", _) => Ok(HomePlace::aws()),
        _ => match text.strip_prefix("aws?") {
            Some(settings) => aws(settings).map_err(usage),
            None => place(text).map(|(place, _)| place).map_err(usage),
        },
    }
}

/// An account with its settings.
fn aws(settings: &str) -> Result<HomePlace, String> {
    let (mut place, mut role) = (AwsPlace::default(), RoleSetting::default());
    for (key, value) in url::form_urlencoded::parse(settings.as_bytes()) {
        let value = value.into_owned();
        match &*key {
            "region" => place.region = Some(value),
            "profile" => place.profile = Some(value),
            "endpoint" => place.endpoint = Some(value),
            "expected_account" => place.expected_account = Some(value),
            "path_style" => place.path_style = flag(&value)?,
            "role" => role.arn = value,
            "external_id" => role.external_id = Some(value),
            "session_name" => role.session_name = Some(value),
            _ => return Err(format!("a home in an account has no setting `{key}`")),
        }
    }
    place.role = role_of(role)?;
    Ok(HomePlace::Aws(Box::new(place)))
}

fn flag(value: &str) -> Result<bool, String> {
    value.parse().map_err(|_| format!("`path_style={value}` is not true or false"))
}

fn role_of(role: RoleSetting) -> Result<Option<RoleSetting>, String> {
    if !role.arn.is_empty() {
        return Ok(Some(role));
    }
    if role == RoleSetting::default() {
        return Ok(None);
    }
    Err("`external_id` and `session_name` belong to a `role`".to_owned())
}

/// What a name names, and the name in full.
fn place(text: &str) -> Result<(HomePlace, String), String> {
    if let Some(path) = text.strip_prefix("local:").filter(|path| !path.is_empty()) {
        let path = std::path::absolute(path).map_err(|error| format!("`{path}` is no path of a home: {error}"))?;
        let path = path.to_str().ok_or_else(|| format!("`{}` is not UTF-8", path.display()))?.to_owned();
        return Ok((HomePlace::Local { path: Some(path.clone()) }, format!("local:{path}")));
    }
    if !text.starts_with("s3://") {
        return Err(format!("`{text}` names no home"));
    }
    let url = Url::parse(text).map_err(|error| format!("`{text}` names no home: {error}"))?;
    let bucket = url.host_str().filter(|bucket| !bucket.is_empty()).ok_or("the name of a bucket is missing")?;
    let no_part = [
        (!url.username().is_empty() || url.password().is_some(), "credentials"),
        (url.port().is_some(), "a port"),
        (url.fragment().is_some(), "a fragment"),
    ];
    if let Some((_, part)) = no_part.into_iter().find(|(found, _)| *found) {
        return Err(format!("the name of a bucket has no place for {part}"));
    }
    let mut place = S3Place {
        bucket: bucket.to_owned(),
        prefix: url.path().trim_start_matches('/').to_owned(),
        ..S3Place::default()
    };
    let mut role = RoleSetting::default();
    for (key, value) in url.query_pairs() {
        let value = value.into_owned();
        match &*key {
            "region" => place.region = Some(value),
            "profile" => place.profile = Some(value),
            "endpoint" => place.endpoint = Some(value),
            "path_style" => {
                place.path_style = flag(&value)?;
            }
            "role" => role.arn = value,
            "external_id" => role.external_id = Some(value),
            "session_name" => role.session_name = Some(value),
            _ => return Err(format!("a home in S3 has no setting `{key}`")),
        }
    }
    place.role = role_of(role)?;
    Ok((HomePlace::S3(Box::new(place)), text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s3(text: &str) -> Result<S3Place, String> {
        match place(text)?.0 {
            HomePlace::S3(place) => Ok(*place),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn a_bucket_is_named_with_its_settings() {
        let place =
            s3("s3://acme-state/team/a?region=eu-west-1&endpoint=http%3A%2F%2Flocalhost%3A9000&path_style=true");
        let place = place.expect("a name");
        assert_eq!((place.bucket.as_str(), place.prefix.as_str()), ("acme-state", "team/a"));
        assert_eq!(place.endpoint.as_deref(), Some("http://localhost:9000"));
        assert!(place.path_style && place.role.is_none());
        let role = s3("s3://b?role=arn:aws:iam::1:role/x&external_id=7").expect("a name").role.expect("a role");
        assert_eq!((role.arn.as_str(), role.external_id.as_deref()), ("arn:aws:iam::1:role/x", Some("7")));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            "local:",
            "acme",
            "s3:acme",
            "s3://",
            "s3://user@b",
            "s3://b:1",
            "s3://b#x",
            "s3://b?regoin=x",
            "s3://b?path_style=yes",
            "s3://b?external_id=7",
            "http://b",
        ] {
            assert!(place(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_home_is_named_over_the_one_of_the_stack() {
        let (local, aws) = (HomePlace::default(), HomePlace::aws());
        assert_eq!(place_over(&local, "aws").expect("a name"), aws);
        assert_eq!(place_over(&aws, "local").expect("a name"), local);
        // A kind alone keeps what the stack says of it.
        let own = HomePlace::Aws(Box::new(AwsPlace { expected_account: Some("1".into()), ..AwsPlace::default() }));
        assert_eq!(place_over(&own, "aws").expect("a name"), own);
        let HomePlace::Aws(named) = place_over(&own, "aws?region=eu-west-1&role=arn:x").expect("a name") else {
            panic!("an account")
        };
        assert_eq!((named.region.as_deref(), named.expected_account), (Some("eu-west-1"), None));
        assert_eq!(named.role.expect("a role").arn, "arn:x");
        assert!(matches!(place_over(&own, "s3://b/p").expect("a name"), HomePlace::S3(_)));
        for text in ["", "awz", "aws:", "aws?regoin=x", "aws?path_style=yes", "aws?external_id=7", "gcs"] {
            assert!(place_over(&local, text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_directory_is_named_from_anywhere() {
        let (_, name) = place("local:x").expect("a name");
        assert!(name.starts_with("local:/") && name.ends_with("/x"), "{name}");
    }
}
