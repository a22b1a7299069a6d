//! Asking people: with echo, without it, and from a pipe where nobody sits at a terminal.

use std::fs::File;
use std::io::{self, BufRead as _, IsTerminal as _, Read, Write as _};
use std::os::fd::AsFd as _;

use rpassword::ConfigBuilder;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::failure::Failure;
use crate::config::limited::{self, MAX_SECRET_BYTES};

/// The terminal of this process, whatever its streams are.
const TERMINAL: &str = "/dev/tty";
/// What Ctrl-C types on a terminal that makes no signals.
const CTRL_C: u8 = 3;

/// Asks on the terminal without showing what is typed; `None` where there is none.
///
/// # Errors
/// When the terminal cannot be read, or Ctrl-C or Ctrl-D was typed.
pub(crate) fn hidden(question: &str) -> Result<Option<Zeroizing<String>>, Failure> {
    ask_hidden(question).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => Failure::usage("nothing was typed")
            .hint("type it and press Enter; --help names other ways to give it"),
        _ if is_interrupt(&error) => Failure::refused(&error).hint("run it again to be asked again"),
        _ => Failure::usage("the terminal cannot be read")
            .because(&error)
            .hint("--help names ways to give it that need no terminal"),
    })
}

/// As [`hidden`], for those who say themselves what failed.
///
/// # Errors
/// What the terminal fails with.
pub(crate) fn ask_hidden(question: &str) -> io::Result<Option<Zeroizing<String>>> {
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    let terminal = Hidden::open()?;
    let mut screen = terminal.file.try_clone()?;
    screen.write_all(question.as_bytes())?;
    let config = ConfigBuilder::new().input_reader(terminal).output_discard().build();
    let typed = rpassword::read_password_with_config(config).map(Zeroizing::new);
    screen.write_all(b"\n")?;
    typed.map(Some)
}

/// Asks twice for a new password; `None` without a terminal.
///
/// # Errors
/// When the two differ.
pub(crate) fn hidden_twice() -> Result<Option<Zeroizing<String>>, Failure> {
    let Some(first) = hidden("New password: ")? else { return Ok(None) };
    if first.is_empty() {
        return Err(Failure::usage("the new password is empty").hint("run it again and type the same twice"));
    }
    match hidden("The same again: ")? {
        Some(second) if second == first => Ok(Some(first)),
        _ => Err(Failure::usage("the two passwords differ; nothing was changed")
            .hint("run it again and type the same twice")),
    }
}

/// Asks for what everybody may see, on the terminal or from a pipe. Empty where the input ends.
///
/// # Errors
/// When standard input cannot be read.
pub(crate) fn line(question: &str) -> io::Result<String> {
    let mut screen = io::stderr();
    drop(screen.write_all(question.as_bytes()));
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    // What is said next begins a line of its own: only a terminal has shown the end of what was typed.
    if !line.ends_with('\n') || !io::stdin().is_terminal() {
        drop(screen.write_all(b"\n"));
    }
    read?;
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line)
}

/// All that is piped in, trailing line end and all. Read past the buffer of standard input, which is not wiped.
///
/// # Errors
/// With exit code 2 when it cannot be read, or is no text.
pub(crate) fn piped() -> Result<Zeroizing<String>, Failure> {
    const HINT: &str = "pipe in what is asked for and nothing else, or run this on a terminal";
    let read = || limited::whole(File::from(io::stdin().as_fd().try_clone_to_owned()?), MAX_SECRET_BYTES);
    let bytes =
        read().map_err(|error| Failure::usage("standard input cannot be read").because(&error).hint(HINT))?;
    limited::text(&bytes).ok_or_else(|| Failure::usage("standard input is not UTF-8").hint(HINT))
}

/// The one line that is piped in: a password.
///
/// # Errors
/// With exit code 2 when there is none, or more than one.
pub(crate) fn piped_line() -> Result<Zeroizing<String>, Failure> {
    let text = piped()?;
    let mut lines = text.lines();
    match (lines.next(), lines.next()) {
        (Some(line), None) if !line.is_empty() => Ok(Zeroizing::new(line.to_owned())),
        (None | Some(""), None) => Err(Failure::usage("standard input has no password")
            .hint("pipe one line in, or run this on a terminal to be asked")),
        _ => Err(Failure::usage("standard input has more than one line").hint("pipe the password alone in")),
    }
}

/// The terminal while it shows nothing and makes no signals; as it was before once this is dropped.
///
/// `rpassword` alone would end the process on Ctrl-C and leave the terminal as it is here: without echo.
struct Hidden {
    file: File,
    before: Termios,
}

impl Hidden {
    fn open() -> io::Result<Self> {
        let file = File::options().read(true).write(true).open(TERMINAL)?;
        let before = tcgetattr(&file)?;
        let mut hidden = before.clone();
        hidden
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG);
        hidden.special_codes[SpecialCodeIndex::VMIN] = 1;
        hidden.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&file, OptionalActions::Now, &hidden)?;
        Ok(Self { file, before })
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // A terminal that has gone away needs no mending.
        let _ = tcsetattr(&self.file, OptionalActions::Now, &self.before);
    }
}

impl Read for Hidden {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        if buffer.iter().take(read).any(|byte| *byte == CTRL_C) {
            return Err(io::Error::other(Interrupt));
        }
        Ok(read)
    }
}

/// Ctrl-C. Not [`io::ErrorKind::Interrupted`], after which readers try again.
#[derive(Debug, thiserror::Error)]
#[error("interrupted at the prompt")]
struct Interrupt;

fn is_interrupt(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|cause| cause.is::<Interrupt>())
}
