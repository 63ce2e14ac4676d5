use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use super::Checked;
use crate::load::Environment;
use crate::model::Severity;

const CHECK: &str = "vulnerabilities";
/// Lines of details at most.
const SHOWN: usize = 20;

/// A program that knows vulnerabilities of packages.
struct Scanner {
    name: &'static str,
    arguments: fn(&str) -> Vec<String>,
    /// `None`: it is no report of this program.
    read: fn(&Value) -> Option<Vec<Vulnerability>>,
}

/// Those that read an SBOM, the first that is installed is taken.
const SCANNERS: [Scanner; 2] = [
    Scanner {
        name: "trivy",
        arguments: |sbom| {
            let words = ["sbom", "--quiet", "--format", "json", sbom];
            words.map(str::to_owned).to_vec()
        },
        read: of_trivy,
    },
    Scanner {
        name: "grype",
        arguments: |sbom| {
            let words = [&format!("sbom:{sbom}"), "--quiet", "--output", "json"];
            words.map(|word| word.to_owned()).to_vec()
        },
        read: of_grype,
    },
];

#[derive(Clone, Debug, PartialEq, Eq)]
struct Vulnerability {
    id: String,
    /// `None`: nobody has said.
    severity: Option<Severity>,
    package: String,
    version: String,
    /// Empty: there is none yet.
    fixed_in: String,
}

/// The packages of an SBOM have no known vulnerability of this severity or a worse one.
pub async fn scan(sbom: &Path, limit: Option<Severity>, environment: &Environment) -> Checked {
    let Some(limit) = limit else {
        return Checked::skipped(CHECK, "no severity is declared");
    };
    let path = environment.get("PATH").unwrap_or_default();
    let found = SCANNERS.iter().find_map(|scanner| {
        let program = which::which_in(scanner.name, Some(path), &environment.working_directory);
        Some((scanner, program.ok()?))
    });
    let Some((scanner, program)) = found else {
        return Checked::skipped(
            CHECK,
            "not scanned: neither `trivy` nor `grype` is on the PATH",
        );
    };
    let output = Command::new(program)
        .args((scanner.arguments)(&sbom.display().to_string()))
        .env_clear()
        .envs(&environment.variables)
        .stdin(Stdio::null())
        .output()
        .await;
    let failed = |why: String| Checked::failed(CHECK, format!("`{}` fails: {why}", scanner.name));
    let output = match output {
        Ok(output) => output,
        Err(error) => return failed(error.to_string()),
    };
    // Their exit codes may stand for what they found, by a limit of the user's own.
    let report = serde_json::from_slice::<Value>(&output.stdout);
    if let Some(found) = report.as_ref().ok().and_then(scanner.read) {
        return judge(found, limit, scanner.name);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty());
    failed(match (output.status.success(), report, last) {
        (true, Ok(_), _) => format!("its report is none of {}", scanner.name),
        (true, Err(error), _) => format!("its report is not JSON: {error}"),
        (false, _, Some(last)) => last.to_owned(),
        (false, _, None) => format!("it ends with {}", output.status),
    })
}

fn judge(mut found: Vec<Vulnerability>, limit: Severity, scanner: &str) -> Checked {
    let all = found.len();
    found.retain(|one| one.severity.is_some_and(|severity| severity >= limit));
    found.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.id.cmp(&b.id)));
    let limit = word(limit);
    if found.is_empty() {
        return Checked::passed(
            CHECK,
            format!("{scanner} knows {all}, none of them {limit} or worse"),
        );
    }
    let mut details: Vec<String> = found
        .iter()
        .take(SHOWN)
        .map(|one| {
            let fixed = match one.fixed_in.as_str() {
                "" => "not fixed yet".to_owned(),
                version => format!("fixed in {version}"),
            };
            let severity = one.severity.map_or("unknown", word);
            format!(
                "{} {severity}: {} {}, {fixed}",
                one.id, one.package, one.version
            )
        })
        .collect();
    if found.len() > SHOWN {
        details.push(format!("and {} more", found.len() - SHOWN));
    }
    let count = found.len();
    Checked::failed(
        CHECK,
        format!("{scanner} knows {count} that are {limit} or worse"),
    )
    .with(details)
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

fn severity(text: &Value) -> Option<Severity> {
    let text = text.as_str()?.to_ascii_lowercase();
    let all = [
        Severity::Low,
        Severity::Medium,
        Severity::High,
        Severity::Critical,
    ];
    all.into_iter().find(|one| word(*one) == text)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// <https://trivy.dev/latest/docs/configuration/reporting/#json>
fn of_trivy(report: &Value) -> Option<Vec<Vulnerability>> {
    let results = report["Results"].as_array();
    if results.is_none() && !report["SchemaVersion"].is_number() {
        return None;
    }
    let found = results
        .into_iter()
        .flatten()
        .flat_map(|result| result["Vulnerabilities"].as_array().into_iter().flatten())
        .map(|one| Vulnerability {
            id: text(&one["VulnerabilityID"]),
            severity: severity(&one["Severity"]),
            package: text(&one["PkgName"]),
            version: text(&one["InstalledVersion"]),
            fixed_in: text(&one["FixedVersion"]),
        });
    Some(found.collect())
}

/// <https://github.com/anchore/grype#output-formats>
fn of_grype(report: &Value) -> Option<Vec<Vulnerability>> {
    let found = report["matches"]
        .as_array()?
        .iter()
        .map(|one| Vulnerability {
            id: text(&one["vulnerability"]["id"]),
            severity: severity(&one["vulnerability"]["severity"]),
            package: text(&one["artifact"]["name"]),
            version: text(&one["artifact"]["version"]),
            fixed_in: text(&one["vulnerability"]["fix"]["versions"][0]),
        });
    Some(found.collect())
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A directory with a program that prints a report and ends with this exit code.
    fn scanner(name: &str, report: &str, code: i32) -> (tempfile::TempDir, Environment) {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join(name);
        let text = format!("#!/bin/sh\ncat <<'END'\n{report}\nEND\nexit {code}\n");
        std::fs::write(&program, text).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut environment = Environment::default();
        let path = format!("{}:/usr/bin:/bin", directory.path().display());
        environment.variables.insert("PATH".into(), path);
        (directory, environment)
    }

    #[tokio::test]
    async fn a_severe_vulnerability_fails() {
        let trivy = r#"{"Results": [{"Vulnerabilities": [
            {"VulnerabilityID": "CVE-1", "Severity": "HIGH", "PkgName": "a", "InstalledVersion": "1", "FixedVersion": "2"},
            {"VulnerabilityID": "CVE-2", "Severity": "LOW", "PkgName": "b", "InstalledVersion": "1"}]}]}"#;
        let grype = r#"{"matches": [{"vulnerability": {"id": "CVE-1", "severity": "High", "fix": {"versions": ["2"]}},
            "artifact": {"name": "a", "version": "1"}}]}"#;
        for (name, report, code) in [
            ("trivy", trivy, 0),
            ("grype", grype, 0),
            ("grype", grype, 2),
        ] {
            let (_kept, environment) = scanner(name, report, code);
            let sbom = Path::new("/x.json");
            let checked = scan(sbom, Some(Severity::High), &environment).await;
            assert_eq!(checked.verdict, Verdict::Failed, "{checked:?}");
            assert_eq!(checked.details, ["CVE-1 high: a 1, fixed in 2"]);
            let checked = scan(sbom, Some(Severity::Critical), &environment).await;
            assert_eq!(checked.verdict, Verdict::Passed, "{checked:?}");
        }
    }

    #[tokio::test]
    async fn what_is_no_report_is_no_all_clear() {
        for (name, report, code, said) in [
            ("trivy", "{}", 0, "its report is none of trivy"),
            ("grype", "null", 0, "its report is none of grype"),
            ("grype", "", 0, "is not JSON"),
            ("trivy", "", 3, "exit status: 3"),
        ] {
            let (_kept, environment) = scanner(name, report, code);
            let checked = scan(Path::new("/x"), Some(Severity::Low), &environment).await;
            assert_eq!(checked.verdict, Verdict::Failed, "{checked:?}");
            assert!(checked.message.contains(said), "{checked:?}");
        }
        let (_kept, environment) = scanner("trivy", r#"{"SchemaVersion": 2}"#, 0);
        let checked = scan(Path::new("/x"), Some(Severity::Low), &environment).await;
        assert_eq!(checked.verdict, Verdict::Passed, "{checked:?}");
    }

    #[tokio::test]
    async fn without_a_scanner_it_says_so() {
        let mut environment = Environment::default();
        environment
            .variables
            .insert("PATH".into(), "/nonexistent".into());
        let checked = scan(Path::new("/x"), Some(Severity::Low), &environment).await;
        assert_eq!(checked.verdict, Verdict::Skipped);
        assert!(checked.message.contains("neither `trivy` nor `grype`"));
    }
}
