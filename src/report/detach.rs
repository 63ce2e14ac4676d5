/// The keys with which somebody leaves a terminal and lets what runs there go on: Ctrl-P, Ctrl-Q.
const KEYS: [u8; 2] = [0x10, 0x11];

/// What is typed, watched for the keys that leave. They are not handed over; the first one alone is, together with what follows it.
#[derive(Debug, Default)]
pub(super) struct Typed {
    /// Keys of the sequence that have been typed.
    held: usize,
}

impl Typed {
    /// What to hand over, and whether the keys were typed; nothing after them counts.
    pub(super) fn read(&mut self, piece: &[u8]) -> (Vec<u8>, bool) {
        let mut handed = Vec::with_capacity(piece.len());
        for byte in piece {
            if KEYS.get(self.held) == Some(byte) {
                self.held += 1;
                if self.held == KEYS.len() {
                    return (handed, true);
                }
                continue;
            }
            let held = std::mem::take(&mut self.held);
            handed.extend_from_slice(&KEYS[..held]);
            match KEYS.first() == Some(byte) {
                true => self.held = 1,
                false => handed.push(*byte),
            }
        }
        (handed, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_are_found_across_pieces_and_kept_back() {
        let mut typed = Typed::default();
        assert_eq!(typed.read(b"ls\x10"), (b"ls".to_vec(), false));
        assert_eq!(typed.read(b"\x11more"), (Vec::new(), true));
    }

    #[test]
    fn the_first_key_alone_is_a_key_like_any() {
        let mut typed = Typed::default();
        assert_eq!(typed.read(b"\x10"), (Vec::new(), false));
        assert_eq!(
            typed.read(b"a\x10\x10b"),
            (b"\x10a\x10\x10b".to_vec(), false)
        );
        assert_eq!(typed.read(b"\x11"), (b"\x11".to_vec(), false));
    }
}
