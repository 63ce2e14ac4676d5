//! The merged document becomes a typed project: long forms, defaults, absolute paths, active profiles, checked.
