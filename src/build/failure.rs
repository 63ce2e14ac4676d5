use std::fmt;

/// Why an image could not be built.
#[derive(Clone, Debug, PartialEq)]
pub struct BuildFailure {
    pub image: String,
    pub cause: FailureCause,
    /// The engine's own message, without its wrapping.
    pub message: String,
    /// The failing step as the engine names it. `None`: it failed before any step.
    pub step: Option<String>,
    pub excerpt: Option<Excerpt>,
    /// The last lines that the failing step wrote, oldest first.
    pub last_output: Vec<String>,
    /// What usually helps.
    pub hints: Vec<String>,
}

/// What kind of thing went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureCause {
    /// A command of the Dockerfile ended with this code.
    Command { exit_code: i32 },
    /// A step that runs no command failed, or the Dockerfile could not be read.
    Step,
    /// The engine could not be talked to.
    Engine,
    /// Someone stopped the build.
    Cancelled,
}

/// The lines of a Dockerfile that a failure is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    pub dockerfile: String,
    /// First and last failing line, counted from one.
    pub lines: (u32, u32),
    /// The instruction's keyword, upper case (`RUN`). `None`: the lines hold no instruction.
    pub instruction: Option<String>,
    /// Line numbers and texts: the failing lines and up to two around them.
    pub text: Vec<(u32, String)>,
}

impl Excerpt {
    /// Cuts the lines `first..=last` and what surrounds them out of a Dockerfile. `None` if there are no such lines.
    pub fn cut(dockerfile: &str, text: &str, first: u32, last: u32) -> Option<Excerpt> {
        let around = 2;
        let shown: Vec<(u32, String)> = (1u32..)
            .zip(text.lines())
            .filter(|(number, _)| {
                *number + around >= first && *number <= last.saturating_add(around)
            })
            .map(|(number, line)| (number, line.to_owned()))
            .collect();
        let (_, failing) = shown.iter().find(|(number, _)| *number == first)?;
        let instruction = failing
            .split_whitespace()
            .next()
            .filter(|word| word.chars().all(|c| c.is_ascii_alphabetic()))
            .map(str::to_ascii_uppercase);
        Some(Excerpt {
            dockerfile: dockerfile.to_owned(),
            lines: (first, last),
            instruction,
            text: shown,
        })
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.dockerfile, self.lines.0)?;
        for (number, line) in &self.text {
            let mark = if (self.lines.0..=self.lines.1).contains(number) {
                ">"
            } else {
                " "
            };
            write!(f, "\n{mark} {number:>4} | {line}")?;
        }
        Ok(())
    }
}

impl BuildFailure {
    pub fn new(
        image: impl Into<String>,
        cause: FailureCause,
        message: impl Into<String>,
    ) -> BuildFailure {
        BuildFailure {
            image: image.into(),
            cause,
            message: message.into(),
            step: None,
            excerpt: None,
            last_output: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// What failed, where in the Dockerfile, what it wrote last, and what usually helps: several lines for people.
    pub fn told(&self) -> String {
        let mut text = format!("image `{}` cannot be built: {}", self.image, self.message);
        if let Some(excerpt) = &self.excerpt {
            text.push_str(&format!("\n --> {excerpt}"));
        }
        if !self.last_output.is_empty() {
            text.push_str("\nlast output:");
            for line in &self.last_output {
                text.push_str(&format!("\n  {line}"));
            }
        }
        if let Some(code) = self.exit_code() {
            text.push_str(&format!("\nexit code: {code}"));
        }
        for hint in &self.hints {
            text.push_str(&format!("\nhelp: {hint}"));
        }
        text
    }

    /// The failing command's exit code. `None`: no command failed.
    pub fn exit_code(&self) -> Option<i32> {
        match self.cause {
            FailureCause::Command { exit_code } => Some(exit_code),
            _ => None,
        }
    }
}

impl fmt::Display for BuildFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let image = &self.image;
        match &self.cause {
            FailureCause::Command { exit_code } => {
                write!(
                    f,
                    "image `{image}` cannot be built: a command ended with exit code {exit_code}"
                )
            }
            FailureCause::Step => write!(f, "image `{image}` cannot be built: {}", self.message),
            FailureCause::Engine => write!(
                f,
                "image `{image}` cannot be built: the engine does not answer: {}",
                self.message
            ),
            FailureCause::Cancelled => write!(f, "the build of image `{image}` was stopped"),
        }
    }
}

impl std::error::Error for BuildFailure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_shows_the_failing_lines_and_their_neighbours() {
        let text = "FROM a\nENV X=1\nRUN one \\\n  && two\nCOPY . /\nUSER app\nCMD x\n";
        let excerpt = Excerpt::cut("docker/Dockerfile", text, 3, 4).unwrap();
        assert_eq!(excerpt.instruction.as_deref(), Some("RUN"));
        assert_eq!(
            excerpt.to_string(),
            "docker/Dockerfile:3\n     1 | FROM a\n     2 | ENV X=1\n>    3 | RUN one \\\n>    4 |   && two\n     5 | COPY . /\n     6 | USER app"
        );
        assert_eq!(Excerpt::cut("Dockerfile", text, 90, 91), None);
    }
}
