/// Whether the end of one container is to end all of them: `up --abort-on-container-exit` and its like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cascade {
    #[default]
    Never,
    /// Any end; the exit code is that of the container that ended first, or of this service.
    OnExit { code_of: Option<String> },
    /// An end with another code than 0, which becomes the exit code.
    OnFailure,
}

impl Cascade {
    /// Whether this end is the one.
    pub fn is_set_off_by(&self, code: i64) -> bool {
        match self {
            Cascade::Never => false,
            Cascade::OnExit { .. } => true,
            Cascade::OnFailure => code != 0,
        }
    }

    /// The service whose exit code counts. `None`: that of the container that ended first.
    pub fn code_of(&self) -> Option<&str> {
        match self {
            Cascade::OnExit { code_of } => code_of.as_deref(),
            Cascade::Never | Cascade::OnFailure => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_end_is_no_failure() {
        assert!(!Cascade::Never.is_set_off_by(1));
        assert!(!Cascade::OnFailure.is_set_off_by(0));
        assert!(Cascade::OnFailure.is_set_off_by(3));
        assert!(Cascade::OnExit { code_of: None }.is_set_off_by(0));
    }
}
