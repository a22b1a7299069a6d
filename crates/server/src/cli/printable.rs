//! Texts of others, fit for a terminal.

/// Text from a server or a token, made safe to show: control characters cannot reach the terminal.
#[must_use]
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect()
}
