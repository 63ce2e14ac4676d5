use crate::image::Tree;

/// The system in an image, by its `os-release`; empty where there is none.
/// <https://www.freedesktop.org/software/systemd/man/latest/os-release.html>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct System {
    /// `debian`
    pub(super) name: String,
    /// `12`
    pub(super) version: String,
}

const FILES: [&str; 2] = ["etc/os-release", "usr/lib/os-release"];

pub(super) fn keeps(path: &str) -> bool {
    FILES.contains(&path)
}

pub(super) fn of(tree: &Tree<'_>) -> System {
    // The first is usually a link to the second.
    let Some(content) = FILES.iter().find_map(|path| tree.content(path)) else {
        return System::default();
    };
    let text = String::from_utf8_lossy(content);
    let value = |key: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .map(|value| value.trim().trim_matches(['"', '\'']).to_owned())
            .unwrap_or_default()
    };
    System {
        name: value("ID"),
        version: value("VERSION_ID"),
    }
}

impl System {
    /// `&distro=debian-12`, or nothing.
    pub(super) fn qualifier(&self) -> String {
        match (self.name.as_str(), self.version.as_str()) {
            ("", _) | (_, "") => String::new(),
            (name, version) => format!("&distro={name}-{version}"),
        }
    }
}
