use super::dockerfile::{Dockerfile, Instruction};
use super::ignore::Patterns;
use super::{DockerfileFile, Image};

/// Something in a Dockerfile that builds and still is a mistake. The names of the rules are those of BuildKit's own checks.
/// <https://docs.docker.com/reference/build-checks/>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckFinding {
    pub rule: &'static str,
    /// What messages call the Dockerfile.
    pub file: String,
    pub line: u32,
    pub message: String,
}

/// Checks an image's Dockerfile as far as it can be read here. Nothing is asked of an engine.
pub fn check(image: &Image) -> Vec<CheckFinding> {
    let Some(file) = &image.dockerfile else {
        return Vec::new();
    };
    let mut findings = Findings {
        file,
        found: Vec::new(),
    };
    findings.stages(&file.parsed);
    for instruction in &file.parsed.instructions {
        findings.instruction(instruction);
    }
    findings.settled_by_stages(image);
    findings.bases(image);
    findings.ignored_sources();
    let mut found = findings.found;
    let is_off = |rule: &str| {
        let mut skipped = file.parsed.skipped_checks.iter();
        skipped.any(|name| name.eq_ignore_ascii_case("all") || name.eq_ignore_ascii_case(rule))
    };
    found.retain(|finding| !is_off(finding.rule));
    found.sort_by_key(|finding| finding.line);
    found
}

/// Words in names of arguments and variables that hold what must not stay in an image.
const SECRET_WORDS: [&str; 8] = [
    "apikey",
    "auth",
    "credential",
    "credentials",
    "key",
    "password",
    "secret",
    "token",
];

struct Findings<'f> {
    file: &'f DockerfileFile,
    found: Vec<CheckFinding>,
}

impl<'f> Findings<'f> {
    fn add(&mut self, rule: &'static str, line: u32, message: impl Into<String>) {
        self.found.push(CheckFinding {
            rule,
            file: self.file.shown_as.clone(),
            line,
            message: message.into(),
        });
    }

    fn stages(&mut self, dockerfile: &Dockerfile) {
        let mut known: Vec<String> = Vec::new();
        for stage in &dockerfile.stages {
            let line = dockerfile.instructions[stage.instruction].lines.0;
            if let Some(name) = &stage.name {
                let lower = name.to_ascii_lowercase();
                if *name != lower {
                    let message = format!("the stage `{name}` is written in lower case: `{lower}`");
                    self.add("StageNameCasing", line, message);
                }
                if matches!(lower.as_str(), "scratch" | "context") {
                    let message = format!("`{name}` is reserved and cannot name a stage");
                    self.add("ReservedStageName", line, message);
                }
                if known.contains(&lower) {
                    let message = format!(
                        "a second stage is called `{name}`; only the last one can be meant"
                    );
                    self.add("DuplicateStageName", line, message);
                }
                known.push(lower);
            }
            self.repeated(dockerfile, stage);
        }
    }

    /// Only the last `CMD`, `ENTRYPOINT` and `HEALTHCHECK` of a stage count.
    fn repeated(&mut self, dockerfile: &Dockerfile, stage: &super::dockerfile::Stage) {
        let own = &dockerfile.instructions[stage.instructions.clone()];
        for keyword in ["CMD", "ENTRYPOINT", "HEALTHCHECK"] {
            let mut all = own.iter().filter(|one| one.keyword == keyword).peekable();
            while let Some(one) = all.next() {
                if all.peek().is_some() {
                    let message =
                        format!("a later `{keyword}` of the same stage takes this one's place");
                    self.add("MultipleInstructionsDisallowed", one.lines.0, message);
                }
            }
        }
    }

    fn instruction(&mut self, instruction: &Instruction) {
        let line = instruction.lines.0;
        let rest = instruction.rest.trim();
        match instruction.keyword.as_str() {
            "MAINTAINER" => self.add(
                "MaintainerDeprecated",
                line,
                "`MAINTAINER` is deprecated; write `LABEL org.opencontainers.image.authors=..`",
            ),
            keyword @ ("ENV" | "LABEL")
                if !rest.contains('=') && rest.contains(char::is_whitespace) =>
            {
                let message =
                    format!("`{keyword} NAME VALUE` is the old form; write `{keyword} NAME=VALUE`");
                self.add("LegacyKeyValueFormat", line, message);
            }
            _ => {}
        }
        if matches!(instruction.keyword.as_str(), "ARG" | "ENV") {
            for (name, _) in instruction.assignments() {
                if looks_like_a_secret(&name) {
                    let message = format!(
                        "`{name}` stays in the image's history; hand secrets over with `RUN --mount=type=secret`"
                    );
                    self.add("SecretsUsedInArgOrEnv", line, message);
                }
            }
        }
    }

    /// What is a mistake only where nothing before it in the stage, or in the stage that it starts from, settles it: a
    /// `SHELL` is chosen for the commands that follow, a `WORKDIR` is a place to start from.
    fn settled_by_stages(&mut self, image: &Image) {
        let arguments = super::image::given_arguments(&image.build);
        let file: &'f DockerfileFile = self.file;
        let dockerfile = &file.parsed;
        // By position: whether the stage ends with a shell, and with a directory.
        let mut ends: Vec<(bool, bool)> = Vec::new();
        for (at, stage) in dockerfile.stages.iter().enumerate() {
            let origin = dockerfile.origin(at, &arguments);
            let (mut has_shell, mut has_directory) = origin
                .and_then(|origin| ends.get(origin).copied())
                .unwrap_or_default();
            for one in &dockerfile.instructions[stage.instructions.clone()] {
                let line = one.lines.0;
                let rest = one.rest.trim();
                match one.keyword.as_str() {
                    "SHELL" => has_shell = true,
                    keyword @ ("CMD" | "ENTRYPOINT") if !has_shell && !rest.starts_with('[') => {
                        let message = format!(
                            "`{keyword}` runs in a shell, which passes no signals on; write it as a list: `{keyword} [\"program\", \"argument\"]`"
                        );
                        self.add("JSONArgsRecommended", line, message);
                    }
                    "WORKDIR" => {
                        if !has_directory && !rest.starts_with(['/', '$', '"', '\'']) {
                            let message = format!(
                                "`WORKDIR {rest}` depends on where the base image stands; write it from the root on"
                            );
                            self.add("WorkdirRelativePath", line, message);
                        }
                        has_directory = true;
                    }
                    _ => {}
                }
            }
            ends.push((has_shell, has_directory));
        }
    }

    /// A `FROM` whose arguments leave nothing, with what the service gives.
    fn bases(&mut self, image: &Image) {
        let arguments = super::image::given_arguments(&image.build);
        for reference in self.file.parsed.all_references(&arguments) {
            if reference.written.contains('$')
                && (reference.name.is_empty() || reference.name.starts_with(':'))
            {
                let message = format!(
                    "`{}` stands for nothing: no `ARG` before the first `FROM` and no build argument gives it a value",
                    reference.written
                );
                self.add("UndefinedArgInFrom", reference.lines.0, message);
            }
        }
    }

    fn ignored_sources(&mut self) {
        let Some(ignore) = &self.file.ignore else {
            return;
        };
        // The rules have been checked when they were read.
        let Ok(patterns) = Patterns::from_file(&ignore.text) else {
            return;
        };
        let mut ignored = Vec::new();
        for instruction in &self.file.parsed.instructions {
            for path in instruction.context_paths().unwrap_or_default() {
                if path.contains(['*', '?', '[']) || path == "." {
                    continue;
                }
                if let Some(pattern) = patterns.deciding(&path)
                    && !pattern.is_negated()
                {
                    let place = pattern
                        .line()
                        .map(|line| format!(":{line}"))
                        .unwrap_or_default();
                    let message = format!(
                        "`{path}` is kept out of the build by `{}` ({}{place})",
                        pattern.shown(),
                        ignore.shown_as
                    );
                    ignored.push((instruction.lines.0, message));
                }
            }
        }
        for (line, message) in ignored {
            self.add("CopyIgnoredFile", line, message);
        }
    }
}

/// A whole word of the name speaks of a secret; `KEYBOARD` does not.
fn looks_like_a_secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let is_public = lower.contains("public");
    !is_public
        && lower
            .split(['_', '-'])
            .any(|word| SECRET_WORDS.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::ImageGraph;
    use crate::load::MemoryDisk;
    use crate::model::Project;
    use serde_json::json;

    fn found(dockerfile: &str) -> Vec<String> {
        let mut project: Project = serde_json::from_value(json!({"name": "p", "services": {
            "app": {"build": {"context": "/p", "args": {"GIVEN": "debian"}}}
        }}))
        .unwrap();
        project.directory = "/p".into();
        let disk = MemoryDisk::default()
            .with("/p/Dockerfile", dockerfile)
            .with("/p/.dockerignore", "*.env\n!keep.env\n");
        let graph = ImageGraph::of(&project, &disk).unwrap();
        check(&graph.images["app"])
            .into_iter()
            .map(|finding| format!("{}:{}", finding.rule, finding.line))
            .collect()
    }

    #[test]
    fn each_rule_finds_its_mistake() {
        for (dockerfile, expected) in [
            (
                "FROM debian AS Tools\nFROM Tools",
                vec!["StageNameCasing:1"],
            ),
            ("FROM debian AS context", vec!["ReservedStageName:1"]),
            ("FROM a AS x\nFROM b AS x", vec!["DuplicateStageName:2"]),
            ("FROM a\nMAINTAINER me", vec!["MaintainerDeprecated:2"]),
            ("FROM a\nCMD run it", vec!["JSONArgsRecommended:2"]),
            (
                "FROM a\nCMD [\"a\"]\nCMD [\"b\"]",
                vec!["MultipleInstructionsDisallowed:2"],
            ),
            ("FROM a\nWORKDIR app", vec!["WorkdirRelativePath:2"]),
            ("FROM a\nENV NAME value", vec!["LegacyKeyValueFormat:2"]),
            ("FROM a\nARG API_TOKEN", vec!["SecretsUsedInArgOrEnv:2"]),
            ("FROM a\nENV KEYBOARD=de PUBLIC_KEY=x", vec![]),
            ("ARG NONE\nFROM $NONE", vec!["UndefinedArgInFrom:2"]),
            ("ARG GIVEN\nFROM $GIVEN", vec![]),
            (
                "FROM a\nCOPY local.env keep.env /",
                vec!["CopyIgnoredFile:2"],
            ),
            ("FROM a\nCOPY . /\nWORKDIR /app\nCMD [\"x\"]", vec![]),
            ("FROM a\nWORKDIR /app\nWORKDIR sub", vec![]),
            ("FROM a AS x\nWORKDIR /app\nFROM x\nWORKDIR sub", vec![]),
            (
                "FROM a AS x\nWORKDIR /app\nFROM b\nWORKDIR sub",
                vec!["WorkdirRelativePath:4"],
            ),
            ("FROM a\nSHELL [\"sh\", \"-c\"]\nCMD run it", vec![]),
            ("FROM a\nENV MODE token", vec!["LegacyKeyValueFormat:2"]),
            (
                "# check=skip=WorkdirRelativePath,stagenamecasing;error=true\nFROM a AS X\nWORKDIR app\nMAINTAINER me",
                vec!["MaintainerDeprecated:4"],
            ),
            ("# check=skip=all\nFROM a\nWORKDIR app", vec![]),
        ] {
            assert_eq!(found(dockerfile), expected, "{dockerfile}");
        }
    }
}
