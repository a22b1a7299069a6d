//! Standard output: results and nothing else, each line written whole and flushed.

use std::fmt::{self, Write as _};
use std::io::{self, Write};

use serde::Serialize;

use super::failure::{Failure, Outcome};

/// Where results go.
pub struct Output<'w>(Box<dyn Write + Send + 'w>);

impl<'w> Output<'w> {
    /// Standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self::new(io::stdout())
    }

    /// Another place, for tests.
    pub fn new(writer: impl Write + Send + 'w) -> Self {
        Self(Box::new(writer))
    }

    /// Writes a text of one or more lines, adds a line end and flushes: whoever reads along sees it now.
    ///
    /// # Errors
    /// When nobody takes it.
    pub fn line(&mut self, text: impl fmt::Display) -> Outcome {
        writeln!(self.0, "{text}").and_then(|()| self.0.flush()).map_err(|error| Failure::from_output(&error))
    }

    /// A line that a server says in passing: it goes on serving when nobody reads.
    pub fn notice(&mut self, text: impl fmt::Display) {
        drop(self.line(text));
    }

    /// Writes a value as indented JSON.
    ///
    /// # Errors
    /// When nobody takes it.
    pub fn json(&mut self, value: &impl Serialize) -> Outcome {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| Failure::refused("the result cannot be written as JSON").because(&error))?;
        self.line(text)
    }
}

impl fmt::Debug for Output<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Output")
    }
}

/// A table with aligned columns.
#[derive(Debug, Default)]
pub(crate) struct TextTable {
    rows: Vec<Vec<String>>,
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
        self.rows.push(cells.into_iter().map(|cell| printable(&cell)).collect());
    }

    /// Adds a row of a name and a value.
    pub(crate) fn pair(&mut self, name: &str, value: impl fmt::Display) {
        self.row([name.to_owned(), value.to_string()]);
    }
}

impl fmt::Display for TextTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cell_width =
            |row: &Vec<String>, column| row.get(column).map_or(0, |cell: &String| cell.chars().count());
        let widths: Vec<usize> = (0..columns)
            .map(|column| self.rows.iter().map(|row| cell_width(row, column)).max().unwrap_or(0))
            .collect();
        for (number, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                write!(line, "{cell:width$}  ")?;
            }
            let end = if number.saturating_add(1) == self.rows.len() { "" } else { "\n" };
            write!(f, "{}{end}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Text from a server or a token, made safe to show: control characters cannot reach the terminal.
#[must_use]
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect()
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
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(printable("a\x1b[31mb\nü"), "a\\u{1b}[31mb\\nü");
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
