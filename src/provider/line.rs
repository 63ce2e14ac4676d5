use serde::Deserialize;

/// Something that a provider says.
/// <https://github.com/docker/compose/blob/main/docs/extension.md>
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// What it is doing.
    Info(String),
    /// Why it cannot.
    Error(String),
    /// A variable for those who depend on it.
    Variable(String, String),
    /// For those who look closely.
    Debug(String),
}

impl Line {
    /// Reads a line of the program's standard output; one that is not of the protocol is shown as it is.
    pub fn read(text: &str) -> Line {
        #[derive(Deserialize)]
        struct Message {
            #[serde(rename = "type")]
            kind: String,
            #[serde(default)]
            message: String,
        }
        let Ok(Message { kind, message }) = serde_json::from_str(text) else {
            return Line::Info(text.to_owned());
        };
        match kind.as_str() {
            "error" => Line::Error(message),
            "debug" => Line::Debug(message),
            "setenv" => match message.split_once('=') {
                Some((name, value)) => Line::Variable(name.to_owned(), value.to_owned()),
                None => Line::Error(format!("`setenv` needs NAME=VALUE, and `{message}` is not")),
            },
            _ => Line::Info(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_kinds() {
        assert_eq!(
            Line::read(r#"{"type": "setenv", "message": "URL=https://x/?a=b"}"#),
            Line::Variable("URL".into(), "https://x/?a=b".into())
        );
        assert_eq!(
            Line::read(r#"{"type": "error", "message": "no"}"#),
            Line::Error("no".into())
        );
        assert_eq!(Line::read("pulling"), Line::Info("pulling".into()));
        assert!(matches!(
            Line::read(r#"{"type": "setenv", "message": "URL"}"#),
            Line::Error(_)
        ));
    }
}
