//! Paths in granted directories, and the directories that have to be made above them.

use cofferdam_sdk::files::Kind;
use cofferdam_sdk::prelude::*;

/// Refuses what the host refuses as a path, already in the plan.
pub(crate) fn check(property: &str, path: &str) -> Result<(), Error> {
    let wrong = |part: &str| matches!(part, "" | "." | "..");
    if path.split('/').any(wrong) || path.contains(|c: char| c == '\\' || c.is_control()) {
        let text =
            "is a path in the directory, such as `a/b.txt`: `/` between its parts, none of them empty, `.` or `..`";
        return Err(Error::invalid_input(text).at(property));
    }
    Ok(())
}

/// The directories above a path, the deepest first.
fn above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| path.rsplit_once('/').map(|(parent, _)| parent)).skip(1)
}

/// The topmost of the directories above a path that are not there: what an object keeps as `hidden` if it makes them.
pub(crate) fn missing(directory: &str, path: &str) -> Result<Option<String>, Error> {
    let mut missing = None;
    for parent in above(path) {
        if files::stat(directory, parent)?.is_some() {
            break;
        }
        missing = Some(parent.to_owned());
    }
    Ok(missing)
}

/// Makes the directories that hold a file, as far as they are missing; answers what [`missing`] does.
pub(crate) fn make_above(directory: &str, path: &str, mode: u32) -> Result<Option<String>, Error> {
    let missing = missing(directory, path)?;
    if let (Some(_), Some(parent)) = (&missing, above(path).next()) {
        files::make_directory(directory, parent, mode)?;
    }
    Ok(missing)
}

/// The topmost directory that an object made, in this write or an earlier one.
pub(crate) fn topmost(made: Option<String>, hidden: &[u8]) -> Vec<u8> {
    match made {
        Some(made) if hidden.is_empty() || made.len() < hidden.len() => made.into_bytes(),
        _ => hidden.to_vec(),
    }
}

/// Removes the directories that an object made above its path, as far as they are empty. What stands in the way stays:
/// the object itself is gone already.
pub(crate) fn remove_above(directory: &str, path: &str, hidden: &[u8]) {
    for parent in above(path).take_while(|parent| parent.len() >= hidden.len() && !hidden.is_empty()) {
        match files::stat(directory, parent) {
            Ok(None) => {}
            Ok(Some(found)) if found.kind == Kind::Directory && is_empty(directory, parent) => {
                if let Err(error) = files::remove(directory, parent) {
                    log::warn(format!("directory `{parent}` stays: {error}"));
                    return;
                }
            }
            _ => return,
        }
    }
}

fn is_empty(directory: &str, path: &str) -> bool {
    files::entries(directory, path).is_ok_and(|names| names.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_plain() {
        for path in ["a", "a/b.txt", "a b/.c"] {
            check("path", path).expect("allowed");
        }
        for path in ["", "./a", "x//b", "/a", "a/", "../a", "a/..", "a\\b", "a\n"] {
            assert!(check("path", path).is_err(), "{path}");
        }
    }
}
