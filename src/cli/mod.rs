//! The command line: one file a verb. `context` is the composition root, `exit` the exit codes.

mod apply;
mod attach;
mod attended;
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
mod lock;
mod logs;
mod ls;
mod making;
mod pairs;
mod pause;
mod plan;
mod port;
mod process;
mod providing;
mod ps;
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
mod slug;
mod start;
mod stats;
mod stop;
mod test;
mod top;
mod unpause;
mod up;
mod version;
mod volumes;
mod wait;
mod watch;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use calling::Calling;
use context::Context;
pub use exit::{Exit, Failure};
use globals::Globals;

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

Exit codes: 0 done, 1 bug, 2 usage, 3 project has errors, 4 plan has changes, 5 apply failed, 6 a test run's infrastructure
failed, 7 no engine answers, 124 tests timed out, 130 interrupted. `test`, `run` and `exec` return their command's own code.";

#[derive(Subcommand, Debug)]
enum Verb {
    Apply(apply::Apply),
    Attach(attach::Attach),
    Build(build::Build),
    Ci(ci::Ci),
    Commit(commit::Commit),
    Config(config::Config),
    Cp(cp::Cp),
    Create(create::Create),
    Down(down::Down),
    Events(events::Events),
    Exec(exec::Exec),
    Explain(explain::Explain),
    Export(export::Export),
    Gc(gc::Gc),
    Graph(graph::Graph),
    Images(images::Images),
    Kill(kill::Kill),
    Lint(lint::Lint),
    Logs(logs::Logs),
    Ls(ls::Ls),
    Pause(pause::Pause),
    Plan(plan::Plan),
    Port(port::Port),
    Ps(ps::Ps),
    Pull(pull::Pull),
    Push(push::Push),
    Release(release::Release),
    Restart(restart::Restart),
    Rm(rm::Rm),
    Run(Box<run::Run>),
    Scale(scale::Scale),
    Schema(schema::Schema),
    Shell(shell::Shell),
    Ship(ship::Ship),
    Start(start::Start),
    Stats(stats::Stats),
    Stop(stop::Stop),
    Test(Box<test::Test>),
    Top(top::Top),
    Unpause(unpause::Unpause),
    Up(Box<up::Up>),
    Version(version::Version),
    Volumes(volumes::Volumes),
    Wait(wait::Wait),
    Watch(watch::Watch),
}

impl Verb {
    /// Whether what it would do can be shown without doing it; or it does nothing anyway.
    fn can_be_rehearsed(&self) -> bool {
        !matches!(
            self,
            Verb::Attach(_)
                | Verb::Commit(_)
                | Verb::Cp(_)
                | Verb::Exec(_)
                | Verb::Export(_)
                | Verb::Push(_)
                | Verb::Shell(_)
                | Verb::Test(_)
                | Verb::Watch(_)
        )
    }

    async fn run(self, context: &Context) -> Result<Exit, Failure> {
        if context.globals.dry_run && !self.can_be_rehearsed() {
            return Err(Failure::Usage(
                "`--dry-run` cannot show what this verb would do; leave it out".into(),
            ));
        }
        match self {
            Verb::Apply(verb) => verb.run(context).await,
            Verb::Attach(verb) => verb.run(context).await,
            Verb::Build(verb) => verb.run(context).await,
            Verb::Ci(verb) => verb.run(context),
            Verb::Commit(verb) => verb.run(context).await,
            Verb::Config(verb) => verb.run(context).await,
            Verb::Cp(verb) => verb.run(context).await,
            Verb::Create(verb) => verb.run(context).await,
            Verb::Down(verb) => verb.run(context).await,
            Verb::Events(verb) => verb.run(context).await,
            Verb::Exec(verb) => verb.run(context).await,
            Verb::Explain(verb) => verb.run(context),
            Verb::Export(verb) => verb.run(context).await,
            Verb::Gc(verb) => verb.run(context).await,
            Verb::Graph(verb) => verb.run(context).await,
            Verb::Images(verb) => verb.run(context).await,
            Verb::Kill(verb) => verb.run(context).await,
            Verb::Lint(verb) => verb.run(context),
            Verb::Logs(verb) => verb.run(context).await,
            Verb::Ls(verb) => verb.run(context).await,
            Verb::Pause(verb) => verb.run(context).await,
            Verb::Plan(verb) => verb.run(context).await,
            Verb::Port(verb) => verb.run(context).await,
            Verb::Ps(verb) => verb.run(context).await,
            Verb::Pull(verb) => verb.run(context).await,
            Verb::Push(verb) => verb.run(context).await,
            Verb::Release(verb) => verb.run(context).await,
            Verb::Restart(verb) => verb.run(context).await,
            Verb::Rm(verb) => verb.run(context).await,
            Verb::Run(verb) => verb.run(context).await,
            Verb::Scale(verb) => verb.run(context).await,
            Verb::Schema(verb) => verb.run(context),
            Verb::Shell(verb) => verb.run(context).await,
            Verb::Ship(verb) => verb.run(context).await,
            Verb::Start(verb) => verb.run(context).await,
            Verb::Stats(verb) => verb.run(context).await,
            Verb::Stop(verb) => verb.run(context).await,
            Verb::Test(verb) => verb.run(context).await,
            Verb::Top(verb) => verb.run(context).await,
            Verb::Unpause(verb) => verb.run(context).await,
            Verb::Up(verb) => verb.run(context).await,
            Verb::Version(verb) => verb.run(context),
            Verb::Volumes(verb) => verb.run(context).await,
            Verb::Wait(verb) => verb.run(context).await,
            Verb::Watch(verb) => verb.run(context).await,
        }
    }
}

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
    let command = match as_compose {
        true => former::with_former(CommandLine::command()),
        false => CommandLine::command(),
    };
    let words = calling::with_plain_switches(words, &command);
    let parsed = help::grouped(command)
        .try_get_matches_from(words)
        .and_then(|matches| CommandLine::from_arg_matches(&matches));
    let mut line = match parsed {
        Ok(line) => line,
        Err(error) => {
            if as_compose && calling::asks_for_help(&error) {
                print!("{}", help::grouped(CommandLine::command()).render_help());
                return Exit::OK.into();
            }
            if as_compose && let Some(words) = calling::refusal_of_compose(&error) {
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
    listen(&line.globals, environment.get("WHARF_LOG"));
    let context = Context::new(line.globals, environment);
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
            let ended = runtime.block_on(line.verb.run(&context));
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
fn listen(globals: &Globals, filter: Option<&str>) {
    let filter = match filter {
        Some(filter) => EnvFilter::new(filter),
        None if globals.debug => EnvFilter::new("wharf=debug"),
        None => return,
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .without_time()
        .init();
}
