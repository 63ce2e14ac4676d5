use super::DockerfileError;
use super::reference::mount_option;
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
    /// All values of a flag.
    pub(super) fn flag<'i>(&'i self, name: &'i str) -> impl Iterator<Item = &'i str> {
        self.flags
            .iter()
            .filter(move |(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    }

    /// `ARG`'s names with their defaults.
    pub fn assignments(&self) -> Vec<(String, Option<String>)> {
        words(&self.rest)
            .into_iter()
            .map(|word| match word.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(unquote(value))),
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
        matches!(self.keyword.as_str(), "RUN" | "COPY" | "ADD")
    }

    /// Whether it fetches something that may be another thing next time: an address, or what a variable makes one.
    pub(super) fn fetches(&self) -> bool {
        if self.keyword != "ADD" || self.flag("checksum").next().is_some() {
            return false;
        }
        let mut sources = self.sources();
        sources.pop();
        sources.iter().any(|source| {
            source.contains("://") || source.starts_with("git@") || source.starts_with('$')
        })
    }

    /// The paths of the context that it reads, cleaned. `None`: variables decide.
    pub fn context_paths(&self) -> Option<Vec<String>> {
        let mut paths: Vec<String> = Vec::new();
        match self.keyword.as_str() {
            "COPY" | "ADD" if self.flag("from").next().is_none() => {
                let mut sources = self.sources();
                sources.pop();
                paths = sources;
            }
            "RUN" => {
                for mount in self.flag("mount") {
                    let kind = mount_option(mount, &["type"]).unwrap_or("bind");
                    if kind == "bind" && mount_option(mount, &["from"]).is_none() {
                        let source = mount_option(mount, &["source", "src"]);
                        paths.push(source.unwrap_or(".").to_owned());
                    }
                }
            }
            _ => {}
        }
        paths.retain(|path| {
            !path.starts_with("<<") && !path.contains("://") && !path.starts_with("git@")
        });
        if paths.iter().any(|path| path.contains('$')) {
            return None;
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

    /// `COPY`'s words, from either of its forms; the last one is the destination.
    fn sources(&self) -> Vec<String> {
        if self.rest.starts_with('[')
            && let Ok(list) = serde_json::from_str(&self.rest)
        {
            return list;
        }
        words(&self.rest).iter().map(|word| unquote(word)).collect()
    }
}

/// What the `# name=value` lines at the top of a Dockerfile say.
pub(super) struct Directives {
    pub(super) syntax: Option<String>,
    pub(super) escape: char,
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
                "check" => {}
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
        let (keyword, rest) = text
            .split_once(|c: char| c.is_whitespace())
            .unwrap_or((&text, ""));
        let (flags, rest) = split_flags(rest.trim());
        let mut instruction = Instruction {
            keyword: keyword.to_ascii_uppercase(),
            flags,
            rest: rest.to_owned(),
            lines: (first, last),
        };
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

/// The `--name=value` words at the start, and what follows them.
fn split_flags(text: &str) -> (Vec<(String, String)>, &str) {
    let mut flags = Vec::new();
    let mut rest = text;
    while let Some(flag) = rest.strip_prefix("--") {
        let end = flag.find(char::is_whitespace).unwrap_or(flag.len());
        if end == 0 {
            return (flags, flag.trim_start());
        }
        let (name, value) = flag[..end].split_once('=').unwrap_or((&flag[..end], ""));
        flags.push((name.to_ascii_lowercase(), unquote(value)));
        rest = flag[end..].trim_start();
    }
    (flags, rest)
}

/// Splits at blanks outside quotes; the quotes stay.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote: Option<char> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match quote {
            None if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            None if c == '"' || c == '\'' => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ => {}
        }
        word.push(c);
        if c == '\\' && quote != Some('\'') {
            word.extend(chars.next());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn unquote(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '"' | '\'')).collect()
}
