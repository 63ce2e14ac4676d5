//! The program `git`, called to fetch repositories that may be a stranger's, and to look at the one that is worked on.
//!
//! Who fetches says how it may reach a repository ([`Git::fetching`]), and what it does when a server does not give out a commit
//! by its id ([`Otherwise`]).

mod check_out;
mod ignored;
mod program;

pub use check_out::Otherwise;
pub use program::{Git, GitFailure};
