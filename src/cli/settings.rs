use std::path::PathBuf;

use super::Failure;
use super::globals::Globals;
use crate::load::{Disk, Environment, Host};

/// Larger settings files are not read, in bytes.
const LARGEST_FILE: u64 = 64 << 10;

/// Adds what wharf's own settings file says to the environment: `NAME=value` lines whose names begin with `WHARF_`. What the shell
/// sets wins.
///
/// The file is `wharf/settings.env` in `XDG_CONFIG_HOME`, else in `~/.config`; there need not be one.
pub fn apply(environment: &mut Environment) -> Result<(), Failure> {
    let Some(path) = path(environment) else {
        return Ok(());
    };
    let Ok(text) = Host.read(&path, LARGEST_FILE) else {
        return Ok(());
    };
    for entry in dotenvy::from_read_iter(text.as_slice()) {
        let refuse = |why: String| Failure::Usage(format!("`{}`: {why}", path.display()));
        let (name, value) = entry.map_err(|error| refuse(error.to_string()))?;
        if !name.starts_with("WHARF_") {
            return Err(refuse(format!(
                "`{name}` is no setting of wharf; names of settings begin with `WHARF_`"
            )));
        }
        environment.variables.entry(name).or_insert(value);
    }
    Ok(())
}

fn path(environment: &Environment) -> Option<PathBuf> {
    let base = match environment.get("XDG_CONFIG_HOME") {
        Some(base) if !base.is_empty() => PathBuf::from(base),
        _ => environment.home.as_ref()?.join(".config"),
    };
    Some(base.join("wharf/settings.env"))
}

/// Settings are the defaults of options that were not given: `WHARF_PROGRESS`, `WHARF_ANSI`, `WHARF_PARALLEL`, `WHARF_STACK`.
pub fn fill(globals: &mut Globals, environment: &Environment) -> Result<(), Failure> {
    fn choice<T: clap::ValueEnum>(name: &str, text: &str) -> Result<T, Failure> {
        T::from_str(text, true).map_err(|_| {
            let known: Vec<String> = T::value_variants()
                .iter()
                .filter_map(|value| Some(value.to_possible_value()?.get_name().to_owned()))
                .collect();
            Failure::Usage(format!(
                "`{name}={text}` is unknown; it can be {}",
                known.join(", ")
            ))
        })
    }
    let defaults = Globals::default();
    if let Some(text) = environment.get("WHARF_PROGRESS")
        && globals.progress == defaults.progress
    {
        globals.progress = choice("WHARF_PROGRESS", text)?;
    }
    if let Some(text) = environment.get("WHARF_ANSI")
        && globals.ansi == defaults.ansi
    {
        globals.ansi = choice("WHARF_ANSI", text)?;
    }
    if let Some(text) = environment.get("WHARF_PARALLEL")
        && globals.parallel == -1
    {
        globals.parallel = text.parse().map_err(|_| {
            Failure::Usage(format!(
                "`WHARF_PARALLEL={text}` is no number; -1 means no limit"
            ))
        })?;
    }
    if globals.as_compose {
        fill_as_compose(globals, environment);
    }
    if globals.stack.is_none() {
        globals.stack = environment.get("WHARF_STACK").map(str::to_owned);
    }
    Ok(())
}

/// The variables by which Compose is told the same; a value that it does not know is none.
/// <https://docs.docker.com/compose/how-tos/environment-variables/envvars/>
fn fill_as_compose(globals: &mut Globals, environment: &Environment) {
    fn known<T: clap::ValueEnum>(text: Option<&str>) -> Option<T> {
        T::from_str(text?, true).ok()
    }
    let defaults = Globals::default();
    if globals.progress == defaults.progress
        && let Some(progress) = known(environment.get("COMPOSE_PROGRESS"))
    {
        globals.progress = progress;
    }
    if globals.ansi == defaults.ansi
        && let Some(ansi) = known(environment.get("COMPOSE_ANSI"))
    {
        globals.ansi = ansi;
    }
    if globals.parallel == -1
        && let Some(Ok(limit)) = environment.get("COMPOSE_PARALLEL_LIMIT").map(str::parse)
    {
        globals.parallel = limit;
    }
    globals.compatibility |= is_true(environment.get("COMPOSE_COMPATIBILITY"));
    globals.status_on_stdout = is_true(environment.get("COMPOSE_STATUS_STDOUT"));
}

/// Whether a variable is set to something true.
pub fn is_true(value: Option<&str>) -> bool {
    matches!(
        value.unwrap_or_default().to_ascii_lowercase().as_str(),
        "1" | "t" | "true" | "y" | "yes" | "on"
    )
}
