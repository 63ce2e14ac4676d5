use std::cmp::Ordering;

/// The order of keys in Compose's YAML: numbers in them count by their value (`web2` before `web10`), and letters come after
/// all other characters (`DB_HOST` before `DBNAME`), but right after a number they come first.
pub(super) fn natural(a: &str, b: &str) -> Ordering {
    let differs = a
        .char_indices()
        .zip(b.chars())
        .find(|((_, one), other)| one != other);
    let Some(((at, one), other)) = differs else {
        return a.len().cmp(&b.len());
    };
    // Up to here the texts agree, so that one place serves both.
    let number = at - digits_before(&a[..at]);
    match (one.is_alphabetic(), other.is_alphabetic()) {
        (true, true) => one.cmp(&other),
        (true, false) | (false, true) => {
            let letter_is_first = number < at;
            match one.is_alphabetic() == letter_is_first {
                true => Ordering::Less,
                false => Ordering::Greater,
            }
        }
        (false, false) => {
            let (first, second) = (digits(&a[number..]), digits(&b[number..]));
            value(first)
                .cmp(&value(second))
                .then(first.len().cmp(&second.len()))
                .then(one.cmp(&other))
        }
    }
}

fn digits_before(text: &str) -> usize {
    text.bytes().rev().take_while(u8::is_ascii_digit).count()
}

/// The number with which a text begins; empty if it begins with none.
fn digits(text: &str) -> &str {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    &text[..end]
}

/// Orders digits by the number that they are, however long it is.
fn value(digits: &str) -> (usize, &str) {
    let digits = digits.trim_start_matches('0');
    (digits.len(), digits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    /// Recorded from docker compose 2.40.3.
    #[test]
    fn keys_come_in_the_order_of_compose() {
        let order = [
            "A", "A1B", "A1_", "A2", "A02", "A10", "A10b", "A10_", "A100", "AB", "B_A", "B9", "BA",
            "a-b", "a.b", "a_b", "ab", "ä", "日",
        ];
        let mut keys = order;
        keys.reverse();
        keys.sort_by(|a, b| natural(a, b));
        assert_eq!(keys, order);
    }

    proptest! {
        /// Sorting demands an order: opposite from both sides, and without circles.
        #[test]
        fn it_is_an_order(a in "[ab0-2_é]{0,5}", b in "[ab0-2_é]{0,5}", c in "[ab0-2_é]{0,5}") {
            prop_assert_eq!(natural(&a, &b), natural(&b, &a).reverse());
            prop_assert_eq!(natural(&a, &b) == Ordering::Equal, a == b);
            if natural(&a, &b) != Ordering::Greater && natural(&b, &c) != Ordering::Greater {
                prop_assert!(natural(&a, &c) != Ordering::Greater, "{} {} {}", a, b, c);
            }
        }
    }
}
