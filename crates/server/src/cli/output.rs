//! Standard output: results and nothing else, each line written whole and flushed.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde::Serialize;
use zeroize::Zeroizing;

use super::failure::{CliOutcome, Failure};
use super::printable::{printable, steers};

/// Where results go.
pub struct Output<'w> {
    writer: Box<dyn Write + Send + 'w>,
    discards: bool,
}

impl<'w> Output<'w> {
    /// Standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self { discards: is_null_device(), ..Self::new(io::stdout()) }
    }

    /// Another place, for tests.
    pub fn new(writer: impl Write + Send + 'w) -> Self {
        Self { writer: Box::new(writer), discards: false }
    }

    /// That something which is shown only once would be seen.
    ///
    /// # Errors
    /// With exit code 2 when standard output is closed or `/dev/null`, which take everything and show nothing.
    pub(crate) fn can_show(&self, what: &str) -> CliOutcome {
        if !self.discards {
            return Ok(());
        }
        Err(Failure::usage(format!(
            "{what} would be shown only once, and nobody sees standard output: it is closed or /dev/null"
        )))
    }

    /// Writes a text of one or more lines, adds a line end and flushes: whoever reads along sees it now.
    ///
    /// # Errors
    /// When nobody takes it.
    pub fn line(&mut self, text: impl fmt::Display) -> CliOutcome {
        // Some lines are secrets.
        let text = Zeroizing::new(text.to_string());
        self.write(&text, |c| c.escape_default().to_string())
    }

    /// A line that a server says in passing: it goes on serving when nobody reads.
    pub fn notice(&mut self, text: impl fmt::Display) {
        drop(self.line(text));
    }

    /// Writes a value as indented JSON.
    ///
    /// # Errors
    /// When nobody takes it.
    pub fn json(&mut self, value: &impl Serialize) -> CliOutcome {
        let text = serde_json::to_string_pretty(value)
            .map(Zeroizing::new)
            .map_err(|error| Failure::refused("the result cannot be written as JSON").because(&error))?;
        let escape =
            |c: char| c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect();
        self.write(&text, escape)
    }

    /// What steers a terminal never reaches one.
    fn write(&mut self, text: &str, escape: impl Fn(char) -> String) -> CliOutcome {
        let harmful = |c: char| steers(c) && !matches!(c, '\n' | '\t');
        let mut parts = text.split_inclusive(harmful);
        let written = parts.try_for_each(|part| match part.chars().next_back().filter(|c| harmful(*c)) {
            Some(last) => write!(self.writer, "{}{}", part.strip_suffix(last).unwrap_or(part), escape(last)),
            None => self.writer.write_all(part.as_bytes()),
        });
        written
            .and_then(|()| self.writer.write_all(b"\n"))
            .and_then(|()| self.writer.flush())
            .map_err(|error| Failure::from_output(&error))
    }
}

impl fmt::Debug for Output<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Output")
    }
}

/// Whether standard output is `/dev/null`. Rust's runtime opens that in the place of one that is closed.
fn is_null_device() -> bool {
    let ours = || File::from(io::stdout().as_fd().try_clone_to_owned()?).metadata();
    match (ours(), fs::metadata("/dev/null")) {
        (Ok(ours), Ok(null)) => ours.file_type().is_char_device() && ours.rdev() == null.rdev(),
        _ => false,
    }
}

/// A table with aligned columns.
#[derive(Debug)]
pub(crate) struct TextTable(Table);

impl Default for TextTable {
    fn default() -> Self {
        let mut table = Table::new();
        table.load_style(NOTHING);
        Self(table)
    }
}

impl TextTable {
    /// A table with a header row.
    #[must_use]
    pub(crate) fn with_header(header: &[&str]) -> Self {
        let mut table = Self::default();
        table.row(header.iter().map(ToString::to_string));
        table
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.0.add_row(cells.into_iter().map(|cell| printable(&cell)));
        for column in self.0.column_iter_mut() {
            column.set_padding((0, 2));
        }
    }

    /// Adds a row of a name and a value.
    pub(crate) fn pair(&mut self, name: &str, value: impl fmt::Display) {
        self.row([name.to_owned(), value.to_string()]);
    }
}

impl fmt::Display for TextTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.trim_fmt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_have_no_trailing_space() {
        let mut table = TextTable::with_header(&["KID", "STATE"]);
        table.row(["shop".to_owned(), "active".to_owned()]);
        table.row(["a-long-name".to_owned(), String::new()]);
        assert_eq!(table.to_string(), "KID          STATE\nshop         active\na-long-name");
        assert_eq!(TextTable::default().to_string(), "");
    }

    #[test]
    fn lines_and_json_are_written_without_control_characters() {
        let mut written = Vec::new();
        let mut out = Output::new(&mut written);
        out.line("a\x1b[31m\tb\nc\u{9b}").unwrap();
        out.json(&"d\u{9b}\x7f\x1b\u{202e}\u{e0001}").unwrap();
        drop(out);
        assert_eq!(
            String::from_utf8(written).unwrap(),
            "a\\u{1b}[31m\tb\nc\\u{9b}\n\"d\\u009b\\u007f\\u001b\\u202e\\udb40\\udc01\"\n"
        );
    }

    #[test]
    fn what_cannot_be_written_is_a_failure() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        assert!(Output::new(Gone).line("x").is_err());
    }
}
