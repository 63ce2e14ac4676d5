pub mod buildkit;
