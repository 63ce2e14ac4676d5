//! What `wharf config` prints of a resolved project.

mod view;

pub use view::{Format, View};
