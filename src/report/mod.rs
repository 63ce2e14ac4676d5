//! The only owner of the terminal: what is said, to whom, and in which form. stdout is for data, stderr for talk.

mod console;
mod logs;
mod session;
mod table;
pub mod terminal;

pub use console::{Colour, Console, Tone};
pub use logs::{LogView, merge_logs};
pub use session::converse;
pub use table::Table;
