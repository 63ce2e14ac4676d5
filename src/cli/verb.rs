//! The verbs: which there are, and what runs each.

use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand};

use super::context::Context;
use super::exit::{Exit, Failure};
use super::sweeping::sweep_after;

/// One entry a verb: its name on the command line, its variant, its arguments, and whether it works without the engine's
/// runtime (`now`) or with it (`later`).
///
/// Written out rather than derived, because a derived command describes the arguments of all verbs at every start; here the verbs
/// are names until [`Verb::command`] makes the one that is called.
macro_rules! verbs {
    ($($name:literal $variant:ident($arguments:ty) $when:ident,)*) => {
        #[derive(Debug)]
        pub enum Verb {
            $($variant(Box<$arguments>),)*
        }

        /// Names, and what adds a verb's arguments to a command.
        const VERBS: &[(&str, fn(Command) -> Command)] =
            &[$(($name, <$arguments as Args>::augment_args),)*];

        impl FromArgMatches for Verb {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Verb, clap::Error> {
                match matches.subcommand() {
                    $(Some(($name, own)) => {
                        <$arguments as FromArgMatches>::from_arg_matches(own)
                            .map(|arguments| Verb::$variant(Box::new(arguments)))
                    })*
                    _ => Err(clap::Error::new(clap::error::ErrorKind::MissingSubcommand)),
                }
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
                *self = Verb::from_arg_matches(matches)?;
                Ok(())
            }
        }

        impl Verb {
            async fn perform(self, context: &Context) -> Result<Exit, Failure> {
                match self {
                    $(Verb::$variant(verb) => verbs!(@$when verb, context),)*
                }
            }
        }
    };
    // A box for each, or all would be one future with room for the largest.
    (@later $verb:ident, $context:ident) => { Box::pin($verb.run($context)).await };
    (@now $verb:ident, $context:ident) => { $verb.run($context) };
}

verbs! {
    "alpha" Alpha(super::alpha::Alpha) later,
    "apply" Apply(super::apply::Apply) later,
    "attach" Attach(super::attach::Attach) later,
    "bridge" Bridge(super::bridge::Bridge) later,
    "build" Build(super::build::Build) later,
    "ci" Ci(super::ci::Ci) now,
    "commit" Commit(super::commit::Commit) later,
    "config" Config(super::config::Config) later,
    "cp" Cp(super::cp::Cp) later,
    "create" Create(super::create::Create) later,
    "down" Down(super::down::Down) later,
    "events" Events(super::events::Events) later,
    "exec" Exec(super::exec::Exec) later,
    "explain" Explain(super::explain::Explain) now,
    "export" Export(super::export::Export) later,
    "gc" Gc(super::gc::Gc) later,
    "graph" Graph(super::graph::Graph) later,
    "images" Images(super::images::Images) later,
    "kill" Kill(super::kill::Kill) later,
    "lint" Lint(super::lint::Lint) now,
    "logs" Logs(super::logs::Logs) later,
    "ls" Ls(super::ls::Ls) later,
    "pause" Pause(super::pause::Pause) later,
    "plan" Plan(super::plan::Plan) later,
    "port" Port(super::port::Port) later,
    "ps" Ps(super::ps::Ps) later,
    "publish" Publish(super::publish::Publish) later,
    "pull" Pull(super::pull::Pull) later,
    "push" Push(super::push::Push) later,
    "release" Release(super::release::Release) later,
    "restart" Restart(super::restart::Restart) later,
    "rm" Rm(super::rm::Rm) later,
    "run" Run(super::run::Run) later,
    "scale" Scale(super::scale::Scale) later,
    "schema" Schema(super::schema::Schema) now,
    "shell" Shell(super::shell::Shell) later,
    "ship" Ship(super::ship::Ship) later,
    "start" Start(super::start::Start) later,
    "stats" Stats(super::stats::Stats) later,
    "stop" Stop(super::stop::Stop) later,
    "test" Test(super::test::Test) later,
    "top" Top(super::top::Top) later,
    "unpause" Unpause(super::pause::Unpause) later,
    "up" Up(super::up::Up) later,
    "version" Version(super::version::Version) now,
    "volumes" Volumes(super::volumes::Volumes) later,
    "wait" Wait(super::wait::Wait) later,
    "watch" Watch(super::watch::Watch) later,
}

impl Verb {
    pub fn names() -> impl Iterator<Item = &'static str> {
        VERBS.iter().map(|(name, _)| *name)
    }

    /// A verb with its arguments. `None`: there is no such verb.
    pub fn command(name: &str) -> Option<Command> {
        let (name, arguments) = VERBS.iter().find(|(known, _)| *known == name)?;
        Some(arguments(Command::new(*name)))
    }

    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        if context.globals.dry_run && !self.can_be_rehearsed() {
            return Err(Failure::Usage(
                "`--dry-run` cannot show what this verb would do; leave it out".into(),
            ));
        }
        let sweeps = self.sweeps() && !context.globals.dry_run && !context.globals.as_compose;
        let ended = self.perform(context).await;
        if sweeps && ended.is_ok() {
            sweep_after(context).await;
        }
        ended
    }

    /// Whether what killed test runs have left goes with it. A test run does that by itself, while it starts.
    fn sweeps(&self) -> bool {
        matches!(self, Verb::Up(_) | Verb::Down(_))
    }

    /// Whether what it would do can be shown without doing it; or it does nothing anyway.
    fn can_be_rehearsed(&self) -> bool {
        if let Verb::Bridge(bridge) = self {
            return bridge.changes_nothing();
        }
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
}

impl Subcommand for Verb {
    fn augment_subcommands(command: Command) -> Command {
        let verbs = Verb::names().map(Command::new);
        command
            .subcommand_required(true)
            .arg_required_else_help(true)
            .subcommands(verbs)
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Verb::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        Verb::names().any(|known| known == name)
    }
}
