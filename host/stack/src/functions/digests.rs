//! Digests of text: `base64sha256`, `base64sha512`, `md5`, `sha1`, `sha256`, `sha512`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cofferdam_model::Value;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::{Call, Fault, Function};

pub(super) const TABLE: &[Function] = &[
    Function::deep("base64sha256", 1, 1, |call| {
        Ok(Value::string(STANDARD.encode(Sha256::digest(call.text(0)?.as_bytes()))))
    }),
    Function::deep("base64sha512", 1, 1, |call| {
        Ok(Value::string(STANDARD.encode(Sha512::digest(call.text(0)?.as_bytes()))))
    }),
    Function::deep("md5", 1, 1, in_hex::<Md5>),
    Function::deep("sha1", 1, 1, in_hex::<Sha1>),
    Function::deep("sha256", 1, 1, in_hex::<Sha256>),
    Function::deep("sha512", 1, 1, in_hex::<Sha512>),
];

fn in_hex<D: Digest>(call: &Call<'_>) -> Result<Value, Fault> {
    Ok(Value::string(hex::encode(D::digest(call.text(0)?.as_bytes()))))
}
