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

/// The same command line once more, in a process of its own, with an option added to those of the verb.
pub fn again(option: &str) -> std::io::Result<std::process::Command> {
    let mut command = std::process::Command::new(std::env::current_exe()?);
    let mut words: Vec<std::ffi::OsString> = std::env::args_os().skip(1).collect();
    let end = words
        .iter()
        .position(|word| word == "--")
        .unwrap_or(words.len());
    words.insert(end, option.into());
    command.args(words);
    Ok(command)
}
