use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::build::{BuildEvent, BuildRunEvent, ImageGraph, StepId};

/// Builds in the lines of BuildKit's own printer without a terminal: each step has a number, its name stands in its first line
/// only. Programs that call wharf as `docker-compose` read them.
#[derive(Debug, Default)]
pub(super) struct StepLines {
    steps: HashMap<(String, StepId), Step>,
    /// Of the step that wrote last.
    last: Option<usize>,
    /// What the services call each image.
    names: HashMap<String, Vec<String>>,
}

#[derive(Debug)]
struct Step {
    number: usize,
    since: Instant,
    ended: bool,
}

impl StepLines {
    /// Learns what the images with these keys are called.
    pub(super) fn expect(&mut self, graph: &ImageGraph, keys: &[String]) {
        let names = keys.iter().filter_map(|key| {
            let image = graph.images.get(key)?;
            Some((key.clone(), image.service_names.clone()))
        });
        self.names.extend(names);
    }

    /// What Compose says when an image is there, once for each service. `None`: the event is another.
    pub(super) fn results(&self, event: &BuildRunEvent) -> Option<Vec<String>> {
        let BuildRunEvent::Built { image, .. } = event else {
            return None;
        };
        let names = self.names.get(image).map(Vec::as_slice);
        let names = names.unwrap_or(std::slice::from_ref(image)).iter();
        Some(names.map(|name| format!(" {name}  Built")).collect())
    }

    /// The lines that an event gives.
    pub(super) fn tell(&mut self, event: &BuildRunEvent) -> Vec<String> {
        let BuildRunEvent::Step { image, event } = event else {
            return Vec::new();
        };
        let mut lines = Vec::new();
        match event {
            BuildEvent::StepStarted { step, name } => {
                self.begin(image, step, name, &mut lines);
            }
            BuildEvent::StepCompleted {
                step,
                name,
                cached,
                duration,
            } => {
                // A step from the cache may never have been said to start.
                let number = self.begin(image, step, name, &mut lines);
                let result = match cached {
                    true => "CACHED".to_owned(),
                    false => format!("DONE {}", seconds(*duration)),
                };
                self.end_step(image, step, format!("#{number} {result}"), &mut lines);
            }
            BuildEvent::StepFailed { step, name, error } => {
                let number = self.begin(image, step, name, &mut lines);
                let result = match error.ends_with("context canceled") {
                    true => "CANCELED".to_owned(),
                    false => format!("ERROR: {error}"),
                };
                self.end_step(image, step, format!("#{number} {result}"), &mut lines);
            }
            BuildEvent::Output { step, line, .. } => {
                if let Some((number, since)) = self.find(image, step) {
                    let at = since.elapsed().as_secs_f64();
                    self.turn_to(number, &mut lines);
                    lines.push(format!("#{number} {at:.3} {line}").trim_end().to_owned());
                }
            }
            BuildEvent::Transfer {
                step,
                name,
                done: true,
                ..
            } if !self.has_ended(image, step) => {
                if let Some((number, _)) = self.find(image, step) {
                    self.turn_to(number, &mut lines);
                    lines.push(format!("#{number} {name} done"));
                }
            }
            BuildEvent::Transfer { .. } | BuildEvent::Warning { .. } => {}
        }
        lines
    }

    /// What has begun and will not end any more.
    pub(super) fn cancel(&mut self) -> Vec<String> {
        let mut open: Vec<usize> = self
            .steps
            .drain()
            .filter(|(_, step)| !step.ended)
            .map(|(_, step)| step.number)
            .collect();
        open.sort_unstable();
        open.into_iter()
            .map(|number| format!("#{number} CANCELED"))
            .collect()
    }

    fn has_ended(&self, image: &str, step: &StepId) -> bool {
        let step = self.steps.get(&(image.to_owned(), step.clone()));
        step.is_some_and(|step| step.ended)
    }

    fn find(&self, image: &str, step: &StepId) -> Option<(usize, Instant)> {
        let step = self.steps.get(&(image.to_owned(), step.clone()))?;
        Some((step.number, step.since))
    }

    /// The step's number; its name is said if it is new.
    fn begin(&mut self, image: &str, step: &StepId, name: &str, lines: &mut Vec<String>) -> usize {
        if let Some((number, _)) = self.find(image, step) {
            self.turn_to(number, lines);
            return number;
        }
        let number = self.steps.len() + 1;
        let step_of_image = (image.to_owned(), step.clone());
        let begun = Step {
            number,
            since: Instant::now(),
            ended: false,
        };
        self.steps.insert(step_of_image, begun);
        self.turn_to(number, lines);
        lines.push(format!("#{number} {}", of_image(image, name)));
        number
    }

    fn end_step(&mut self, image: &str, step: &StepId, line: String, lines: &mut Vec<String>) {
        lines.push(line);
        if let Some(step) = self.steps.get_mut(&(image.to_owned(), step.clone())) {
            step.ended = true;
        }
    }

    /// An empty line stands between those of different steps.
    fn turn_to(&mut self, number: usize, lines: &mut Vec<String>) {
        if self.last.is_some_and(|last| last != number) {
            lines.push(String::new());
        }
        self.last = Some(number);
    }
}

/// The step's name with its image's: `[2/7] RUN x` of `app` is `[app 2/7] RUN x`.
fn of_image(image: &str, name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    let name = words.join(" ");
    match name.strip_prefix('[') {
        Some(rest) => format!("[{image} {rest}"),
        None => format!("[{image}] {name}"),
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1}s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::Stream;

    fn step(event: BuildEvent) -> BuildRunEvent {
        BuildRunEvent::Step {
            image: "app".to_owned(),
            event,
        }
    }

    fn started(step_id: &str, name: &str) -> BuildRunEvent {
        step(BuildEvent::StepStarted {
            step: step_id.into(),
            name: name.to_owned(),
        })
    }

    fn play(lines: &mut StepLines, events: &[BuildRunEvent]) -> Vec<String> {
        events.iter().flat_map(|event| lines.tell(event)).collect()
    }

    #[test]
    fn a_name_is_said_once_and_results_by_number() {
        let completed = |step_id: &str, name: &str, cached| {
            step(BuildEvent::StepCompleted {
                step: step_id.into(),
                name: name.to_owned(),
                cached,
                duration: Duration::from_millis(1240),
            })
        };
        let mut lines = StepLines::default();
        let naming = |done| {
            step(BuildEvent::Transfer {
                step: "e".into(),
                name: "naming to docker.io/library/p-app".to_owned(),
                current: 0,
                total: None,
                done,
            })
        };
        let told = play(
            &mut lines,
            &[
                started("a", "[dev 1/2] FROM debian"),
                completed("a", "[dev 1/2] FROM debian", false),
                completed("b", "[dev 2/2] RUN  one \\\n two", true),
                started("e", "exporting to image"),
                naming(false),
                naming(true),
            ],
        );
        assert_eq!(
            told,
            [
                "#1 [app dev 1/2] FROM debian",
                "#1 DONE 1.2s",
                "",
                "#2 [app dev 2/2] RUN one \\ two",
                "#2 CACHED",
                "",
                "#3 [app] exporting to image",
                "#3 naming to docker.io/library/p-app done",
            ]
        );
    }

    #[test]
    fn what_is_stopped_is_cancelled_and_not_failed() {
        let mut lines = StepLines::default();
        let failed = |step_id: &str, error: &str| {
            step(BuildEvent::StepFailed {
                step: step_id.into(),
                name: "RUN x".to_owned(),
                error: error.to_owned(),
            })
        };
        let told = play(
            &mut lines,
            &[
                started("a", "RUN x"),
                failed("a", "exit code: 3"),
                failed("b", "context canceled"),
                started("c", "RUN y"),
            ],
        );
        assert_eq!(told[1], "#1 ERROR: exit code: 3");
        assert_eq!(told[4], "#2 CANCELED");
        assert_eq!(lines.cancel(), ["#3 CANCELED"]);
    }

    #[test]
    fn output_bears_the_number_and_the_time() {
        let mut lines = StepLines::default();
        let output = step(BuildEvent::Output {
            step: "a".into(),
            stream: Stream::Stdout,
            line: "hello".to_owned(),
        });
        let told = play(&mut lines, &[started("a", "RUN x"), output]);
        let (number, rest) = told[1].split_once(' ').unwrap();
        let (at, text) = rest.split_once(' ').unwrap();
        assert_eq!((number, text), ("#1", "hello"));
        assert!(at.parse::<f64>().is_ok(), "{at}");
    }
}
