//! Plugins made for one test: from component text, or from the hostile fixture with another answer to `describe`.

use std::fs;

use crate::paths;

/// Stands before the script in the hostile fixture; the same text is in its source.
const MARK: &[u8] = b"cofferdam-fixture-script:";
/// The room for the script behind the mark, as in its source.
const ROOM: usize = 4096;

/// Assembles a component (or a module) from the text in `tests/guests/<name>.wat`.
#[must_use]
pub fn from_text(name: &str) -> Vec<u8> {
    let path = paths::guests().join(format!("{name}.wat"));
    wat::parse_file(&path).unwrap_or_else(|error| panic!("`{}` is no WebAssembly text: {error}", path.display()))
}

/// The hostile fixture with a script for its `describe`: see there.
#[must_use]
pub fn described(script: &str) -> Vec<u8> {
    assert!(script.len() <= ROOM, "a script has at most {ROOM} bytes");
    let mut bytes = fs::read(paths::fixture("fixture-hostile")).expect("the fixture was just seen");
    let found: Vec<usize> =
        bytes.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK).map(|(at, _)| at).collect();
    let [at] = found[..] else { panic!("the hostile fixture has {} places for a script", found.len()) };
    let room = &mut bytes[at + MARK.len()..][..ROOM];
    room.fill(b' ');
    room[..script.len()].copy_from_slice(script.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_webassembly() {
        for entry in fs::read_dir(paths::guests()).expect("the folder of the fixtures").flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "wat") {
                let name = path.file_stem().expect("it has an extension").to_string_lossy().into_owned();
                assert!(from_text(&name).starts_with(b"\0asm"), "{name}");
            }
        }
    }
}
