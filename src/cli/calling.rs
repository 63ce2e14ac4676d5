use std::ffi::OsString;
use std::path::Path;

use clap::{Arg, Command};

/// Under which name, and so with which manners, wharf is called.
#[derive(Debug, PartialEq)]
pub enum Calling {
    /// As itself.
    Wharf(Vec<OsString>),
    /// As `docker-compose`, by itself or as a plugin of the Docker CLI.
    Compose(Vec<OsString>),
    /// The Docker CLI asks what plugin this is.
    Introduction,
}

/// The argument with which the Docker CLI asks its plugins for their metadata.
/// <https://pkg.go.dev/github.com/docker/cli/cli-plugins/metadata>
const INTRODUCTION: &str = "docker-cli-plugin-metadata";

impl Calling {
    /// Of a command line, the program's own name first.
    pub fn of(mut line: Vec<OsString>) -> Calling {
        if line.get(1).is_some_and(|word| word == INTRODUCTION) {
            return Calling::Introduction;
        }
        let is_compose = line
            .first()
            .and_then(|program| Path::new(program).file_name())
            .is_some_and(|name| name == "docker-compose");
        if !is_compose {
            return Calling::Wharf(asking_for_help(line));
        }
        // The Docker CLI hands over the word by which it found the plugin, after its own options.
        if let Some(at) = end_of_docker_options(&line)
            && line.get(at).is_some_and(|word| word == "compose")
        {
            line.remove(at);
        }
        if let Some(word) = line.get_mut(1)
            && (word == "-v" || word == "--version")
        {
            *word = "version".into();
        }
        Calling::Compose(with_values(asking_for_help(line)))
    }
}

/// `help up` as `up --help`, `help` alone as `--help`.
fn asking_for_help(mut line: Vec<OsString>) -> Vec<OsString> {
    if line.get(1).is_some_and(|word| word == "help") {
        line.remove(1);
        line.push("--help".into());
    }
    line
}

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

/// The first word behind options that the Docker CLI takes itself, in front of `compose`. `None`: there is none.
/// <https://docs.docker.com/reference/cli/docker/#options>
fn end_of_docker_options(line: &[OsString]) -> Option<usize> {
    let mut at = 1;
    while let Some(word) = line.get(at)?.to_str().filter(|word| word.starts_with('-')) {
        at += match word {
            "--config" | "--context" | "-c" | "--host" | "-H" | "--log-level" | "-l" => 2,
            _ => 1,
        };
    }
    Some(at)
}

/// `--attach` has a value of its own under Compose's name, where wharf takes the next word for a service.
fn with_values(line: Vec<OsString>) -> Vec<OsString> {
    let mut words = line.into_iter();
    let mut joined = Vec::new();
    while let Some(mut word) = words.next() {
        if word == "--" {
            joined.push(word);
            joined.extend(words);
            break;
        }
        if word == "--attach"
            && let Some(value) = words.next()
        {
            word.push("=");
            word.push(value);
        }
        joined.push(word);
    }
    joined
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

/// A command line whose switches have no values.
pub struct Plain {
    pub words: Vec<OsString>,
    /// The verb that the line names, with its arguments. `None`: it names none that there is.
    pub verb: Option<Command>,
}

/// `alpha publish` is what `publish` was called. Switches with a value, `--detach=true`, as Compose takes them: `true` is the switch alone, `false` is none. `root` and what
/// `verb` gives for a name know which options are switches.
pub fn with_plain_switches(
    line: Vec<OsString>,
    root: &Command,
    verb: impl Fn(&str) -> Option<Command>,
) -> Plain {
    let mut words = line.into_iter().peekable();
    let mut plain: Vec<OsString> = words.by_ref().take(1).collect();
    let mut named: Option<Command> = None;
    let mut below: Option<Command> = None;
    while let Some(word) = words.next() {
        let command = below.as_ref().or(named.as_ref()).unwrap_or(root);
        let text = word.to_string_lossy().into_owned();
        let was_alpha = |next: &OsString| next == "publish";
        if named.is_none() && text == "alpha" && words.peek().is_some_and(was_alpha) {
            continue;
        }
        if !text.starts_with('-') || text == "-" || text == "--" {
            let ends_here =
                text == "--" || command.get_positionals().any(Arg::is_trailing_var_arg_set);
            plain.push(word);
            if named.is_none()
                && let Some(found) = verb(&text)
            {
                named = Some(found);
            } else if named.is_some()
                && let Some(found) = command.find_subcommand(&text).cloned()
            {
                below = Some(found);
            } else if ends_here {
                // From here on the words are a command's.
                break;
            }
            continue;
        }
        if let Some(spelled) = spelled_out(command, root, &text) {
            plain.extend(spelled.words.into_iter().map(OsString::from));
            if spelled.wants_next_word {
                plain.extend(words.next());
            }
            continue;
        }
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text.as_str(), None),
        };
        let option = option_of(command, name).or_else(|| option_of(root, name));
        match (option, value) {
            (Some(option), Some(value)) if !option.get_action().takes_values() => {
                match value.to_ascii_lowercase().as_str() {
                    "true" | "t" | "1" => plain.push(name.into()),
                    "false" | "f" | "0" => {}
                    _ => plain.push(word),
                }
            }
            (Some(option), None) if takes_next_word(option) => match words.next() {
                Some(value) if is_negative(&value) && option.get_long().is_some() => {
                    let long = option.get_long().unwrap_or_default();
                    plain.push(format!("--{long}={}", value.to_string_lossy()).into());
                }
                value => {
                    plain.push(word);
                    plain.extend(value);
                }
            },
            _ => plain.push(word),
        }
    }
    plain.extend(words);
    Plain {
        words: plain,
        verb: named,
    }
}

/// A number below zero would pass for an option.
fn is_negative(word: &OsString) -> bool {
    word.to_str()
        .and_then(|word| word.strip_prefix('-'))
        .is_some_and(|digits| digits.parse::<u64>().is_ok())
}

/// Letters behind one hyphen, each as an option of its own.
struct Spelled {
    words: Vec<String>,
    /// The last one has its value in the word that follows.
    wants_next_word: bool,
}

/// `-it` as `-i -t`, `-u0` and `-u=0` as `--user=0`: in front of a command's words, where anything may begin with a hyphen, they
/// would pass for these. `None`: it is one letter without a value, or some letter is no option.
fn spelled_out(command: &Command, root: &Command, text: &str) -> Option<Spelled> {
    let mut rest = text
        .strip_prefix('-')
        .filter(|rest| !rest.starts_with('-'))?;
    if rest.chars().count() < 2 {
        return None;
    }
    let mut words = Vec::new();
    loop {
        let mut letters = rest.chars();
        let Some(letter) = letters.next() else {
            return Some(Spelled {
                words,
                wants_next_word: false,
            });
        };
        rest = letters.as_str();
        let name = format!("-{letter}");
        let option = option_of(command, &name).or_else(|| option_of(root, &name))?;
        let given = rest.strip_prefix('=');
        let value = match takes_next_word(option) {
            true => given.or(Some(rest)),
            false => given,
        };
        match value {
            Some("") if given.is_none() => {
                words.push(name);
                return Some(Spelled {
                    words,
                    wants_next_word: true,
                });
            }
            Some(value) if option.get_action().takes_values() => {
                words.push(format!("--{}={value}", option.get_long()?));
                rest = "";
            }
            Some(value) => {
                match value.to_ascii_lowercase().as_str() {
                    "true" | "t" | "1" => words.push(name),
                    "false" | "f" | "0" => {}
                    _ => return None,
                }
                rest = "";
            }
            None => words.push(name),
        }
    }
}

fn option_of<'c>(command: &'c Command, name: &str) -> Option<&'c Arg> {
    command.get_opts().chain(switches(command)).find(|option| {
        if let Some(long) = name.strip_prefix("--") {
            return option.get_long() == Some(long)
                || option
                    .get_all_aliases()
                    .is_some_and(|aliases| aliases.contains(&long));
        }
        let mut letters = name.chars().skip(1);
        letters
            .next()
            .is_some_and(|letter| option.get_short() == Some(letter))
            && letters.next().is_none()
    })
}

fn switches(command: &Command) -> impl Iterator<Item = &Arg> {
    command
        .get_arguments()
        .filter(|one| !one.is_positional() && !one.get_action().takes_values())
}

fn takes_next_word(option: &Arg) -> bool {
    option.get_action().takes_values() && !option.is_require_equals_set()
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

/// What the Docker CLI is told of this plugin.
pub fn introduction() -> String {
    serde_json::json!({
        "SchemaVersion": "0.1.0",
        "Vendor": "wharf",
        "Version": env!("CARGO_PKG_VERSION"),
        "ShortDescription": "Run Compose projects, by wharf",
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &[&str]) -> Calling {
        Calling::of(line.iter().map(OsString::from).collect())
    }

    #[test]
    fn the_name_decides() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        assert_eq!(
            of(&["/bin/wharf", "compose"]),
            Calling::Wharf(words(&["/bin/wharf", "compose"]))
        );
        assert_eq!(
            of(&["p/docker-compose", "compose", "up"]),
            Calling::Compose(words(&["p/docker-compose", "up"]))
        );
        assert_eq!(
            of(&["docker-compose", "-p", "x", "ps"]),
            Calling::Compose(words(&["docker-compose", "-p", "x", "ps"]))
        );
        assert_eq!(
            of(&["docker-compose", "docker-cli-plugin-metadata"]),
            Calling::Introduction
        );
        assert_eq!(
            of(&["docker-compose", "up", "--attach", "web", "db"]),
            Calling::Compose(words(&["docker-compose", "up", "--attach=web", "db"]))
        );
    }

    #[test]
    fn help_of_a_verb_is_what_its_option_shows() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        assert_eq!(
            of(&["wharf", "help", "up"]),
            Calling::Wharf(words(&["wharf", "up", "--help"]))
        );
        assert_eq!(
            of(&["wharf", "help"]),
            Calling::Wharf(words(&["wharf", "--help"]))
        );
    }

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
    fn the_docker_cli_puts_its_own_options_first() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        assert_eq!(
            of(&[
                "docker-compose",
                "-H",
                "unix:///x",
                "--debug",
                "compose",
                "ps"
            ]),
            Calling::Compose(words(&[
                "docker-compose",
                "-H",
                "unix:///x",
                "--debug",
                "ps"
            ]))
        );
        assert_eq!(
            of(&["docker-compose", "-p", "x", "exec", "compose", "ls"]),
            Calling::Compose(words(&[
                "docker-compose",
                "-p",
                "x",
                "exec",
                "compose",
                "ls"
            ]))
        );
    }

    #[test]
    fn switches_may_have_values() {
        use clap::ArgAction;
        let switch = |name: &'static str, letter| {
            Arg::new(name)
                .long(name)
                .short(letter)
                .action(ArgAction::SetTrue)
        };
        let root = Command::new("x")
            .arg(
                Arg::new("file")
                    .long("file")
                    .short('f')
                    .action(ArgAction::Append),
            )
            .subcommand(Command::new("up").arg(switch("detach", 'd')))
            .subcommand(
                Command::new("exec")
                    .arg(switch("tty", 't'))
                    .arg(
                        Arg::new("interactive")
                            .long("interactive")
                            .short('i')
                            .num_args(0..=1)
                            .require_equals(true)
                            .default_missing_value("true"),
                    )
                    .arg(Arg::new("user").long("user").short('u'))
                    .arg(
                        Arg::new("words")
                            .num_args(1..)
                            .trailing_var_arg(true)
                            .allow_hyphen_values(true),
                    ),
            );
        let plain = |line: &[&str]| -> Vec<String> {
            let line = line.iter().map(OsString::from).collect();
            with_plain_switches(line, &root, |name| root.find_subcommand(name).cloned())
                .words
                .into_iter()
                .map(|word| word.to_string_lossy().into_owned())
                .collect()
        };
        assert_eq!(
            plain(&["x", "-f", "up", "up", "--detach=true", "web"]),
            ["x", "-f", "up", "up", "--detach", "web"]
        );
        assert_eq!(plain(&["x", "up", "-d=false"]), ["x", "up"]);
        assert_eq!(
            plain(&["x", "alpha", "publish", "a"]),
            ["x", "publish", "a"]
        );
        assert_eq!(plain(&["x", "up", "alpha"]), ["x", "up", "alpha"]);
        assert_eq!(plain(&["x", "-fa=b", "up"]), ["x", "--file=a=b", "up"]);
        assert_eq!(
            plain(&["x", "-f=a", "up", "-dx"]),
            ["x", "--file=a", "up", "-dx"]
        );
        assert_eq!(
            plain(&["x", "exec", "-t=true", "web", "cmd", "-t=true"]),
            ["x", "exec", "-t", "web", "cmd", "-t=true"]
        );
        for (given, expected) in [
            (&["-it", "web"][..], &["-i", "-t", "web"][..]),
            (&["-ti", "web", "-it"], &["-t", "-i", "web", "-it"]),
            (&["-itu", "0", "web"], &["-i", "-t", "-u", "0", "web"]),
            (&["-iu0", "web"], &["-i", "--user=0", "web"]),
            (&["-i=false", "web"], &["--interactive=false", "web"]),
            (&["-u", "-1", "web"], &["--user=-1", "web"]),
        ] {
            assert_eq!(
                plain(&[&["x", "exec"], given].concat()),
                [&["x", "exec"], expected].concat()
            );
        }
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

    #[test]
    fn the_introduction_is_what_docker_reads() {
        let told: serde_json::Value = serde_json::from_str(&introduction()).unwrap();
        assert_eq!(told["SchemaVersion"], "0.1.0");
        assert_eq!(told["Vendor"], "wharf");
    }
}
