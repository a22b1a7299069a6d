//! The README and the guide show real output: their commands run in order, and what they print is what the page says, but for
//! tokens, ids, times and numbers.

use std::fs;
use std::path::{Path, PathBuf};

use crate::console;

#[test]
fn the_readme_shows_what_is_really_printed() {
    console::follow(&["README.md"], true, 10);
}

#[test]
fn the_issuers_tutorial_shows_what_is_really_printed() {
    console::follow(&["docs/guide/first-token.md"], true, 13);
}

/// Pages that follow each other: the later ones use files and keys of the first.
#[test]
fn the_signers_guide_shows_what_is_really_printed() {
    let pages = [
        "docs/guide/first-signature.md",
        "docs/guide/policies.md",
        "docs/guide/signing-keys.md",
        "docs/guide/watermarks.md",
    ];
    console::follow(&pages, false, 13);
}

/// What stands for other texts in the table of refusals.
const PLACEHOLDERS: [&str; 8] = ["…", "tz1", "NAME", "KIND", "Net", " N ", "tag N", "N byte"];

#[test]
fn every_refusal_on_its_page_is_one_of_the_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/reference/refusals.md")).unwrap();
    let (_, table) = page.split_once("<!-- refusals: ").unwrap();
    let mut sources = String::new();
    for name in ["tezos", "signer", "server"] {
        read_all(&root.join("crates").join(name).join("src"), &mut sources);
    }
    let mut texts = 0;
    for row in table.lines().filter(|line| line.starts_with("| 4") || line.starts_with("| 5")) {
        let cell = row.split(" | ").nth(1).unwrap();
        for text in quoted(cell) {
            let mut pieces = vec![text];
            for placeholder in PLACEHOLDERS {
                pieces = pieces.iter().flat_map(|piece| piece.split(placeholder)).collect();
            }
            let longest = pieces.into_iter().max_by_key(|piece| piece.len()).unwrap();
            let longest = longest.trim_matches(|c: char| " :,;`'".contains(c));
            assert!(sources.contains(longest), "`{text}`: no {longest:?} in the program");
            texts += 1;
        }
    }
    assert!(texts > 50, "{texts} texts");
}

/// What stands between backticks, single or double.
fn quoted(cell: &str) -> Vec<&str> {
    let mut quoted = Vec::new();
    let mut rest = cell;
    while let Some(start) = rest.find('`') {
        let mark = if rest[start..].starts_with("``") { "``" } else { "`" };
        let inner = &rest[start + mark.len()..];
        let end = inner.find(mark).unwrap();
        quoted.push(&inner[..end]);
        rest = &inner[end + mark.len()..];
    }
    quoted
}

fn read_all(folder: &Path, text: &mut String) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            read_all(&path, text);
        } else {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}
