use std::fmt;

/// Where in the document a pass is, kept on its stack; printed only when there is something to say.
#[derive(Clone, Copy)]
pub struct Place<'p> {
    parent: Option<&'p Place<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Root,
    Key(&'p str),
    Index(usize),
}

impl<'p> Place<'p> {
    pub const ROOT: Place<'static> = Place {
        parent: None,
        step: Step::Root,
    };

    pub fn key(&'p self, key: &'p str) -> Place<'p> {
        Place {
            parent: Some(self),
            step: Step::Key(key),
        }
    }

    pub fn index(&'p self, index: usize) -> Place<'p> {
        Place {
            parent: Some(self),
            step: Step::Index(index),
        }
    }

    pub fn is_root(&self) -> bool {
        matches!(self.step, Step::Root)
    }
}

/// As [`crate::source::Path`] prints: `services.app.ports[0]`.
impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Key(key) => {
                if self.parent.is_some_and(|parent| !parent.is_root()) {
                    f.write_str(".")?;
                }
                f.write_str(key)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_the_way_down() {
        let services = Place::ROOT.key("services");
        let app = services.key("app");
        let ports = app.key("ports");
        assert_eq!(ports.index(2).to_string(), "services.app.ports[2]");
        assert_eq!(Place::ROOT.to_string(), "");
    }
}
