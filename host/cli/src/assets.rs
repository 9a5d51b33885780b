//! Assets that plugins publish: for which stage, and what is said of an upload.

use std::sync::Arc;

use cofferdam_home::{AwsBootstrap, Uploading};
use cofferdam_model::assets::{Asset, AssetLocation};
use cofferdam_model::error::{ErrorKind, ProviderError};
use serde_json::json;

use crate::bootstraps::{Preparing, blocking};

/// Uploads of more bytes are told of before they begin.
const LONG: u64 = 16 * 1024 * 1024;

/// Publishes an asset in the name of the stage that the command writes.
pub async fn publish(
    bootstrap: Arc<AwsBootstrap>,
    preparing: Preparing,
    asset: Asset,
) -> Result<AssetLocation, ProviderError> {
    let Some(owner) = preparing.owner.lock().clone() else {
        let text = "this command writes no stage, and so publishes nothing";
        return Err(ProviderError::new(ErrorKind::Unsupported, text));
    };
    blocking(move || {
        let upload = Upload { preparing: &preparing, asset: &asset };
        let published = bootstrap.publish(&asset, &owner, &upload)?;
        let AssetLocation { bucket, key, .. } = &published.location;
        let status = if published.is_found { "found" } else { "uploaded" };
        upload.event(status, &json!({ "bucket": bucket, "key": key }));
        if !published.is_found {
            let said = format!("asset `{}` ({}) is in bucket `{bucket}`", asset.name, bytes(asset.size));
            preparing.reporter.say(&said);
        }
        Ok(published.location)
    })
    .await
}

/// Draws an upload.
struct Upload<'u> {
    preparing: &'u Preparing,
    asset: &'u Asset,
}

impl Upload<'_> {
    fn event(&self, status: &str, more: &serde_json::Value) {
        let Asset { name, digest, size, .. } = self.asset;
        let mut line = json!({ "type": "asset", "asset": name, "digest": digest, "bytes": size, "status": status });
        if let (Some(line), Some(more)) = (line.as_object_mut(), more.as_object()) {
            line.extend(more.clone());
        }
        self.preparing.reporter.json(&line);
    }
}

impl Uploading for Upload<'_> {
    fn is_stopped(&self) -> bool {
        self.preparing.cancel.level().is_some()
    }

    fn begins(&self, left: u64) {
        self.event("uploading", &json!({ "bytes_left": left }));
        if left > LONG {
            let part = if left < self.asset.size { format!("{} of ", bytes(left)) } else { String::new() };
            let said = format!("uploading asset `{}`: {part}{}", self.asset.name, bytes(self.asset.size));
            self.preparing.reporter.say(&said);
        }
    }
}

/// A size for people.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 3] = ["KiB", "MiB", "GiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let (mut tenths, mut unit) = (bytes * 10 / 1024, 0);
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_are_short() {
        let cases = [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (20 * 1024 * 1024, "20.0 MiB")];
        for (size, text) in cases {
            assert_eq!(bytes(size), text);
        }
        assert_eq!(bytes(5 * 1024 * 1024 * 1024), "5.0 GiB");
    }
}
