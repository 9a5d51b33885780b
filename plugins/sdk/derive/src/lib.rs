//! The attribute macro `#[properties]` of `cofferdam-sdk`. It only adds derives and the paths they need, so it works on
//! tokens and has no dependencies.

use proc_macro::TokenStream;

/// The derives that a set of properties needs, through the SDK's own copies of serde and schemars.
const DERIVES: &str = r#"
#[derive(
    ::core::clone::Clone, ::core::fmt::Debug, ::core::cmp::PartialEq,
    ::cofferdam_sdk::serde::Serialize, ::cofferdam_sdk::serde::Deserialize, ::cofferdam_sdk::schemars::JsonSchema,
)]
#[serde(crate = "::cofferdam_sdk::serde")]
#[schemars(crate = "::cofferdam_sdk::schemars")]
"#;

/// Makes a struct or an enum usable as properties: `Clone`, `Debug`, `PartialEq`, `Serialize`, `Deserialize` and
/// `JsonSchema`, without serde or schemars among the crate's own dependencies.
///
/// Put it above every other attribute; `#[serde(…)]` and `#[schemars(…)]` work as usual below it.
#[proc_macro_attribute]
pub fn properties(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let prefix =
        if arguments.is_empty() { DERIVES } else { "::core::compile_error!(\"`properties` takes no arguments\");" };
    // The text is a constant of this file, so the error branch is never taken.
    let mut out = prefix.parse::<TokenStream>().unwrap_or_default();
    out.extend(item);
    out
}
