//! What nobody here wrote: providers in other languages, made from `wit/` as published by the tools of those languages,
//! and the services of a cloud. `tests/real/setup` installs all of it.

mod kms;
mod python;
