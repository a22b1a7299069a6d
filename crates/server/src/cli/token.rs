//! `jwtis token`: tokens of a running server, and a look into any token offline.

use std::path::Path;

use clap::{Args, Subcommand, ValueEnum};
use jwtis_base::ClientId;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::api::{As, Connection};
use super::client::{moment, text};
use super::input::argument_or_input;
use super::inspect::Inspect;
use super::output::TextTable;
use super::{CliOutcome, Failure, Output};
use crate::config::limited::{self, MAX_INPUT_BYTES};

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Issue an access token and a refresh token.
    Issue {
        /// Name of the client.
        #[arg(value_name = "KID")]
        client_id: ClientId,
        #[command(flatten)]
        claims: ClaimArgs,
        /// Shorten the access token's life, like 5m.
        #[arg(long, value_name = "DURATION")]
        auth_valid_time: Option<String>,
        /// Shorten the refresh token's life.
        #[arg(long, value_name = "DURATION")]
        refresh_valid_time: Option<String>,
        #[command(flatten)]
        only: OnlyOne,
        #[command(flatten)]
        connection: Connection,
    },
    /// Exchange a refresh token for new tokens.
    Renew {
        /// Name of the client.
        #[arg(value_name = "KID")]
        client_id: ClientId,
        /// The refresh token, or `-` to read it from standard input.
        refresh_token: String,
        /// A stricter strategy than the client's, for this call.
        #[arg(long, value_name = "NAME")]
        refresh_strategy: Option<String>,
        #[command(flatten)]
        only: OnlyOne,
        #[command(flatten)]
        connection: Connection,
    },
    /// Ask the server whether an access token is active. Ends with 1 if it is not.
    Verify {
        /// Name of the client.
        #[arg(value_name = "KID")]
        client_id: ClientId,
        /// The access token, or `-` to read it from standard input.
        auth_token: String,
        /// Ask too whether this refresh token belongs to it.
        #[arg(long, value_name = "TOKEN")]
        refresh_token: Option<String>,
        #[command(flatten)]
        connection: Connection,
    },
    /// Revoke a session, all sessions of a subject, or all of a client.
    Revoke {
        /// Name of the client.
        #[arg(value_name = "KID")]
        client_id: ClientId,
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        connection: Connection,
    },
    /// Say what a token is, without a server: its kind, its claims, when it ends, and given keys whether it verifies.
    Inspect(Inspect),
}

/// One of two tokens, for scripts.
#[derive(Debug, Args)]
pub(crate) struct OnlyOne {
    /// Print this token alone.
    #[arg(long, value_name = "TOKEN", conflicts_with = "json")]
    only: Option<Which>,
}

#[derive(Copy, Clone, Debug, ValueEnum)]
enum Which {
    /// The access token.
    Access,
    /// The refresh token.
    Refresh,
}

/// The claims of new tokens.
#[derive(Debug, Args)]
pub(crate) struct ClaimArgs {
    /// All claims as a JSON object, `@FILE` to read them from a file, or `-` from standard input.
    #[arg(long, value_name = "JSON")]
    claims: Option<String>,
    /// The claim `sub`.
    #[arg(long)]
    sub: Option<String>,
    /// The claim `aud`; may be repeated.
    #[arg(long)]
    aud: Vec<String>,
}

/// What to revoke: one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Target {
    /// The session with this id.
    #[arg(long)]
    id: Option<String>,
    /// The session of this refresh token; `-` reads it from standard input.
    #[arg(long, value_name = "TOKEN")]
    refresh_token: Option<String>,
    /// The session of this access token; `-` reads it from standard input.
    #[arg(long, value_name = "TOKEN")]
    auth_token: Option<String>,
    /// All sessions of this subject so far.
    #[arg(long)]
    sub: Option<String>,
    /// All sessions of the client so far.
    #[arg(long)]
    all: bool,
}

impl TokenCommand {
    pub(crate) fn run(&self, out: &mut Output<'_>) -> CliOutcome {
        match self {
            Self::Issue { client_id, claims, auth_valid_time, refresh_valid_time, only, connection } => {
                let mut body = Map::new();
                body.insert("kid".to_owned(), json!(client_id.as_str()));
                body.insert("claims".to_owned(), claims.object()?);
                insert(&mut body, "auth_token_valid_time", auth_valid_time.as_deref());
                insert(&mut body, "refresh_token_valid_time", refresh_valid_time.as_deref());
                tokens(
                    &connection.open(As::Client)?.post("/issue_token", &Value::Object(body))?,
                    only,
                    connection,
                    out,
                )
            }
            Self::Renew { client_id, refresh_token, refresh_strategy, only, connection } => {
                let token = argument_or_input(refresh_token)?;
                let mut body = Map::new();
                body.insert("kid".to_owned(), json!(client_id.as_str()));
                insert(&mut body, "refresh_token", Some(&token));
                insert(&mut body, "refresh_strategy", refresh_strategy.as_deref());
                tokens(
                    &connection.open(As::Client)?.post("/renew_token", &Value::Object(body))?,
                    only,
                    connection,
                    out,
                )
            }
            Self::Verify { client_id, auth_token, refresh_token, connection } => {
                let token = argument_or_input(auth_token)?;
                let mut body = Map::new();
                body.insert("kid".to_owned(), json!(client_id.as_str()));
                insert(&mut body, "auth_token", Some(&token));
                insert(&mut body, "refresh_token", refresh_token.as_deref());
                verified(
                    &connection.open(As::Client)?.post("/verify_token", &Value::Object(body))?,
                    connection,
                    out,
                )
            }
            Self::Revoke { client_id, target, connection } => {
                let mut body = target.members()?;
                body.insert("kid".to_owned(), json!(client_id.as_str()));
                let answer = connection.open(As::Client)?.post("/revoke_token", &Value::Object(body))?;
                // Unknown tokens are answered like known ones, so that is all there is to say.
                if connection.json { out.json(&answer) } else { out.line("revoked") }
            }
            Self::Inspect(inspect) => inspect.run(out),
        }
    }
}

impl ClaimArgs {
    fn object(&self) -> Result<Value, Failure> {
        let mut claims = match self.claims.as_deref() {
            None => Map::new(),
            Some(given) => parse_object(&claims_text(given)?)?,
        };
        insert(&mut claims, "sub", self.sub.as_deref());
        match self.aud.as_slice() {
            [] => {}
            [one] => insert(&mut claims, "aud", Some(one)),
            several => {
                claims.insert("aud".to_owned(), json!(several));
            }
        }
        Ok(Value::Object(claims))
    }
}

impl Target {
    fn members(&self) -> Result<Map<String, Value>, Failure> {
        let mut members = Map::new();
        insert(&mut members, "id", self.id.as_deref());
        for (name, token) in [("refresh_token", &self.refresh_token), ("auth_token", &self.auth_token)] {
            if let Some(token) = token {
                insert(&mut members, name, Some(&argument_or_input(token)?));
            }
        }
        insert(&mut members, "sub", self.sub.as_deref());
        if self.all {
            members.insert("all".to_owned(), Value::Bool(true));
        }
        Ok(members)
    }
}

fn claims_text(given: &str) -> Result<Zeroizing<String>, Failure> {
    match given.strip_prefix('@') {
        Some(path) => limited::text_file(Path::new(path), MAX_INPUT_BYTES).map_err(|message| {
            Failure::usage(message).hint("after `@` comes the path of a file with a JSON object")
        }),
        None => argument_or_input(given),
    }
}

/// The strict parser, so that a repeated name or a number that would be rounded is noticed here and not sent.
fn parse_object(text: &str) -> Result<Map<String, Value>, Failure> {
    match jwtis_jose::ClaimsSet::parse(text.as_bytes()).map(jwtis_jose::ClaimsSet::into_value) {
        Ok(Value::Object(claims)) => Ok(claims),
        Ok(_) => Err(Failure::usage("the claims are not a JSON object")),
        Err(error) => Err(Failure::usage("the claims cannot be sent").because(&error)),
    }
    .map_err(|failure| {
        failure.hint(r#"write an object like '{"sub":"alice"}', `@FILE` to read it from a file, or `-` from standard input"#)
    })
}

fn insert(object: &mut Map<String, Value>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        object.insert(name.to_owned(), json!(value));
    }
}

fn tokens(answer: &Value, only: &OnlyOne, connection: &Connection, out: &mut Output<'_>) -> CliOutcome {
    let member = match only.only {
        None => None,
        Some(Which::Access) => Some("access_token"),
        Some(Which::Refresh) => Some("refresh_token"),
    };
    if let Some(member) = member {
        return out.line(text(answer, member));
    }
    if connection.json {
        return out.json(answer);
    }
    let mut table = TextTable::default();
    table.pair("session", text(answer, "id"));
    table.pair("access token ends", moment(answer, "expiry"));
    table.pair("refresh token ends", moment(answer, "refresh_expiry"));
    out.line(format_args!(
        "{table}\n\naccess token\n{}\n\nrefresh token\n{}",
        text(answer, "access_token"),
        text(answer, "refresh_token")
    ))
}

fn verified(answer: &Value, connection: &Connection, out: &mut Output<'_>) -> CliOutcome {
    let active = answer.get("active").and_then(Value::as_bool).unwrap_or(false);
    if connection.json {
        out.json(answer)?;
    } else if active {
        let mut table = TextTable::default();
        table.pair("active", "yes");
        if let Some(matches) = answer.get("matches").and_then(Value::as_bool) {
            table.pair("refresh token", if matches { "belongs to it" } else { "does not belong to it" });
        }
        for (name, value) in answer.get("claims").and_then(Value::as_object).into_iter().flatten() {
            table.pair(name, value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        }
        out.line(table)?;
    }
    if active {
        Ok(())
    } else {
        let reason = text(answer, "reason");
        let hint = match reason.as_str() {
            "expired" => "renew it with its refresh token, or issue another",
            "revoked" => "its session has ended: issue another",
            _ => {
                "`jwtis token inspect TOKEN` shows what it says; see `verify_token` in docs/reference/issuer-api.md for the reasons"
            }
        };
        Err(Failure::refused(format!("the token is not active: {reason}")).hint(hint))
    }
}
