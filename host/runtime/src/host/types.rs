//! `types`: a vocabulary without functions.

use super::Guest;
use crate::contract::v0_1::imports::types;

impl types::Host for Guest {}
