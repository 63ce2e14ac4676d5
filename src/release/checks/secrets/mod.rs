//! No secret is in an image: what keys and tokens look like, and every value that the project itself keeps secret.

mod allowed;
mod search;
mod values;

pub use search::SecretSearch;
pub use values::SecretValues;

use std::collections::HashSet;

use super::{Checked, Inspected};
use crate::secret::{has_password, is_secret};
use allowed::is_allowed;

const CHECK: &str = "secrets";
/// What begins the labels that wharf itself gives to images.
const OWN_LABELS: &str = "wharf.";
/// What begins a step of the classic builder that runs nothing.
const CLASSIC: &str = "/bin/sh -c #(nop) ";
/// What follows the arguments of a step.
const SHELL: &str = " /bin/sh -c ";
/// Findings of an image that are told one by one.
const TOLD: usize = 20;

/// No secret is in the image's files, of any layer, nor in its environment, its labels or its history.
pub(super) fn check(inspected: &Inspected<'_>) -> Checked {
    let limits = &inspected.component.limits;
    if limits.secrets == Some(false) {
        return Checked::skipped(CHECK, "not searched for");
    }
    let search = match SecretSearch::new(&inspected.secrets.values, true, |_| false) {
        Ok(search) => search,
        Err(error) => return Checked::failed(CHECK, format!("cannot be searched for: {error}")),
    };
    let find = |text: &str| {
        let mut found = search.find(text.as_bytes());
        if has_password(text) {
            found.push("a URL with a password".to_owned());
        }
        found
    };
    let mut found = Vec::new();
    for entry in &inspected.image.environment {
        let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
        if is_secret(name) && !value.is_empty() {
            found.push(format!("the variable `{name}` of the image"));
        }
        for what in find(value) {
            found.push(format!("{what} in the variable `{name}` of the image"));
        }
    }
    for (name, value) in &inspected.image.labels {
        if is_secret(name) && !value.is_empty() && !name.starts_with(OWN_LABELS) {
            found.push(format!("the label `{name}`"));
        }
        for what in find(value) {
            found.push(format!("{what} in the label `{name}`"));
        }
    }
    for step in inspected.history {
        for what in find(step) {
            found.push(format!("{what} in the history"));
        }
        found.extend(
            arguments_of(step)
                .into_iter()
                .map(|argument| format!("the build argument `{argument}` in the history")),
        );
    }
    for (number, layer) in inspected.layers.iter().enumerate() {
        for file in &layer.files {
            if file.findings.is_empty() || is_allowed(&file.path, &limits.secrets_allowed) {
                continue;
            }
            let line = inspected.steps.get(number);
            let line = line.and_then(|step| step.line.as_ref());
            let by = line.map_or(String::new(), |line| format!(", added by {line}"));
            let hidden = match inspected.tree.files.get(file.path.as_str()) {
                Some((seen, _)) if *seen == number => "",
                _ => " (removed above, but the layer is shipped all the same)",
            };
            for what in &file.findings {
                found.push(format!("{what} in `/{}`{by}{hidden}", file.path));
            }
        }
    }
    let mut known = HashSet::new();
    found.retain(|one| known.insert(one.clone()));
    if found.is_empty() {
        let unsearched = &inspected.secrets.unsearched;
        let mut said = match (inspected.secrets.values.len(), unsearched.len()) {
            (0, 0) => "no key or token; the project knows no value to look for".to_owned(),
            (0, _) => "no key or token".to_owned(),
            (1, _) => "no key or token; one value of the project is not in it".to_owned(),
            (count, _) => format!("no key or token; {count} values of the project are not in it"),
        };
        if !unsearched.is_empty() {
            said.push_str(&format!("; not looked for: {}", unsearched.len()));
        }
        return Checked::passed(CHECK, said).with(unsearched.clone());
    }
    let more = found.len().saturating_sub(TOLD);
    if more > 0 {
        found.truncate(TOLD);
        found.push(format!("and {more} more"));
    }
    Checked::failed(CHECK, "secrets are in the image").with(found)
}

/// Names of build arguments that the history shows with a value, and that are secrets by their names: in steps that declare them
/// (`ARG API_TOKEN=abc`), and in those that see them (`RUN |2 A=x y API_TOKEN=abc /bin/sh -c make`).
fn arguments_of(step: &str) -> Vec<&str> {
    let declared = step
        .strip_prefix(CLASSIC)
        .unwrap_or(step)
        .trim_start()
        .strip_prefix("ARG ");
    let seen = || {
        let (_, rest) = step.split_once('|')?;
        let (count, rest) = rest.split_once(' ')?;
        count.parse::<usize>().ok()?;
        // Values have spaces too, and nothing says where one ends.
        Some(rest.split(SHELL).next().unwrap_or(rest))
    };
    let Some(text) = declared.or_else(seen) else {
        return Vec::new();
    };
    text.split_whitespace()
        .filter_map(|word| word.split_once('='))
        .filter(|(name, value)| {
            let is_written_out = !value.is_empty() && !value.starts_with('$');
            is_secret(name) && is_written_out
        })
        .map(|(name, _)| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::super::tests::Sample;
    use super::*;
    use crate::model::ReleaseLimits;

    #[test]
    fn many_findings_are_counted() {
        let paths: Vec<String> = (0..30).map(|number| format!("f{number}")).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let mut sample = Sample::new(ReleaseLimits::default()).files(&paths);
        for file in &mut sample.layers[0].files {
            file.findings = vec!["a private key".into()];
        }
        let checked = sample.check(check);
        assert_eq!(checked.details.len(), 21);
        assert_eq!(checked.details[20], "and 10 more");
    }

    #[test]
    fn what_was_not_looked_for_is_told() {
        let mut sample = Sample::new(ReleaseLimits::default());
        sample.secrets.values = vec![("the secret `a`".into(), b"\xfe\xff12345678".to_vec())];
        sample.secrets.unsearched = vec!["the secret `b`: cannot read `/b`".into()];
        let checked = sample.check(check);
        assert_eq!(checked.verdict, Verdict::Passed);
        assert_eq!(
            checked.message,
            "no key or token; one value of the project is not in it; not looked for: 1"
        );
        assert_eq!(checked.details, ["the secret `b`: cannot read `/b`"]);
    }

    #[test]
    fn arguments_are_seen_wherever_the_history_shows_them() {
        for step in [
            "RUN |2 A=x y z API_TOKEN=abcdefghijklmnop /bin/sh -c echo $A # buildkit",
            "|1 API_TOKEN=abcdefghijklmnop /bin/sh -c make",
            "ARG API_TOKEN=abcdefghijklmnop",
            "/bin/sh -c #(nop)  ARG API_TOKEN=abcdefghijklmnop",
        ] {
            assert_eq!(arguments_of(step), ["API_TOKEN"], "{step}");
        }
        for step in [
            "ARG API_TOKEN",
            "ARG API_TOKEN=",
            "RUN |1 A=x /bin/sh -c API_TOKEN=$(cat /run/secrets/t) make",
            "RUN /bin/sh -c a | API_TOKEN=x b",
        ] {
            assert!(arguments_of(step).is_empty(), "{step}");
        }
        let mut sample = Sample::new(ReleaseLimits::default());
        let step = "RUN |1 API_TOKEN=x /bin/sh -c true";
        sample.history = [step, "RUN true", step].map(str::to_owned).to_vec();
        assert_eq!(sample.check(check).details.len(), 1);
    }

    #[test]
    fn passwords_of_urls_and_labels_with_names_of_secrets_fail() {
        let sample = || Sample::new(ReleaseLimits::default());
        let mut environment = sample();
        environment.image.environment = vec!["URL=postgres://u:hunter2hunter@db/x".into()];
        assert_eq!(
            environment.check(check).details,
            ["a URL with a password in the variable `URL` of the image"]
        );
        let mut labels = sample();
        let label = |name: &str| (name.to_owned(), "true".to_owned());
        labels.image.labels = [label("api_token"), label("wharf.config.secrets")]
            .into_iter()
            .collect();
        assert_eq!(labels.check(check).details, ["the label `api_token`"]);
    }

    #[test]
    fn secrets_in_environment_history_and_any_layer_fail() {
        let sample = || Sample::new(ReleaseLimits::default());
        assert_eq!(sample().check(check).verdict, Verdict::Passed);
        let mut environment = sample();
        environment.image.environment = vec!["DB_PASSWORD=x".into()];
        assert_eq!(environment.check(check).verdict, Verdict::Failed);
        let mut history = sample();
        history.history = vec!["RUN |2 UID=1 API_TOKEN=x /bin/sh -c make # buildkit".into()];
        let checked = history.check(check);
        assert_eq!(
            checked.details,
            ["the build argument `API_TOKEN` in the history"]
        );
        let mut files = sample().files(&["etc/key"]).files(&["etc/.wh.key"]);
        files.layers[0].files[0].findings = vec!["a private key".into()];
        let checked = files.check(check);
        assert_eq!(checked.verdict, Verdict::Failed);
        assert!(checked.details[0].contains("removed above"), "{checked:?}");
        files.component.limits.secrets_allowed = vec!["/etc/*".into()];
        assert_eq!(files.check(check).verdict, Verdict::Passed);
    }
}
