//! Cargo's build script: how the program is linked. It is no part of the program.
//!
//! The table of relocations is 0.7 MB, which every run reads as a whole before it does anything. Packed, as the dynamic
//! linker of glibc 2.36 and later can read it, it is 7 kB.
//! <https://sourceware.org/glibc/wiki/Release/2.36>

#![allow(
    clippy::disallowed_methods,
    reason = "a build script is told what it has to know by its environment"
)]

use std::env;
use std::process::Command;

/// The first glibc that reads packed relocations. A program that has them does not start with an earlier one.
const READS_PACKED: (u32, u32) = (2, 36);

fn main() {
    println!("cargo::rerun-if-changed=src/link.rs");
    let is = |name: &str, wanted: &str| env::var(name).is_ok_and(|value| value == wanted);
    let for_glibc = is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu");
    // Only this machine's own glibc can be asked for its version.
    let native = env::var("HOST") == env::var("TARGET");
    if for_glibc && native && glibc().is_some_and(|version| version >= READS_PACKED) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// `getconf` says `glibc 2.36`.
fn glibc() -> Option<(u32, u32)> {
    let output = Command::new("getconf")
        .arg("GNU_LIBC_VERSION")
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
