//! How things look: plans, events, diagnostics, tables, values. stdout is data, stderr is talk.

pub mod diagnostics;
pub mod events;
pub mod live;
pub mod plan;
pub mod plan_json;
pub mod state_diff;
pub mod style;
pub mod table;
pub mod time;
pub mod value;
