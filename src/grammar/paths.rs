use std::path::{Component, Path, PathBuf};

use crate::source::{Change, Kind, Mapping, Node, Span};

/// What relative paths refer to.
#[derive(Clone, Copy, Debug)]
pub struct Anchor<'a> {
    /// Absolute, unless paths are to stay relative.
    pub directory: &'a Path,
    /// What `~` stands for; `None`: it stays.
    pub home: Option<&'a Path>,
}

/// Makes every path of a document in its long form absolute. What is absolute stays as written, so that this may be done
/// to a part of a document before it is merged into the rest.
pub fn absolute(root: &mut Node, anchor: Anchor) {
    for service in members(root, "services") {
        service_paths(service, anchor);
    }
    for volume in members(root, "volumes") {
        local_volume(volume, anchor);
    }
    config_files(root, anchor);
    for section in ["configs", "secrets"] {
        for object in members(root, section) {
            at(object, "file", |path| anchor.host(path));
        }
    }
}

/// Gives every build without a context the project directory, which [`absolute`] then names. Done to each model that is
/// at home in a directory of its own, before it is merged into another.
pub fn default_contexts(root: &mut Node) {
    for service in members(root, "services") {
        if let Some(build) = service.get_mut("build").and_then(Node::as_mapping_mut)
            && build.get("context").is_none_or(Node::is_null)
        {
            let mut context = Node::string(".", Span::NONE);
            context.record(Change::Defaulted {
                rule: "the project directory",
            });
            build.insert("context".into(), context);
        }
    }
}

fn members<'n>(node: &'n mut Node, key: &str) -> impl Iterator<Item = &'n mut Node> {
    node.get_mut(key)
        .and_then(Node::as_mapping_mut)
        .into_iter()
        .flat_map(Mapping::values_mut)
}

fn items<'n>(node: &'n mut Node, key: &str) -> impl Iterator<Item = &'n mut Node> {
    node.get_mut(key)
        .and_then(Node::as_sequence_mut)
        .into_iter()
        .flatten()
}

/// The sources of `x-wharf.config`, of the project or a service.
fn config_files(node: &mut Node, anchor: Anchor) {
    let Some(extension) = node.get_mut("x-wharf") else {
        return;
    };
    for entry in items(extension, "config") {
        for source in ["template", "file"] {
            at(entry, source, |path| anchor.own(path));
        }
    }
}

fn service_paths(service: &mut Node, anchor: Anchor) {
    config_files(service, anchor);
    if let Some(build) = service.get_mut("build") {
        at(build, "context", |path| anchor.context(path));
        for context in members(build, "additional_contexts") {
            rewrite(context, |path| anchor.context(path));
        }
        for key in items(build, "ssh") {
            rewrite(key, |entry| {
                let (id, path) = entry.split_once('=')?;
                Some(format!("{id}={}", anchor.own(path)?))
            });
        }
    }
    for file in items(service, "env_file") {
        at(file, "path", |path| anchor.own(path));
    }
    for file in items(service, "label_file") {
        rewrite(file, |path| anchor.own(path));
    }
    if let Some(develop) = service.get_mut("develop") {
        for rule in items(develop, "watch") {
            at(rule, "path", |path| anchor.own(path));
        }
    }
    if let Some(extends) = service.get_mut("extends") {
        at(extends, "file", |path| anchor.own(path));
    }
    for mount in items(service, "volumes") {
        if mount.get("type").and_then(Node::as_str) == Some("bind") {
            at(mount, "source", |path| anchor.host(path));
        }
    }
}

/// A volume of the local driver that is bound to a directory of the host.
fn local_volume(volume: &mut Node, anchor: Anchor) {
    let text = |node: Option<&Node>| node.and_then(Node::as_str).map(str::to_owned);
    let is_bound = text(volume.get("driver")).as_deref() == Some("local")
        && volume
            .get("driver_opts")
            .is_some_and(|options| text(options.get("o")).as_deref() == Some("bind"));
    if is_bound && let Some(options) = volume.get_mut("driver_opts") {
        at(options, "device", |path| anchor.host(path));
    }
}

fn at(node: &mut Node, key: &str, with: impl FnOnce(&str) -> Option<String>) {
    if let Some(value) = node.get_mut(key) {
        rewrite(value, with);
    }
}

fn rewrite(node: &mut Node, with: impl FnOnce(&str) -> Option<String>) {
    if let Some(path) = node.as_str().and_then(with) {
        node.kind = Kind::String(path.into());
    }
}

impl Anchor<'_> {
    /// A path that wharf itself opens. `None`: it stays as it is.
    pub fn own(&self, path: &str) -> Option<String> {
        if self.is_kept(path) {
            return None;
        }
        let expanded = self.expand(path);
        let path = expanded.as_deref().unwrap_or(path);
        if Path::new(path).is_absolute() {
            return expanded;
        }
        Some(joined(self.directory, path))
    }

    /// A path that the engine opens: one of Windows is absolute as well.
    pub fn host(&self, path: &str) -> Option<String> {
        if self.is_kept(path) {
            return None;
        }
        let expanded = self.expand(path);
        let path = expanded.as_deref().unwrap_or(path);
        if Path::new(path).is_absolute() || is_windows_absolute(path) {
            return expanded;
        }
        Some(joined(self.directory, path))
    }

    /// A build context: a directory, or something that a builder fetches.
    pub fn context(&self, context: &str) -> Option<String> {
        if context.is_empty()
            || context.contains("://")
            || context.starts_with("service:")
            || is_remote(context)
        {
            return None;
        }
        self.own(context)
    }

    /// A home that is not known yet is filled in later.
    fn is_kept(&self, path: &str) -> bool {
        path.starts_with('~') && self.home.is_none()
    }

    fn expand(&self, path: &str) -> Option<String> {
        let rest = path.strip_prefix('~')?;
        let home = self.home?;
        Some(joined(home, rest.trim_start_matches('/')))
    }
}

/// Whether a build context is a Git or HTTP address.
pub fn is_remote(context: &str) -> bool {
    [
        "https://",
        "http://",
        "git://",
        "ssh://",
        "github.com/",
        "git@",
    ]
    .iter()
    .any(|prefix| context.starts_with(prefix))
}

/// `C:\x`, `C:/x` or `\\host\share`.
fn is_windows_absolute(path: &str) -> bool {
    let bytes = path.as_bytes();
    match bytes {
        [drive, b':', b'\\' | b'/', ..] => drive.is_ascii_alphabetic(),
        [b'\\', b'\\', ..] => true,
        _ => false,
    }
}

/// `path` as seen from `directory`, without `.` and `..`; symbolic links are not followed.
pub fn join(directory: &Path, path: impl AsRef<Path>) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in directory.join(path).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => match clean.components().next_back() {
                Some(Component::Normal(_)) => {
                    clean.pop();
                }
                Some(Component::RootDir | Component::Prefix(_)) => {}
                Some(Component::CurDir | Component::ParentDir) | None => clean.push(component),
            },
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => {
                clean.push(component);
            }
        }
    }
    if clean.as_os_str().is_empty() {
        clean.push(Component::CurDir);
    }
    clean
}

/// As [`join`], as text.
fn joined(directory: &Path, path: &str) -> String {
    join(directory, path).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANCHOR: fn() -> Anchor<'static> = || Anchor {
        directory: Path::new("/p/app"),
        home: Some(Path::new("/home/u")),
    };

    #[test]
    fn relative_paths_become_absolute() {
        let host = |path| ANCHOR().host(path);
        assert_eq!(host("./x/../y").as_deref(), Some("/p/app/y"));
        assert_eq!(host("../x").as_deref(), Some("/p/x"));
        assert_eq!(host("~/x").as_deref(), Some("/home/u/x"));
        assert_eq!(host("/x//y"), None);
        assert_eq!(host(r"C:\x"), None);
        assert_eq!(ANCHOR().own(r"C:\x").as_deref(), Some(r"/p/app/C:\x"));
    }

    #[test]
    fn what_is_seen_from_a_relative_directory_stays_relative() {
        for (directory, path, seen) in [
            ("sub", "./v", "sub/v"),
            ("sub", "../v", "v"),
            ("sub", "../../v", "../v"),
            ("../other", ".", "../other"),
            (".", "./v", "v"),
            ("sub", "..", "."),
        ] {
            assert_eq!(join(Path::new(directory), path), Path::new(seen));
        }
    }

    #[test]
    fn contexts_may_be_elsewhere() {
        for context in [
            "https://example.com/x.git",
            "github.com/a/b",
            "git@example.com:a",
            "docker-image://alpine",
            "service:base",
        ] {
            assert_eq!(ANCHOR().context(context), None, "{context}");
        }
        assert_eq!(ANCHOR().context(".").as_deref(), Some("/p/app"));
    }
}
