//! Workflows for the machines that build, test and release a project: written from what the project declares.

mod recipe;

pub use recipe::{Forge, Recipe};
