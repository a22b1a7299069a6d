//! Runs the real program in a folder of its own, on free ports, without the environment of whoever runs the tests.

mod client;
pub mod interop;
pub mod signer;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use tempfile::TempDir;

pub use client::{agent, answer, get, post, wait_until};

/// The program, which cargo builds beside the tests of its package.
pub fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join("jwtis")
}

/// A folder, and the program run in it.
pub struct Place {
    folder: TempDir,
    environment: Vec<(String, String)>,
}

/// What a run left.
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), environment: Vec::new() }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn store(&self) -> PathBuf {
        self.path().join("data/keys.db")
    }

    /// Sets a variable for all later runs.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    pub fn unset(&mut self, name: &str) {
        self.environment.retain(|(known, _)| known != name);
    }

    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A command in this folder. `jwtis` is the program.
    pub fn command<S: AsRef<OsStr>>(&self, name: &str, arguments: &[S]) -> Command {
        let program = program();
        let mut command = if name == "jwtis" { Command::new(&program) } else { Command::new(name) };
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null()).env_clear();
        let folder = program.parent().unwrap().display();
        let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());
        command.env("PATH", path).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a line of the shell, in which `jwtis` is the program.
    pub fn shell(&self, line: &str) -> Run {
        Run::of(self.command("sh", &["-c", line]).output().unwrap())
    }

    /// As [`Self::shell`], of what must succeed; gives its standard output.
    #[track_caller]
    pub fn shell_ok(&self, line: &str) -> String {
        let run = self.shell(line);
        assert_eq!(run.code, Some(0), "{line}\n{}\n{}", run.stdout, run.stderr);
        run.stdout
    }

    /// Runs `jwtis` with this on its standard input.
    pub fn piped(&self, input: &str, arguments: &[&str]) -> Run {
        let mut command = self.command("jwtis", arguments);
        let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = streams.spawn().unwrap();
        // It may have ended without reading.
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        Run::of(child.wait_with_output().unwrap())
    }

    /// Runs `jwtis` to its end.
    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command("jwtis", arguments).output().unwrap())
    }

    /// Runs `jwtis`, which must succeed; gives its standard output.
    #[track_caller]
    pub fn ok(&self, arguments: &[&str]) -> String {
        let run = self.run(arguments);
        assert_eq!(run.code, Some(0), "{arguments:?}\n{}\n{}", run.stdout, run.stderr);
        run.stdout
    }

    /// As [`Self::ok`], with the output as JSON.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.ok(arguments)).unwrap()
    }

    /// Starts `jwtis serve` on free ports and waits until it listens.
    pub fn serve(&self, arguments: &[&str]) -> Server {
        let ports = ["-l", "127.0.0.1:0", "--utility-address", "127.0.0.1:0"];
        self.start(&ports.iter().chain(arguments).copied().collect::<Vec<_>>())
    }

    /// Starts a server and waits for the line that says that it listens.
    pub fn start(&self, arguments: &[&str]) -> Server {
        self.start_command(self.command("jwtis", arguments))
    }

    /// Starts a server by a command that becomes one.
    pub fn start_command(&self, mut command: Command) -> Server {
        let log = self.path().join("stderr.log");
        let mut child = command.stdout(Stdio::piped()).stderr(File::create(&log).unwrap()).spawn().unwrap();
        let reader = BufReader::new(child.stdout.take().unwrap());
        let mut server = Server { child, reader, stdout: String::new(), url: String::new(), log };
        while server.reader.read_line(&mut server.stdout).unwrap() > 0 {
            let last = server.stdout.lines().last().unwrap_or_default();
            if let Some((_, url)) = last.split_once(" is listening on ") {
                server.url = url.trim().to_owned();
                return server;
            }
        }
        panic!("the server did not start\n{}\n{}", server.stdout, fs::read_to_string(&server.log).unwrap());
    }
}

impl Run {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A running server. Dropped, it is killed.
pub struct Server {
    child: Child,
    reader: BufReader<ChildStdout>,
    pub stdout: String,
    pub url: String,
    log: PathBuf,
}

impl Server {
    /// The value that an `export NAME='…'` line of its output gives.
    pub fn export(&self, name: &str) -> String {
        let start = format!("export {name}='");
        let line = self.stdout.lines().map(str::trim).find_map(|line| line.strip_prefix(&start));
        line.unwrap_or_else(|| panic!("no {name} in {}", self.stdout)).trim_end_matches('\'').to_owned()
    }

    /// Reads on until another listener is there; gives its URL.
    pub fn next_url(&mut self) -> String {
        let mut line = String::new();
        while self.reader.read_line(&mut line).unwrap() > 0 {
            self.stdout.push_str(&line);
            if let Some((_, url)) = line.split_once(" is listening on ") {
                return url.trim().to_owned();
            }
            line.clear();
        }
        panic!("no other listener in\n{}", self.stdout)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    pub fn utility_url(&self) -> &str {
        let line = self.stdout.lines().find_map(|line| line.strip_prefix("metrics and health on "));
        line.unwrap().trim()
    }

    /// SIGTERM, then the end.
    pub fn stop(self) -> Run {
        self.signal("TERM")
    }

    /// A signal that does not end it.
    pub fn send(&self, name: &str) {
        let line = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
    }

    pub fn signal(mut self, name: &str) -> Run {
        self.send(name);
        let mut stdout = std::mem::take(&mut self.stdout);
        self.reader.read_to_string(&mut stdout).unwrap();
        let code = self.child.wait().unwrap().code();
        Run { code, stdout, stderr: fs::read_to_string(&self.log).unwrap() }
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
