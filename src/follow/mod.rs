//! What runs, followed: what containers write and how they end, from before they start on.
//!
//! | item | meaning |
//! |---|---|
//! | [`Follower`] | tells of lines and ends of a project's containers, in whatever order they start, end and start again |
//! | [`Seen`] | one such thing |
//! | [`Starts`] | tells only of containers that start |
//! | [`Cascade`] | whether the end of one container is to end them all |

mod cascade;
mod event;
mod follower;
mod starts;

pub use cascade::Cascade;
pub use follower::{Chosen, Follower, Seen};
pub use starts::{Start, Starts};
