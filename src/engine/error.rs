use thiserror::Error;

/// A call to the engine that failed.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct EngineError {
    pub kind: ErrorKind,
    /// What was tried and what the engine answered, in one sentence.
    pub message: String,
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What kind of failure it was, for those who react to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// No engine answers.
    Unreachable,
    NotFound,
    /// A name is taken, or the object is in use.
    Conflict,
    /// A host port is taken.
    PortTaken,
    /// The engine is too old for what is asked.
    Unsupported,
    /// The registry refuses: credentials are missing or wrong.
    Unauthorized,
    /// No space left on the engine's disk.
    NoSpace,
    /// The engine refuses the request as wrong.
    BadRequest,
    /// The call was given up: a time limit or an interrupt.
    Interrupted,
    Other,
}

impl EngineError {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        EngineError {
            kind,
            message: message.into(),
            source: None,
        }
    }

    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// An error with its causes, in one line; what a message above has said already is not said again.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if next.starts_with(&text) {
            text = next;
        } else if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_follow_and_are_not_repeated() {
        let inner = EngineError::new(ErrorKind::Other, "disk full");
        let outer = EngineError::new(ErrorKind::Other, "cannot write").because(inner);
        assert_eq!(chain(&outer), "cannot write: disk full");
        let inner = EngineError::new(ErrorKind::Other, "disk full");
        let outer = EngineError::new(ErrorKind::Other, "no: disk full").because(inner);
        assert_eq!(chain(&outer), "no: disk full");
        let inner = EngineError::new(ErrorKind::Other, "cannot make it: disk full");
        let outer = EngineError::new(ErrorKind::Other, "cannot make it").because(inner);
        assert_eq!(chain(&outer), "cannot make it: disk full");
    }
}
