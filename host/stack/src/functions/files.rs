//! Files of the project: `file`, `filebase64`, `fileexists` and digests of files.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cofferdam_model::Value;
use sha2::{Digest as _, Sha256, Sha512};

use super::{Call, Fault, Function};

pub(super) const TABLE: &[Function] = &[
    Function::deep("file", 1, 1, |call| {
        let bytes = read(call)?;
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Value::string(text)),
            Err(_) => Err(Fault::of(0, "the file is no UTF-8 text; `filebase64` reads any file")),
        }
    }),
    Function::deep("filebase64", 1, 1, |call| Ok(Value::string(STANDARD.encode(read(call)?)))),
    Function::deep("filebase64sha256", 1, 1, |call| Ok(Value::string(STANDARD.encode(Sha256::digest(read(call)?))))),
    Function::deep("fileexists", 1, 1, |call| {
        call.files.exists(&call.text(0)?).map(Value::from).map_err(|text| Fault::of(0, text))
    }),
    Function::deep("filemd5", 1, 1, |call| Ok(Value::string(hex::encode(md5::Md5::digest(read(call)?))))),
    Function::deep("filesha1", 1, 1, |call| Ok(Value::string(hex::encode(sha1::Sha1::digest(read(call)?))))),
    Function::deep("filesha256", 1, 1, |call| Ok(Value::string(hex::encode(Sha256::digest(read(call)?))))),
    Function::deep("filesha512", 1, 1, |call| Ok(Value::string(hex::encode(Sha512::digest(read(call)?))))),
];

fn read(call: &Call<'_>) -> Result<std::sync::Arc<[u8]>, Fault> {
    call.files.read(&call.text(0)?).map_err(|text| Fault::of(0, text))
}
