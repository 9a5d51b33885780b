//! `local_file`: a file with given content in a granted directory.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cofferdam_sdk::files::{Kind, Metadata};
use cofferdam_sdk::prelude::*;

use crate::{digests, mode, paths};

/// The largest file, by the contract.
pub(crate) const FILE_BYTES: usize = 32 * 1024 * 1024;
/// The longest content that a state holds: a document has at most 4 MiB with everything in it.
const CONTENT_BYTES: usize = 3 * 1024 * 1024;

/// A file in a granted directory. The file on disk is compared with the content, so that an edit by hand is seen.
#[properties]
pub(crate) struct Inputs {
    /// The name of a directory that the `grant` block of the provider gives.
    directory: String,
    /// Path of the file in that directory, with `/` between its parts.
    filename: String,
    /// The content as text. Either this or `content_base64`.
    content: Option<String>,
    /// The content of a file that is no text, in base64. Either this or `content`.
    content_base64: Option<String>,
    /// Permissions of the file.
    #[serde(default = "file_permission")]
    file_permission: String,
    /// Permissions of directories that have to be made for it.
    #[serde(default = "directory_permission")]
    directory_permission: String,
}

fn file_permission() -> String {
    "0644".to_owned()
}

fn directory_permission() -> String {
    "0755".to_owned()
}

#[properties]
pub(crate) struct Outputs {
    /// SHA-1 of the content, in hexadecimal.
    id: String,
    /// MD5 of the content, in hexadecimal.
    content_md5: String,
    /// SHA-1 of the content, in hexadecimal.
    content_sha1: String,
    /// SHA-256 of the content, in hexadecimal.
    content_sha256: String,
    /// SHA-512 of the content, in hexadecimal.
    content_sha512: String,
    /// SHA-256 of the content, in base64.
    content_base64sha256: String,
    /// SHA-512 of the content, in base64.
    content_base64sha512: String,
}

/// Every output: whoever knows one can try out contents.
const DIGESTS: [&str; 7] = [
    "id",
    "content_md5",
    "content_sha1",
    "content_sha256",
    "content_sha512",
    "content_base64sha256",
    "content_base64sha512",
];

const CONTENTS: [&str; 2] = ["content", "content_base64"];

/// What must not be shown: everything that tells of the content if that is secret. The digests count as well because a
/// state holds no content that is too large for it.
fn secrets(cx: &Cx<()>) -> impl Iterator<Item = &'static str> {
    let places = || CONTENTS.into_iter().chain(DIGESTS);
    let is_secret = places().any(|place| cx.is_secret(place));
    places().filter(move |_| is_secret)
}

impl Outputs {
    fn of(content: &[u8]) -> Self {
        Self {
            id: digests::sha1_hex(content),
            content_md5: digests::md5_hex(content),
            content_sha1: digests::sha1_hex(content),
            content_sha256: digests::sha256_hex(content),
            content_sha512: digests::sha512_hex(content),
            content_base64sha256: digests::sha256_base64(content),
            content_base64sha512: digests::sha512_base64(content),
        }
    }
}

pub(crate) struct LocalFile;

impl Resource for LocalFile {
    const TYPE: &'static str = "local_file";
    type Session = ();
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn define() -> Definition<Self> {
        Definition::new(create)
            .create_is_idempotent()
            .read(read)
            .update(update)
            .delete(delete)
            .check(check)
            .identifier(["directory", "filename"])
            .create_only(["directory", "filename"])
            .read_is_local()
    }
}

fn check(_: &Cx<()>, draft: &mut Draft, _: Option<&Prior<LocalFile>>) -> Result<Vec<Diagnostic>, Error> {
    match (draft.is_set("content"), draft.is_set("content_base64")) {
        (true, true) => {
            return Err(Error::invalid_input("give `content` or `content_base64`, not both").at("content_base64"));
        }
        (false, false) => {
            return Err(Error::invalid_input("give `content`, or `content_base64` for what is no text").at("content"));
        }
        _ => {}
    }
    if let Some(content) = draft.text("content_base64").map(decode).transpose()?
        && !bytes_fit(&content)
    {
        return Err(too_long("content_base64"));
    }
    if draft.text("content").is_some_and(|text| !text_fits(text)) {
        return Err(too_long("content"));
    }
    draft.text("filename").map(|path| paths::check("filename", path)).transpose()?;
    for property in ["file_permission", "directory_permission"] {
        draft.text(property).map(|text| mode::parse(property, text)).transpose()?;
    }
    Ok(Vec::new())
}

fn decode(text: &str) -> Result<Vec<u8>, Error> {
    STANDARD.decode(text).map_err(|error| Error::invalid_input(format!("is not base64: {error}")).at("content_base64"))
}

fn content(inputs: &Inputs) -> Result<Vec<u8>, Error> {
    match (&inputs.content, &inputs.content_base64) {
        (Some(text), None) => Ok(text.clone().into_bytes()),
        (None, Some(text)) => decode(text),
        _ => Err(Error::invalid_input("give either `content` or `content_base64`").at("content")),
    }
}

fn too_long(property: &str) -> Error {
    let text = format!("is longer than the {CONTENT_BYTES} bytes that a state holds of it; write a shorter file");
    Error::invalid_input(text).at(property)
}

fn create(cx: &Cx<()>, inputs: &Inputs) -> Result<Write<LocalFile>, Failure> {
    let content = content(inputs)?;
    if let Some(found) = files::stat(&inputs.directory, &inputs.filename)?
        && !is_same(inputs, &found, &content)?
    {
        let text = format!(
            "`{}` exists in directory `{}` with other content; remove it, or import it to have it managed",
            inputs.filename, inputs.directory
        );
        return Err(Error::already_exists(text).at("filename").into());
    }
    write(cx, inputs, &content, &[])
}

/// True where the file is what we would write: a retry, or nothing to do.
fn is_same(inputs: &Inputs, found: &Metadata, content: &[u8]) -> Result<bool, Error> {
    let candidate = found.kind == Kind::File && found.size == content.len() as u64;
    Ok(candidate && files::read(&inputs.directory, &inputs.filename, FILE_BYTES)? == content)
}

fn update(cx: &Cx<()>, change: &Change<LocalFile>) -> Result<Write<LocalFile>, Failure> {
    write(cx, &change.inputs, &content(&change.inputs)?, change.prior.hidden())
}

fn write(cx: &Cx<()>, inputs: &Inputs, content: &[u8], hidden: &[u8]) -> Result<Write<LocalFile>, Failure> {
    let file_mode = mode::parse("file_permission", &inputs.file_permission)?;
    let directory_mode = mode::parse("directory_permission", &inputs.directory_permission)?;
    let made = paths::make_above(&inputs.directory, &inputs.filename, directory_mode)?;
    files::write(&inputs.directory, &inputs.filename, content, file_mode)?;
    let written = Write::done(Outputs::of(content)).hidden(paths::topmost(made, hidden));
    Ok(secrets(cx).fold(written, Write::secret))
}

fn read(cx: &Cx<()>, target: &Target<LocalFile>) -> Result<Option<State<LocalFile>>, Error> {
    let (directory, filename) = (target.key("directory")?, target.key("filename")?);
    let Some(found) = files::stat(&directory, &filename)?.filter(|found| found.kind == Kind::File) else {
        return Ok(None);
    };
    let content = files::read(&directory, &filename, FILE_BYTES)?;
    let known = |property: &str| target.state().and_then(|state| state.get::<String>(property));
    let (content_text, content_base64) = show(&content, known("content_base64").is_some());
    let inputs = Inputs {
        directory,
        filename,
        content: content_text,
        content_base64,
        file_permission: mode::show(found.mode, &known("file_permission").unwrap_or_else(file_permission)),
        directory_permission: known("directory_permission").unwrap_or_else(directory_permission),
    };
    Ok(Some(secrets(cx).fold(State::new(inputs, Outputs::of(&content)), State::secret)))
}

/// The content as the two inputs; neither where a document cannot hold it.
fn show(content: &[u8], as_base64: bool) -> (Option<String>, Option<String>) {
    let text = std::str::from_utf8(content).ok().filter(|_| !as_base64);
    match text {
        Some(text) if text_fits(text) => (Some(text.to_owned()), None),
        None if bytes_fit(content) => (None, Some(STANDARD.encode(content))),
        _ => (None, None),
    }
}

fn text_fits(text: &str) -> bool {
    // Escapes count: six bytes stand for a control character.
    serde_json::to_string(text).is_ok_and(|json| json.len() <= CONTENT_BYTES)
}

fn bytes_fit(content: &[u8]) -> bool {
    content.len() / 3 * 4 < CONTENT_BYTES
}

fn delete(_: &Cx<()>, prior: &Prior<LocalFile>) -> Result<Delete, Failure> {
    let (directory, filename) = (prior.text("directory")?, prior.text("filename")?);
    // What took the file's place is not ours.
    if files::stat(&directory, &filename)?.is_some_and(|found| found.kind == Kind::File) {
        files::remove(&directory, &filename)?;
    }
    paths::remove_above(&directory, &filename, prior.hidden());
    Ok(Delete::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;
    use cofferdam_sdk::testing::TestHost;

    fn inputs(content: &str) -> Value {
        json!({"directory": "out", "filename": "a/b.txt", "content": content})
    }

    #[test]
    fn a_file_lives_and_drifts() {
        test(TestHost::new(), |local| {
            let state = local.create("local_file", &inputs("one")).expect("created").state().expect("done");
            assert_eq!(state.properties["id"], "fe05bcdcdc4928012781a5f1a2a77cbb5398e106");
            assert_eq!(files::read("out", "a/b.txt", 10).expect("written"), b"one");
            files::write("out", "a/b.txt", b"by hand", 0o600).expect("written");
            let drifted = local.read("local_file", &state).expect("read").expect("there");
            assert_eq!(drifted.properties["content"], "by hand");
            assert_eq!(drifted.properties["file_permission"], "0600");
            let state = local.update("local_file", &drifted, &inputs("two")).expect("updated").state().expect("done");
            assert_eq!(files::read("out", "a/b.txt", 10).expect("written"), b"two");
            local.delete("local_file", &state).expect("deleted");
            assert!(local.read("local_file", &state).expect("read").is_none());
            local.delete("local_file", &state).expect("gone already");
        });
    }

    #[test]
    fn a_file_of_somebody_else_is_left_alone() {
        test(TestHost::new().file("out", "a/b.txt", "theirs"), |local| {
            let error = local.create("local_file", &inputs("mine")).expect_err("exists");
            assert_eq!(error.error().kind(), ErrorKind::AlreadyExists);
            local.create("local_file", &inputs("theirs")).expect("the same content is adopted");
        });
    }

    #[test]
    fn bytes_stay_bytes() {
        test(TestHost::new(), |local| {
            let inputs = json!({"directory": "out", "filename": "x", "content_base64": "AP8="});
            let state = local.create("local_file", &inputs).expect("created").state().expect("done");
            let read = local.read("local_file", &state).expect("read").expect("there");
            assert_eq!(read.properties["content_base64"], "AP8=");
            let imported = local.import("local_file", &[("directory", "out"), ("filename", "x")]).expect("read");
            assert_eq!(imported.expect("there").properties["content_base64"], "AP8=");
        });
    }

    #[test]
    fn contents_exclude_each_other_even_unknown() {
        test(TestHost::new(), |local| {
            let both = json!({"content": null, "content_base64": "AA=="});
            assert!(local.check("local_file", &both, &["/content"]).is_err());
            assert!(local.check("local_file", &json!({"content": null}), &["/content"]).is_ok());
            assert!(local.check("local_file", &json!({}), &[]).is_err());
            assert!(local.check("local_file", &json!({"content_base64": "%"}), &[]).is_err());
        });
    }

    #[test]
    fn a_secret_stays_one_whatever_becomes_of_the_file() {
        test(TestHost::new(), |local| {
            let places = |names: &[&str]| {
                let mut places: Vec<_> = names.iter().chain(&DIGESTS).map(|name| format!("/{name}")).collect();
                places.sort();
                places
            };
            let marked = |state: &cofferdam_sdk::testing::TestState| {
                let mut marked = state.secrets.clone();
                marked.sort();
                marked
            };
            let created = local.create_with_secrets("local_file", &inputs("one"), &["/content"]).expect("created");
            let state = created.state().expect("done");
            assert_eq!(marked(&state), places(&["content"]));
            files::write("out", "a/b.txt", &vec![b'a'; CONTENT_BYTES], 0o644).expect("written");
            let state = local.read("local_file", &state).expect("read").expect("there");
            assert_eq!(marked(&state), places(&[]));
            files::write("out", "a/b.txt", &[0xff], 0o644).expect("written");
            let state = local.read("local_file", &state).expect("read").expect("there");
            assert_eq!(
                (state.properties["content_base64"].as_str(), marked(&state)),
                (Some("/w=="), places(&["content_base64"]))
            );
            let state = local.update("local_file", &state, &inputs("open")).expect("updated").state().expect("done");
            assert!(state.secrets.is_empty(), "{:?}", state.secrets);
            let updated =
                local.update_with_secrets("local_file", &state, &inputs("two"), &["/content"]).expect("updated");
            assert_eq!(marked(&updated.state().expect("done")), places(&["content"]));
        });
    }

    #[test]
    fn content_that_no_state_holds_is_refused() {
        test(TestHost::new(), |local| {
            let place = |inputs: &Value| {
                let error = local.check("local_file", inputs, &[]).expect_err("too long");
                error.diagnostics()[0].at.clone().unwrap_or_default()
            };
            assert_eq!(place(&inputs(&"a".repeat(CONTENT_BYTES))), "/content");
            let encoded = STANDARD.encode(vec![0; CONTENT_BYTES / 4 * 3]);
            assert_eq!(place(&json!({"filename": "a", "content_base64": encoded})), "/content_base64");
            assert_eq!(place(&json!({"filename": "./a", "content": ""})), "/filename");
            assert!(local.check("local_file", &inputs(&"a".repeat(CONTENT_BYTES - 2)), &[]).is_ok());
            assert!(local.check("local_file", &json!({"filename": null, "content": ""}), &["/filename"]).is_ok());
        });
    }

    #[test]
    fn directories_that_were_made_go_with_the_file() {
        test(TestHost::new().file("out", "kept/file", ""), |local| {
            let file = |name: &str| {
                let inputs = json!({"directory": "out", "filename": name, "content": ""});
                local.create("local_file", &inputs).expect("created").state().expect("done")
            };
            let (deep, kept) = (file("x/y/z/f"), file("kept/new/f"));
            files::write("out", "x/theirs", b"", 0o644).expect("written");
            local.delete("local_file", &deep).expect("deleted");
            assert_eq!(files::entries("out", "x").expect("not empty"), ["theirs"]);
            local.delete("local_file", &kept).expect("deleted");
            assert_eq!(files::entries("out", "kept").expect("not ours"), ["file"]);
            let removed = file("n/f");
            files::remove("out", "n/f").expect("removed");
            files::remove("out", "n").expect("removed");
            let again = json!({"directory": "out", "filename": "n/f", "content": "2"});
            let state = local.update("local_file", &removed, &again).expect("made again").state().expect("done");
            local.delete("local_file", &state).expect("deleted");
            assert_eq!(files::entries("out", "").expect("read"), ["kept", "x"]);
        });
    }

    #[test]
    fn large_content_stays_out_of_the_state() {
        assert_eq!(show(&vec![b'a'; CONTENT_BYTES], false), (None, None));
        assert_eq!(show(&vec![0xff; CONTENT_BYTES], false), (None, None));
        assert!(show(&vec![0; 1000], false).0.is_some());
    }
}
