//! The only owner of the terminal: what is said, to whom, and in which form. stdout is for data, stderr for talk.

mod board;
mod console;
mod logs;
mod outcome;
mod progress;
pub mod prose;
mod session;
mod ship_view;
mod table;
pub mod terminal;
mod timings;

pub use board::Board;
pub use console::{Colour, Console, Tone};
pub use logs::{LogView, merge_logs};
pub use outcome::outcome_table;
pub use progress::{Progress, ProgressStyle, short_id};
pub use session::converse;
pub use ship_view::ShipView;
pub use table::Table;
pub use timings::waterfall;
