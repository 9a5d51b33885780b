//! `local_directory`: a directory in a granted directory.

use cofferdam_sdk::files::Kind;
use cofferdam_sdk::prelude::*;

use crate::{mode, paths};

/// A directory in a granted directory. One that exists is taken over; one that is not empty is never removed.
#[properties]
pub(crate) struct Inputs {
    /// The name of a directory that the `grant` block of the provider gives.
    directory: String,
    /// Path in that directory, with `/` between its parts.
    path: String,
    /// Permissions.
    #[serde(default = "permission")]
    permission: String,
}

fn permission() -> String {
    "0755".to_owned()
}

pub(crate) struct LocalDirectory;

impl Resource for LocalDirectory {
    const TYPE: &'static str = "local_directory";
    type Session = ();
    type Inputs = Inputs;
    type Outputs = ();

    fn define() -> Definition<Self> {
        Definition::new(create)
            .create_is_idempotent()
            .read(read)
            .update(|_, change| make(&change.inputs, change.prior.hidden()))
            .delete(delete)
            .check(check)
            .identifier(["directory", "path"])
            .create_only(["directory", "path"])
            .read_is_local()
    }
}

fn check(_: &Cx<()>, draft: &mut Draft, _: Option<&Prior<LocalDirectory>>) -> Result<Vec<Diagnostic>, Error> {
    draft.text("permission").map(|text| mode::parse("permission", text)).transpose()?;
    draft.text("path").map(|path| paths::check("path", path)).transpose()?;
    Ok(Vec::new())
}

fn create(_: &Cx<()>, inputs: &Inputs) -> Result<Write<LocalDirectory>, Failure> {
    let found = files::stat(&inputs.directory, &inputs.path)?;
    if found.is_some_and(|found| found.kind != Kind::Directory) {
        let text = format!("`{}` in directory `{}` exists and is no directory", inputs.path, inputs.directory);
        return Err(Error::already_exists(text).at("path").into());
    }
    make(inputs, &[])
}

fn make(inputs: &Inputs, hidden: &[u8]) -> Result<Write<LocalDirectory>, Failure> {
    let mode = mode::parse("permission", &inputs.permission)?;
    let made = paths::missing(&inputs.directory, &inputs.path)?;
    files::make_directory(&inputs.directory, &inputs.path, mode)?;
    Ok(Write::done(()).hidden(paths::topmost(made, hidden)))
}

fn read(_: &Cx<()>, target: &Target<LocalDirectory>) -> Result<Option<State<LocalDirectory>>, Error> {
    let (directory, path) = (target.key("directory")?, target.key("path")?);
    let found = files::stat(&directory, &path)?.filter(|found| found.kind == Kind::Directory);
    Ok(found.map(|found| {
        let known = target.state().and_then(|state| state.get("permission")).unwrap_or_else(permission);
        let permission = mode::show(found.mode, &known);
        State::new(Inputs { directory, path, permission }, ())
    }))
}

fn delete(_: &Cx<()>, prior: &Prior<LocalDirectory>) -> Result<Delete, Failure> {
    let (directory, path) = (prior.text("directory")?, prior.text("path")?);
    if files::stat(&directory, &path)?.is_none_or(|found| found.kind != Kind::Directory) {
        paths::remove_above(&directory, &path, prior.hidden());
        return Ok(Delete::Done);
    }
    // Not `conflict`, which the host retries: only the user can do something about it.
    if let Some(first) = files::entries(&directory, &path)?.first() {
        let text = format!("directory `{path}` is not empty: it holds `{first}`; move that away and deploy again");
        return Err(Error::other(text).into());
    }
    files::remove(&directory, &path)?;
    paths::remove_above(&directory, &path, prior.hidden());
    Ok(Delete::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;
    use cofferdam_sdk::testing::TestHost;

    #[test]
    fn only_an_empty_directory_is_removed() {
        test(TestHost::new(), |local| {
            let inputs = json!({"directory": "out", "path": "a"});
            let state = local.create("local_directory", &inputs).expect("created").state().expect("done");
            local.create("local_directory", &inputs).expect("one that exists is taken over");
            files::write("out", "a/x", b"", 0o644).expect("written");
            let error = local.delete("local_directory", &state).expect_err("not empty");
            assert!(error.error().message().contains("holds `x`"), "{error}");
            files::remove("out", "a/x").expect("removed");
            local.delete("local_directory", &state).expect("deleted");
            assert!(local.read("local_directory", &state).expect("read").is_none());
        });
    }

    #[test]
    fn directories_above_that_were_made_go_too() {
        test(TestHost::new(), |local| {
            let inputs = json!({"directory": "out", "path": "q/v/w"});
            let state = local.create("local_directory", &inputs).expect("created").state().expect("done");
            let state = local.update("local_directory", &state, &inputs).expect("updated").state().expect("done");
            local.delete("local_directory", &state).expect("deleted");
            assert!(files::entries("out", "").expect("read").is_empty());
        });
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        test(TestHost::new(), |local| {
            for path in ["./a", "x//b", "/a", "../a"] {
                let error = local.check("local_directory", &json!({"path": path}), &[]).expect_err("refused");
                assert_eq!(error.diagnostics()[0].at.as_deref(), Some("/path"), "{path}");
            }
            assert!(local.check("local_directory", &json!({"path": null}), &["/path"]).is_ok());
        });
    }
}
