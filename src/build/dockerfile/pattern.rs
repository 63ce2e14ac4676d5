/// A pattern of `${NAME%pattern}` and its like: `*` is any text, `?` one character, a backslash makes the next character
/// stand for itself.
pub(super) struct Pattern(Vec<Part>);

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Any,
    One,
    Literal(char),
}

impl Pattern {
    pub(super) fn new(text: &str) -> Pattern {
        let mut parts = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            parts.push(match c {
                '*' => Part::Any,
                '?' => Part::One,
                '\\' => Part::Literal(chars.next().unwrap_or('\\')),
                c => Part::Literal(c),
            });
        }
        Pattern(parts)
    }

    /// The value without the part at its start that matches.
    pub(super) fn cut_start<'v>(&self, value: &'v str, longest: bool) -> &'v str {
        let found = choose(places(value), longest, |at| self.matches(&value[..at]));
        found.map_or(value, |at| &value[at..])
    }

    /// The value without the part at its end that matches.
    pub(super) fn cut_end<'v>(&self, value: &'v str, longest: bool) -> &'v str {
        let found = choose(places(value), !longest, |at| self.matches(&value[at..]));
        found.map_or(value, |at| &value[..at])
    }

    /// The value with what matches replaced: the first place, or all of them.
    pub(super) fn replace(&self, value: &str, by: &str, all: bool) -> String {
        let mut out = String::new();
        let mut rest = value;
        while let Some((from, to)) = self.find(rest) {
            out.push_str(&rest[..from]);
            out.push_str(by);
            let mut after = rest[to..].chars();
            if to == from {
                // What matches nothing stands before every character.
                out.extend(after.next());
            }
            rest = after.as_str();
            if !all || rest.is_empty() {
                break;
            }
        }
        out + rest
    }

    /// The first place that matches, as long as possible: from where to where.
    fn find(&self, text: &str) -> Option<(usize, usize)> {
        places(text).into_iter().find_map(|from| {
            let tail = &text[from..];
            let to = choose(places(tail), true, |at| self.matches(&tail[..at]))?;
            Some((from, from + to))
        })
    }

    fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut at, mut part) = (0, 0);
        // Where to go on when the last `*` has to take one character more.
        let mut retry: Option<(usize, usize)> = None;
        while at < text.len() {
            match (self.0.get(part), text.get(at)) {
                (Some(Part::Any), _) => {
                    part += 1;
                    retry = Some((at, part));
                    continue;
                }
                (Some(Part::One), _) => {}
                (Some(Part::Literal(own)), Some(c)) if own == c => {}
                _ => match &mut retry {
                    Some((from, after)) => {
                        *from += 1;
                        (at, part) = (*from, *after);
                        continue;
                    }
                    None => return false,
                },
            }
            at += 1;
            part += 1;
        }
        self.0.iter().skip(part).all(|rest| *rest == Part::Any)
    }
}

/// All places between the characters, both ends too.
fn places(text: &str) -> Vec<usize> {
    let starts = text.char_indices().map(|(at, _)| at);
    starts.chain([text.len()]).collect()
}

/// The last of the places that fit, or the first one.
fn choose(places: Vec<usize>, last: bool, fits: impl Fn(usize) -> bool) -> Option<usize> {
    match last {
        true => places.into_iter().rev().find(|at| fits(*at)),
        false => places.into_iter().find(|at| fits(*at)),
    }
}
