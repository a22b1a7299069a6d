//! Texts for the log.

/// An error with its causes.
pub(crate) fn in_one_line(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let more = source.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = source.source();
    }
    text
}

/// At most so many characters of a stranger's text, without those that steer a terminal or forge a line.
pub(crate) fn printable(text: &str, most: usize) -> String {
    let mut fit = String::with_capacity(text.len().min(most));
    for (index, character) in text.chars().enumerate() {
        match character {
            _ if index == most => {
                fit.push('…');
                break;
            }
            '\'' | '"' | '\\' => fit.push(character),
            _ => fit.extend(character.escape_debug()),
        }
    }
    fit
}

/// A name that a stranger gave, fit for the log.
pub(crate) fn shown(text: &str) -> String {
    printable(text, 64)
}

/// A text that may quote much of what a stranger sent: beyond 200 characters its middle is left out. The end says what was expected.
pub(crate) fn cut(text: &str) -> String {
    const HEAD: usize = 140;
    const TAIL: usize = 60;
    match text.chars().count() {
        short if short <= HEAD + TAIL => text.to_owned(),
        long => {
            text.chars().take(HEAD).chain(['…']).chain(text.chars().skip(long.saturating_sub(TAIL))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_others_are_fit_for_a_terminal() {
        for (name, text, wanted) in [
            ("a_plain_one_stays", "user `o'hara' is \"not\" \\ ä", "user `o'hara' is \"not\" \\ ä"),
            ("a_line_feed", "a\nlevel=error", "a\\nlevel=error"),
            ("an_escape_sequence", "\u{1b}[31mred", "\\u{1b}[31mred"),
            ("text_turned_around", "\u{202e}abc", "\\u{202e}abc"),
        ] {
            assert_eq!(printable(text, 400), wanted, "{name}");
        }
        assert_eq!(printable(&"x".repeat(5000), 400).chars().count(), 401);
    }
}
