//! What an image has to be to be released: one check a file, each with its limit in `x-wharf.release.limits`.

mod build_tools;
mod growth;
mod health;
mod non_root;
mod secrets;
mod size;
mod vulnerabilities;

use serde::{Deserialize, Serialize};

pub use secrets::{SecretSearch, SecretValues};
pub use vulnerabilities::scan;

use super::component::Component;
use super::record::{ComponentRecord, LayerRecord};
use crate::engine::Image;
use crate::image::{SavedLayer, Tree};
use crate::model::Project;

/// How a check ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    #[default]
    Passed,
    Failed,
    /// It has no limit, or what it needs is not there.
    Skipped,
}

/// One check of one image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Checked {
    /// The limit's name.
    pub check: String,
    pub verdict: Verdict,
    pub message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
}

impl Checked {
    fn new(check: &str, verdict: Verdict, message: impl Into<String>) -> Checked {
        Checked {
            check: check.to_owned(),
            verdict,
            message: message.into(),
            details: Vec::new(),
        }
    }

    fn passed(check: &str, message: impl Into<String>) -> Checked {
        Checked::new(check, Verdict::Passed, message)
    }

    fn failed(check: &str, message: impl Into<String>) -> Checked {
        Checked::new(check, Verdict::Failed, message)
    }

    fn skipped(check: &str, message: impl Into<String>) -> Checked {
        Checked::new(check, Verdict::Skipped, message)
    }

    fn with(mut self, details: Vec<String>) -> Checked {
        self.details = details;
        self
    }
}

/// All that is known of an image that is to be released.
pub struct Inspected<'i> {
    pub project: &'i Project,
    pub component: &'i Component,
    pub image: &'i Image,
    pub layers: &'i [SavedLayer],
    pub tree: &'i Tree<'i>,
    /// With what made each layer.
    pub steps: &'i [LayerRecord],
    /// Everything that its history says, oldest first.
    pub history: &'i [String],
    /// Values that must not be in it.
    pub secrets: &'i SecretValues,
    /// The same component in the release before. `None`: there is none.
    pub former: Option<&'i ComponentRecord>,
}

/// Whether a check needs a file of an image whole.
pub fn keeps(path: &str) -> bool {
    non_root::keeps(path)
}

/// All checks but the scan for vulnerabilities, which takes a program.
pub fn check(inspected: &Inspected<'_>) -> Vec<Checked> {
    vec![
        size::check(inspected),
        growth::check(inspected),
        non_root::check(inspected),
        health::check(inspected),
        secrets::check(inspected),
        build_tools::check(inspected),
    ]
}

/// `12.3 MB`
pub fn megabytes(bytes: i64) -> String {
    let bytes = bytes as f64;
    match bytes.abs() {
        size if size >= 1e9 => format!("{:.2} GB", bytes / 1e9),
        size if size >= 1e6 => format!("{:.1} MB", bytes / 1e6),
        size if size >= 1e3 => format!("{:.1} kB", bytes / 1e3),
        _ => format!("{bytes} B"),
    }
}

/// The layers, with what made each, the largest first.
fn largest(steps: &[LayerRecord], least: i64) -> Vec<String> {
    let mut steps: Vec<&LayerRecord> = steps.iter().filter(|step| step.size >= least).collect();
    steps.sort_by_key(|step| std::cmp::Reverse(step.size));
    steps
        .into_iter()
        .map(|step| {
            let by: String = step.created_by.chars().take(60).collect();
            let by = match by.is_empty() {
                true => "(the base image)".to_owned(),
                false => by,
            };
            let line = step.line.as_deref().unwrap_or("-");
            format!("{:>9}  {line}  {by}", megabytes(step.size))
        })
        .collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::image::LayerFile;
    use crate::model::{CoveredBy, ReleaseLimits};

    /// An image to check, with what a test changes.
    pub struct Sample {
        pub project: Project,
        pub component: Component,
        pub image: Image,
        pub layers: Vec<SavedLayer>,
        pub steps: Vec<LayerRecord>,
        pub history: Vec<String>,
        pub secrets: SecretValues,
        pub former: Option<ComponentRecord>,
    }

    impl Sample {
        pub fn new(limits: ReleaseLimits) -> Sample {
            Sample {
                project: serde_json::from_str(
                    r#"{"name": "p", "services": {"app": {"image": "x"}}}"#,
                )
                .unwrap(),
                component: Component {
                    name: "app".into(),
                    service: "app".into(),
                    services: vec!["app".into()],
                    image: None,
                    reference: "x:latest".into(),
                    repositories: Vec::new(),
                    covered_by: CoveredBy::Image,
                    limits,
                },
                image: Image {
                    size: 2_000_000,
                    user: "app".into(),
                    ..Image::default()
                },
                layers: Vec::new(),
                steps: Vec::new(),
                history: Vec::new(),
                secrets: SecretValues::default(),
                former: None,
            }
        }

        pub fn files(mut self, paths: &[&str]) -> Sample {
            let file = |path: &&str| LayerFile {
                path: (*path).to_owned(),
                mode: 0o755,
                size: 1,
                ..LayerFile::default()
            };
            self.layers.push(SavedLayer {
                files: paths.iter().map(file).collect(),
            });
            self
        }

        pub fn check(&self, check: fn(&Inspected<'_>) -> Checked) -> Checked {
            let tree = Tree::of(&self.layers);
            check(&Inspected {
                project: &self.project,
                component: &self.component,
                image: &self.image,
                layers: &self.layers,
                tree: &tree,
                steps: &self.steps,
                history: &self.history,
                secrets: &self.secrets,
                former: self.former.as_ref(),
            })
        }
    }
}
