//! The server as a child process on a scratch folder, and what the operating system accounts to it: so that the load generator's own
//! work never counts.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::Fault;
use crate::clock::now;

/// The kernel's unit of CPU time in `/proc/PID/stat`: on every Linux of today 100 to the second (`getconf CLK_TCK`).
const TICK: Duration = Duration::from_millis(10);

/// A running server; it is killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    urls: Vec<(String, String)>,
    /// From the start of the process to the line that says that it serves.
    pub(crate) ready_after: Duration,
}

impl Server {
    /// Starts `binary` with these arguments and variables, and waits until it says that it listens on all of `names`.
    pub(crate) fn start(
        binary: &Path,
        arguments: &[&str],
        variables: &[(&str, &str)],
        names: &[&str],
    ) -> Result<Self, Fault> {
        let started = now();
        let mut child = Command::new(binary)
            .args(arguments)
            .envs(variables.iter().copied())
            .env_remove("JWTIS_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{} does not start: {error}", binary.display()))?;
        let stdout = child.stdout.take().ok_or("the server has no output")?;
        let mut urls = Vec::new();
        let mut lines = BufReader::new(stdout).lines();
        while urls.len() < names.len() {
            let Some(line) = lines.next().transpose()? else {
                let status = child.wait()?;
                return Err(format!("the server ended before it served: {status}").into());
            };
            if let Some((before, url)) = line.split_once("http://") {
                let wanted = names.iter().find(|name| before.contains(**name));
                urls.extend(wanted.map(|name| ((*name).to_owned(), url.trim().to_owned())));
            }
        }
        // Whatever else it prints must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { child, urls, ready_after: started.elapsed() })
    }

    /// `IP:PORT` of the listener whose line contains `name`.
    pub(crate) fn address(&self, name: &str) -> Result<&str, Fault> {
        let found = self.urls.iter().find(|(known, _)| known == name);
        Ok(found.map(|(_, url)| url.as_str()).ok_or_else(|| format!("no listener {name}"))?)
    }

    /// CPU time of the whole process so far, threads that have ended included.
    pub(crate) fn cpu(&self) -> Result<Duration, Fault> {
        let stat = self.proc("stat")?;
        // The second field is the name in parentheses; utime and stime are the 14th and 15th.
        let (_, rest) = stat.rsplit_once(')').ok_or("an unreadable stat file")?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<u32>().ok());
        let (user, system) = ticks(11).zip(ticks(12)).ok_or("an unreadable stat file")?;
        Ok(TICK * user.saturating_add(system))
    }

    /// Resident memory in KiB, now.
    pub(crate) fn resident_kib(&self) -> Result<u64, Fault> {
        field(&self.proc("status")?, "VmRSS:")
    }

    /// Bytes handed to the disk so far.
    pub(crate) fn written(&self) -> Result<u64, Fault> {
        field(&self.proc("io")?, "write_bytes:")
    }

    /// Asks the server to stop, and waits until it has: its store needs no repair afterwards.
    pub(crate) fn stop(mut self) -> Result<(), Fault> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let status = self.child.wait()?;
        if status.success() {
            return Ok(());
        }
        Err(format!("the server stopped with {status}").into())
    }

    fn proc(&self, file: &str) -> Result<String, Fault> {
        Ok(std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id()))?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn field(text: &str, name: &str) -> Result<u64, Fault> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.split_whitespace().next()).and_then(|text| text.parse().ok());
    Ok(number.ok_or_else(|| format!("/proc has no {name}"))?)
}

/// The release binary that belongs to this build.
pub(crate) fn binary(given: Option<PathBuf>) -> Result<PathBuf, Fault> {
    let path = match given {
        Some(path) => path,
        None => std::env::current_exe()?.with_file_name("jwtis"),
    };
    if path.is_file() {
        return Ok(path);
    }
    Err(format!("{} is not there: `make bench` builds it", path.display()).into())
}
