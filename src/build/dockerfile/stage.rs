use std::ops::Range;

use super::{DockerfileError, Instruction};

/// One `FROM` and what follows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// `None`: it has only its number.
    pub name: Option<String>,
    /// The image or stage it starts from, as written, variables and all.
    pub base: String,
    /// The position of its `FROM` among the file's instructions.
    pub instruction: usize,
    /// The positions of the instructions that follow.
    pub instructions: Range<usize>,
    /// What it leaves to the builds and stages that start from it (`ONBUILD`).
    pub triggers: Vec<Instruction>,
}

impl Stage {
    pub(super) fn open(at: usize, instruction: &Instruction) -> Result<Stage, DockerfileError> {
        let words: Vec<&str> = instruction.rest.split_whitespace().collect();
        let (base, name) = match words.as_slice() {
            [base] => (base, None),
            [base, word, name] if word.eq_ignore_ascii_case("as") => {
                (base, Some((*name).to_owned()))
            }
            _ => {
                return Err(DockerfileError::new(
                    instruction.lines.0,
                    "`FROM` takes an image and, after `AS`, a name for the stage",
                ));
            }
        };
        Ok(Stage {
            name,
            base: (*base).to_owned(),
            instruction: at,
            instructions: at + 1..at + 1,
            triggers: Vec::new(),
        })
    }
}
