//! `local_archive`: a zip archive of a folder, the same bytes for the same files, rebuilt when the folder changes.

use cofferdam_sdk::files::Kind;
use cofferdam_sdk::prelude::*;

use crate::file::FILE_BYTES;
use crate::{digests, mode, paths};

mod pack;
mod source;

use source::Source;

/// A zip archive of a folder. The same files make the same bytes: entries are sorted, times are fixed, and permissions
/// are the same for all.
#[properties]
pub(crate) struct Inputs {
    /// The format.
    r#type: Format,
    /// The name of a granted directory that holds the folder.
    source_directory: String,
    /// Path of the folder in that directory; empty for the directory itself.
    #[serde(default)]
    source_path: String,
    /// Patterns of paths in the folder to leave out, such as `**/*.log` or `node_modules/**`.
    #[serde(default)]
    excludes: Vec<String>,
    /// The name of a granted directory for the archive.
    output_directory: String,
    /// Path of the archive in that directory. Where that is in the folder, the archive leaves itself out.
    output_path: String,
    /// Permissions of every file in the archive, such as `0755`; `0644` without.
    output_file_mode: Option<String>,
}

#[properties]
pub(crate) enum Format {
    /// Zip with deflate.
    #[serde(rename = "zip")]
    Zip,
}

#[properties]
pub(crate) struct Outputs {
    /// SHA-1 of the archive, in hexadecimal.
    id: String,
    /// Size of the archive in bytes.
    output_size: u64,
    /// MD5 of the archive, in hexadecimal.
    output_md5: String,
    /// SHA-1 of the archive, in hexadecimal.
    output_sha1: String,
    /// SHA-256 of the archive, in hexadecimal.
    output_sha256: String,
    /// SHA-512 of the archive, in hexadecimal.
    output_sha512: String,
    /// SHA-256 of the archive, in base64.
    output_base64sha256: String,
    /// SHA-512 of the archive, in base64.
    output_base64sha512: String,
    /// SHA-256 over names and contents of the files that the archive was made of. Empty where the archive was found
    /// changed.
    source_sha256: String,
}

const OUTPUTS: [&str; 9] = [
    "id",
    "output_size",
    "output_md5",
    "output_sha1",
    "output_sha256",
    "output_sha512",
    "output_base64sha256",
    "output_base64sha512",
    "source_sha256",
];

impl Outputs {
    fn of(archive: &[u8], source_sha256: String) -> Self {
        Self {
            id: digests::sha1_hex(archive),
            output_size: archive.len() as u64,
            output_md5: digests::md5_hex(archive),
            output_sha1: digests::sha1_hex(archive),
            output_sha256: digests::sha256_hex(archive),
            output_sha512: digests::sha512_hex(archive),
            output_base64sha256: digests::sha256_base64(archive),
            output_base64sha512: digests::sha512_base64(archive),
            source_sha256,
        }
    }
}

pub(crate) struct LocalArchive;

impl Resource for LocalArchive {
    const TYPE: &'static str = "local_archive";
    type Session = ();
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn define() -> Definition<Self> {
        Definition::new(|_, inputs| build(inputs, &[]))
            .create_is_idempotent()
            .read(read)
            .update(|_, change| build(&change.inputs, change.prior.hidden()))
            .delete(delete)
            .check(check)
            .plan(plan)
            .identifier(["output_directory", "output_path"])
            .create_only(["output_directory", "output_path"])
            .read_is_local()
    }
}

fn check(_: &Cx<()>, draft: &mut Draft, _: Option<&Prior<LocalArchive>>) -> Result<Vec<Diagnostic>, Error> {
    draft.text("output_file_mode").map(|text| mode::parse("output_file_mode", text)).transpose()?;
    let patterns = draft.get("excludes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (index, pattern) in patterns.iter().enumerate() {
        pattern.as_str().map(|text| source::check_pattern(index, text)).transpose()?;
    }
    Ok(Vec::new())
}

fn plan(
    _: &Cx<()>,
    prior: Option<&Prior<LocalArchive>>,
    draft: &Draft,
    mut planned: Planned,
) -> Result<Planned, Error> {
    let (Some(prior), true) = (prior, draft.is_known()) else { return Ok(planned) };
    let digest = find(&draft.typed()?)?.sha256;
    if planned.is_change() || prior.get::<String>("source_sha256") != Some(digest) {
        planned.set_unknown(OUTPUTS);
    }
    Ok(planned)
}

fn find(inputs: &Inputs) -> Result<Source, Error> {
    // Another grant may lead to the same place; only the user can know that, and `excludes` is for it.
    let output = (inputs.output_directory == inputs.source_directory).then_some(inputs.output_path.as_str());
    Source::find(&inputs.source_directory, &inputs.source_path, &inputs.excludes, output)
}

fn build(inputs: &Inputs, hidden: &[u8]) -> Result<Write<LocalArchive>, Failure> {
    let file_mode = inputs.output_file_mode.as_deref().map(|text| mode::parse("output_file_mode", text)).transpose()?;
    let source = find(inputs)?;
    let archive = pack::zip(&source, file_mode.unwrap_or(0o644))?;
    if archive.len() > FILE_BYTES {
        let text =
            format!("the archive would have {} bytes, and a file may have {FILE_BYTES}; exclude more", archive.len());
        return Err(Error::invalid_input(text).at("excludes").into());
    }
    let made = paths::make_above(&inputs.output_directory, &inputs.output_path, 0o755)?;
    files::write(&inputs.output_directory, &inputs.output_path, &archive, 0o644)?;
    Ok(Write::done(Outputs::of(&archive, source.sha256)).hidden(paths::topmost(made, hidden)))
}

fn read(_: &Cx<()>, target: &Target<LocalArchive>) -> Result<Option<State<LocalArchive>>, Error> {
    let Some(prior) = target.state() else {
        return Err(Error::unsupported(
            "an archive cannot be imported: nothing tells what it was made of; deploy it anew",
        ));
    };
    let inputs = prior.inputs()?;
    let found = files::stat(&inputs.output_directory, &inputs.output_path)?;
    if found.is_none_or(|found| found.kind != Kind::File) {
        return Ok(None);
    }
    let archive = files::read(&inputs.output_directory, &inputs.output_path, FILE_BYTES)?;
    // One that was changed was made of nothing we know, so that the next plan builds it again.
    let is_ours = prior.get::<String>("output_sha256") == Some(digests::sha256_hex(&archive));
    let source_sha256 = prior.get("source_sha256").filter(|_| is_ours).unwrap_or_default();
    Ok(Some(State::new(inputs, Outputs::of(&archive, source_sha256))))
}

fn delete(_: &Cx<()>, prior: &Prior<LocalArchive>) -> Result<Delete, Failure> {
    let (directory, path) = (prior.text("output_directory")?, prior.text("output_path")?);
    if files::stat(&directory, &path)?.is_some_and(|found| found.kind == Kind::File) {
        files::remove(&directory, &path)?;
    }
    paths::remove_above(&directory, &path, prior.hidden());
    Ok(Delete::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;
    use cofferdam_sdk::testing::TestHost;

    fn host() -> TestHost {
        let host = TestHost::new().file("src", "app/b.txt", "b").file("src", "app/a/x.js", "x");
        host.file("src", "app/a/x.log", "noise").file("src", "appendix", "not in the folder")
    }

    fn inputs() -> Value {
        json!({
            "type": "zip", "source_directory": "src", "source_path": "app", "excludes": ["**/*.log"],
            "output_directory": "src", "output_path": "app/out.zip",
        })
    }

    fn build() -> Value {
        local_state(&inputs())
    }

    fn local_state(inputs: &Value) -> Value {
        let local = cofferdam_sdk::testing::Harness::<crate::Local>::new(&json!({})).expect("right");
        local.create("local_archive", inputs).expect("built").state().expect("done").properties
    }

    #[test]
    fn the_same_files_make_the_same_bytes() {
        let first = host().run(build);
        let again = host().run(|| {
            build();
            build()
        });
        assert_eq!(first, again);
        let executable = host().run(|| {
            let mut inputs = inputs();
            inputs["output_file_mode"] = json!("0755");
            local_state(&inputs)
        });
        assert_ne!(first["output_sha256"], executable["output_sha256"]);
        assert_eq!(first["source_sha256"], executable["source_sha256"]);
    }

    #[test]
    fn a_changed_folder_is_an_update() {
        test(host(), |local| {
            let state = local.create("local_archive", &inputs()).expect("built").state().expect("done");
            let unknown = |planned: cofferdam_sdk::testing::PlannedDocument| planned.after.unknown.len();
            assert_eq!(unknown(local.plan("local_archive", Some(&state), &inputs()).expect("planned")), 0);
            files::write("src", "app/a/y.log", b"more noise", 0o644).expect("written");
            assert_eq!(unknown(local.plan("local_archive", Some(&state), &inputs()).expect("planned")), 0);
            files::write("src", "app/b.txt", b"changed", 0o644).expect("written");
            let planned = local.plan("local_archive", Some(&state), &inputs()).expect("planned");
            assert!(planned.replace.is_empty());
            assert_eq!(unknown(planned), OUTPUTS.len());
        });
    }

    #[test]
    fn a_changed_archive_is_built_again() {
        test(host(), |local| {
            let state = local.create("local_archive", &inputs()).expect("built").state().expect("done");
            files::write("src", "app/out.zip", b"by hand", 0o644).expect("written");
            let drifted = local.read("local_archive", &state).expect("read").expect("there");
            let planned = local.plan("local_archive", Some(&drifted), &inputs()).expect("planned");
            assert_eq!(planned.after.unknown.len(), OUTPUTS.len());
            local.delete("local_archive", &state).expect("deleted");
            assert!(local.read("local_archive", &state).expect("read").is_none());
        });
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        test(host(), |local| {
            let error = local.check("local_archive", &json!({"excludes": ["ok", "[a"]}), &[]).expect_err("no pattern");
            assert_eq!(error.diagnostics()[0].at.as_deref(), Some("/excludes/1"));
            let mut missing = inputs();
            missing["source_path"] = json!("nowhere");
            let failure = local.create("local_archive", &missing).expect_err("no folder");
            assert_eq!(failure.error().diagnostics()[0].at.as_deref(), Some("/source_path"));
        });
    }
}
