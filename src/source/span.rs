/// Identifies one text in [`super::Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u32);

/// A byte range of one source text. `start <= end`, both on character boundaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    pub source: SourceId,
    /// Byte offset of the first byte.
    pub start: u32,
    /// Byte offset one past the last byte.
    pub end: u32,
}

impl Span {
    /// The span of a value that stands in no file (a default, a value made by wharf).
    pub const NONE: Span = Span {
        source: SourceId(u32::MAX),
        start: 0,
        end: 0,
    };

    pub fn new(source: SourceId, start: usize, end: usize) -> Self {
        let clamp = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Span {
            source,
            start: clamp(start),
            end: clamp(end),
        }
    }

    /// Whether `other` lies in it.
    pub fn holds(self, other: Span) -> bool {
        self.is_some()
            && self.source == other.source
            && self.start <= other.start
            && other.end <= self.end
    }

    /// Whether this value stands in a file at all.
    pub fn is_some(self) -> bool {
        self.source != Self::NONE.source
    }
}
