//! `random_uuid`: a version 4 UUID.

use cofferdam_sdk::prelude::*;

use super::Keepers;

/// A random UUID (RFC 9562, version 4). A change of its keepers draws a new one.
#[properties]
pub(crate) struct Inputs {
    /// Any values; a change of one draws a new UUID.
    keepers: Keepers,
}

#[properties]
pub(crate) struct Outputs {
    /// The same as `result`.
    id: String,
    /// The UUID in lower case, with hyphens.
    result: String,
}

pub(crate) struct RandomUuid;

impl Resource for RandomUuid {
    const TYPE: &'static str = "random_uuid";
    type Session = ();
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn define() -> Definition<Self> {
        Definition::new(create)
            .create_is_idempotent()
            .identifier(["id"])
            .create_only(["keepers"])
            .stable(["id", "result"])
    }
}

fn create(_: &Cx<()>, _: &Inputs) -> Result<Write<RandomUuid>, Failure> {
    let mut bytes = [0; 16];
    random::fill(&mut bytes);
    let result = version_4(bytes);
    Ok(Write::done(Outputs { id: result.clone(), result }))
}

fn version_4(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let parts = [&bytes[..4], &bytes[4..6], &bytes[6..8], &bytes[8..10], &bytes[10..]];
    parts.map(hex::encode).join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_and_variant_are_set() {
        assert_eq!(version_4([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(version_4([0; 16]), "00000000-0000-4000-8000-000000000000");
    }
}
