use std::collections::BTreeMap;

use super::saved::{Kind, LayerFile, SavedLayer};

/// Marks a file of a lower layer as removed.
/// <https://github.com/opencontainers/image-spec/blob/main/layer.md#whiteouts>
const WHITEOUT: &str = ".wh.";
/// Marks everything that lower layers have in a directory as removed.
const OPAQUE: &str = ".wh..wh..opq";

/// The files that a container of an image sees, by path without a leading `/`.
#[derive(Clone, Debug, Default)]
pub struct Tree<'l> {
    /// With the layer that each is from, the lowest being 0.
    pub files: BTreeMap<&'l str, (usize, &'l LayerFile)>,
}

impl<'l> Tree<'l> {
    /// Lays layers over each other, the lowest first.
    pub fn of(layers: &'l [SavedLayer]) -> Tree<'l> {
        let mut tree = Tree::default();
        for (number, layer) in layers.iter().enumerate() {
            // A layer removes what is below it, never what it brings itself, wherever in the archive the mark stands.
            for file in &layer.files {
                let (parent, name) = split(&file.path);
                if name == OPAQUE {
                    tree.remove_below(parent);
                } else if let Some(hidden) = name.strip_prefix(WHITEOUT) {
                    let hidden = join(parent, hidden);
                    tree.files.remove(hidden.as_str());
                    tree.remove_below(&hidden);
                }
            }
            for file in &layer.files {
                if split(&file.path).1.starts_with(WHITEOUT) {
                    continue;
                }
                if file.kind != Kind::Directory {
                    tree.remove_below(&file.path);
                }
                tree.files.insert(&file.path, (number, file));
            }
        }
        tree
    }

    /// The content of a file, if it was kept. Links are not followed.
    pub fn content(&self, path: &str) -> Option<&'l [u8]> {
        self.files.get(path)?.1.content.as_deref()
    }

    fn remove_below(&mut self, directory: &str) {
        let inside = |path: &str| match path.strip_prefix(directory) {
            Some(rest) => directory.is_empty() || rest.starts_with('/'),
            None => false,
        };
        let first = if directory.is_empty() {
            String::new()
        } else {
            format!("{directory}/")
        };
        let gone: Vec<&str> = self
            .files
            .range(first.as_str()..)
            .map(|(path, _)| *path)
            .take_while(|path| inside(path))
            .collect();
        for path in gone {
            self.files.remove(path);
        }
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn join(parent: &str, name: &str) -> String {
    match parent {
        "" => name.to_owned(),
        parent => format!("{parent}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(paths: &[&str]) -> SavedLayer {
        let file = |path: &&str| LayerFile {
            path: path.trim_end_matches('/').to_owned(),
            kind: match path.ends_with('/') {
                true => Kind::Directory,
                false => Kind::File,
            },
            ..LayerFile::default()
        };
        SavedLayer {
            files: paths.iter().map(file).collect(),
        }
    }

    fn seen(layers: &[SavedLayer]) -> Vec<String> {
        let tree = Tree::of(layers);
        tree.files.keys().map(|path| (*path).to_owned()).collect()
    }

    #[test]
    fn whiteouts_hide_what_is_below() {
        let layers = [
            layer(&["a/", "a/x", "a/y/", "a/y/z", "a.b", "c/", "c/old"]),
            layer(&["a/.wh.y", "c/new", "c/.wh..wh..opq"]),
        ];
        assert_eq!(seen(&layers), ["a", "a.b", "a/x", "c", "c/new"]);
    }

    #[test]
    fn a_file_in_the_place_of_a_directory_hides_it() {
        let layers = [layer(&["a/", "a/x", "ab"]), layer(&["a"])];
        assert_eq!(seen(&layers), ["a", "ab"]);
    }
}
