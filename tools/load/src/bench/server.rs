//! The server as a child process on a scratch folder.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::clock::now;
use crate::output::Fault;
use crate::process::Process;

/// A running server; it is killed when it is dropped.
pub(crate) struct Server {
    pub(crate) process: Process,
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
        Ok(Self { process: Process(child), urls, ready_after: started.elapsed() })
    }

    /// `IP:PORT` of the listener whose line contains `name`.
    pub(crate) fn address(&self, name: &str) -> Result<&str, Fault> {
        let found = self.urls.iter().find(|(known, _)| known == name);
        Ok(found.map(|(_, url)| url.as_str()).ok_or_else(|| format!("no listener {name}"))?)
    }

    /// Asks the server to stop, and waits until it has: its store needs no repair afterwards.
    pub(crate) fn stop(self) -> Result<(), Fault> {
        let status = self.process.stop()?;
        if status.success() {
            return Ok(());
        }
        Err(format!("the server stopped with {status}").into())
    }
}
