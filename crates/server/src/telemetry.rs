//! Logs: `tracing` events to standard error, human on a terminal, JSON lines otherwise. Standard output carries results only.

mod queue;

use std::io::{self, IsTerminal as _};
use std::panic;
use std::str::FromStr;

use tracing::{Level, error, warn};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, ParseError, Targets};

use queue::LineQueue;

/// How much is logged, and how it looks.
#[derive(Clone, Default, Debug)]
pub struct LogSettings {
    /// Level info instead of warn and the audit trail.
    pub verbose: bool,
    /// How it looks.
    pub format: LogFormat,
    /// By module; wins over `verbose`.
    pub filter: Option<LogFilter>,
}

/// How log lines look.
#[derive(Copy, Clone, PartialEq, Eq, Default, Debug)]
pub enum LogFormat {
    /// Human on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// One readable line per event.
    Human,
    /// One JSON object per event.
    Json,
}

/// The text names no log format.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the log format is one of auto, human, json")]
pub struct UnknownFormat;

impl FromStr for LogFormat {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        match text {
            "auto" => Ok(Self::Auto),
            "human" => Ok(Self::Human),
            "json" => Ok(Self::Json),
            _ => Err(UnknownFormat),
        }
    }
}

/// A filter like `info` or `jwtis=debug,hyper=warn`, checked.
#[derive(Clone, Debug)]
pub struct LogFilter(String);

/// Why a filter was refused.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain")]
pub enum InvalidFilter {
    #[error(
        "not a log filter ({0}); write levels or module=level pairs, like \"info\" or \"jwtis=debug,hyper=warn\""
    )]
    Syntax(#[from] ParseError),
    #[error(
        "not a log filter: `{0}` is no level (off, error, warn, info, debug, trace), and as a module it needs one, like \"hyper=warn\""
    )]
    Word(String),
}

impl FromStr for LogFilter {
    type Err = InvalidFilter;

    fn from_str(text: &str) -> Result<Self, InvalidFilter> {
        EnvFilter::try_new(text)?;
        // Such a word would name a module that there is not, and silence all others.
        let is_known = |word: &str| word.parse::<LevelFilter>().is_ok() || word.starts_with("jwtis");
        let is_bare = |word: &&str| !word.is_empty() && !word.contains(['=', '[', '{', '}', ']']);
        match text.split(',').map(str::trim).filter(is_bare).find(|word| !is_known(word)) {
            Some(word) => Err(InvalidFilter::Word(word.to_owned())),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl LogFilter {
    /// What an operator would miss. A filter of spans is not judged.
    #[must_use]
    pub fn drops(&self) -> Option<&'static str> {
        let targets: Targets = self.0.parse().ok()?;
        match (
            targets.would_enable("jwtis", &Level::WARN),
            targets.would_enable("jwtis::audit", &Level::INFO),
        ) {
            (true, true) => None,
            (true, false) => Some("the audit trail: add `jwtis::audit=info`"),
            (false, _) => Some("warnings: add `jwtis=warn,jwtis::audit=info`"),
        }
    }
}

/// Logging, while this is held. Dropped at the end of the process, it waits a second at most for lines that are still to be written.
#[derive(Debug)]
#[must_use = "what is not written when the process ends is lost"]
pub struct Logging(LineQueue);

impl Drop for Logging {
    fn drop(&mut self) {
        self.0.flush();
    }
}

/// Starts logging for this process. Only the first call has an effect, so that tests may start several servers.
///
/// # Errors
/// When the system gives no thread for the log.
pub fn start(settings: &LogSettings) -> io::Result<Logging> {
    // Who changed what is always told: an audit trail that has to be switched on is missing when it is needed.
    let level = if settings.verbose { "info" } else { "warn,jwtis::audit=info" };
    let filter = settings.filter.as_ref().map_or(level, |filter| filter.0.as_str());
    let queue = LineQueue::start(io::stderr(), |dropped| {
        warn!(dropped, "log lines were dropped, because nobody read standard error; nothing else was lost");
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(queue.clone())
        .log_internal_errors(false);
    let terminal = io::stderr().is_terminal();
    let human = match settings.format {
        LogFormat::Auto => terminal,
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    let outcome = if human {
        builder
            .with_ansi(terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
            .try_init()
    } else {
        builder.json().flatten_event(true).with_span_list(false).try_init()
    };
    if outcome.is_ok() {
        // The standard hook writes to standard error itself, and so waits for its reader.
        panic::set_hook(Box::new(|panic| {
            let message = panic.payload().downcast_ref::<String>().map(String::as_str);
            let message = message.or_else(|| panic.payload().downcast_ref::<&str>().copied());
            let message = message.unwrap_or("no message");
            let place = panic.location().map(ToString::to_string);
            error!(place, "a thread panicked: {message}");
        }));
    }
    // The one error is that a subscriber is in place already.
    drop(outcome);
    Ok(Logging(queue))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_level_is_refused_and_what_a_filter_drops_is_told() {
        for text in ["infoo", "warn,jwts", "hyper", "jwtis=loud"] {
            assert!(text.parse::<LogFilter>().is_err(), "{text}");
        }
        for (text, dropped) in [
            ("info", None),
            ("INFO", None),
            ("jwtis=debug,hyper=warn", None),
            ("warn,jwtis::audit=info", None),
            ("jwtis_signer,warn", Some("the audit trail")),
            ("warn", Some("the audit trail")),
            ("hyper=debug", Some("warnings")),
            ("off", Some("warnings")),
            ("jwtis[request{client=shop}]=debug,info", None),
        ] {
            let drops = text.parse::<LogFilter>().unwrap().drops();
            assert_eq!(drops.and_then(|text| text.split_once(':')).map(|(what, _)| what), dropped, "{text}");
        }
    }
}
