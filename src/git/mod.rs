//! The program `git`, called to fetch repositories that may be a stranger's.
//!
//! Who calls it says how it may reach them ([`Git`]), and what it does when a server does not give out a commit by its id
//! ([`Otherwise`]).

mod check_out;
mod program;

pub use check_out::Otherwise;
pub use program::{Git, GitFailure};
