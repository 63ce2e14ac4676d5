/// How many parentheses and signs may stand in each other.
const DEPTH: usize = 64;

/// The value of an expression of integers with `+ - * /` and parentheses. Errors say where and what.
pub fn evaluate(text: &str) -> Result<i64, String> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let value = reader.sum()?;
    match reader.peek() {
        None => Ok(value),
        Some(found) => Err(format!("`{found}` at position {} is one too many", reader.at + 1)),
    }
}

struct Reader<'a> {
    text: &'a str,
    /// In bytes.
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    /// The next character that is no space.
    fn peek(&mut self) -> Option<char> {
        let rest = self.text.get(self.at..)?;
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        trimmed.chars().next()
    }

    fn take(&mut self, wanted: &[char]) -> Option<char> {
        let found = self.peek().filter(|found| wanted.contains(found))?;
        self.at += found.len_utf8();
        Some(found)
    }

    fn sum(&mut self) -> Result<i64, String> {
        let mut value = self.product()?;
        while let Some(sign) = self.take(&['+', '-']) {
            let other = self.product()?;
            value = checked(if sign == '+' { value.checked_add(other) } else { value.checked_sub(other) })?;
        }
        Ok(value)
    }

    fn product(&mut self) -> Result<i64, String> {
        let mut value = self.factor()?;
        while let Some(sign) = self.take(&['*', '/']) {
            let other = self.factor()?;
            if sign == '/' && other == 0 {
                return Err("division by zero".into());
            }
            value = checked(if sign == '*' { value.checked_mul(other) } else { value.checked_div(other) })?;
        }
        Ok(value)
    }

    fn factor(&mut self) -> Result<i64, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(format!("more than {DEPTH} levels of parentheses"));
        }
        let value = match self.take(&['-', '(']) {
            Some('-') => checked(self.factor()?.checked_neg())?,
            Some(_) => {
                let value = self.sum()?;
                self.take(&[')']).ok_or_else(|| format!("`)` is missing at position {}", self.at + 1))?;
                value
            }
            None => self.number()?,
        };
        self.depth -= 1;
        Ok(value)
    }

    fn number(&mut self) -> Result<i64, String> {
        let found = self.peek();
        let rest = &self.text[self.at..];
        let digits = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
        let number = &rest[..digits];
        if number.is_empty() {
            return Err(match found {
                Some(found) => format!("`{found}` at position {} is no number", self.at + 1),
                None => "a number is missing at the end".into(),
            });
        }
        self.at += digits;
        checked(number.parse().ok())
    }
}

fn checked(value: Option<i64>) -> Result<i64, String> {
    value.ok_or_else(|| "a value is larger than 64 bits".into())
}

#[cfg(test)]
mod tests {
    use super::evaluate;

    #[test]
    fn products_bind_tighter_than_sums() {
        assert_eq!(evaluate("1 + 2 * 3"), Ok(7));
        assert_eq!(evaluate("(1 + 2) * 3"), Ok(9));
        assert_eq!(evaluate("10 - 4 - 3"), Ok(3));
        assert_eq!(evaluate("-7 / 2 + -(-1)"), Ok(-2));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, message) in [
            ("", "a number is missing at the end"),
            ("1 +", "a number is missing at the end"),
            ("1 2", "`2` at position 3 is one too many"),
            ("(1", "`)` is missing at position 3"),
            ("2 * x", "`x` at position 5 is no number"),
            ("1 / 0", "division by zero"),
            ("9223372036854775807 + 1", "a value is larger than 64 bits"),
            ("1 + ü", "`ü` at position 5 is no number"),
        ] {
            assert_eq!(evaluate(text), Err(message.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn depth_has_an_end() {
        assert!(evaluate(&"(".repeat(100_000)).unwrap_err().contains("levels"));
        assert!(evaluate(&"-".repeat(100_000)).unwrap_err().contains("levels"));
    }
}
