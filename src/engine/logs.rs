use bytes::Bytes;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogStream {
    #[default]
    Stdout,
    Stderr,
}

/// A piece of a container's log: one line, or a part of a line that has no end yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogLine {
    pub stream: LogStream,
    /// The engine's RFC 3339 time with nanoseconds; `None` unless asked for.
    pub timestamp: Option<String>,
    /// Without the line's end.
    pub bytes: Bytes,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogOptions {
    pub follow: bool,
    /// The last lines; `None`: all.
    pub tail: Option<u64>,
    /// Unix seconds with a fraction, or a [`LogLine::timestamp`]; `None`: from the beginning.
    pub since: Option<String>,
    pub until: Option<String>,
    pub timestamps: bool,
    /// The container has a terminal: its log is not multiplexed.
    pub tty: bool,
}
