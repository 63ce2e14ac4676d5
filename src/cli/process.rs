use crate::load::Environment;

/// Reads what wharf knows of its own process; the only place that does.
pub fn environment() -> Environment {
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    Environment {
        variables,
        working_directory: std::env::current_dir().unwrap_or_else(|_| "/".into()),
        home: std::env::home_dir(),
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
    }
}
