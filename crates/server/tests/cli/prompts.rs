//! What is asked for on a terminal, which `script` (util-linux) makes.

use std::io::{Read as _, Write as _};
use std::process::Stdio;

use jwtis_testkit::process::Place;

use crate::with_store;

/// Runs a line of the shell on a terminal, types `keys` once `question` is shown, and returns all that the terminal showed.
fn typed(place: &Place, line: &str, question: &str, keys: &[u8]) -> String {
    let mut command = place.command("script", &["-qec", line, "/dev/null"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut keyboard, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut shown = Vec::new();
    let mut byte = [0];
    while !String::from_utf8_lossy(&shown).ends_with(question) && screen.read(&mut byte).unwrap() == 1 {
        shown.extend(byte);
    }
    keyboard.write_all(keys).unwrap();
    screen.read_to_end(&mut shown).unwrap();
    child.wait().unwrap();
    String::from_utf8(shown).unwrap()
}

#[test]
fn ctrl_c_and_ctrl_d_at_a_prompt_leave_the_terminal_as_it_was() {
    let place = with_store();
    let jwtis = "jwtis";
    for (command, question, keys, wanted, code) in [
        ("key import", "Secret key: ", 3, "interrupted at the prompt", 1),
        ("key import", "Secret key: ", 4, "nothing was typed", 2),
        ("hash-password", "New password: ", 3, "interrupted at the prompt", 1),
        ("login --user bob", "Password: ", 3, "interrupted at the prompt", 1),
    ] {
        let line = format!("'{jwtis}' {command}; echo code $?; stty -a");
        let shown = typed(&place, &line, question, &[keys]);
        assert!(shown.contains(wanted), "{command}: {shown}");
        assert!(shown.contains(&format!("code {code}")), "{command}: {shown}");
        for mode in [" echo ", " icanon ", "isig "] {
            assert!(shown.contains(mode), "{command}: {mode}: {shown}");
        }
    }
}

#[test]
fn a_secret_that_is_typed_is_not_shown() {
    let place = with_store();
    let line = format!("'{}' key import --alias typed", "jwtis");
    let shown = typed(&place, &line, "Secret key: ", format!("{}\n", super::EDSK).as_bytes());
    assert!(shown.contains(super::TZ1), "{shown}");
    assert!(!shown.contains(super::EDSK), "{shown}");
}
