//! A resource that does nothing: something to depend on, replaced when its triggers change. The smallest provider.

use std::collections::BTreeMap;

use cofferdam_sdk::prelude::*;

cofferdam_sdk::export!(Null);

struct Null;

impl Provider for Null {
    const NAME: &'static str = "null";
    type Config = NoConfig;
    type Session = ();

    fn define() -> Plugin<Self> {
        Plugin::new().resource::<NullResource>()
    }

    fn configure(_: &Cx<()>, _: NoConfig) -> Result<(), Error> {
        Ok(())
    }
}

struct NullResource;

/// Does nothing; a change of its triggers replaces it.
#[properties]
struct Inputs {
    /// Any texts; a change of one makes a new object with a new id.
    triggers: Option<BTreeMap<String, String>>,
}

#[properties]
struct Outputs {
    /// Sixteen random hexadecimal digits.
    id: String,
}

impl Resource for NullResource {
    const TYPE: &'static str = "null_resource";
    type Session = ();
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn define() -> Definition<Self> {
        Definition::new(create).create_is_idempotent().identifier(["id"]).create_only(["triggers"]).stable(["id"])
    }
}

fn create(_: &Cx<()>, _: &Inputs) -> Result<Write<NullResource>, Failure> {
    let id = random::bytes(8).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Write::done(Outputs { id }))
}
