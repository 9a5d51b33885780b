//! Writes a zip archive that depends on names and contents alone.

use std::io::{Cursor, Write as _};

use cofferdam_sdk::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::source::Source;

/// Every file with the same mode and the first time that zip can tell, 1980-01-01.
pub(super) fn zip(source: &Source, mode: u32) -> Result<Vec<u8>, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::internal(format!("cannot write the archive: {error}"));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(mode);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for path in &source.paths {
        let content = source.content(path)?;
        writer.start_file(path.as_str(), options).map_err(|error| failed(&error))?;
        writer.write_all(&content).map_err(|error| failed(&error))?;
    }
    writer.finish().map(Cursor::into_inner).map_err(|error| failed(&error))
}
