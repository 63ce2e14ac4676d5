use crate::cli::context::{Context, Purpose};
use crate::cli::{Exit, Failure};
use crate::engine::Engine;
use crate::report::{Table, prose};
use crate::suite::{self, remains, summaries};

/// The runs whose results are kept, and what of them the engine still has.
pub async fn list(context: &Context) -> Result<Exit, Failure> {
    let test = "test".to_owned();
    let words = context.envs().into_iter().filter(|env| *env == test);
    let words: Vec<String> = match context.files_are_named() || context.globals.env.is_some() {
        true => Vec::new(),
        false => words.collect(),
    };
    let scope = context.project(&words, Purpose::Look)?;
    let directory = scope.into_resolved()?.project.directory;
    let runs = summaries(&directory).map_err(|error| {
        Failure::Usage(format!("cannot read the results of earlier runs: {error}"))
    })?;
    // Results can be read without an engine; only whether a stack still stands cannot be told then.
    let standing = match context.engine().await {
        Ok(engine) => remains(engine.as_ref() as &dyn Engine)
            .await
            .unwrap_or_default(),
        Err(_) => Default::default(),
    };
    let mut table = Table::new(
        [
            "RUN", "STARTED", "ENV", "VERDICT", "TESTS", "FAILED", "TIME", "STACK", "RESULTS",
        ],
        None,
    );
    for (path, run) in runs {
        let stacks = standing
            .iter()
            .filter(|(id, _)| suite::is_stack_of(&run.run, id));
        let stands = stacks.map(|(_, remains)| match (remains.kept, remains.held) {
            (true, _) => "kept",
            (_, true) => "at work",
            (_, false) => "left behind",
        });
        let stands = stands.reduce(|one, other| match one {
            "kept" => one,
            _ => other,
        });
        let time = run.phases.start_up + run.phases.tests;
        let shown = path
            .strip_prefix(&context.environment.working_directory)
            .unwrap_or(&path);
        table.row([
            run.run,
            run.started,
            run.env.unwrap_or_default(),
            run.verdict.word().to_owned(),
            run.tests.tests.to_string(),
            run.tests.failed.to_string(),
            prose::stopwatch(std::time::Duration::from_secs_f64(time.max(0.0))),
            stands.unwrap_or_default().to_owned(),
            shown.display().to_string(),
        ]);
    }
    context.console.data(&table.render());
    Ok(Exit::OK)
}
