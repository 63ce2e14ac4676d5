use std::process::ExitCode;

/// The C library's allocator takes more than linear time for the many small values of large projects.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    wharf::cli::main()
}
