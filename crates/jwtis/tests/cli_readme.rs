//! The README shows what is really printed: its commands run against a first start, and what they print is what it says, but for
//! tokens, ids, times and numbers.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod cli_support;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use cli_support::{Place, Run, Server};

/// Where the README says the server listens.
const URL: &str = "http://127.0.0.1:4343";

/// One `$ command` of the README and what it says is printed.
struct Shown<'a> {
    command: &'a str,
    output: String,
}

#[test]
fn the_readme_shows_what_is_really_printed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let mut place = Place::new();
    let server = place.serve(&[]);
    place.set("JWTIS_URL", &server.url);

    let (mut written, mut last) = (String::new(), String::new());
    let mut commands = 0;
    for (number, part) in readme.split("```console\n").enumerate() {
        let Some((block, rest)) = part.split_once("```\n").filter(|_| number > 0) else {
            written.push_str(part);
            continue;
        };
        written.push_str("```console\n");
        for Shown { command, output } in shown(block) {
            commands += 1;
            let printed = run(&mut place, &server, command, &last);
            if std::env::var_os("UPDATE_DOCS").is_none() {
                assert_eq!(masked(&printed), masked(&output), "$ {command}\nrun with UPDATE_DOCS=1");
            }
            write!(written, "$ {command}\n{printed}").unwrap();
            if !printed.is_empty() {
                last = printed;
            }
        }
        write!(written, "```\n{rest}").unwrap();
    }
    assert!(commands >= 9, "the README has lost its commands");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, written).unwrap();
    }
}

fn shown(block: &str) -> Vec<Shown<'_>> {
    let mut shown: Vec<Shown<'_>> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), shown.last_mut()) {
            (Some(command), _) => shown.push(Shown { command, output: String::new() }),
            (None, Some(Shown { output, .. })) => writeln!(output, "{line}").unwrap(),
            (None, None) => panic!("a block begins with output: {line}"),
        }
    }
    shown
}

/// Runs a command as its reader would: exports take the values that were printed.
fn run(place: &mut Place, server: &Server, command: &str, last: &str) -> String {
    if command.starts_with("export JWTIS_ADMIN_TOKEN=") {
        place.set("JWTIS_ADMIN_TOKEN", &server.export("JWTIS_ADMIN_TOKEN"));
        return String::new();
    }
    if command.starts_with("export JWTIS_CLIENT_TOKEN=") {
        let answer: serde_json::Value = serde_json::from_str(last).unwrap();
        place.set("JWTIS_CLIENT_TOKEN", answer["client_token"].as_str().unwrap());
        return String::new();
    }
    let line = command.replace(URL, &server.url);
    let run = Run::of(place.command("sh", &["-c", &line]).output().unwrap());
    let mut printed = run.stdout + &run.stderr;
    if !printed.is_empty() && !printed.ends_with('\n') {
        printed.push('\n');
    }
    printed.replace(&server.url, URL)
}

/// The text with long words, which are tokens and ids, and digits made alike.
fn masked(text: &str) -> String {
    let in_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let mut masked = String::new();
    for word in text.split_inclusive(|c: char| !in_word(c)) {
        let body = word.trim_end_matches(|c: char| !in_word(c));
        if body.len() >= 20 {
            masked.push('~');
        } else {
            masked.extend(body.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }));
        }
        masked.push_str(&word[body.len()..]);
    }
    // One digit or two, now or a second ago: time goes by.
    while masked.contains("00") {
        masked = masked.replace("00", "0");
    }
    for ago in ["0 seconds ago", "0 second ago"] {
        masked = masked.replace(ago, "now");
    }
    masked.split_whitespace().collect::<Vec<_>>().join(" ")
}
