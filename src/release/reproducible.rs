use std::collections::BTreeMap;
use std::fmt;

use crate::image::{Interest, LayerFile, SavedLayer};

/// Asks for the digest of every file.
pub struct Digests;

impl Interest for Digests {
    fn digests(&self) -> bool {
        true
    }
}

/// The first thing in which two builds of an image are different.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Another number of layers.
    Layers { first: usize, second: usize },
    /// A file of a layer, the lowest layer being 0.
    File {
        layer: usize,
        path: String,
        what: Property,
    },
    /// All files have the same content, but some were written at another time: the first of them.
    Times { layer: usize, path: String },
    /// The files are the same in every respect, but the archives list them in another order.
    Order,
    /// The layers are the same, byte by byte; the configuration is not.
    Configuration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    /// Only one of them has it.
    Presence,
    Kind,
    Content,
    Mode,
    Owner,
    Link,
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Property::Presence => "only one of the builds has it",
            Property::Kind => "it is another kind of file",
            Property::Content => "its content differs",
            Property::Mode => "its permissions differ",
            Property::Owner => "its owner differs",
            Property::Link => "it leads elsewhere",
        })
    }
}

/// Compares two builds layer by layer and file by file; what differs in content counts before what differs in time.
pub fn compare(first: &[SavedLayer], second: &[SavedLayer]) -> Difference {
    if first.len() != second.len() {
        return Difference::Layers {
            first: first.len(),
            second: second.len(),
        };
    }
    let mut times = None;
    for (layer, (one, other)) in first.iter().zip(second).enumerate() {
        let (one, other) = (by_path(one), by_path(other));
        let mut paths: Vec<&str> = one.keys().chain(other.keys()).copied().collect();
        paths.sort_unstable();
        paths.dedup();
        for path in paths {
            let what = match (one.get(path), other.get(path)) {
                (Some(one), Some(other)) => {
                    if one.modified != other.modified && times.is_none() {
                        times = Some((layer, path.to_owned()));
                    }
                    property(one, other)
                }
                _ => Some(Property::Presence),
            };
            if let Some(what) = what {
                let path = path.to_owned();
                return Difference::File { layer, path, what };
            }
        }
    }
    match times {
        Some((layer, path)) => Difference::Times { layer, path },
        None => Difference::Order,
    }
}

fn by_path(layer: &SavedLayer) -> BTreeMap<&str, &LayerFile> {
    let files = layer.files.iter();
    files.map(|file| (file.path.as_str(), file)).collect()
}

fn property(one: &LayerFile, other: &LayerFile) -> Option<Property> {
    if one.kind != other.kind {
        return Some(Property::Kind);
    }
    if one.digest != other.digest || one.size != other.size {
        return Some(Property::Content);
    }
    if one.mode != other.mode {
        return Some(Property::Mode);
    }
    if (one.uid, one.gid) != (other.uid, other.gid) {
        return Some(Property::Owner);
    }
    (one.link != other.link).then_some(Property::Link)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, content: u8, modified: u64) -> LayerFile {
        LayerFile {
            path: path.into(),
            digest: Some([content; 32]),
            modified,
            ..LayerFile::default()
        }
    }

    fn layers(files: &[LayerFile]) -> Vec<SavedLayer> {
        let files = files.to_vec();
        vec![SavedLayer { files }]
    }

    #[test]
    fn content_counts_before_times() {
        let first = layers(&[file("a", 1, 10), file("b", 1, 10)]);
        let second = layers(&[file("a", 1, 11), file("b", 2, 10)]);
        let what = Property::Content;
        let path = "b".to_owned();
        let layer = 0;
        assert_eq!(
            compare(&first, &second),
            Difference::File { layer, path, what }
        );
        let second = layers(&[file("a", 1, 10), file("b", 1, 12)]);
        let path = "b".to_owned();
        assert_eq!(compare(&first, &second), Difference::Times { layer, path });
        let second = layers(&[file("b", 1, 10), file("a", 1, 10)]);
        assert_eq!(compare(&first, &second), Difference::Order);
        let second = layers(&[file("a", 1, 10)]);
        let (path, what) = ("b".to_owned(), Property::Presence);
        assert_eq!(
            compare(&first, &second),
            Difference::File { layer, path, what }
        );
    }
}
