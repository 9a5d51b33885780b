//! Contract 0.1.

pub(crate) mod bootstrapper;
pub(crate) mod convert;

wasmtime::component::bindgen!({
    path: "../../wit/0.1.0",
    world: "provider-plugin",
    imports: {
        "cofferdam:provider/http.send": async | trappable,
        "cofferdam:provider/bootstrap.ensure": async | trappable,
        "cofferdam:provider/assets": async | trappable,
        "cofferdam:provider/files": async | trappable,
        default: trappable,
    },
    exports: { default: async },
});

pub(crate) use cofferdam::provider as imports;
pub(crate) use exports::cofferdam::provider::provider as exported;
