//! As much of a Dockerfile as is needed to know what an image is made from.
//! <https://docs.docker.com/reference/dockerfile/>

mod arguments;
mod expand;
mod instruction;
mod pattern;
mod platform;
mod reference;
mod stage;
#[cfg(test)]
mod tests;
mod words;

use indexmap::IndexMap;

pub use arguments::GlobalArguments;
pub use instruction::Instruction;
pub use reference::{Reference, ReferenceKind};
pub use stage::Stage;

use arguments::Unset;
use expand::expand;
use instruction::Reader;

use crate::build::ImageName;

/// A Dockerfile, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Dockerfile {
    /// The frontend that the `# syntax=` line asks for. `None`: the engine's own.
    pub syntax: Option<String>,
    pub instructions: Vec<Instruction>,
    pub stages: Vec<Stage>,
    pub global_arguments: GlobalArguments,
    /// Names of checks that the `# check=skip=..` line turns off; `all` is all of them.
    pub skipped_checks: Vec<String>,
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
            global_arguments: GlobalArguments::default(),
            skipped_checks: directives.check.as_deref().map(skipped).unwrap_or_default(),
            escape: directives.escape,
            platforms: Vec::new(),
        };
        for (at, instruction) in instructions.iter().enumerate() {
            match instruction.keyword.as_str() {
                "FROM" => dockerfile.stages.push(Stage::open(at, instruction)?),
                "ARG" if dockerfile.stages.is_empty() => {
                    for (name, default) in instruction.assignments() {
                        dockerfile.global_arguments.push(name, default);
                    }
                }
                keyword => match dockerfile.stages.last_mut() {
                    Some(stage) => {
                        stage.instructions.end = at + 1;
                        stage.triggers.extend(instruction.trigger());
                    }
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

    /// What a stage names, with the stages of this file resolved; what it starts from comes first.
    fn references_of(&self, at: usize, arguments: &IndexMap<String, String>) -> Vec<Reference> {
        let mut references = self.origins_of(at, arguments);
        for instruction in self.executed(at, &references) {
            references.extend(
                Reference::of_instruction(instruction)
                    .into_iter()
                    .map(|reference| self.resolved(reference, at)),
            );
        }
        references
    }

    /// The position of the stage that a stage starts from. `None`: an image, or there is no such stage.
    pub fn origin(&self, at: usize, arguments: &IndexMap<String, String>) -> Option<usize> {
        let from = self.stages.get(at).map(|_| self.origins_of(at, arguments));
        from?.first()?.stage
    }

    /// What a stage's `FROM` names. Several: that depends on what the image is built for, or on the engine's age.
    fn origins_of(&self, at: usize, arguments: &IndexMap<String, String>) -> Vec<Reference> {
        let stage = &self.stages[at];
        let from = |name| Reference {
            kind: ReferenceKind::From,
            name,
            written: stage.base.clone(),
            lines: self.instructions[stage.instruction].lines,
            stage: None,
        };
        self.bases_of(at, arguments)
            .into_iter()
            .map(|name| self.resolved(from(name), at))
            .collect()
    }

    /// The reference of an instruction in the stage `at`, with the stage that it means.
    fn resolved(&self, mut reference: Reference, at: usize) -> Reference {
        reference.stage = self.stage_named(&reference.name, at).or_else(|| {
            let number: usize = reference.name.parse().ok()?;
            (reference.kind != ReferenceKind::From && number < at).then_some(number)
        });
        reference
    }

    /// What a stage runs: first what the stages that it starts from have left to it (`ONBUILD`), then its own instructions.
    fn executed(&self, at: usize, origins: &[Reference]) -> Vec<&Instruction> {
        let inherited = origins
            .iter()
            .filter_map(|origin| self.stages.get(origin.stage?))
            .flat_map(|stage| &stage.triggers);
        let own = &self.instructions[self.stages[at].instructions.clone()];
        inherited.chain(own).collect()
    }

    /// What all stages run that the target needs.
    fn executed_for(
        &self,
        target: Option<&str>,
        arguments: &IndexMap<String, String>,
    ) -> Vec<&Instruction> {
        self.stages_of(target, arguments)
            .into_iter()
            .flat_map(|at| self.executed(at, &self.origins_of(at, arguments)))
            .collect()
    }

    /// What instructions name that an image brings into this build, in which none of its stages is meant.
    pub fn references_of_triggers(&self, triggers: &[Instruction]) -> Vec<Reference> {
        triggers
            .iter()
            .flat_map(Reference::of_instruction)
            .map(|reference| self.resolved(reference, self.stages.len()))
            .filter(|reference| reference.stage.is_none() && reference.name != "scratch")
            .collect()
    }

    /// What the target leaves to the builds that start from it (`ONBUILD`).
    pub fn triggers(&self, target: Option<&str>) -> &[Instruction] {
        let stage = self.target(target).and_then(|at| self.stages.get(at));
        stage.map_or(&[], |stage| &stage.triggers)
    }

    /// What a stage starts from. Several: that depends on what the image is built for, or on the engine's age.
    fn bases_of(&self, at: usize, arguments: &IndexMap<String, String>) -> Vec<String> {
        let mut bases: Vec<String> = Vec::new();
        for unset in [Unset::Undeclared, Unset::Empty] {
            for base in self.bases_where(at, arguments, unset) {
                if !bases.contains(&base) {
                    bases.push(base);
                }
            }
        }
        let may_be =
            |base: &String| self.stage_named(base, at).is_some() || ImageName::may_be(base);
        if bases.iter().any(may_be) {
            bases.retain(may_be);
        }
        bases
    }

    fn bases_where(
        &self,
        at: usize,
        arguments: &IndexMap<String, String>,
        unset: Unset,
    ) -> Vec<String> {
        let mut bases: Vec<String> = Vec::new();
        for platform in platform::candidates(&self.platforms) {
            let lookup = self
                .global_arguments
                .lookup(self.escape, platform, arguments, unset);
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
        let triggers = self.stages.iter().flat_map(|stage| &stage.triggers);
        for instruction in self.instructions.iter().chain(triggers) {
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
        self.executed_for(target, arguments)
            .into_iter()
            .find(|instruction| instruction.fetches())
    }

    /// Which paths of the context the target needs. `None`: that cannot be told, so all of them.
    pub fn context_paths(
        &self,
        target: Option<&str>,
        arguments: &IndexMap<String, String>,
    ) -> Option<Vec<String>> {
        let mut paths = Vec::new();
        for instruction in self.executed_for(target, arguments) {
            paths.extend(instruction.context_paths()?);
        }
        paths.sort();
        paths.dedup();
        Some(paths)
    }
}

/// The checks that the value of a `# check=` line turns off: `skip=ONE,TWO;error=true`.
/// <https://docs.docker.com/reference/dockerfile/#check>
fn skipped(check: &str) -> Vec<String> {
    check
        .split(';')
        .filter_map(|part| part.trim().strip_prefix("skip="))
        .flat_map(|names| names.split(','))
        .map(|name| name.trim().to_owned())
        .collect()
}
