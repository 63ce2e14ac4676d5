//! Where a value comes from: its history from the lowest layer up, as text and as JSON.

mod environment;
mod explanation;
mod json;
mod mask;
mod pattern;
mod step;
mod text;

pub use environment::{EnvironmentView, environment};
pub use explanation::{Explanation, explain};
pub use json::to_json;
pub use pattern::{Pattern, PatternError};
pub use step::{Addition, Operation, Step};
pub use text::{Look, to_text};
