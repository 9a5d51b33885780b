//! What is secret: `secret` reads one of the stage; the mark itself, `issensitive`, `nonsensitive`, `sensitive`.

use super::Function;

pub(super) const TABLE: &[Function] = &[
    Function::own("issensitive", 1, 1, |call| Ok(call.value(0).is_secret().into())),
    // Takes the mark of the value itself; marks of its parts stay, as in OpenTofu.
    Function::own("nonsensitive", 1, 1, |call| Ok(call.value(0).data().clone().into())),
    Function::deep("secret", 1, 1, |call| call.secrets.value(&call.text(0)?)),
    Function::own("sensitive", 1, 1, |call| Ok(call.value(0).clone().into_secret())),
];
