//! Generated from the contract in `wit/`. Authors rarely need it: the rest of the crate wraps all of it.

wit_bindgen::generate!({
    world: "provider-plugin",
    path: "wit",
    generate_all,
    pub_export_macro: true,
    export_macro_name: "export",
    default_bindings_module: "::cofferdam_sdk::bindings",
});

/// The optional export `bootstrapper`, over the same types.
pub mod bootstrapper {
    wit_bindgen::generate!({
        inline: "
            package cofferdam:sdk;
            world bootstrapping {
                export cofferdam:provider/bootstrapper@0.1.0;
            }
        ",
        path: "wit",
        with: { "cofferdam:provider/types@0.1.0": crate::bindings::cofferdam::provider::types },
        pub_export_macro: true,
        export_macro_name: "export_bootstrapper",
        default_bindings_module: "::cofferdam_sdk::bindings::bootstrapper",
    });
}
