use super::DockerfileError;
use super::expand::expand;
use super::reference::{mount_option, stands_for_itself};
use super::words::{split_flags, unquote, words};
use crate::build::ignore::clean;

/// One instruction with all its continuation lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Instruction {
    /// Upper case.
    pub keyword: String,
    /// `--name=value` words between the keyword and the rest.
    pub flags: Vec<(String, String)>,
    /// What follows the flags, on one line, without comments.
    pub rest: String,
    /// First and last line in the file, counted from one, heredocs included.
    pub lines: (u32, u32),
}

impl Instruction {
    /// From its text on one line, without comments.
    pub(super) fn of(text: &str, lines: (u32, u32)) -> Instruction {
        let (keyword, rest) = text
            .split_once(|c: char| c.is_whitespace())
            .unwrap_or((text, ""));
        let (flags, rest) = split_flags(rest.trim());
        Instruction {
            keyword: keyword.to_ascii_uppercase(),
            flags,
            rest: rest.to_owned(),
            lines,
        }
    }

    /// What `ONBUILD` leaves to the builds that start from here. `None`: it is another instruction.
    pub(super) fn trigger(&self) -> Option<Instruction> {
        (self.keyword == "ONBUILD").then(|| Instruction::of(&self.rest, self.lines))
    }

    /// An instruction that an image brings into builds from it, as the image holds it.
    pub fn of_image(text: &str) -> Instruction {
        let line = text.lines().next().unwrap_or_default();
        Instruction::of(line.trim(), (0, 0))
    }

    /// All values of a flag.
    pub(super) fn flag<'i>(&'i self, name: &'i str) -> impl Iterator<Item = &'i str> {
        self.flags
            .iter()
            .filter(move |(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    }

    /// The names that `ARG` or `ENV` sets, with what stands behind the `=`, as written. `ENV NAME VALUE` sets one.
    pub fn assignments(&self) -> Vec<(String, Option<String>)> {
        let mut words = words(&self.rest);
        if self.keyword == "ENV" && words.first().is_some_and(|first| !first.contains('=')) {
            words.truncate(1);
        }
        words
            .into_iter()
            .map(|word| match word.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (word, None),
            })
            .collect()
    }

    /// Whether the engine shows it as a step of its own.
    pub(super) fn makes_a_step(&self) -> bool {
        matches!(
            self.keyword.as_str(),
            "FROM" | "RUN" | "COPY" | "ADD" | "WORKDIR"
        )
    }

    /// Whether lines of text follow it that belong to it (`<<EOF`).
    pub fn has_heredoc(&self) -> bool {
        self.may_have_heredocs() && !heredocs(&self.rest).is_empty()
    }

    fn may_have_heredocs(&self) -> bool {
        match self.trigger() {
            Some(trigger) => trigger.may_have_heredocs(),
            None => matches!(self.keyword.as_str(), "RUN" | "COPY" | "ADD"),
        }
    }

    /// The image, stage or context that `COPY` or `ADD` takes from. `None`: the build context.
    pub(in crate::build) fn taken_from(&self) -> Option<&str> {
        self.flag("from").find(|name| !name.is_empty())
    }

    /// Whether it fetches something that may be another thing next time: an address, or what a variable makes one.
    pub fn fetches(&self) -> bool {
        self.keyword == "ADD"
            && self.flag("checksum").next().is_none()
            && self.sources().iter().any(|source| {
                let source = unquote(source);
                is_address(&source) || source.starts_with('$')
            })
    }

    /// The paths of the context that it reads, cleaned. `None`: variables decide, or they are written in a way that only
    /// the engine is sure to read right.
    pub fn context_paths(&self) -> Option<Vec<String>> {
        let mut paths: Vec<String> = Vec::new();
        match self.keyword.as_str() {
            "COPY" | "ADD" if self.taken_from().is_none() => {
                for source in self.sources() {
                    let plain = unquote(&source);
                    if plain.starts_with("<<") || is_address(&plain) {
                        continue;
                    }
                    if !stands_for_itself(&source) {
                        return None;
                    }
                    paths.push(expand(&source, '\\', &|_| None));
                }
            }
            "RUN" => {
                for mount in self.flag("mount") {
                    let kind = mount_option(mount, &["type"]).map(str::to_ascii_lowercase);
                    let is_bind = kind.is_none_or(|kind| kind == "bind");
                    if is_bind && mount_option(mount, &["from"]).is_none() {
                        let source = mount_option(mount, &["source", "src"]).unwrap_or(".");
                        if !stands_for_itself(source) || mount.contains('"') {
                            return None;
                        }
                        paths.push(source.to_owned());
                    }
                }
            }
            _ => {}
        }
        Some(
            paths
                .iter()
                .map(|path| {
                    let cleaned = clean(&format!("/{path}"));
                    match cleaned.trim_start_matches('/') {
                        "" => ".".to_owned(),
                        path => path.to_owned(),
                    }
                })
                .collect(),
        )
    }

    /// What `COPY` or `ADD` takes, from either of its forms, as written; the last word, the destination, is left out.
    fn sources(&self) -> Vec<String> {
        let list = match self.rest.starts_with('[') {
            true => serde_json::from_str(&self.rest).ok(),
            false => None,
        };
        let mut sources: Vec<String> = list.unwrap_or_else(|| words(&self.rest));
        sources.pop();
        sources
    }
}

/// Whether `ADD` fetches it from elsewhere.
fn is_address(source: &str) -> bool {
    source.contains("://") || source.starts_with("git@")
}

/// What the `# name=value` lines at the top of a Dockerfile say.
pub(super) struct Directives {
    pub(super) syntax: Option<String>,
    pub(super) escape: char,
    /// What `# check=` says.
    pub(super) check: Option<String>,
}

/// Splits the text of a Dockerfile into instructions.
pub(super) struct Reader<'t> {
    lines: std::iter::Peekable<std::iter::Zip<std::ops::RangeFrom<u32>, std::str::Lines<'t>>>,
    directives: Directives,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Reader {
            lines: (1..).zip(text.lines()).peekable(),
            directives: Directives {
                syntax: None,
                escape: '\\',
                check: None,
            },
        }
    }

    pub(super) fn read(mut self) -> Result<(Directives, Vec<Instruction>), DockerfileError> {
        self.read_directives();
        let mut instructions = Vec::new();
        while let Some((number, line)) = self.lines.next() {
            let line = line.trim_start();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            instructions.push(self.instruction(number, line)?);
        }
        Ok((self.directives, instructions))
    }

    /// `# name=value` lines at the very top. The first line that is none ends them.
    fn read_directives(&mut self) {
        while let Some((_, line)) = self.lines.peek() {
            let Some((name, value)) = line
                .trim_start()
                .strip_prefix('#')
                .and_then(|comment| comment.split_once('='))
                .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()))
            else {
                return;
            };
            match name.as_str() {
                "escape" if value == "`" => self.directives.escape = '`',
                "escape" => self.directives.escape = '\\',
                "syntax" => self.directives.syntax = Some(value.to_owned()),
                "check" => self.directives.check = Some(value.to_owned()),
                _ => return,
            }
            self.lines.next();
        }
    }

    fn instruction(&mut self, first: u32, line: &str) -> Result<Instruction, DockerfileError> {
        let mut last = first;
        let (mut text, mut open) = self.continued(line);
        while open {
            let Some((number, line)) = self.lines.next() else {
                break;
            };
            last = number;
            let trimmed = line.trim_start();
            if trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            let (more, continues) = self.continued(line);
            text.push_str(&more);
            open = continues;
        }
        let mut instruction = Instruction::of(&text, (first, last));
        if instruction.may_have_heredocs() {
            for delimiter in heredocs(&instruction.rest) {
                instruction.lines.1 = self.skip_heredoc(first, &delimiter)?;
            }
        }
        Ok(instruction)
    }

    /// A line without its continuation mark, and whether it had one.
    fn continued(&self, line: &str) -> (String, bool) {
        let trimmed = line.trim_end();
        let escape = self.directives.escape;
        match trimmed.strip_suffix(escape) {
            // A doubled escape character stands for itself.
            Some(rest) if !rest.ends_with(escape) => (rest.to_owned(), true),
            _ => (trimmed.to_owned(), false),
        }
    }

    /// Returns the number of the line that ends the heredoc.
    fn skip_heredoc(&mut self, from: u32, delimiter: &Heredoc) -> Result<u32, DockerfileError> {
        for (number, line) in self.lines.by_ref() {
            let line = match delimiter.strips_tabs {
                true => line.trim_start_matches('\t'),
                false => line,
            };
            if line == delimiter.name {
                return Ok(number);
            }
        }
        Err(DockerfileError::new(
            from,
            format!(
                "the text after `<<{0}` needs a line `{0}` that ends it",
                delimiter.name
            ),
        ))
    }
}

struct Heredoc {
    name: String,
    strips_tabs: bool,
}

/// The delimiters of the heredocs that a line opens: words such as `<<EOF`, `<<-"EOF"`, `3<<EOF`.
fn heredocs(text: &str) -> Vec<Heredoc> {
    words(text)
        .iter()
        .filter_map(|word| {
            let after = word.trim_start_matches(|c: char| c.is_ascii_digit());
            let after = after.strip_prefix("<<")?;
            let (strips_tabs, name) = match after.strip_prefix('-') {
                Some(name) => (true, name),
                None => (false, after),
            };
            let name = unquote(name);
            (!name.is_empty() && !name.contains('<')).then_some(Heredoc { name, strips_tabs })
        })
        .collect()
}
