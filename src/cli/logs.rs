use std::cell::RefCell;

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use clap::Args;
use futures_util::future::try_join_all;
use futures_util::stream;

use super::context::Context;
use super::{Exit, Failure};
use crate::engine::{LogLine, LogOptions};
use crate::follow::{Start, Starts};
use crate::model::Duration;
use crate::observe::labels;
use crate::report::{LogView, merge_logs};

/// Show what the services wrote, in the order of the engine's times
#[derive(Args, Debug)]
pub struct Logs {
    /// Go on as more is written
    #[arg(short, long)]
    pub follow: bool,
    /// Which container, if the service has several
    #[arg(long, value_name = "N")]
    pub index: Option<u32>,
    /// No colours
    #[arg(long)]
    pub no_color: bool,
    /// No names in front of the lines
    #[arg(long)]
    pub no_log_prefix: bool,
    /// From a time on (2026-01-02T13:23:37Z) or for the last while (42m)
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// The last lines of each container, or `all`
    #[arg(short = 'n', long, value_name = "LINES", default_value = "all")]
    pub tail: String,
    /// Show the engine's times
    #[arg(short, long)]
    pub timestamps: bool,
    /// Up to a time, or until so long ago
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

impl Logs {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let scope = context.identify(&self.words)?;
        let options = LogOptions {
            follow: self.follow,
            tail: tail(&self.tail)?,
            since: self.since.as_deref().map(moment).transpose()?,
            until: self.until.as_deref().map(moment).transpose()?,
            timestamps: true,
            tty: false,
        };
        let engine = context.engine().await?;
        let mut starts = match self.follow {
            true => Some(Starts::listen(engine.clone(), scope.name()).await?),
            false => None,
        };
        let containers = scope.containers(&engine, &scope.words).await?;
        if let Some(starts) = &mut starts {
            containers.iter().for_each(|one| starts.meet(one));
        }
        if let (Some(index), [service]) = (self.index, scope.words.as_slice()) {
            scope.container(&engine, service, Some(index)).await?;
        }
        let wanted = |number: u32| self.index.is_none_or(|index| index == number);
        let chosen = containers.iter().filter(|one| wanted(one.number));
        let names = chosen.clone().map(|one| scope.short_name(one)).collect();
        let mut told = Told::default();
        for container in chosen.clone() {
            told.begin(&container.id);
        }
        let told = RefCell::new(told);
        let streams = try_join_all(chosen.map(|container| {
            let options = LogOptions {
                tty: container.tty,
                ..options.clone()
            };
            let engine = &engine;
            async move { engine.container_logs(&container.id, &options).await }
        }))
        .await?;
        let view = RefCell::new(LogView {
            names,
            bare: self.no_log_prefix,
            timestamps: self.timestamps,
            separate: false,
            // Compose's `logs` writes all of it as data.
            together: context.globals.as_compose,
        });
        let console = if self.no_color {
            context.console.plain()
        } else {
            context.console.clone()
        };
        let is_followed =
            |service: &str| scope.words.is_empty() || scope.words.iter().any(|one| one == service);
        // What starts from now on stands under its name as what was there does.
        let later = stream::unfold(starts, |starts| async {
            let mut starts = starts?;
            loop {
                let Start { container, since } = starts.next(is_followed).await?;
                let number = container.labels.get(labels::CONTAINER_NUMBER);
                if !number.is_none_or(|number| number.parse().is_ok_and(wanted)) {
                    continue;
                }
                let options = LogOptions {
                    since,
                    tail: None,
                    tty: container.tty,
                    ..options.clone()
                };
                // One that is gone already, or whose driver cannot be read, has nothing to follow.
                if let Ok(lines) = engine.container_logs(&container.id, &options).await {
                    let name = scope.short(&container.name).to_owned();
                    view.borrow_mut().names.push(name);
                    told.borrow_mut().begin(&container.id);
                    return Some((lines, Some(starts)));
                }
            }
        });
        merge_logs(streams, later, |at, line| {
            if told.borrow_mut().is_news(at, &line) {
                view.borrow().print(&console, at, &line);
            }
        })
        .await?;
        Ok(Exit::OK)
    }
}

/// What has been printed: the log of a container that starts again may begin with lines of its run before.
#[derive(Default)]
struct Told {
    streams: Vec<Printed>,
}

/// How far a stream has been printed.
struct Printed {
    /// The container's.
    id: String,
    /// The time up to which the log had been printed when the stream came. `None`: nothing of it.
    before: Option<String>,
    /// The time of the last line.
    last: Option<String>,
}

impl Told {
    fn begin(&mut self, id: &str) {
        let former = self.streams.iter().rfind(|one| one.id == id);
        self.streams.push(Printed {
            id: id.to_owned(),
            before: former.and_then(|one| one.last.clone().or_else(|| one.before.clone())),
            last: None,
        });
    }

    fn is_news(&mut self, at: usize, line: &LogLine) -> bool {
        let Some(stream) = self.streams.get_mut(at) else {
            return true;
        };
        if line.timestamp.is_some() && line.timestamp <= stream.before {
            return false;
        }
        stream.last.clone_from(&line.timestamp);
        true
    }
}

fn tail(text: &str) -> Result<Option<u64>, Failure> {
    if text == "all" || text == "-1" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        Failure::Usage(format!(
            "`--tail {text}` is neither a number of lines nor `all`"
        ))
    })
}

/// A time as the engine takes it: Unix seconds for "so long ago" and dates alike.
pub fn moment(text: &str) -> Result<String, Failure> {
    if let Ok(ago) = text.parse::<Duration>() {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        let then = now.saturating_sub(ago.std());
        return Ok(format!("{}.{:09}", then.as_secs(), then.subsec_nanos()));
    }
    if text.chars().all(|c| c.is_ascii_digit() || c == '.') && !text.is_empty() {
        return Ok(text.to_owned());
    }
    date(text).ok_or_else(|| {
        Failure::Usage(format!(
            "`{text}` is no time; write `2026-01-02T13:23:37Z`, `2026-01-02`, seconds since 1970, or how long ago: `42m`"
        ))
    })
}

/// Unix seconds of a date of RFC 3339, whose zone (then UTC) or time of day may be missing.
fn date(text: &str) -> Option<String> {
    let time = if text.contains(['T', 't', ' ']) {
        DateTime::parse_from_rfc3339(text)
            .map(|time| time.to_utc())
            .or_else(|_| text.parse::<NaiveDateTime>().map(|time| time.and_utc()))
            .ok()?
    } else {
        text.parse::<NaiveDate>()
            .ok()?
            .and_hms_opt(0, 0, 0)?
            .and_utc()
    };
    Some(format!(
        "{}.{:09}",
        time.timestamp(),
        time.timestamp_subsec_nanos()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::LogStream;

    #[test]
    fn a_log_that_is_read_again_is_told_on() {
        let line = |time: &str| LogLine {
            stream: LogStream::Stdout,
            timestamp: Some(time.to_owned()),
            bytes: "x".into(),
        };
        let mut told = Told::default();
        told.begin("a");
        assert!(told.is_news(0, &line("1")));
        // Two lines may be of one moment.
        assert!(told.is_news(0, &line("1")));
        told.begin("b");
        told.begin("a");
        assert!(told.is_news(1, &line("1")));
        assert!(!told.is_news(2, &line("1")));
        assert!(told.is_news(2, &line("2")));
    }

    #[test]
    fn a_tail_is_a_number_or_all() {
        assert!(matches!(tail("all"), Ok(None)));
        assert!(matches!(tail("10"), Ok(Some(10))));
        assert!(tail("ten").is_err());
    }

    #[test]
    fn times_are_dates_seconds_or_durations() {
        assert_eq!(
            moment("2026-01-02T13:23:37Z").ok().as_deref(),
            Some("1767360217.000000000")
        );
        assert_eq!(moment("1767360217").ok().as_deref(), Some("1767360217"));
        assert!(moment("42m").is_ok());
        assert!(moment("yesterday").is_err());
    }
}
