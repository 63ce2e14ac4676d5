//! `wharf --help`: the verbs by what people want to do with them.

use anstyle::Style;
use clap::Command;
use clap::builder::StyledStr;

use super::verb::Verb;

/// Headings and the verbs below them, in the order of the help; each verb stands below one.
const GROUPS: &[(&str, &[&str])] = &[
    (
        "Bring an env up and down",
        &[
            "up", "plan", "apply", "watch", "down", "start", "stop", "restart", "create", "scale",
            "wait", "pause", "unpause", "kill", "rm",
        ],
    ),
    (
        "Look at what runs, and into it",
        &[
            "ps", "logs", "exec", "run", "shell", "attach", "cp", "port", "top", "stats", "events",
            "volumes", "ls",
        ],
    ),
    ("Test", &["test", "gc", "ci"]),
    (
        "Make images, and bring them out",
        &[
            "build", "images", "release", "ship", "publish", "bridge", "pull", "push", "commit",
            "export",
        ],
    ),
    (
        "Understand the files",
        &[
            "config", "explain", "lint", "graph", "schema", "alpha", "version",
        ],
    ),
];

/// The command with its verbs in groups.
pub fn grouped(command: Command) -> Command {
    let heading = command.get_styles().get_header().to_owned();
    let literal = command.get_styles().get_literal().to_owned();
    let verbs = verbs(heading, literal);
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{verbs}\
         {heading}Options:{heading:#}\n{{options}}{{after-help}}"
    );
    command.help_template(StyledStr::from(template))
}

fn verbs(heading: Style, literal: Style) -> String {
    let widest = Verb::names().map(str::len).max().unwrap_or_default();
    let mut text = String::new();
    for (title, names) in GROUPS {
        text.push_str(&format!("{heading}{title}:{heading:#}\n"));
        for name in *names {
            let about = about(name);
            text.push_str(&format!("  {literal}{name:widest$}{literal:#}  {about}\n"));
        }
        text.push('\n');
    }
    text
}

/// What is said of a verb in a line.
fn about(verb: &str) -> String {
    let command = Verb::command(verb);
    let about = command.as_ref().and_then(Command::get_about);
    about.map(StyledStr::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_verb_stands_below_one_heading() {
        let mut known: Vec<&str> = Verb::names().collect();
        let mut listed: Vec<&str> = GROUPS
            .iter()
            .flat_map(|(_, names)| *names)
            .copied()
            .collect();
        known.sort_unstable();
        listed.sort_unstable();
        assert_eq!(listed, known);
    }

    /// The list is not wrapped: its lines have to fit in a terminal as it comes.
    #[test]
    fn what_is_said_of_a_verb_fits_in_a_line() {
        for verb in Verb::names() {
            let about = about(verb);
            assert!(!about.is_empty(), "{verb} says nothing");
            assert!(
                about.len() <= 69,
                "{verb}: {} columns: {about}",
                about.len()
            );
        }
    }
}
