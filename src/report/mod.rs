//! The only owner of the terminal: what is said, to whom, and in which form. stdout is for data, stderr for talk.

mod board;
mod build_line;
mod build_view;
mod compose_lines;
mod console;
mod detach;
pub mod gotemplate;
mod image_tree;
mod logs;
mod outcome;
mod progress;
pub mod prose;
mod session;
mod ship_view;
mod step_lines;
mod table;
pub mod terminal;
mod timings;

pub use board::Board;
pub use console::{Colour, Console, Tone};
pub use image_tree::{TreeImage, TreeRow, image_tree};
pub use logs::{LogView, merge_logs};
pub use outcome::outcome_table;
pub use progress::{Progress, ProgressStyle, short_id};
pub use session::{Ended, converse};
pub use ship_view::ShipView;
pub use table::Table;
pub use timings::waterfall;
