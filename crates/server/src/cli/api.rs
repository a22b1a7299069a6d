//! The client side of the API: a running server, spoken to over HTTP.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jwtis_base::{BearerSecret, SecretKind};
use serde_json::Value;
use ureq::http::{HeaderValue, Response};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};
use zeroize::Zeroizing;

use super::Failure;
use super::failure::disk_hint;
use super::output::printable;
use crate::config::limited::{self, MAX_CERTIFICATES_BYTES};
use crate::config::read_secret_file;
use crate::http::issuer::problem::Code;

/// Longest wait for an answer; RSA 4096 keys take seconds.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Largest answer that is read into memory.
const MAX_ANSWER_BYTES: u64 = 16 * 1024 * 1024;

/// Where a server listens unless it is told otherwise.
const DEFAULT_URL: &str = "http://127.0.0.1:4343";

/// Where the server is and who is asking.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// Base URL of the server. Without it http://127.0.0.1:4343.
    #[arg(long, env = "JWTIS_URL")]
    url: Option<String>,
    /// Trust this CA (PEM) for https, instead of the system's.
    #[arg(long, env = "JWTIS_CA_CERT", value_name = "FILE", value_parser = crate::config::path::given)]
    ca_cert: Option<PathBuf>,
    /// File with the admin token; without it JWTIS_ADMIN_TOKEN is taken.
    #[arg(long, env = "JWTIS_ADMIN_TOKEN_FILE", value_name = "FILE", value_parser = crate::config::path::given)]
    admin_token_file: Option<PathBuf>,
    /// File with the client's token; without it JWTIS_CLIENT_TOKEN is taken.
    #[arg(long, env = "JWTIS_CLIENT_TOKEN_FILE", value_name = "FILE", value_parser = crate::config::path::given)]
    client_token_file: Option<PathBuf>,
    /// Print the server's answer as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which token a command presents.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum As {
    /// The admin's.
    Admin,
    /// The client's, else the admin's.
    Client,
    /// The admin's, else the client's.
    AdminOrClient,
}

impl Connection {
    /// Makes ready to ask the server.
    ///
    /// # Errors
    /// When a token or a certificate cannot be read.
    pub(crate) fn open(&self, caller: As) -> Result<Api, Failure> {
        let tokens = match caller {
            As::Admin => vec![self.admin()?],
            As::Client => vec![self.client()?, self.admin()?],
            As::AdminOrClient => vec![self.admin()?, self.client()?],
        };
        let token = tokens.into_iter().flatten().next();
        Api::new(self.url(), token, self.ca_cert.as_deref())
    }

    /// The server, as named.
    pub(crate) fn url(&self) -> &str {
        self.url.as_deref().unwrap_or(DEFAULT_URL)
    }

    /// Whether a server is named.
    pub(crate) const fn is_named(&self) -> bool {
        self.url.is_some()
    }

    /// Whether it is named on the command line, not by the variable that a shell may have for other commands.
    pub(crate) fn is_named_by_flag(&self) -> bool {
        let variable = super::environment("JWTIS_URL");
        self.url.as_ref().is_some_and(|url| variable.is_none_or(|variable| variable != url.as_str()))
    }

    fn admin(&self) -> Result<Option<BearerSecret>, Failure> {
        token(self.admin_token_file.as_deref(), "JWTIS_ADMIN_TOKEN", SecretKind::Admin)
    }

    fn client(&self) -> Result<Option<BearerSecret>, Failure> {
        token(self.client_token_file.as_deref(), "JWTIS_CLIENT_TOKEN", SecretKind::Client)
    }
}

/// A token from a file or a variable. It is checked for typing mistakes here, since the server would only say no.
fn token(file: Option<&Path>, variable: &str, kind: SecretKind) -> Result<Option<BearerSecret>, Failure> {
    let (origin, text) = match file {
        Some(file) => {
            let text = read_secret_file(file).map_err(|message| {
                Failure::usage(message).hint("the file's first line is the token, readable for this user")
            })?;
            (file.display().to_string(), text)
        }
        None => match super::secret_variable(variable)? {
            Some(text) => (variable.to_owned(), text),
            None => return Ok(None),
        },
    };
    match BearerSecret::parse(text.trim()) {
        Ok(secret) if secret.kind() == kind => Ok(Some(secret)),
        Ok(_) => Err(Failure::usage(format!("{origin} holds a token of the other kind"))
            .hint("admin tokens start with jat_, client tokens with jct_")),
        Err(error) => Err(Failure::usage(format!("{origin} holds no usable token"))
            .because(&error)
            .hint("copy it again as it was printed; admin tokens start with jat_, client tokens with jct_")),
    }
}

/// A server, and the token to present to it.
pub(crate) struct Api {
    agent: Agent,
    base: String,
    token: Option<BearerSecret>,
}

impl Api {
    /// A server that only the admin may ask.
    ///
    /// # Errors
    /// When there is no admin token, or a file cannot be read.
    pub(crate) fn of_admin(
        url: &str,
        token_file: Option<&Path>,
        ca_cert: Option<&Path>,
    ) -> Result<Self, Failure> {
        let token = token(token_file, "JWTIS_ADMIN_TOKEN", SecretKind::Admin)?.ok_or_else(|| {
            Failure::usage("there is no admin token")
                .hint("give it in JWTIS_ADMIN_TOKEN or by --admin-token-file")
        })?;
        Self::new(url, Some(token), ca_cert)
    }

    fn new(url: &str, token: Option<BearerSecret>, ca_cert: Option<&Path>) -> Result<Self, Failure> {
        let base = url.trim_end_matches('/').to_owned();
        if !base.starts_with("http://") && !base.starts_with("https://") {
            return Err(Failure::usage(format!("{url} is not a URL"))
                .hint("begin it with http:// or https://, like http://HOST:PORT"));
        }
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // A token must not take a way that nobody asked for.
            .proxy(None)
            .user_agent(concat!("jwtis/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(TIMEOUT))
            .timeout_recv_response(Some(TIMEOUT));
        if base.starts_with("https://") {
            config = config.tls_config(tls(ca_cert)?);
        }
        Ok(Self { agent: config.build().new_agent(), base, token })
    }

    /// GET, answered with JSON.
    ///
    /// # Errors
    /// When the server cannot be reached or says no.
    pub(crate) fn get(&self, path: &str) -> Result<Value, Failure> {
        let request = self.agent.get(self.url(path));
        json(self.answer(self.authorize(request).call())?)
    }

    /// POST of a JSON object, answered with JSON.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let body = Zeroizing::new(body.to_string());
        let request = self.agent.post(self.url(path)).content_type("application/json");
        json(self.answer(self.authorize(request).send(body.as_bytes()))?)
    }

    /// DELETE.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(crate) fn delete(&self, path: &str) -> Result<(), Failure> {
        let request = self.agent.delete(self.url(path));
        self.answer(self.authorize(request).call()).map(drop)
    }

    /// GET of a file, written to `target`, which must not exist.
    ///
    /// # Errors
    /// As [`Self::get`], and when the file cannot be written; then nothing stays behind.
    pub(crate) fn download(&self, path: &str, target: &Path) -> Result<u64, Failure> {
        let request = self.agent.get(self.url(path));
        let response = self.answer(self.authorize(request).call())?;
        let expected = response.body().content_length();
        let mut reader = response.into_body().into_with_config().limit(u64::MAX).reader();
        let written = new_file(target).and_then(|mut file| {
            let copied = io::copy(&mut reader, &mut file)?;
            file.sync_all()?;
            match expected {
                Some(expected) if expected != copied => Err(io::ErrorKind::UnexpectedEof.into()),
                _ => Ok(copied),
            }
        });
        written.map_err(|error| {
            if error.kind() != io::ErrorKind::AlreadyExists {
                drop(fs::remove_file(target));
            }
            Failure::refused(format!("{} cannot be written", target.display()))
                .because(&error)
                .hint(disk_hint(&error))
        })
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn authorize<T>(&self, request: ureq::RequestBuilder<T>) -> ureq::RequestBuilder<T> {
        match &self.token {
            Some(token) => request.header("Authorization", format!("Bearer {}", token.reveal())),
            None => request,
        }
    }

    fn answer(&self, outcome: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>, Failure> {
        let mut response = outcome.map_err(|error| {
            Failure::refused(format!("no answer from {}", self.base))
                .because(&error)
                .hint(no_answer_hint(&error))
        })?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let text =
            response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_string().unwrap_or_default();
        Err(problem(status.as_u16(), &text, self.token.as_ref().map(BearerSecret::kind)))
    }
}

fn no_answer_hint(error: &ureq::Error) -> &'static str {
    let error = format!("{error:?}");
    if error.contains("InvalidContentType") {
        return "what listens there does not speak TLS: is it http:// instead of https://, or another port?";
    }
    if error.contains("CaUsedAsEndEntity") {
        return "the server presents a CA's certificate as its own: give it one that a CA has signed and that CA by --ca-cert, or make the self-signed one with `openssl req -x509 … -addext basicConstraints=CA:FALSE`";
    }
    "is the server running? Name it by --url or its variable (see --help); for a private CA give --ca-cert"
}

/// GET of JSON from a whole URL, without a token.
///
/// # Errors
/// As [`Api::get`].
pub(crate) fn fetch(url: &str, ca_cert: Option<&Path>) -> Result<Value, Failure> {
    Api::new(url, None, ca_cert)?.get("")
}

/// An answer, whatever its status.
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// `Retry-After`, as it came.
    pub(crate) retry_after: Option<String>,
    /// The body, or its start.
    pub(crate) text: Zeroizing<String>,
}

/// POST to a whole URL, with these headers and no body.
///
/// # Errors
/// When the server cannot be reached, or its answer is no text.
pub(crate) fn post_headers(
    url: &str,
    ca_cert: Option<&Path>,
    headers: [(&'static str, HeaderValue); 2],
) -> Result<Answer, Failure> {
    /// Longest answer that is read.
    const MAX_BYTES: u64 = 64 * 1024;
    let api = Api::new(url, None, ca_cert)?;
    let mut request = api.agent.post(api.url(""));
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let no_answer = |error: ureq::Error| {
        Failure::refused(format!("no answer from {}", api.base)).because(&error).hint(no_answer_hint(&error))
    };
    let mut response = request.send_empty().map_err(no_answer)?;
    let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let retry_after = retry_after.map(printable);
    let body = response.body_mut().with_config().limit(MAX_BYTES).read_to_string();
    Ok(Answer {
        status: response.status().as_u16(),
        retry_after,
        text: body.map(Zeroizing::new).map_err(no_answer)?,
    })
}

/// An RFC 9457 problem as a failure; anything else with its status and its start.
fn problem(status: u16, text: &str, presented: Option<SecretKind>) -> Failure {
    let body: Value = serde_json::from_str(text).unwrap_or_default();
    let member = |name: &str| body.get(name).and_then(Value::as_str).map(printable);
    let Some(code) = member("code") else {
        let start: String = printable(text).chars().take(200).collect();
        return Failure::refused(format!("the server answered {status}: {start}"))
            .hint("is this URL a jwtis server's? See --url");
    };
    let sentence = member("detail").or_else(|| member("title")).unwrap_or_default();
    let mut failure = Failure::refused(format!("{sentence} ({code})"));
    failure = failure.hint(match status {
        500.. => "the server's log says why, under the request id; try again".to_owned(),
        _ => format!("docs/api.md explains `{code}`"),
    });
    if let (500.., Some(id)) = (status, member("request_id")) {
        failure = failure.details([format!("request id: {id}")]);
    }
    let Some(known) = Code::ALL.iter().find(|known| known.name() == code) else { return failure };
    match (known, presented) {
        (Code::Unauthorized, None) => failure
            .hint("give the admin token by JWTIS_ADMIN_TOKEN or a client's own by JWTIS_CLIENT_TOKEN, or as files by --admin-token-file and --client-token-file"),
        (Code::Unauthorized, Some(SecretKind::Admin)) => failure.hint("the admin token that was presented is not this server's"),
        (Code::Unauthorized, Some(SecretKind::Client)) => failure
            .hint("the client token that was presented is not this client's, or this needs the admin token"),
        // The sentence above is that detail already.
        _ if known.cure().starts_with("`detail`") => failure,
        _ => failure.hint(known.cure()),
    }
}

fn json(mut response: Response<Body>) -> Result<Value, Failure> {
    let not_json = |error: &dyn std::error::Error| {
        Failure::refused("the server's answer is not JSON")
            .because(error)
            .hint("is this URL a jwtis server's? See --url")
    };
    let bytes = response
        .body_mut()
        .with_config()
        .limit(MAX_ANSWER_BYTES)
        .read_to_vec()
        .map(Zeroizing::new)
        .map_err(|error| not_json(&error))?;
    serde_json::from_slice(&bytes).map_err(|error| not_json(&error))
}

fn tls(ca_cert: Option<&Path>) -> Result<TlsConfig, Failure> {
    let certificates = match ca_cert {
        Some(path) => certificates(path)?,
        None => {
            let none =
                || Failure::refused("this system has no list of trusted certificates").hint("give --ca-cert");
            certificates(&crate::tls::system_bundle().ok_or_else(none)?)?
        }
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(TlsConfig::builder()
        .unversioned_rustls_crypto_provider(provider)
        .root_certs(RootCerts::new_with_certs(&certificates))
        .build())
}

fn certificates(path: &Path) -> Result<Vec<ureq::tls::Certificate<'static>>, Failure> {
    const HINT: &str = "--ca-cert takes a PEM file with the certificates to trust";
    let pem =
        limited::file(path, MAX_CERTIFICATES_BYTES).map_err(|message| Failure::usage(message).hint(HINT))?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(Failure::usage(format!("{} holds no PEM certificate", path.display())).hint(HINT));
    }
    Ok(certificates)
}

/// A new file that only its owner reads.
fn new_file(path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_said_in_words_with_a_hint() {
        let failure = problem(
            409,
            r#"{"title":"T","detail":"D","code":"kid_taken","request_id":"r"}"#,
            Some(SecretKind::Admin),
        );
        assert!(format!("{failure:?}").contains("D (kid_taken)"), "{failure:?}");
        assert!(format!("{failure:?}").contains("/renew_keys"), "{failure:?}");
        let failure = problem(401, r#"{"title":"T","code":"unauthorized"}"#, None);
        assert!(format!("{failure:?}").contains("JWTIS_ADMIN_TOKEN"), "{failure:?}");
        for (status, code, wanted) in [
            (400, "invalid_request", "docs/api.md explains `invalid_request`"),
            (500, "of_tomorrow", "the server's log says why"),
        ] {
            let failure = problem(status, &format!(r#"{{"title":"T","code":"{code}"}}"#), None);
            assert!(format!("{failure:?}").contains(wanted), "{failure:?}");
        }
        let failure = problem(502, "<html>\x1b[31m", None);
        assert!(format!("{failure:?}").contains("answered 502"), "{failure:?}");
        assert!(!format!("{failure:?}").contains('\x1b'), "{failure:?}");
    }
}
