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

/// A stranger's text, fit for the log: short, and without characters that steer a terminal or forge a line.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(MAX_SHOWN_CHARS).flat_map(char::escape_debug).collect()
}

const MAX_SHOWN_CHARS: usize = 64;

/// A text that may quote much of what a stranger sent: beyond 200 characters its middle is left out.
pub(crate) fn cut(text: &str) -> String {
    let count = text.chars().count();
    let Some(middle) = count.checked_sub(HEAD_CHARS + TAIL_CHARS).filter(|middle| *middle > 0) else {
        return text.to_owned();
    };
    let tail = text.chars().skip(HEAD_CHARS.saturating_add(middle));
    text.chars().take(HEAD_CHARS).chain(['…']).chain(tail).collect()
}

const HEAD_CHARS: usize = 140;
/// The end says what was expected, and where.
const TAIL_CHARS: usize = 60;
