use std::fmt;

use smol_str::SmolStr;

/// One step into a [`super::Node`]: a mapping's key or a sequence's index.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Segment {
    Key(SmolStr),
    Index(usize),
}

/// Where a value stands in a document: `services.app.ports[0]`.
///
/// Keys that contain a dot, a bracket or a quote are printed quoted: `services."a.b"`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path(pub Vec<Segment>);

impl Path {
    pub fn root() -> Self {
        Self::default()
    }

    /// A path made of keys only.
    pub fn keys<'k>(keys: impl IntoIterator<Item = &'k str>) -> Self {
        Path(
            keys.into_iter()
                .map(|key| Segment::Key(key.into()))
                .collect(),
        )
    }

    pub fn key(&self, key: &str) -> Self {
        let mut path = self.clone();
        path.0.push(Segment::Key(key.into()));
        path
    }

    pub fn index(&self, index: usize) -> Self {
        let mut path = self.clone();
        path.0.push(Segment::Index(index));
        path
    }

    pub fn segments(&self) -> &[Segment] {
        &self.0
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) => {
                    if at > 0 {
                        f.write_str(".")?;
                    }
                    let plain = !key.is_empty() && !key.contains(['.', '[', ']', '"', ' ']);
                    if plain {
                        f.write_str(key)?;
                    } else {
                        write!(f, "{key:?}")?;
                    }
                }
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_keys_and_indices() {
        let path = Path::keys(["services", "app"]).key("ports").index(0);
        assert_eq!(path.to_string(), "services.app.ports[0]");
        assert_eq!(Path::keys(["labels", "a.b"]).to_string(), "labels.\"a.b\"");
    }
}
