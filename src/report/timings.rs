use std::time::Duration;

use super::Console;
use super::prose::stopwatch;
use crate::apply::Timing;

/// Steps shorter than this part of the whole are not worth a line.
const WORTH_A_LINE: f64 = 0.01;

/// When each step ran, as bars below each other, and below them the chain of steps for which the last one waited: only
/// what is shorter there makes the whole shorter.
pub fn waterfall(timings: &[Timing], took: Duration, console: &Console) -> String {
    let whole = took.as_secs_f64().max(f64::EPSILON);
    let mut shown: Vec<&Timing> = timings
        .iter()
        .filter(|timing| (timing.end - timing.start).as_secs_f64() / whole >= WORTH_A_LINE)
        .collect();
    shown.sort_by_key(|timing| (timing.start, timing.step));
    let names: Vec<String> = shown
        .iter()
        .map(|timing| format!("{} {}", timing.verb, timing.target))
        .collect();
    let name_width = names
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0)
        .min(56);
    let room = console
        .width()
        .saturating_sub(name_width + 12)
        .clamp(10, 80);
    let column = |moment: Duration| {
        let part = moment.as_secs_f64() / whole;
        ((part * room as f64).round() as usize).min(room)
    };
    let mut lines: Vec<String> = shown
        .iter()
        .zip(&names)
        .map(|(timing, name)| {
            let (from, to) = (column(timing.start), column(timing.end));
            let bar = format!("{}{}", " ".repeat(from), "━".repeat((to - from).max(1)));
            let name: String = name.chars().take(name_width).collect();
            format!(
                "{name:name_width$} {bar:room$} {:>7}",
                stopwatch(timing.end - timing.start)
            )
        })
        .collect();
    let chain: Vec<&Timing> = chain(timings)
        .into_iter()
        .filter(|timing| (timing.end - timing.start).as_secs_f64() / whole >= WORTH_A_LINE)
        .collect();
    let told = |timing: &Timing| {
        let time = stopwatch(timing.end - timing.start);
        format!("{} {} {time}", timing.verb, timing.target)
    };
    if let [_, _, ..] = chain.as_slice() {
        let steps = chain.iter().map(|timing| told(timing)).collect();
        lines.extend(folded("longest chain:", steps, console.width()));
    }
    if let Some(longest) = chain.iter().max_by_key(|timing| timing.end - timing.start) {
        let whole = stopwatch(took);
        lines.push(format!("most of it: {} of {whole}", told(longest)));
    }
    lines.join("\n")
}

/// A list behind its name, in lines of at most `width` columns that begin anew between two entries only.
fn folded(name: &str, entries: Vec<String>, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = name.to_owned();
    let last = entries.len().saturating_sub(1);
    for (at, entry) in entries.into_iter().enumerate() {
        let entry = if at < last { entry + "," } else { entry };
        if line.chars().count() + 1 + entry.chars().count() > width {
            lines.push(std::mem::replace(&mut line, " ".to_owned()));
        }
        line.push(' ');
        line.push_str(&entry);
    }
    lines.push(line);
    lines
}

/// The step that ended last, before it the one that it waited for, and so on back to one that waited for nothing.
fn chain(timings: &[Timing]) -> Vec<&Timing> {
    let mut chain = Vec::new();
    let mut next = timings.iter().max_by_key(|timing| timing.end);
    while let Some(timing) = next {
        chain.push(timing);
        next = timing
            .released_by
            .and_then(|step| timings.iter().find(|earlier| earlier.step == step));
    }
    chain.reverse();
    chain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Environment;
    use crate::plan::Target;
    use crate::report::Colour;

    #[test]
    fn bars_stand_where_the_time_was_spent() {
        let timing = |step: usize, name: &str, start, end| Timing {
            step,
            target: Target::Service { name: name.into() },
            verb: "wait for",
            start: Duration::from_secs(start),
            end: Duration::from_secs(end),
            released_by: step.checked_sub(1),
        };
        let mut environment = Environment::default();
        environment.variables.insert("COLUMNS".into(), "50".into());
        let console = Console::new(Colour::Never, false, &environment);
        let timings = [timing(1, "app", 5, 11), timing(0, "db", 0, 5)];
        let text = waterfall(&timings, Duration::from_secs(11), &console);
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[0].starts_with("wait for service db ") && lines[0].ends_with("5.0s"),
            "{text}"
        );
        let bar = |line: &str| line.chars().position(|c| c == '━');
        assert!(bar(lines[0]) < bar(lines[1]), "{text}");
        assert_eq!(lines[2], "longest chain: wait for service db 5.0s,");
        assert_eq!(lines[3], "  wait for service app 6.0s");
        assert_eq!(lines[4], "most of it: wait for service app 6.0s of 11.0s");
    }
}
