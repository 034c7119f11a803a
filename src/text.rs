//! Words of others: which characters are safe to show, and an error with its causes.

/// Whether a character makes a text look other than it is, on a terminal or in a viewer of logs:
/// control characters (line ends and terminal escapes, DEL and those from U+0080 on), line and
/// paragraph separators, and marks that turn the direction of writing. Each takes four hexadecimal
/// digits.
pub(crate) fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}

/// A deceptive character as JSON writes it to be safe.
pub(crate) fn escaped(c: char) -> String {
    format!("\\u{:04x}", u32::from(c))
}

/// An error and its causes, in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        // Some say their cause themselves.
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_deceives_is_told_from_what_does_not() {
        for c in
            "\0\t\n\r\u{1b}\u{7f}\u{80}\u{9b}\u{9f}\u{61c}\u{200e}\u{2028}\u{2029}\u{202e}\u{2067}"
                .chars()
        {
            assert!(is_deceptive(c), "{c:?}");
        }
        for c in " a~\u{a0}ü…–\u{200d}漢🦀".chars() {
            assert!(!is_deceptive(c), "{c:?}");
        }
    }
}
