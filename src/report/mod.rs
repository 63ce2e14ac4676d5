//! The only owner of the terminal: what is said, to whom, and in which form. stdout is for data, stderr for talk.

mod console;
mod table;

pub use console::{Colour, Console, Tone};
pub use table::Table;
