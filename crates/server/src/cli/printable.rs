//! Texts of others, fit for a terminal.

use crate::config::concealed::concealed;

/// Text from a server or a token, made safe to show: control characters and secret keys do not reach the terminal.
#[must_use]
pub(crate) fn printable(text: &str) -> String {
    concealed(text)
        .chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect()
}
