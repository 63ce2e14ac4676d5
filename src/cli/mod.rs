//! The command line: one file a verb. `context` is the composition root, `exit` the exit codes.

mod alpha;
mod apply;
mod attach;
mod attended;
mod bridge;
mod build;
mod building;
mod calling;
mod carry_out;
mod ci;
mod classic_builder;
mod commit;
mod compose_words;
mod config;
mod configured;
mod consent;
mod context;
mod cp;
mod create;
mod down;
mod events;
mod exec;
mod exit;
mod explain;
mod export;
mod former;
mod gc;
mod globals;
mod graph;
mod help;
mod images;
mod interrupt;
mod kill;
mod lint;
mod listing;
mod loading;
mod lock;
mod logs;
mod ls;
mod making;
mod pairs;
mod pause;
mod plan;
mod plugin;
mod port;
mod process;
mod providing;
mod ps;
mod publish;
mod pull;
mod push;
mod release;
mod restart;
mod rm;
mod run;
mod scale;
mod schema;
mod scope;
mod settings;
mod shell;
mod ship;
mod shipped;
mod slug;
mod start;
mod stats;
mod stop;
mod sweeping;
mod test;
mod top;
mod up;
mod verb;
mod version;
mod volumes;
mod wait;
mod watch;

use std::process::ExitCode;

use clap::{Command, CommandFactory, FromArgMatches, Parser};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use calling::Calling;
use context::Context;
pub use exit::{Exit, Failure};
use globals::Globals;
use verb::Verb;

/// Run env stacks: one application, layered Compose files, every environment
#[derive(Parser, Debug)]
#[command(
    name = "wharf",
    version,
    disable_help_subcommand = true,
    max_term_width = 110,
    after_help = AFTER_HELP
)]
struct CommandLine {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    verb: Verb,
}

const AFTER_HELP: &str = "\
ENV is dev, test, prod or whatever docker-compose.ENV.yml there is; the default is the one that docker-compose.yml links to.

Exit codes: 0 done, 1 bug, 2 usage, 3 project has errors, 4 plan has changes, 5 apply failed, 6 a test run's infrastructure \
failed, 7 no engine answers, 124 tests timed out, 130 interrupted. `test`, `run`, `exec` and `bridge convert` return the code of what \
they run.";

/// Reads the command line, runs the verb, says what went wrong, and gives the exit code.
pub fn main() -> ExitCode {
    let (words, as_compose) = match Calling::of(std::env::args_os().collect()) {
        Calling::Wharf(words) => (words, false),
        Calling::Compose(words) => (words, true),
        Calling::Introduction => {
            println!("{}", calling::introduction());
            return Exit::OK.into();
        }
    };
    let command = CommandLine::command();
    let plain = calling::with_plain_switches(words, &command, |name| match as_compose {
        true => Verb::command(former::today(name)).map(former::of_verb),
        false => Verb::command(name),
    });
    let named = plain.verb.as_ref().map(|verb| verb.get_name().to_owned());
    let called = plain.words.clone();
    let parsed = match plain.verb {
        Some(verb) => with(command, verb),
        None => help::grouped(command),
    }
    .try_get_matches_from(plain.words)
    .and_then(|matches| CommandLine::from_arg_matches(&matches));
    let mut line = match parsed {
        Ok(line) => line,
        Err(error) => {
            if as_compose && calling::asks_for_help(&error) {
                let is_of_verb = named.is_some() && calling::has_help(&error);
                match is_of_verb {
                    true => print!("{}", error.render()),
                    false => print!("{}", help::grouped(CommandLine::command()).render_help()),
                }
                return Exit::OK.into();
            }
            if as_compose && let Some(words) = calling::refusal_of_compose(&error, named.as_deref())
            {
                eprintln!("{words}");
            } else if let Some(words) = named.as_deref().and_then(|verb| {
                calling::belongs_in_front(&error, &called, &CommandLine::command(), verb)
            }) {
                eprintln!("{words}");
            } else {
                let _ = error.print();
            }
            return match (error.use_stderr(), as_compose) {
                (false, _) => Exit::OK,
                (true, true) => Exit(1),
                (true, false) => Exit::USAGE,
            }
            .into();
        }
    };
    line.globals.as_compose = as_compose;
    let mut environment = process::environment();
    if let Some(directory) = &line.globals.config {
        let directory = directory.to_string_lossy().into_owned();
        environment
            .variables
            .insert("DOCKER_CONFIG".into(), directory);
    }
    let settled = settings::apply(&mut environment)
        .and_then(|()| settings::fill(&mut line.globals, &environment));
    let verb = named.as_deref().unwrap_or_default();
    let context = Context::new(line.globals, environment, verb);
    listen(&context);
    if let Err(failure) = settled {
        say(&context, &failure);
        return code(&context, &failure).into();
    }
    let ended = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => {
            let ended = runtime.block_on(async {
                tokio::select! {
                    ended = line.verb.run(&context) => ended,
                    () = plugin::abandoned(&context.environment) => Err(Failure::Interrupted),
                }
            });
            // A read of standard input that nobody will answer must not hold the process.
            runtime.shutdown_background();
            ended
        }
        Err(error) => Err(Failure::Bug(error.into())),
    };
    let exit = match ended {
        Ok(exit) => exit,
        Err(failure) => {
            say(&context, &failure);
            code(&context, &failure)
        }
    };
    exit.into()
}

/// The command line with all that one verb takes.
fn with(command: Command, verb: Command) -> Command {
    let name = verb.get_name().to_owned();
    command.mut_subcommand(name, |_| verb)
}

fn code(context: &Context, failure: &Failure) -> Exit {
    match context.globals.as_compose {
        true => failure.exit_of_compose(),
        false => failure.exit(),
    }
}

fn say(context: &Context, failure: &Failure) {
    match failure {
        Failure::Project | Failure::Told => {}
        Failure::Interrupted if context.globals.as_compose => {}
        Failure::Interrupted => context.console.say("interrupted"),
        Failure::Worded { compose, .. } if context.globals.as_compose => {
            context.console.insist(compose);
        }
        Failure::Engine(error) if context.globals.as_compose => {
            context.console.insist(&compose_words::of_engine(error));
        }
        Failure::Bug(error) => {
            context.console.error(&format!("{error:#}"));
            context.console.insist(
                "This is a bug in wharf; please report it with the output of `wharf --debug ..`.",
            );
        }
        _ => context.console.error(&failure.to_string()),
    }
}

/// Sends what happens inside to standard error, if anybody wants to know.
fn listen(context: &Context) {
    let targets = match context.environment.get("WHARF_LOG") {
        Some(filter) => filter,
        None if context.globals.debug => "wharf=debug",
        None => return,
    };
    let targets: Targets = match targets.parse() {
        Ok(targets) => targets,
        Err(error) => {
            eprintln!("warning: WHARF_LOG: {error}; it is a list like `wharf=debug,bollard=info`");
            return;
        }
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(context.console.talk_has_colour())
        .without_time();
    tracing_subscriber::registry()
        .with(lines.with_filter(targets))
        .init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_verb_contradicts_what_all_take() {
        for name in Verb::names() {
            let verb = Verb::command(name).expect("a verb");
            with(CommandLine::command(), verb).debug_assert();
        }
    }
}
