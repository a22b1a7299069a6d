//! Runs the real program in a folder of its own, on free ports, without the environment of whoever runs the tests.

#![allow(dead_code, unreachable_pub, reason = "a module of several test programs, each of which uses a part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

pub mod signer;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use tempfile::TempDir;

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

    pub fn command<S: AsRef<OsStr>>(&self, program: &str, arguments: &[S]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null()).env_clear();
        let folder = Path::new(env!("CARGO_BIN_EXE_jwtis")).parent().unwrap();
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
        command.env("PATH", path).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs `jwtis` to its end.
    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(env!("CARGO_BIN_EXE_jwtis"), arguments).output().unwrap())
    }

    /// Runs `jwtis`, which must succeed; gives its standard output.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let run = self.run(arguments);
        assert_eq!(run.code, Some(0), "{arguments:?}\n{}\n{}", run.stdout, run.stderr);
        run.stdout
    }

    /// As [`Self::ok`], with the output as JSON.
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
        self.start_command(self.command(env!("CARGO_BIN_EXE_jwtis"), arguments))
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

/// POST of a JSON body with a bearer token: status and answer.
pub fn post(
    url: &str,
    token: &str,
    body: &serde_json::Value,
) -> Result<(u16, serde_json::Value), ureq::Error> {
    let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build();
    let mut response = config
        .new_agent()
        .post(url)
        .header("Authorization", format!("Bearer {token}"))
        .content_type("application/json")
        .send(body.to_string())?;
    let text = response.body_mut().read_to_string()?;
    Ok((response.status().as_u16(), serde_json::from_str(&text).unwrap_or_default()))
}

/// GET: status and text.
pub fn get(url: &str) -> (u16, String) {
    let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build();
    let mut response = config.new_agent().get(url).call().unwrap();
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}

/// Runs a `curl` line as a shell would; without a curl the line is understood here.
pub fn curl(place: &Place, line: &str) -> String {
    if Command::new("curl").arg("--version").output().is_ok() {
        let run = Run::of(place.command("sh", &["-c", line]).output().unwrap());
        assert_eq!(run.code, Some(0), "{line}\n{}", run.stderr);
        return run.stdout;
    }
    let mut variables = line.to_owned();
    for (name, value) in &place.environment {
        variables = variables.replace(&format!("${name}"), value);
    }
    let words = shell_words(&variables);
    let after = |flag: &'static str| {
        words.iter().zip(words.iter().skip(1)).filter(move |(word, _)| *word == flag).map(|(_, next)| next)
    };
    let url = words.iter().find(|word| word.starts_with("http")).unwrap();
    let Some(body) = after("-d").next() else { return get(url).1 };
    let token = after("-H").find_map(|header| header.strip_prefix("Authorization: Bearer ")).unwrap();
    post(url, token, &serde_json::from_str(body).unwrap()).unwrap().1.to_string()
}

/// Words of a line without nested quotes.
fn shell_words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for character in line.chars() {
        match (quote, character) {
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            (None, ' ') => words.push(String::new()),
            _ => words.last_mut().unwrap().push(character),
        }
    }
    words
}
