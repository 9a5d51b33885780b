//! What a plugin has to say. Lines are redacted and cut at 8 KiB by the host; stdout and stderr become lines too.

use crate::bindings::cofferdam::provider::log as wit;
use crate::host;

pub use wit::Level;

/// One structured line.
pub fn write(level: Level, message: &str, fields: &[(&str, &str)]) {
    let fields: Vec<_> = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    host::with(|host| host.log(level, message, &fields));
}

/// A line for whoever looks for a fault.
pub fn debug(message: impl AsRef<str>) {
    write(Level::Debug, message.as_ref(), &[]);
}

/// A line for the record of the run.
pub fn info(message: impl AsRef<str>) {
    write(Level::Info, message.as_ref(), &[]);
}

/// A line that the user should see.
pub fn warn(message: impl AsRef<str>) {
    write(Level::Warn, message.as_ref(), &[]);
}

/// A line about something that failed.
pub fn error(message: impl AsRef<str>) {
    write(Level::Error, message.as_ref(), &[]);
}

/// The line beside the resource in the progress display; the last one stands.
pub fn progress(note: impl AsRef<str>) {
    host::with(|host| host.progress(note.as_ref()));
}
