//! `jwtis login`: a token of a running signer for scripts.

use std::io::{self, IsTerminal as _};
use std::net::IpAddr;
use std::path::PathBuf;

use axum::http::{HeaderName, HeaderValue, Uri};
use clap::Args;
use zeroize::Zeroizing;

use super::api::{self, ApiAnswer};
use super::environment;
use super::failure::warn;
use super::printable::printable;
use super::{CliOutcome, Failure, Output, prompt};
use crate::config::read_secret_file;

/// The variable with the password.
const PASSWORD: &str = "JWTIS_LOGIN_PASSWORD";

#[derive(Debug, Args)]
pub(crate) struct Login {
    /// Base URL of the signer.
    #[arg(long, env = "JWTIS_SIGNER_URL", default_value = "http://127.0.0.1:6732")]
    url: String,
    /// The user. Without it the name is asked for.
    #[arg(long, env = "JWTIS_LOGIN_USER", value_name = "NAME")]
    user: Option<String>,
    /// File whose first line is the password. Without it JWTIS_LOGIN_PASSWORD, a prompt, or standard input.
    #[arg(long, env = "JWTIS_LOGIN_PASSWORD_FILE", value_name = "FILE", value_parser = crate::config::path::given)]
    password_file: Option<PathBuf>,
    /// Trust this CA (PEM) for https, instead of the system's.
    #[arg(long, env = "JWTIS_CA_CERT", value_name = "FILE", value_parser = crate::config::path::given)]
    ca_cert: Option<PathBuf>,
}

impl Login {
    pub(crate) fn run(&self, out: &mut Output<'_>) -> CliOutcome {
        let base = self.url.trim_end_matches('/');
        if travels_in_clear(base) {
            warn(format_args!("the password goes to {base} in clear; use https, or a tunnel"));
        }
        let user = self.user()?;
        let password = self.password()?;
        let [user, password] = [header(&user, "user")?, header(&password, "password")?];
        let headers =
            [(HeaderName::from_static("username"), user), (HeaderName::from_static("password"), password)];
        let answer = api::post_headers(&format!("{base}/login"), self.ca_cert.as_deref(), headers)?;
        out.line(token(&answer)?)
    }

    fn user(&self) -> Result<String, Failure> {
        if let Some(user) = &self.user {
            return Ok(user.clone());
        }
        let missing =
            || Failure::usage("nobody says who logs in").hint("give --user NAME or JWTIS_LOGIN_USER");
        if !io::stdin().is_terminal() {
            return Err(missing());
        }
        let user = prompt::line("User: ").map_err(|error| missing().because(&error))?;
        if user.is_empty() { Err(missing()) } else { Ok(user) }
    }

    fn password(&self) -> Result<Zeroizing<String>, Failure> {
        if let Some(file) = &self.password_file {
            return read_secret_file(file).map_err(|message| {
                Failure::usage(format!("no password: {message}"))
                    .hint("the file's first line is the password, as UTF-8 text that this user can read")
            });
        }
        if let Some(password) = environment::secret_variable(PASSWORD)? {
            return Ok(password);
        }
        match prompt::hidden("Password: ")? {
            Some(password) => Ok(password),
            None => prompt::piped_line(),
        }
    }
}

/// The token of an answer; all else as a failure.
fn token(answer: &ApiAnswer) -> Result<&str, Failure> {
    let text = answer.text.as_str();
    match answer.status {
        200 | 201 if text.split('.').count() == 3 && !text.contains(char::is_whitespace) => Ok(text),
        401 => Err(Failure::refused(format!("the signer says no: {}", start(text)))
            .hint("check the name and the password; while a password is changed, the old one ends at `old_cred_exp`")),
        404 => Err(Failure::refused("nobody can log in there")
            .hint("--url names the signer's listener (by default port 6732), and its configuration must have `server.jwt.users`")),
        429 => {
            let wait = match &answer.retry_after {
                Some(seconds) => format!("wait {seconds} s"),
                None => "wait a minute".to_owned(),
            };
            Err(Failure::refused("too many logins have failed")
                .hint(format!("{wait} and try again, with the right password")))
        }
        500.. => Err(Failure::refused(format!("the signer failed with {}: {}", answer.status, start(text)))
            .hint("its log says why; try again")),
        status => Err(Failure::refused(format!("that is no signer: it answered {status}: {}", start(text)))
            .hint("--url names the signer's listener, by default port 6732")),
    }
}

fn start(text: &str) -> String {
    printable(text.trim()).chars().take(200).collect()
}

/// The value as a header, which no log shows.
fn header(value: &str, what: &str) -> Result<HeaderValue, Failure> {
    let unusable = || {
        Failure::usage(format!("the {what} cannot be sent in a header"))
            .hint("it may not be empty, begin or end with a space, or have control characters")
    };
    if value.is_empty() || value.trim() != value {
        return Err(unusable());
    }
    let mut header = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| unusable())?;
    header.set_sensitive(true);
    Ok(header)
}

/// Whether a request to this URL leaves the machine without TLS. What is no URL is found out later.
fn travels_in_clear(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let Some(host) = uri.host() else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let here = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    uri.scheme_str() == Some("http") && !here
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_clear_over_the_network_is_noticed() {
        for (url, clear) in [
            ("http://127.0.0.1:6732", false),
            ("http://[::1]:6732", false),
            ("http://localhost", false),
            ("https://signer.example", false),
            ("http://signer.example:6732", true),
            ("http://10.0.0.7", true),
            ("nonsense", false),
        ] {
            assert_eq!(travels_in_clear(url), clear, "{url}");
        }
    }

    #[test]
    fn every_answer_has_its_words() {
        let answer = |status, text: &str, retry: Option<&str>| ApiAnswer {
            status,
            retry_after: retry.map(str::to_owned),
            text: Zeroizing::new(text.to_owned()),
        };
        assert_eq!(token(&answer(201, "a.b.c", None)).unwrap(), "a.b.c");
        for (status, text, retry, wanted) in [
            (401, "Access denied", None, "Access denied"),
            (404, "this path is not served here\n", None, "server.jwt.users"),
            (429, "", Some("17"), "wait 17 s"),
            (429, "", None, "wait a minute"),
            (500, "x", None, "its log says why"),
            (201, "<html>", None, "that is no signer"),
            (200, "a.b.c\nd", None, "that is no signer"),
        ] {
            let failure = format!("{:?}", token(&answer(status, text, retry)).unwrap_err());
            assert!(failure.contains(wanted), "{status}: {failure}");
        }
    }

    #[test]
    fn what_no_header_can_carry_is_said_before_it_is_sent() {
        assert!(header("päss word", "password").is_ok());
        for value in ["", " x", "x ", "a\nb", "a\0b"] {
            assert!(header(value, "password").is_err(), "{value:?}");
        }
    }
}
