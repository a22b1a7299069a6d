//! The client side of the API: a running server, spoken to over HTTP.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use jwtis_base::{BearerSecret, SecretKind};
use rustls::{CertificateError, InvalidMessage, RootCertStore};
use serde_json::Value;
use tokio::runtime::Runtime;
use zeroize::Zeroizing;

use super::Failure;
use super::environment;
use super::printable::printable;
use crate::config::read_secret_file;
use crate::http::issuer::problem::Code;
use crate::http_client::{self, HttpClient, NoAnswer};
use crate::tls::{self, TlsError};

/// Longest wait for an answer; RSA 4096 keys take seconds.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Largest answer that is read into memory.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

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
        let variable = environment::environment("JWTIS_URL");
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
                Failure::usage(format!("no token: {message}"))
                    .hint("the file's first line is the token, readable for this user")
            })?;
            (file.display().to_string(), text)
        }
        None => match environment::secret_variable(variable)? {
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
    client: HttpClient,
    runtime: Runtime,
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
            return Err(not_a_url(url));
        }
        let roots = match base.strip_prefix("https://") {
            Some(_) => roots(ca_cert)?,
            None => RootCertStore::empty(),
        };
        let client = HttpClient::new(roots)
            .map_err(|error| Failure::refused("TLS cannot be used here").because(&error))?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
                Failure::refused("the command cannot start")
                    .because(&error)
                    .hint("is the system out of files?")
            })?;
        Ok(Self { client, runtime, base, token })
    }

    /// GET, answered with JSON.
    ///
    /// # Errors
    /// When the server cannot be reached or says no.
    pub(crate) fn get(&self, path: &str) -> Result<Value, Failure> {
        json(&self.text(self.ask(Method::GET, path, None)?)?)
    }

    /// POST of a JSON object, answered with JSON.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        json(&self.text(self.ask(Method::POST, path, Some(body))?)?)
    }

    /// DELETE.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(crate) fn delete(&self, path: &str) -> Result<(), Failure> {
        self.ask(Method::DELETE, path, None).map(drop)
    }

    /// GET of a file, to be [saved](Self::save).
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(crate) fn stream(&self, path: &str) -> Result<Response<Incoming>, Failure> {
        self.ask(Method::GET, path, None)
    }

    /// Writes the body of an answer to `file`.
    ///
    /// # Errors
    /// When the body breaks off, or `file` cannot be written.
    pub(crate) fn save(&self, answer: Response<Incoming>, file: &fs::File) -> io::Result<()> {
        let expected = answer.body().size_hint().exact();
        let copied = self.runtime.block_on(copy(answer.into_body(), file))?;
        match expected {
            Some(expected) if expected != copied => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Asks, and takes only a success for an answer.
    fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Response<Incoming>, Failure> {
        let mut headers = HeaderMap::new();
        if let Some(token) = &self.token {
            headers.insert(header::AUTHORIZATION, secret_header(&format!("Bearer {}", token.reveal()))?);
        }
        let body = match body {
            Some(body) => {
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                Bytes::from_owner(Zeroizing::new(body.to_string().into_bytes()))
            }
            None => Bytes::new(),
        };
        let answer = self.send(method, path, headers, body)?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status().as_u16();
        let text = self.text(answer).unwrap_or_default();
        Err(problem(status, &String::from_utf8_lossy(&text), self.token.as_ref().map(BearerSecret::kind)))
    }

    fn send(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, Failure> {
        let url = format!("{}{path}", self.base);
        let mut request = Request::builder()
            .method(method)
            .uri(&url)
            .body(Full::new(body))
            .map_err(|error| not_a_url(&url).because(&error))?;
        *request.headers_mut() = headers;
        request.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        let answer = async { http_client::within(TIMEOUT, self.client.send(request)).await };
        self.runtime.block_on(answer).map_err(|error| self.no_answer(&error))
    }

    fn text(&self, answer: Response<Incoming>) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let body = async { http_client::within(TIMEOUT, http_client::body(answer, MAX_ANSWER_BYTES)).await };
        let body = self.runtime.block_on(body);
        body.map(|body| Zeroizing::new(body.into())).map_err(|error| self.no_answer(&error))
    }

    fn no_answer(&self, error: &NoAnswer) -> Failure {
        Failure::refused(format!("no answer from {}", self.base)).because(error).hint(no_answer_hint(error))
    }
}

const USER_AGENT: &str = concat!("jwtis/", env!("CARGO_PKG_VERSION"));

fn not_a_url(text: &str) -> Failure {
    Failure::usage(format!("{text} is not a URL"))
        .hint("begin it with http:// or https://, like http://HOST:PORT")
}

fn secret_header(text: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::try_from(text)
        .map_err(|error| Failure::usage("the token is no header").because(&error))?;
    value.set_sensitive(true);
    Ok(value)
}

async fn copy(mut body: Incoming, mut file: &fs::File) -> io::Result<u64> {
    let mut copied: u64 = 0;
    // Each part has its own time: a large backup may take longer as a whole.
    while let Some(frame) = tokio::time::timeout(TIMEOUT, body.frame()).await? {
        if let Ok(chunk) = frame.map_err(io::Error::other)?.into_data() {
            file.write_all(&chunk)?;
            copied = copied.saturating_add(chunk.len() as u64);
        }
    }
    Ok(copied)
}

fn no_answer_hint(error: &NoAnswer) -> &'static str {
    match error {
        NoAnswer::Tls(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            "what listens there does not speak TLS: is it http:// instead of https://, or another port?"
        }
        NoAnswer::Tls(rustls::Error::InvalidCertificate(CertificateError::Other(other)))
            if format!("{other:?}").contains("CaUsedAsEndEntity") =>
        {
            "the server presents a CA's certificate as its own: give it one that a CA has signed and that CA by --ca-cert, or make the self-signed one with `openssl req -x509 … -addext basicConstraints=CA:FALSE`"
        }
        NoAnswer::Connect(_)
        | NoAnswer::Tls(_)
        | NoAnswer::NotHttp(_)
        | NoAnswer::BrokeOff(_)
        | NoAnswer::TooLong(_)
        | NoAnswer::TimedOut(_) => {
            "is the server running? Name it by --url or its variable (see --help); for a private CA give --ca-cert"
        }
    }
}

/// GET of JSON from a whole URL, without a token.
///
/// # Errors
/// As [`Api::get`].
pub(crate) fn fetch(url: &str, ca_cert: Option<&Path>) -> Result<Value, Failure> {
    Api::new(url, None, ca_cert)?.get("")
}

/// An answer, whatever its status.
pub(crate) struct ApiAnswer {
    /// The status.
    pub(crate) status: u16,
    /// `Retry-After`, as it came.
    pub(crate) retry_after: Option<String>,
    /// The body.
    pub(crate) text: Zeroizing<String>,
}

/// POST to a whole URL, with these headers and no body.
///
/// # Errors
/// When the server cannot be reached, or its answer is no text.
pub(crate) fn post_headers(
    url: &str,
    ca_cert: Option<&Path>,
    headers: [(HeaderName, HeaderValue); 2],
) -> Result<ApiAnswer, Failure> {
    let api = Api::new(url, None, ca_cert)?;
    let answer = api.send(Method::POST, "", headers.into_iter().collect(), Bytes::new())?;
    let retry_after = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let (status, retry_after) = (answer.status(), retry_after.map(printable));
    let text = String::from_utf8(api.text(answer)?.to_vec())
        .map_err(|error| Failure::refused(format!("the answer of {url} is no text")).because(&error))?;
    Ok(ApiAnswer { status: StatusCode::as_u16(&status), retry_after, text: Zeroizing::new(text) })
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
        _ => format!("docs/reference/issuer-api.md explains `{code}`"),
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

fn json(text: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(text).map_err(|error| {
        Failure::refused("the server's answer is not JSON")
            .because(&error)
            .hint("is this URL a jwtis server's? See --url")
    })
}

/// The certificates to trust: those of the file, or else the system's.
fn roots(ca_cert: Option<&Path>) -> Result<RootCertStore, Failure> {
    match ca_cert {
        Some(path) => tls::roots_in(path).map_err(|error| {
            let failure = match &error {
                TlsError::Missing { path, .. } => {
                    Failure::usage(format!("{} holds no PEM certificate", path.display()))
                }
                _ => Failure::usage(format!("the CA file cannot be used: {error}")),
            };
            failure.hint("--ca-cert takes a PEM file with the certificates to trust")
        }),
        None => tls::system_roots().map_err(|error| {
            Failure::refused("this system has no list of trusted certificates")
                .because(&*error)
                .hint("give --ca-cert")
        }),
    }
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
            (400, "invalid_request", "docs/reference/issuer-api.md explains `invalid_request`"),
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
