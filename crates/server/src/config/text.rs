//! The text of the configuration file in force: a later file that is its beginning was probably cut off.

use std::fmt;

use zeroize::Zeroizing;

/// The line that ends a YAML document (YAML 1.2, §9.1.4).
const DOCUMENT_END: &str = "...";

/// What a configuration file holds, wiped when it is no longer needed. Without a file it is empty.
#[derive(Clone, Default)]
pub struct FileText(Zeroizing<String>);

impl FileText {
    pub(super) fn new(text: Zeroizing<String>) -> Self {
        Self(text)
    }

    /// Whether this looks like `whole` cut off somewhere: it is its beginning and does not say that it ends. White space at the end
    /// counts for nothing.
    #[must_use]
    pub fn is_cut_off_from(&self, whole: &Self) -> bool {
        let (text, whole) = (self.0.trim_end(), whole.0.trim_end());
        let is_beginning = text.len() < whole.len() && whole.starts_with(text);
        is_beginning && end(text).is_none() && Some(text) != end(whole)
    }
}

/// What stands before the line that ends the document, if there is such a line.
fn end(text: &str) -> Option<&str> {
    let mut start = 0_usize;
    for line in text.split_inclusive('\n') {
        if line.trim_end() == DOCUMENT_END {
            return text.get(..start).map(str::trim_end);
        }
        start = start.saturating_add(line.len());
    }
    None
}

impl fmt::Debug for FileText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileText(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::check_text;
    use super::*;

    fn text(text: &str) -> FileText {
        FileText::new(Zeroizing::new(text.to_owned()))
    }

    #[test]
    fn the_beginning_of_a_file_looks_cut_off_unless_it_says_that_it_ends() {
        let whole = "tezos:\n  a:\n    <<: *b\n    jwt_users: [ü]\n    limits: {per: {window: 1h30m}}\n";
        for (cut, _) in whole.char_indices() {
            let is_whole = whole[..cut].trim_end() == whole.trim_end();
            assert_eq!(text(&whole[..cut]).is_cut_off_from(&text(whole)), !is_whole, "{:?}", &whole[..cut]);
        }
        for (new, old, wanted) in [
            ("a:\n  b: 1\n\n \n", "a:\n  b: 1\n  c: 2\n", true),
            ("a:\r\n  b: 1\r\n", "a:\r\n  b: 1\r\n  c: 2\r\n", true),
            ("a: 1\n", "a: 1\n# comment\n", true),
            ("a:\n  b: 1\n...\n", "a:\n  b: 1\n  c: 2\n", false),
            ("a:\r\n  b: 1\r\n...\r\n", "a:\r\n  b: 1\r\n  c: 2\r\n", false),
            ("a: 1\n", "a: 1\n...\n", false),
            ("a: 1\r\n", "a: 1\r\n...\r\n# comment\r\n", false),
            ("a: 1\n...\n", "a: 1\n...\n# comment\n", false),
            ("a: 1\n..", "a: 1\n...\n", true),
            ("a: 1\n", "a: 1\nb: 2\n...\n", true),
            ("a: |\n  ...\n", "a: |\n  ...\n  more\n", true),
            ("a: 1\n\n", "a: 1", false),
            ("a: 1\nb: 2\n", "a: 1\n", false),
            ("a: 2\n", "a: 1\nb: 2\n", false),
            ("a: 1\n", "", false),
        ] {
            assert_eq!(text(new).is_cut_off_from(&text(old)), wanted, "{new:?} of {old:?}");
        }
    }

    #[test]
    fn a_file_may_end_with_the_line_that_ends_a_document() {
        for end in ["...", "...\n", "...\r\n", "... # shortened\n"] {
            let (faults, _) = check_text(Path::new("x"), &format!("issuer:\n  name: a\ntezos:\n  b:\n{end}"));
            assert_eq!(faults, [], "{end:?}");
        }
    }

    #[test]
    fn it_is_not_printed() {
        assert_eq!(format!("{:?}", text("password: x")), "FileText(..)");
    }
}
