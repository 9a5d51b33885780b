//! One module per version of the contract: generated bindings, and the conversion to the host's own types at the edge.

pub(crate) mod v0_1;
