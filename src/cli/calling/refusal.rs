use std::ffi::OsString;

use clap::Command;

use super::switches::option_of;

/// What to say of an option that stands behind the verb and belongs in front of it. `line` is what was called, the program's name
/// first; `root` knows the options in front. `None`: the option is refused for another reason.
pub fn belongs_in_front(
    error: &clap::Error,
    line: &[OsString],
    root: &Command,
    verb: &str,
) -> Option<String> {
    use clap::error::{ContextKind, ContextValue, ErrorKind};
    let Some(ContextValue::String(unknown)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let name = unknown.split(['=', ' ']).next().unwrap_or(unknown);
    let option = option_of(root, name)?;
    let words: Vec<String> = line
        .iter()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let at = words
        .iter()
        .position(|word| word == name || word.starts_with(&format!("{name}=")))?;
    let length = match option.get_action().takes_values() && !words.get(at)?.contains('=') {
        true => 2,
        false => 1,
    };
    let (mut moved, mut stay) = (Vec::new(), Vec::new());
    for (place, word) in words.into_iter().enumerate() {
        match (at..at + length).contains(&place) {
            true => moved.push(word),
            false => stay.push(word),
        }
    }
    let (moved, stay) = (moved.join(" "), stay.join(" "));
    Some(format!(
        "error: `{name}` stands in front of the verb `{verb}`, not behind it\nhelp: write `wharf {moved} {stay}`"
    ))
}

/// Whether the line names no verb, or `help`: Compose then tells what there is, and is content.
pub fn asks_for_help(error: &clap::Error) -> bool {
    use clap::error::{ContextKind, ContextValue};
    has_help(error)
        || matches!(
            error.get(ContextKind::InvalidSubcommand),
            Some(ContextValue::String(verb)) if verb == "help"
        )
}

/// Whether the error is the help of what the line names, without a verb below it.
pub fn has_help(error: &clap::Error) -> bool {
    error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
}

/// What Compose says of an argument that it does not know. `verb`: the one that the line names. `None`: it is refused for another
/// reason.
pub fn refusal_of_compose(error: &clap::Error, verb: Option<&str>) -> Option<String> {
    use clap::error::{ContextKind, ContextValue, ErrorKind};
    let word = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.clone()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let word = word(ContextKind::InvalidArg)?;
            let flag = word.split(['=', ' ']).next().unwrap_or(&word);
            Some(match flag.strip_prefix('-') {
                Some(letter) if !letter.starts_with('-') => {
                    format!("unknown shorthand flag: '{letter}' in {flag}")
                }
                _ => format!("unknown flag: {flag}"),
            })
        }
        ErrorKind::InvalidSubcommand => {
            let unknown = word(ContextKind::InvalidSubcommand)?;
            let below = verb.map(|verb| format!("{verb} ")).unwrap_or_default();
            Some(format!(
                "unknown docker command: \"compose {below}{unknown}\""
            ))
        }
        ErrorKind::MissingRequiredArgument => {
            Some("requires at least 1 arg(s), only received 0".to_owned())
        }
        ErrorKind::TooFewValues => match (
            error.get(ContextKind::MinValues),
            error.get(ContextKind::ActualNumValues),
        ) {
            (Some(ContextValue::Number(least)), Some(ContextValue::Number(given))) => Some(
                format!("requires at least {least} arg(s), only received {given}"),
            ),
            _ => None,
        },
        ErrorKind::ArgumentConflict => {
            let flag = option_alone(&word(ContextKind::InvalidArg)?);
            let other = match error.get(ContextKind::PriorArg)? {
                ContextValue::String(other) => option_alone(other),
                ContextValue::Strings(others) => option_alone(others.first()?),
                _ => return None,
            };
            Some(match flag == "--detach" || other == "--detach" {
                true => DETACHED_ALONE.to_owned(),
                false => format!("{flag} and {other} are incompatible"),
            })
        }
        ErrorKind::InvalidValue => {
            let flag = option_alone(&word(ContextKind::InvalidArg)?);
            let value = word(ContextKind::InvalidValue)?;
            Some(match flag.as_str() {
                "--progress" => format!("unsupported --progress value {value:?}"),
                "--rmi" => format!("invalid value for --rmi: {value:?}"),
                _ => format!("invalid {flag} option {value:?}"),
            })
        }
        _ => None,
    }
}

const DETACHED_ALONE: &str = "--detach cannot be combined with --abort-on-container-exit, --abort-on-container-failure, --attach, \
     --attach-dependencies or --watch";

/// `--pull` of `--pull <WHEN>`, `--attach` of `--attach[=<SERVICE>]`.
fn option_alone(shown: &str) -> String {
    let name = shown.split([' ', '=', '[']).next().unwrap_or(shown);
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    #[test]
    fn an_option_behind_the_verb_is_shown_in_front_of_it() {
        use clap::ArgAction;
        let option = |name: &'static str| Arg::new(name).long(name).action(ArgAction::Append);
        let root = Command::new("wharf")
            .arg(option("env"))
            .arg(Arg::new("files").short('f').action(ArgAction::Append))
            .subcommand(Command::new("ps").arg(Arg::new("words").num_args(0..)));
        let told = |line: &[&str]| {
            let error = root.clone().try_get_matches_from(line).unwrap_err();
            let line: Vec<OsString> = line.iter().map(OsString::from).collect();
            belongs_in_front(&error, &line, &root, "ps")
        };
        let help = |told: Option<String>| {
            told.and_then(|told| Some(told.split_once("help: write ")?.1.to_owned()))
        };
        assert_eq!(
            help(told(&["wharf", "ps", "--env", "prod", "web"])).as_deref(),
            Some("`wharf --env prod ps web`")
        );
        assert_eq!(
            help(told(&["wharf", "ps", "--env=prod"])).as_deref(),
            Some("`wharf --env=prod ps`")
        );
        assert_eq!(
            help(told(&["wharf", "ps", "-f", "a.yml"])).as_deref(),
            Some("`wharf -f a.yml ps`")
        );
        assert_eq!(told(&["wharf", "ps", "--other"]), None);
    }

    #[test]
    fn what_does_not_go_together_is_refused_in_the_words_of_compose() {
        use clap::ArgAction;
        let switch = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
        let command = Command::new("x")
            .arg(switch("build").conflicts_with("no-build"))
            .arg(switch("no-build"))
            .arg(switch("detach"))
            .arg(switch("watch").conflicts_with("detach"))
            .arg(Arg::new("pull").long("pull").value_parser(["always"]));
        let refused = |line: &[&str]| {
            let error = command.clone().try_get_matches_from(line).unwrap_err();
            refusal_of_compose(&error, None).unwrap_or_default()
        };
        assert_eq!(
            refused(&["x", "--build", "--no-build"]),
            "--build and --no-build are incompatible"
        );
        assert_eq!(refused(&["x", "--watch", "--detach"]), DETACHED_ALONE);
        assert_eq!(
            refused(&["x", "--pull", "sometimes"]),
            "invalid --pull option \"sometimes\""
        );
    }
}
