//! A server as a child process, and what the operating system accounts to it: so that the load generator's own work never counts.

use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::output::Fault;

/// The kernel's unit of CPU time in `/proc/PID/stat`: on every Linux of today 100 to the second (`getconf CLK_TCK`).
const TICK: Duration = Duration::from_millis(10);

/// A running process; it is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Process(pub(crate) Child);

impl Process {
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

    /// Open file descriptors.
    pub(crate) fn descriptors(&self) -> Result<usize, Fault> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.0.id()))?.count())
    }

    /// SIGTERM, and how the process ends.
    pub(crate) fn stop(mut self) -> Result<ExitStatus, Fault> {
        kill_process(Pid::from_child(&self.0), Signal::TERM)?;
        Ok(self.0.wait()?)
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) -> Result<(), Fault> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }

    fn proc(&self, file: &str) -> Result<String, Fault> {
        Ok(std::fs::read_to_string(format!("/proc/{}/{file}", self.0.id()))?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn field(text: &str, name: &str) -> Result<u64, Fault> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.split_whitespace().next()).and_then(|text| text.parse().ok());
    Ok(number.ok_or_else(|| format!("/proc has no {name}"))?)
}

/// The server to try: the one given, or the one beside this program.
pub(crate) fn binary(given: Option<PathBuf>) -> Result<PathBuf, Fault> {
    let path = match given {
        Some(path) => path.canonicalize()?,
        None => std::env::current_exe()?.with_file_name("jwtis"),
    };
    if path.is_file() {
        return Ok(path);
    }
    Err(format!("{} is not there: build it, or name it with --binary", path.display()).into())
}
