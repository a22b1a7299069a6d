//! Texts of others, fit for a terminal.

use crate::config::concealed::concealed;

/// Text from a server or a token, made safe to show: secret keys and characters that steer a terminal do not reach it.
#[must_use]
pub(crate) fn printable(text: &str) -> String {
    concealed(text)
        .chars()
        .flat_map(|c| if steers(c) { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect()
}

/// Whether a character changes how others are shown, or is not shown itself: controls, line separators, directions of writing.
pub(super) fn steers(c: char) -> bool {
    // Behind a letter, so that accents stay.
    c.is_control() || (!c.is_ascii() && format!("x{c}").escape_debug().count() > 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_cannot_be_seen_are_escaped_and_letters_of_all_scripts_stay() {
        for (text, wanted) in [
            ("a\x1b[31mb\nü", "a\\u{1b}[31mb\\nü"),
            ("\u{202e}x\u{2028}\u{200b}\u{feff}", "\\u{202e}x\\u{2028}\\u{200b}\\u{feff}"),
            ("e\u{301} नि 日本 \"'\\ 🙂", "e\u{301} नि 日本 \"'\\ 🙂"),
        ] {
            assert_eq!(printable(text), wanted);
        }
    }
}
