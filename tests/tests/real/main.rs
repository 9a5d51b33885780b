//! Plugins that nobody here compiles: providers in other languages, made from `wit/` as published by the tools of those
//! languages. `tests/real/setup` installs the tools.

mod python;
