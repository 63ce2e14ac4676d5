use super::Expansion;
use crate::diagnostic::Diagnostic;
use crate::source::{Mapping, Node, Span};

/// `[SOURCE:]TARGET[:OPTIONS]`.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#short-syntax-5>
pub fn mount(node: &mut Node, expansion: &mut Expansion) {
    let Some(text) = node.as_str() else {
        return;
    };
    match ShortMount::parse(text) {
        Ok(short) => node.kind = short.members(node.span).into(),
        Err(why) => {
            let finding = Diagnostic::error(
                "bad-mount",
                format!("`{text}` in `{}` is no mount: {why}", expansion.place),
            )
            .at(node.span, "")
            .help("write `SOURCE:TARGET`, `SOURCE:TARGET:OPTIONS` or `TARGET`");
            expansion.refuse(finding);
        }
    }
}

/// The parts of a mount's short form.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ShortMount<'t> {
    pub source: Option<&'t str>,
    pub target: &'t str,
    read_only: bool,
    nocopy: bool,
    propagation: Option<&'t str>,
    selinux: Option<&'t str>,
}

impl<'t> ShortMount<'t> {
    /// Colons of a Windows drive and inside `${..}` separate nothing. Unknown options are passed over.
    pub fn parse(text: &'t str) -> Result<Self, &'static str> {
        let mut mount = ShortMount::default();
        if text.is_empty() {
            return Err("it is empty");
        }
        if text.len() <= 2 {
            mount.target = text;
            return Ok(mount);
        }
        let sections = sections(text);
        if sections.contains(&"") {
            return Err("a section between colons is empty");
        }
        let options = match sections[..] {
            [target] => {
                mount.target = target;
                ""
            }
            [source, target] => {
                (mount.source, mount.target) = (Some(source), target);
                ""
            }
            [source, target, options] => {
                (mount.source, mount.target) = (Some(source), target);
                options
            }
            _ => return Err("it has too many colons"),
        };
        for option in options.split(',') {
            match option {
                "ro" => mount.read_only = true,
                "rw" => mount.read_only = false,
                "nocopy" => mount.nocopy = true,
                "z" | "Z" => mount.selinux = Some(option),
                "rprivate" | "private" | "rshared" | "shared" | "rslave" | "slave" => {
                    mount.propagation = Some(option);
                }
                _ => {}
            }
        }
        Ok(mount)
    }

    fn members(&self, span: Span) -> Mapping {
        let mut members = Mapping::with_capacity(5);
        let bind = self.source.is_some_and(is_path);
        let mut put = |key: &str, value: &str| {
            members.insert(key.into(), Node::string(value, span));
        };
        put("type", if bind { "bind" } else { "volume" });
        if let Some(source) = self.source {
            put("source", source);
        }
        put("target", &clean(self.target));
        if self.read_only {
            members.insert("read_only".into(), Node::bool(true, span));
        }
        let options = |pairs: &[(&str, Option<&str>)], flag: Option<&str>| {
            let given = pairs.iter().filter(|(_, value)| value.is_some()).count();
            let mut options = Mapping::with_capacity(given + usize::from(flag.is_some()));
            for (key, value) in pairs {
                if let Some(value) = value {
                    options.insert((*key).into(), Node::string(*value, span));
                }
            }
            if let Some(flag) = flag {
                options.insert(flag.into(), Node::bool(true, span));
            }
            Node::mapping(options, span)
        };
        let bind_options = [("propagation", self.propagation), ("selinux", self.selinux)];
        let has_bind_options = self.propagation.is_some() || self.selinux.is_some();
        if bind || has_bind_options {
            let create = bind.then_some("create_host_path");
            members.insert("bind".into(), options(&bind_options, create));
        }
        // The two-letter form says nothing about volume options, and Compose prints none for it.
        let spelled = self.source.is_some() || self.target.len() > 2;
        if !bind && spelled || self.nocopy {
            let nocopy = self.nocopy.then_some("nocopy");
            members.insert("volume".into(), options(&[], nocopy));
        }
        members.shrink_to_fit();
        members
    }
}

/// A path of the container without `.`, `..`, double and closing slashes. The empty path stays.
pub fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty() && !path.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".into(),
        (false, false) => joined,
    }
}

fn sections(text: &str) -> Vec<&str> {
    let mut sections = Vec::new();
    let mut start = 0;
    let mut depth = 0usize;
    let bytes = text.as_bytes();
    for (at, c) in text.char_indices() {
        match c {
            '{' if at > 0 && bytes[at - 1] == b'$' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ':' if depth == 0 => {
                let section = &text[start..at];
                let mut letters = section.chars();
                let drive =
                    letters.next().is_some_and(char::is_alphabetic) && letters.next().is_none();
                if !drive {
                    sections.push(section);
                    start = at + 1;
                }
            }
            _ => {}
        }
    }
    sections.push(&text[start..]);
    sections
}

/// Whether a source is a path on the host rather than a volume's name.
fn is_path(source: &str) -> bool {
    if source.starts_with(['.', '/', '~']) || source.starts_with(r"\\") {
        return true;
    }
    let mut letters = source.chars();
    letters.next().is_some_and(char::is_alphabetic) && letters.next() == Some(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Option<&str>, &str, bool) {
        let mount = ShortMount::parse(text).unwrap();
        (mount.source, mount.target, mount.read_only)
    }

    #[test]
    fn reads_the_short_forms() {
        assert_eq!(parsed("/data"), (None, "/data", false));
        assert_eq!(parsed("db:/data:ro"), (Some("db"), "/data", true));
        assert_eq!(parsed("./a:/b:rw,z"), (Some("./a"), "/b", false));
        assert_eq!(parsed(r"C:\x:/b"), (Some(r"C:\x"), "/b", false));
        assert_eq!(parsed(r"C:\x:D:\y:ro"), (Some(r"C:\x"), r"D:\y", true));
        assert_eq!(parsed("${A:-x}:/b"), (Some("${A:-x}"), "/b", false));
    }

    #[test]
    fn container_paths_are_cleaned() {
        for (path, cleaned) in [
            ("/a//b/", "/a/b"),
            ("/a/../b", "/b"),
            ("/..", "/"),
            ("a/.", "a"),
            ("./", "."),
            ("", ""),
            ("../a", "../a"),
        ] {
            assert_eq!(clean(path), cleaned);
        }
    }

    #[test]
    fn tells_paths_from_names() {
        for path in ["./a", "/a", "~/a", r"C:\a", r"\\.\pipe\x"] {
            assert!(is_path(path), "{path}");
        }
        for name in ["a", "a/b", "db-data"] {
            assert!(!is_path(name), "{name}");
        }
    }

    #[test]
    fn refuses_empty_and_superfluous_sections() {
        for text in ["", "ab::b", ":/a:", "ab:/b:ro:x"] {
            assert!(ShortMount::parse(text).is_err(), "{text}");
        }
    }
}
