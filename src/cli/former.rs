use clap::{Arg, ArgAction, Command};

/// Options that docker-compose had once. Compose takes them still, and does nothing with them; so does wharf under its name.
const FORMER: [(&str, &[&str]); 3] = [
    ("build", &["compress", "force-rm", "no-rm", "parallel"]),
    ("pull", &["parallel", "no-parallel"]),
    ("rm", &["all"]),
];

/// What a verb is called today.
pub fn today(verb: &str) -> &str {
    match verb {
        "convert" => "config",
        verb => verb,
    }
}

/// A verb with its former options, and under its former name too.
pub fn of_verb(verb: Command) -> Command {
    let verb = match verb.get_name() {
        "config" => verb.alias("convert"),
        _ => verb,
    };
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
        let root = |of: fn(Command) -> Command| {
            let verbs = ["build", "config", "pull", "rm"].map(|verb| of(Command::new(verb)));
            Command::new("x").subcommands(verbs)
        };
        for (line, is_taken) in [
            (&["x", "build", "--compress", "--force-rm"][..], true),
            (&["x", "pull", "--no-parallel"], true),
            (&["x", "rm", "-a"], true),
            (&["x", "convert"], true),
            (&["x", "rm", "--compress"], false),
        ] {
            assert_eq!(
                root(of_verb).try_get_matches_from(line).is_ok(),
                is_taken,
                "{line:?}"
            );
            let now = root(|verb| verb).try_get_matches_from(line);
            assert!(now.is_err(), "{line:?}");
        }
    }
}
