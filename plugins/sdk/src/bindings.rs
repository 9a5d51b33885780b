//! Generated from the contract in `wit/`. Authors rarely need it: the rest of the crate wraps all of it.

wit_bindgen::generate!({
    world: "provider-plugin",
    path: "wit",
    generate_all,
    pub_export_macro: true,
    export_macro_name: "export",
    default_bindings_module: "::cofferdam_sdk::bindings",
});
