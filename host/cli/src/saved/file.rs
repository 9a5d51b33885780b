//! The file of a saved plan, three lines of text: what stands in clear, as JSON; the ciphertext; a checksum over both.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use cofferdam_engine::{Plan, PlanPurpose};
use cofferdam_home::{Damage, Made, NewerFormat};
use cofferdam_model::state::PluginIdentity;
use cofferdam_model::{Digest, ProviderKey, StackName, StageName};
use cofferdam_stack::{Basis, HomeSetting, KmsKey};
use serde::{Deserialize, Serialize};

use crate::error::{CliError, CliResult};
use crate::exit::Exit;

/// The format that is written: of the file, and of everything in it.
const FORMAT: u64 = 1;
/// The longest file, in bytes.
const MAX_BYTES: u64 = 256 * 1024 * 1024;
const AGAIN: &str = "plan again: cofferdam plan --out FILE";

/// What stands in clear.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    cofferdam_plan: u64,
    /// What the plan is for.
    pub purpose: PlanPurpose,
    /// The stack.
    pub stack: StackName,
    /// The stage.
    pub stage: StageName,
    /// The lineage of the state that it was made from.
    pub lineage: String,
    /// The serial of that state.
    pub serial: u64,
    /// The digest of the `*.hcl` files. Those of variables and other files are not told in clear.
    pub stack_digest: Digest,
    /// Every provider with its plugin.
    pub plugins: BTreeMap<ProviderKey, PluginIdentity>,
    /// Where the state lives; relative to the stack's folder.
    pub home: HomeSetting,
    /// Tells that home and others apart.
    pub home_id: String,
    /// The services that open it, beside identities.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kms: Vec<KmsKey>,
    /// When it was made, and by whom.
    pub made: Made,
}

#[derive(Deserialize)]
struct Version {
    cofferdam_plan: u64,
}

/// A file that was read: whole, not yet decrypted.
pub struct PlanFile {
    /// What stands in clear.
    pub header: Header,
    /// The text of it.
    pub head: String,
    /// The ciphertext.
    pub sealed: String,
}

impl Header {
    /// What is told of a plan.
    pub fn new(
        plan: &Plan,
        (home, home_id, kms): (&HomeSetting, String, &[KmsKey]),
        basis: &Basis,
        plugins: BTreeMap<ProviderKey, PluginIdentity>,
        made: Made,
    ) -> Self {
        Self {
            cofferdam_plan: FORMAT,
            purpose: plan.purpose,
            stack: plan.stack.clone(),
            stage: plan.stage.clone(),
            lineage: plan.lineage.clone(),
            serial: plan.serial,
            stack_digest: basis.sources_digest(),
            plugins,
            home: home.clone(),
            home_id,
            kms: kms.to_vec(),
            made,
        }
    }

    /// Its line.
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("names, numbers and digests are JSON")
    }
}

/// Writes the file: private to the user, and replaced as a whole or not at all.
pub fn write(path: &Path, head: &str, sealed: &str) -> CliResult<()> {
    let text = format!("{head}\n{sealed}\n");
    let text = format!("{text}{}\n", Digest::of(text.as_bytes()));
    let fail = |why: String| CliError::new(Exit::Failed, format!("cannot write the plan `{}`: {why}", path.display()));
    if text.len() as u64 > MAX_BYTES {
        return Err(fail(format!("it is larger than {MAX_BYTES} bytes")));
    }
    replace(path, text.as_bytes()).map_err(|error| fail(error.to_string()))
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    // Mode 0600, as `tempfile` makes all its files.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(folder)?.sync_all()
}

/// Reads a file and checks that it is whole.
pub fn read(path: &Path) -> CliResult<PlanFile> {
    let bytes = bytes(path).map_err(|error| {
        CliError::new(Exit::Invalid, format!("cannot read the plan `{}`: {error}", path.display()))
            .hint("name a file that `cofferdam plan --out FILE` has written")
    })?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(damaged(path, format!("it is larger than {MAX_BYTES} bytes")));
    }
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Ok(Version { cofferdam_plan: found }) = serde_json::from_slice(first) else {
        return Err(CliError::new(Exit::Invalid, format!("`{}` is no saved plan", path.display()))
            .hint("name a file that `cofferdam plan --out FILE` has written; to plan and deploy, give no file"));
    };
    if found > FORMAT {
        let newer = NewerFormat { place: path.display().to_string(), found, known: FORMAT };
        return Err(CliError::new(Exit::Invalid, newer.to_string())
            .hint("install the cofferdam that made it, or plan again with this one"));
    }
    let text = String::from_utf8(bytes).map_err(|_| damaged(path, "it is no text".to_owned()))?;
    let mut lines = text.split('\n');
    let (Some(head), Some(sealed), Some(sum), Some(""), None) =
        (lines.next(), lines.next(), lines.next(), lines.next(), lines.next())
    else {
        return Err(damaged(path, "it is cut off, or more stands in it than was written".to_owned()));
    };
    let length = head.len() + sealed.len() + 2;
    if sum != Digest::of(&text.as_bytes()[..length]).to_string() {
        return Err(damaged(path, "the checksum does not match".to_owned()));
    }
    let header =
        serde_json::from_str(head).map_err(|_| damaged(path, "its first line is not as it should be".to_owned()))?;
    Ok(PlanFile { header, head: head.to_owned(), sealed: sealed.to_owned() })
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A file that does not say what was written.
pub fn damaged(path: &Path, what: String) -> CliError {
    let damage = Damage { place: path.display().to_string(), line: None, what };
    CliError::new(Exit::Invalid, damage.to_string()).hint(AGAIN)
}

#[cfg(test)]
mod tests {
    use cofferdam_home::Holder;

    use super::*;

    fn header() -> Header {
        let by =
            Holder { pid: 1, user: "ana".into(), host: "ci".into(), command: "plan".into(), since_ms: 0, url: None };
        Header {
            cofferdam_plan: FORMAT,
            purpose: PlanPurpose::Deploy,
            stack: StackName::new("shop").expect("valid"),
            stage: StageName::new("dev").expect("valid"),
            lineage: String::new(),
            serial: 0,
            stack_digest: Digest::of(b""),
            plugins: BTreeMap::new(),
            home: HomeSetting::default(),
            home_id: "1f".into(),
            kms: Vec::new(),
            made: Made { at_ms: 0, by },
        }
    }

    #[test]
    fn nothing_but_what_was_written_is_read() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.plan");
        fs::write(&path, "something older").expect("written");
        write(&path, &header().line(), "0000000001.AAAA").expect("written");
        let back = read(&path).expect("reads");
        assert_eq!((back.head, back.sealed.as_str()), (header().line(), "0000000001.AAAA"));
        assert_eq!(back.header.line(), header().line());

        let whole = fs::read(&path).expect("read");
        for at in 0..whole.len() {
            fs::write(&path, &whole[..at]).expect("written");
            assert!(read(&path).is_err(), "cut at {at}");
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            fs::write(&path, &flipped).expect("written");
            assert!(read(&path).is_err(), "flipped at {at}");
        }
        fs::write(&path, [&whole[..], b"\n"].concat()).expect("written");
        assert!(read(&path).is_err(), "more than was written");
        assert!(read(folder.path()).is_err(), "a folder");
    }
}
