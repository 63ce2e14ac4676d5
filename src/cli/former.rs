use clap::{Arg, ArgAction, Command};

/// Options that docker-compose had once. Compose takes them still, and does nothing with them; so does wharf under its name.
const FORMER: [(&str, &[&str]); 3] = [
    ("build", &["compress", "force-rm", "no-rm", "parallel"]),
    ("pull", &["parallel", "no-parallel"]),
    ("rm", &["all"]),
];

/// The commands as they are under Compose's name.
pub fn with_former(root: Command) -> Command {
    let root = root.mut_subcommand("config", |config| config.alias("convert"));
    FORMER
        .iter()
        .fold(root, |root, (verb, _)| root.mut_subcommand(verb, of_verb))
}

/// What a verb is called today.
pub fn today(verb: &str) -> &str {
    match verb {
        "convert" => "config",
        verb => verb,
    }
}

/// A verb with its former options.
pub fn of_verb(verb: Command) -> Command {
    let options = FORMER.iter().find(|(name, _)| *name == verb.get_name());
    let options = options.map_or(&[] as &[&str], |(_, options)| options);
    options.iter().fold(verb, |verb, option| {
        let arg = Arg::new(*option)
            .long(*option)
            .hide(true)
            .action(ArgAction::SetTrue);
        verb.arg(match *option {
            "all" => arg.short('a'),
            _ => arg,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn former_options_are_taken_by_their_verbs_only() {
        let root = || {
            ["build", "config", "pull", "rm"]
                .into_iter()
                .fold(Command::new("x"), |root, verb| {
                    root.subcommand(Command::new(verb))
                })
        };
        for (line, is_taken) in [
            (&["x", "build", "--compress", "--force-rm"][..], true),
            (&["x", "pull", "--no-parallel"], true),
            (&["x", "rm", "-a"], true),
            (&["x", "convert"], true),
            (&["x", "rm", "--compress"], false),
        ] {
            assert_eq!(
                with_former(root()).try_get_matches_from(line).is_ok(),
                is_taken,
                "{line:?}"
            );
            assert!(root().try_get_matches_from(line).is_err(), "{line:?}");
        }
    }
}
