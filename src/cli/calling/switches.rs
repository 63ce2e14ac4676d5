use std::ffi::OsString;

use clap::{Arg, Command};

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

/// The option of a command that has this name, `--long` or `-s`.
pub(super) fn option_of<'c>(command: &'c Command, name: &str) -> Option<&'c Arg> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
