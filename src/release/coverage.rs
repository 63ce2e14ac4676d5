use super::git::Revision;
use super::record::TestedBy;
use crate::model::CoveredBy;
use crate::suite::GreenRun;

/// An image that is to be released, as far as tests may have run it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidate {
    pub reference: String,
    pub id: String,
    /// Stands for everything that this machine built it from. `None`: it was built elsewhere, or not by wharf.
    pub inputs: Option<String>,
    /// The images of this project that it is built from.
    pub parents: Vec<Candidate>,
}

impl Candidate {
    /// What to warn of where it is released all the same: nothing says that a build made it, and no test has run it as it is.
    /// `covered`: what [`covering`] says.
    pub fn doubt(&self, covered: &Result<TestedBy, String>) -> Option<String> {
        (self.inputs.is_none() && covered.is_err()).then(|| {
            format!(
                "nothing says that a build of this machine made `{}` as it is: it may have been committed from a container, or come from elsewhere; `wharf build --no-skip` makes it anew",
                self.reference
            )
        })
    }
}

/// The last green run that covers an image, or what is missing.
///
/// By `image`, a run covers an image that it ran, or one that was built from the same inputs. By `parents`, it covers an
/// image if it ran (or stood on) every image of the project that this one is built from, with the same commit checked out
/// and nothing changed: then what the tests saw and what the image holds are the same sources on the same base. What no build of
/// this machine is known to have made may hold more.
///
/// # Errors
/// What is missing, in a sentence.
pub fn covering(
    candidate: &Candidate,
    by: CoveredBy,
    revision: &Revision,
    runs: &[GreenRun],
) -> Result<TestedBy, String> {
    let reference = &candidate.reference;
    let tested = |run: &GreenRun, covers: &str| TestedBy {
        run: run.run.clone(),
        covers: covers.to_owned(),
    };
    let ran = |run: &&GreenRun| run.covers(&candidate.id, candidate.inputs.as_deref());
    if let Some(run) = runs.iter().rev().find(ran) {
        return Ok(tested(run, "image"));
    }
    if by == CoveredBy::Image {
        let known = match runs.len() {
            0 => "no green run of `wharf test` is noted".to_owned(),
            1 => "the one green run that is noted ran other images".to_owned(),
            count => format!("the {count} green runs that are noted ran other images"),
        };
        return Err(format!(
            "no test has run `{reference}`: {known}; run `wharf test` with a service that uses it, or say `covered-by: parents`{}",
            match candidate.inputs {
                Some(_) => "",
                None =>
                    "\nhelp: it is not what a build of this machine has made; `wharf build --no-skip` makes it anew, and the next `wharf test` notes it",
            }
        ));
    }
    if candidate.inputs.is_none() {
        return Err(format!(
            "`{reference}` is not what a build of this machine has made, so that no test of the parents covers it\nhelp: `wharf build --no-skip` makes it anew"
        ));
    }
    if candidate.parents.is_empty() {
        return Err(format!(
            "`{reference}` is built from no image of this project, so that only a test of the image itself covers it"
        ));
    }
    if revision.dirty {
        return Err(format!(
            "the tree has changes that are not committed, so that no test of the parents covers `{reference}`"
        ));
    }
    let same: Vec<&GreenRun> = runs
        .iter()
        .rev()
        .filter(|run| !run.dirty && run.revision.as_deref() == Some(revision.sha.as_str()))
        .collect();
    if same.is_empty() {
        return Err(format!(
            "no green run of `wharf test` had commit {} checked out without changes; run it now",
            revision.short()
        ));
    }
    let mut missing = Vec::new();
    for run in same {
        missing = candidate
            .parents
            .iter()
            .filter(|parent| !run.covers(&parent.id, parent.inputs.as_deref()))
            .map(|parent| format!("`{}`", parent.reference))
            .collect();
        if missing.is_empty() {
            return Ok(tested(run, "parents"));
        }
    }
    Err(format!(
        "no green run of this commit stood on {}, which `{reference}` is built from",
        missing.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::CoveredImage;

    fn run(name: &str, revision: &str, inputs: &[&str]) -> GreenRun {
        GreenRun {
            run: name.into(),
            revision: Some(revision.into()),
            images: inputs
                .iter()
                .map(|inputs| CoveredImage {
                    inputs: Some((*inputs).into()),
                    ..CoveredImage::default()
                })
                .collect(),
            ..GreenRun::default()
        }
    }

    fn image(inputs: &str) -> Candidate {
        Candidate {
            reference: format!("{inputs}:latest"),
            id: format!("sha256:{inputs}"),
            inputs: Some(inputs.into()),
            parents: Vec::new(),
        }
    }

    #[test]
    fn an_image_of_the_same_inputs_is_covered() {
        let revision = Revision {
            sha: "c1".into(),
            ..Revision::default()
        };
        let by = |inputs: &str| {
            let runs = [run("r1", "c0", &["a"]), run("r2", "c1", &["a", "b"])];
            covering(&image(inputs), CoveredBy::Image, &revision, &runs)
        };
        assert_eq!(by("a").unwrap().run, "r2");
        let mut committed = image("a");
        committed.inputs = None;
        let runs = [run("r1", "c0", &["a"])];
        let missing = covering(&committed, CoveredBy::Image, &revision, &runs).unwrap_err();
        assert!(
            missing.contains("not what a build of this machine"),
            "{missing}"
        );
        let missing = by("prod").unwrap_err();
        assert!(
            missing.contains("no test has run `prod:latest`"),
            "{missing}"
        );
    }

    #[test]
    fn what_nothing_is_known_of_is_doubted() {
        let revision = Revision::default();
        let built = image("a");
        let mut committed = image("a");
        committed.inputs = None;
        let mut ran_it = run("r1", "c1", &[]);
        ran_it.images.push(CoveredImage {
            id: committed.id.clone(),
            ..CoveredImage::default()
        });
        let doubt = |candidate: &Candidate, runs: &[GreenRun]| {
            let covered = covering(candidate, CoveredBy::Image, &revision, runs);
            candidate.doubt(&covered)
        };
        assert_eq!(doubt(&built, &[]), None);
        assert_eq!(doubt(&committed, &[ran_it]), None);
        let said = doubt(&committed, &[]).unwrap();
        assert!(
            said.contains("`a:latest`") && said.contains("--no-skip"),
            "{said}"
        );
    }

    #[test]
    fn parents_cover_only_at_the_same_clean_commit() {
        let mut prod = image("prod");
        prod.parents = vec![image("base"), image("dev")];
        let clean = |sha: &str, dirty| Revision {
            sha: sha.into(),
            dirty,
            ..Revision::default()
        };
        let runs = [
            run("r1", "c1", &["base", "dev"]),
            run("r2", "c2", &["base"]),
        ];
        let by = |revision: &Revision| covering(&prod, CoveredBy::Parents, revision, &runs);
        let tested = by(&clean("c1", false)).unwrap();
        assert_eq!(
            (tested.run.as_str(), tested.covers.as_str()),
            ("r1", "parents")
        );
        assert!(
            by(&clean("c1", true))
                .unwrap_err()
                .contains("not committed")
        );
        assert!(
            by(&clean("c2", false))
                .unwrap_err()
                .contains("`dev:latest`")
        );
        assert!(by(&clean("c3", false)).unwrap_err().contains("run it now"));
        let mut committed = prod.clone();
        committed.inputs = None;
        let missing = covering(&committed, CoveredBy::Parents, &clean("c1", false), &runs);
        assert!(
            missing
                .unwrap_err()
                .contains("not what a build of this machine")
        );
    }
}
