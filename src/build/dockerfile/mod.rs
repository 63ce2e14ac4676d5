//! As much of a Dockerfile as is needed to know what an image is made from.
//! <https://docs.docker.com/reference/dockerfile/>

mod expand;
mod instruction;
mod platform;
mod reference;
mod stage;

use indexmap::IndexMap;

pub use instruction::Instruction;
pub use reference::{Reference, ReferenceKind};
pub use stage::Stage;

use expand::expand;
use instruction::Reader;

/// A Dockerfile, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Dockerfile {
    /// The frontend that the `# syntax=` line asks for. `None`: the engine's own.
    pub syntax: Option<String>,
    pub instructions: Vec<Instruction>,
    pub stages: Vec<Stage>,
    /// `ARG`s before the first `FROM`, with their defaults.
    pub global_arguments: IndexMap<String, Option<String>>,
    /// What the `# escape=` line says.
    pub escape: char,
    /// What it is built for, such as `linux/arm64`; the text does not say it. Empty: whatever the engine is.
    pub platforms: Vec<String>,
}

/// A Dockerfile that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct DockerfileError {
    /// Counted from one.
    pub line: u32,
    pub message: String,
}

impl DockerfileError {
    fn new(line: u32, message: impl Into<String>) -> Self {
        DockerfileError {
            line,
            message: message.into(),
        }
    }
}

impl Dockerfile {
    pub fn parse(text: &str) -> Result<Dockerfile, DockerfileError> {
        let (directives, instructions) = Reader::new(text).read()?;
        let mut dockerfile = Dockerfile {
            syntax: directives.syntax,
            instructions: Vec::new(),
            stages: Vec::new(),
            global_arguments: IndexMap::new(),
            escape: directives.escape,
            platforms: Vec::new(),
        };
        for (at, instruction) in instructions.iter().enumerate() {
            match instruction.keyword.as_str() {
                "FROM" => dockerfile.stages.push(Stage::open(at, instruction)?),
                "ARG" if dockerfile.stages.is_empty() => {
                    for (name, default) in instruction.assignments() {
                        let known = |name: &str| dockerfile.global(name).cloned();
                        let default = default.map(|text| expand(&text, directives.escape, &known));
                        dockerfile.global_arguments.insert(name, default);
                    }
                }
                keyword => match dockerfile.stages.last_mut() {
                    Some(stage) => stage.instructions.end = at + 1,
                    None => {
                        return Err(DockerfileError::new(
                            instruction.lines.0,
                            format!("`{keyword}` stands before the first `FROM`"),
                        ));
                    }
                },
            }
        }
        dockerfile.instructions = instructions;
        if dockerfile.stages.is_empty() {
            return Err(DockerfileError::new(1, "there is no `FROM`"));
        }
        Ok(dockerfile)
    }

    fn global(&self, name: &str) -> Option<&String> {
        self.global_arguments.get(name)?.as_ref()
    }

    /// The position of the stage that a build makes. `None`: there is no stage of that name.
    pub fn target(&self, target: Option<&str>) -> Option<usize> {
        let Some(target) = target.filter(|target| !target.is_empty()) else {
            return self.stages.len().checked_sub(1);
        };
        self.stage_named(target, self.stages.len())
            .or_else(|| target.parse().ok().filter(|at| *at < self.stages.len()))
    }

    /// The last stage of that name before position `before`.
    fn stage_named(&self, name: &str, before: usize) -> Option<usize> {
        self.stages[..before].iter().rposition(|stage| {
            stage
                .name
                .as_deref()
                .is_some_and(|own| own.eq_ignore_ascii_case(name))
        })
    }

    /// Everything that the target stage is made from and that this file does not make itself: base images, and what
    /// `--from` names. `arguments` are the build's own, which win over the file's defaults.
    pub fn references(
        &self,
        target: Option<&str>,
        arguments: &IndexMap<String, String>,
    ) -> Vec<Reference> {
        let mut found: Vec<Reference> = Vec::new();
        for at in self.stages_of(target, arguments) {
            for reference in self.references_of(at, arguments) {
                if reference.stage.is_none()
                    && reference.name != "scratch"
                    && !found.contains(&reference)
                {
                    found.push(reference);
                }
            }
        }
        found
    }

    /// Every reference of every stage, those to other stages included.
    pub fn all_references(&self, arguments: &IndexMap<String, String>) -> Vec<Reference> {
        (0..self.stages.len())
            .flat_map(|at| self.references_of(at, arguments))
            .collect()
    }

    /// Positions of the stages that the target needs, its own included, in the file's order.
    pub fn stages_of(
        &self,
        target: Option<&str>,
        arguments: &IndexMap<String, String>,
    ) -> Vec<usize> {
        let mut needed = vec![false; self.stages.len()];
        let mut open: Vec<usize> = self.target(target).into_iter().collect();
        while let Some(at) = open.pop() {
            if std::mem::replace(&mut needed[at], true) {
                continue;
            }
            open.extend(
                self.references_of(at, arguments)
                    .iter()
                    .filter_map(|reference| reference.stage),
            );
        }
        (0..needed.len()).filter(|at| needed[*at]).collect()
    }

    /// What a stage names, with the stages of this file resolved.
    fn references_of(&self, at: usize, arguments: &IndexMap<String, String>) -> Vec<Reference> {
        let stage = &self.stages[at];
        let from = |name| Reference {
            kind: ReferenceKind::From,
            name,
            written: stage.base.clone(),
            lines: self.instructions[stage.instruction].lines,
            stage: None,
        };
        let mut references: Vec<Reference> =
            self.bases_of(at, arguments).into_iter().map(from).collect();
        for instruction in &self.instructions[stage.instructions.clone()] {
            references.extend(Reference::of_instruction(instruction));
        }
        for reference in &mut references {
            reference.stage = self.stage_named(&reference.name, at).or_else(|| {
                let number: usize = reference.name.parse().ok()?;
                (reference.kind != ReferenceKind::From && number < at).then_some(number)
            });
        }
        references
    }

    /// What a stage starts from. Several: that depends on what the image is built for.
    fn bases_of(&self, at: usize, arguments: &IndexMap<String, String>) -> Vec<String> {
        let mut bases: Vec<String> = Vec::new();
        for platform in platform::candidates(&self.platforms) {
            let lookup = |name: &str| match self.global_arguments.get(name) {
                Some(declared) => arguments.get(name).or(declared.as_ref()).cloned(),
                None => platform::variable(name, platform),
            };
            let base = expand(&self.stages[at].base, self.escape, &lookup);
            if !bases.contains(&base) {
                bases.push(base);
            }
        }
        if self.platforms.is_empty() {
            // A guess: stages of this file show what is meant, and of images one is enough.
            let is_stage = |base: &String| self.stage_named(base, at).is_some();
            match bases.iter().any(is_stage) {
                true => bases.retain(is_stage),
                false => bases.truncate(1),
            }
        }
        bases
    }

    /// The image that the target stage stands on in the end. `None`: on nothing.
    pub fn base(
        &self,
        target: Option<&str>,
        arguments: &IndexMap<String, String>,
    ) -> Option<String> {
        let mut at = self.target(target)?;
        loop {
            let from = self.references_of(at, arguments).into_iter().next()?;
            match from.stage {
                // A stage only ever stands on one before it.
                Some(before) if before < at => at = before,
                _ => return (from.name != "scratch").then_some(from.name),
            }
        }
    }

    /// The names of all arguments that the file asks for.
    pub fn argument_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for instruction in &self.instructions {
            if instruction.keyword == "ARG" {
                for (name, _) in instruction.assignments() {
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
            }
        }
        names
    }

    /// The instruction that the `step`th step of a stage comes from, as the engine counts steps (`[dev 2/7]`): from one,
    /// and only what makes a layer. `stage` is the engine's name for it. `None`: there is no such step.
    pub fn step(&self, stage: Option<&str>, step: usize) -> Option<&Instruction> {
        let at = match stage {
            None => self.stages.len().checked_sub(1)?,
            Some(name) => self.stage_named(name, self.stages.len()).or_else(|| {
                let number: usize = name.strip_prefix("stage-")?.parse().ok()?;
                (number < self.stages.len()).then_some(number)
            })?,
        };
        let stage = &self.stages[at];
        // `FROM another-stage` is no step of its own, nor is `FROM scratch`.
        let is_no_step = stage.base == "scratch" || self.stage_named(&stage.base, at).is_some();
        let from = (!is_no_step).then(|| &self.instructions[stage.instruction]);
        from.into_iter()
            .chain(&self.instructions[stage.instructions.clone()])
            .filter(|instruction| instruction.makes_a_step())
            .nth(step.checked_sub(1)?)
    }

    /// The first instruction of the target that fetches what may be another thing every time. `None`: there is none.
    pub fn fetch(
        &self,
        target: Option<&str>,
        arguments: &IndexMap<String, String>,
    ) -> Option<&Instruction> {
        self.stages_of(target, arguments)
            .into_iter()
            .flat_map(|at| &self.instructions[self.stages[at].instructions.clone()])
            .find(|instruction| instruction.fetches())
    }

    /// Which paths of the context the target needs. `None`: that cannot be told, so all of them.
    pub fn context_paths(
        &self,
        target: Option<&str>,
        arguments: &IndexMap<String, String>,
    ) -> Option<Vec<String>> {
        let mut paths = Vec::new();
        for at in self.stages_of(target, arguments) {
            for instruction in &self.instructions[self.stages[at].instructions.clone()] {
                paths.extend(instruction.context_paths()?);
            }
        }
        paths.sort();
        paths.dedup();
        Some(paths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Dockerfile {
        Dockerfile::parse(text).unwrap()
    }

    fn names(text: &str, target: Option<&str>, arguments: &[(&str, &str)]) -> Vec<String> {
        let arguments = arguments
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        parse(text)
            .references(target, &arguments)
            .into_iter()
            .map(|reference| reference.name)
            .collect()
    }

    #[test]
    fn finds_what_an_image_is_made_from() {
        for (text, expected) in [
            ("FROM debian:bookworm-slim", vec!["debian:bookworm-slim"]),
            ("from --platform=$BUILDPLATFORM debian as x", vec!["debian"]),
            ("FROM a AS one\nFROM one", vec!["a"]),
            ("FROM a AS One\nFROM ONE\nCOPY --from=oNe /x /y", vec!["a"]),
            ("FROM a AS unused\nFROM b", vec!["b"]),
            ("FROM a\nFROM b\nCOPY --from=0 /x /y", vec!["a", "b"]),
            (
                "FROM a\nCOPY --chown=1:1 --from=tool /x /y",
                vec!["a", "tool"],
            ),
            ("FROM a\nADD --from=tool /x /y", vec!["a", "tool"]),
            (
                "FROM a\nRUN --mount=type=bind,from=wheels,target=/w --mount=type=cache,target=/c x",
                vec!["a", "wheels"],
            ),
            ("FROM a\nRUN echo --mount=from=no --from=no", vec!["a"]),
            ("FROM scratch\nCOPY . /", vec![]),
            ("ARG BASE=debian\nFROM ${BASE}:12", vec!["debian:12"]),
            ("ARG A=x\nARG BASE=${A}y\nFROM $BASE", vec!["xy"]),
            ("FROM ${UNSET:-debian}-slim", vec!["debian-slim"]),
            (
                "ARG BASE=debian\nFROM \"${BASE}:12\" AS one\nFROM 'one'",
                vec!["debian:12"],
            ),
            ("FROM a\nONBUILD COPY --from=no /x /y", vec!["a"]),
            (
                "FROM a\nRUN <<EOF\nFROM no\nCOPY --from=no x y\nEOF\nCOPY --from=yes x y",
                vec!["a", "yes"],
            ),
            (
                "FROM a\nRUN x \\\n  # COPY --from=no\n\n  && y\nCOPY --from=yes x y",
                vec!["a", "yes"],
            ),
            (
                "# escape=`\nFROM a\nRUN x `\n  FROM no\nCOPY --from=yes c:\\ d",
                vec!["a", "yes"],
            ),
            ("\u{feff}FROM a\r\nCOPY --from=b x y\r\n", vec!["a", "b"]),
        ] {
            assert_eq!(names(text, None, &[]), expected, "{text}");
        }
    }

    #[test]
    fn the_target_and_the_arguments_decide() {
        let text = "ARG V=1\nFROM base:$V AS dev\nFROM dev AS wheels\nCOPY --from=tool / /\nFROM slim AS prod\nCOPY --from=wheels / /";
        assert_eq!(names(text, Some("dev"), &[("V", "2")]), ["base:2"]);
        assert_eq!(names(text, Some("1"), &[]), ["base:1", "tool"]);
        assert_eq!(names(text, None, &[]), ["base:1", "tool", "slim"]);
        assert_eq!(names(text, Some("nothing"), &[]), Vec::<String>::new());
    }

    #[test]
    fn the_platform_may_choose_a_stage() {
        let text =
            "FROM a AS for-amd64\nFROM b AS for-arm64\nFROM c AS other\nFROM for-${TARGETARCH}";
        let mut file = parse(text);
        let bases = |file: &Dockerfile| {
            let references = file.references(None, &IndexMap::new());
            references
                .into_iter()
                .map(|one| one.name)
                .collect::<Vec<_>>()
        };
        assert_eq!(bases(&file), ["a", "b"]);
        file.platforms = vec!["linux/arm64".to_owned()];
        assert_eq!(bases(&file), ["b"]);
        file.platforms.push("linux/amd64".to_owned());
        assert_eq!(bases(&file), ["a", "b"]);
        let mut image = parse("FROM debian-$TARGETARCH");
        assert_eq!(bases(&image).len(), 1);
        image.platforms = vec!["linux/s390x".to_owned()];
        assert_eq!(bases(&image), ["debian-s390x"]);
    }

    #[test]
    fn knows_what_is_fetched_anew() {
        let line = |text: &str| {
            let file = parse(text);
            file.fetch(None, &IndexMap::new())
                .map(|found| found.lines.0)
        };
        assert_eq!(line("FROM a\nADD x /\nADD https://e.example/y /"), Some(3));
        assert_eq!(line("FROM a\nADD git@e.example:y.git /y"), Some(2));
        assert_eq!(line("FROM a\nADD ${URL} /y"), Some(2));
        assert_eq!(line("FROM a\nADD x ${WHERE}"), None);
        assert_eq!(
            line("FROM a\nADD --checksum=sha256:0 https://e.example/y /"),
            None
        );
        assert_eq!(
            line("FROM a AS no\nADD https://e.example/y /\nFROM b"),
            None
        );
    }

    #[test]
    fn knows_lines_and_syntax() {
        let file = parse(
            "# syntax = docker/dockerfile:1.4\n# a comment\n\nFROM a\nRUN one \\\n    two\nCMD x\n",
        );
        assert_eq!(file.syntax.as_deref(), Some("docker/dockerfile:1.4"));
        let lines: Vec<(u32, u32)> = file.instructions.iter().map(|i| i.lines).collect();
        assert_eq!(lines, [(4, 4), (5, 6), (7, 7)]);
        assert_eq!(parse("# a comment\n# syntax=x\nFROM a").syntax, None);
    }

    #[test]
    fn finds_the_instruction_of_a_step() {
        let file = parse(
            "FROM a AS one\nENV X=1\nRUN x\nFROM one AS two\nWORKDIR /\nRUN y\nFROM b\nCOPY . .",
        );
        let keyword = |stage, step| {
            file.step(stage, step)
                .map(|instruction| (instruction.keyword.as_str(), instruction.lines.0))
        };
        assert_eq!(keyword(Some("one"), 1), Some(("FROM", 1)));
        assert_eq!(keyword(Some("one"), 2), Some(("RUN", 3)));
        assert_eq!(keyword(Some("two"), 2), Some(("RUN", 6)));
        assert_eq!(keyword(Some("stage-2"), 2), Some(("COPY", 8)));
        assert_eq!(keyword(None, 2), Some(("COPY", 8)));
        assert_eq!(keyword(Some("three"), 1), None);
        let empty = parse("FROM scratch\nCOPY . .");
        assert_eq!(empty.step(None, 1).map(|found| found.lines.0), Some(2));
    }

    #[test]
    fn knows_which_context_paths_are_needed() {
        let paths = |text| parse(text).context_paths(None, &IndexMap::new());
        let owned = |list: &[&str]| Some(list.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>());
        assert_eq!(paths("FROM a\nRUN x"), owned(&[]));
        assert_eq!(
            paths("FROM a\nCOPY b ./c /d/\nCOPY [\"e f\", \"/g\"]\nADD https://x.example/y /z"),
            owned(&["b", "c", "e f"])
        );
        assert_eq!(
            paths("FROM a\nCOPY --from=x b /\nRUN --mount=type=bind,source=lock,target=/lock x"),
            owned(&["lock"])
        );
        assert_eq!(paths("FROM a\nCOPY . /"), owned(&["."]));
        assert_eq!(paths("FROM a\nRUN --mount=target=/src x"), owned(&["."]));
        assert_eq!(paths("FROM a\nCOPY $X /"), None);
        assert_eq!(
            paths("FROM a AS unused\nCOPY x /\nFROM b\nCOPY <<EOF /f\nx\nEOF"),
            owned(&[])
        );
    }

    #[test]
    fn refuses_what_is_no_dockerfile() {
        for (text, line) in [
            ("", 1),
            ("# only a comment", 1),
            ("RUN x", 1),
            ("FROM", 1),
            ("FROM a\nFROM a b c", 2),
            ("FROM a\nRUN <<EOF\nx", 2),
        ] {
            assert_eq!(Dockerfile::parse(text).unwrap_err().line, line, "{text}");
        }
    }
}
