use super::Instruction;

/// A name by which a Dockerfile takes something in.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    pub kind: ReferenceKind,
    /// With variables expanded.
    pub name: String,
    /// As it stands in the file.
    pub written: String,
    /// First and last line of the instruction.
    pub lines: (u32, u32),
    /// The stage of the same file that is meant. `None`: an image or a named context.
    pub stage: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceKind {
    From,
    /// `COPY --from` and `ADD --from`
    Copy,
    /// `RUN --mount=from=`
    Mount,
}

impl Reference {
    /// What `COPY`, `ADD` and `RUN` name; stages are not resolved yet.
    pub fn of_instruction(instruction: &Instruction) -> Vec<Reference> {
        let reference = |kind, name: &str| Reference {
            kind,
            name: name.to_owned(),
            written: name.to_owned(),
            lines: instruction.lines,
            stage: None,
        };
        match instruction.keyword.as_str() {
            "COPY" | "ADD" => instruction
                .taken_from()
                .map(|name| reference(ReferenceKind::Copy, name))
                .into_iter()
                .collect(),
            "RUN" => instruction
                .flag("mount")
                .filter_map(|mount| mount_option(mount, &["from"]))
                .map(|name| reference(ReferenceKind::Mount, name))
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// The value of an option of `--mount`, by any of its names. An empty one is none; of several the last one counts.
pub(super) fn mount_option<'m>(mount: &'m str, names: &[&str]) -> Option<&'m str> {
    mount
        .split(',')
        .filter_map(|option| option.split_once('='))
        .rfind(|(name, _)| {
            let name = name.trim();
            names.iter().any(|known| known.eq_ignore_ascii_case(name))
        })
        .map(|(_, value)| value.trim())
        .filter(|value| !value.is_empty())
}

/// Whether a word holds neither variables nor a character that may be an escape character.
pub(super) fn stands_for_itself(word: &str) -> bool {
    !word.contains(['$', '\\', '`'])
}
