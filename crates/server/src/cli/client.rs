//! `jwtis client`: register and manage clients of a running server.

use clap::{Args, Subcommand};
use jwtis_base::{ClientId, Env};
use serde_json::{Map, Value, json};

use super::api::{As, Connection};
use super::output::TextTable;
use super::when::{from_now, utc};
use super::{CliOutcome, Failure, Output};

#[derive(Debug, Subcommand)]
pub(crate) enum ClientCommand {
    /// Register a client and print its token, which is shown only now.
    Register {
        /// Name of the client: 1 to 128 of A-Z a-z 0-9 . _ - ~
        #[arg(value_name = "KID")]
        client_id: ClientId,
        #[command(flatten)]
        options: KeyArgs,
        #[command(flatten)]
        connection: Connection,
    },
    /// List all clients.
    List {
        #[command(flatten)]
        connection: Connection,
    },
    /// Show a client, its settings and its key sets.
    Show {
        /// Name of the client.
        #[arg(value_name = "KID")]
        client_id: ClientId,
        #[command(flatten)]
        connection: Connection,
    },
    /// Give a client new keys. Tokens made with the old ones stay valid until they expire.
    RenewKeys {
        /// Name of the client.
        #[arg(value_name = "KID")]
        client_id: ClientId,
        #[command(flatten)]
        options: KeyArgs,
        #[command(flatten)]
        connection: Connection,
    },
    /// Switch a client off: its token opens nothing, it issues and renews nothing, and its access tokens are inactive.
    Disable {
        /// Name of the client.
        #[arg(value_name = "KID")]
        client_id: ClientId,
        #[command(flatten)]
        connection: Connection,
    },
    /// Switch a client on again.
    Enable {
        /// Name of the client.
        #[arg(value_name = "KID")]
        client_id: ClientId,
        #[command(flatten)]
        connection: Connection,
    },
    /// Delete a client, its keys, and with them all its tokens.
    Delete {
        /// Name of the client.
        #[arg(value_name = "KID")]
        client_id: ClientId,
        #[command(flatten)]
        connection: Connection,
    },
}

/// What keys to make, and how long tokens live. What is left out is the server's default, or stays as it was.
#[derive(Debug, Args)]
#[command(next_help_heading = "Keys and tokens")]
pub(crate) struct KeyArgs {
    /// Life of the key set, like 4320h.
    #[arg(long, value_name = "DURATION")]
    expiry: Option<String>,
    /// Signature algorithm.
    #[arg(long, alias = "sigAlg", value_name = "ALG")]
    sig_alg: Option<String>,
    /// Size of the signing key; follows the algorithm unless given.
    #[arg(long, alias = "sigBits", value_name = "BITS")]
    sig_bits: Option<u32>,
    /// Key management algorithm.
    #[arg(long, alias = "encAlg", value_name = "ALG")]
    enc_alg: Option<String>,
    /// Size of the encryption key; follows the algorithm unless given.
    #[arg(long, alias = "encBits", value_name = "BITS")]
    enc_bits: Option<u32>,
    /// Content encryption.
    #[arg(long, alias = "contEnc", value_name = "ENC")]
    cont_enc: Option<String>,
    /// Longest life of an access token.
    #[arg(long, alias = "authTTL", value_name = "DURATION")]
    auth_ttl: Option<String>,
    /// Longest life of a refresh token.
    #[arg(long, alias = "refreshTTL", value_name = "DURATION")]
    refresh_ttl: Option<String>,
    /// noRefresh, refreshOnExpire or refreshBoth.
    #[arg(long, alias = "refreshStrategy", value_name = "NAME")]
    refresh_strategy: Option<String>,
    /// `iss` of its tokens; its name unless given.
    #[arg(long)]
    issuer: Option<String>,
    /// `aud` of tokens whose claims name none; may be repeated.
    #[arg(long)]
    audience: Vec<String>,
}

impl KeyArgs {
    fn members(&self) -> Map<String, Value> {
        let text = |value: &Option<String>| value.as_ref().map(|text| json!(text));
        let bits = |value: Option<u32>| value.map(|bits| json!(bits));
        let audience = (!self.audience.is_empty()).then(|| json!(self.audience));
        [
            ("expiry", text(&self.expiry)),
            ("sig_alg", text(&self.sig_alg)),
            ("sig_bits", bits(self.sig_bits)),
            ("enc_alg", text(&self.enc_alg)),
            ("enc_bits", bits(self.enc_bits)),
            ("cont_enc", text(&self.cont_enc)),
            ("auth_ttl", text(&self.auth_ttl)),
            ("refresh_ttl", text(&self.refresh_ttl)),
            ("refresh_strategy", text(&self.refresh_strategy)),
            ("issuer", text(&self.issuer)),
            ("audience", audience),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
    }
}

impl ClientCommand {
    pub(crate) fn run(&self, out: &mut Output<'_>) -> CliOutcome {
        match self {
            Self::Register { client_id, options, connection } => {
                out.can_show("the token of a new client").map_err(|failure| {
                    failure.hint("send standard output to a terminal, a file or a pipe")
                })?;
                let body = Value::Object(options.members());
                let answer = connection.open(As::Admin)?.post(&format!("/register/{client_id}"), &body)?;
                let token = answer.get("client_token").and_then(Value::as_str).unwrap_or_default();
                let shown = if connection.json {
                    out.json(&answer)
                } else {
                    out.line(format_args!(
                    "{}\n\nToken of the client. It is shown only now; it issues, renews and revokes this client's tokens (`jwtis token`):\n\n  export JWTIS_CLIENT_TOKEN='{token}'",
                    keys(&answer)
                ))
                };
                shown.map_err(|_| {
                    Failure::refused(format!("{client_id} is registered, and its token could not be shown on standard output"))
                        .hint(format!("`jwtis client delete {client_id}`, and register it again with standard output on a terminal"))
                })
            }
            Self::RenewKeys { client_id, options, connection } => {
                let mut body = options.members();
                body.insert("kid".to_owned(), json!(client_id.as_str()));
                let answer = connection.open(As::AdminOrClient)?.post("/renew_keys", &Value::Object(body))?;
                if connection.json { out.json(&answer) } else { out.line(keys(&answer)) }
            }
            Self::List { connection } => list(connection, out),
            Self::Show { client_id, connection } => {
                let answer = connection.open(As::AdminOrClient)?.get(&format!("/clients/{client_id}"))?;
                if connection.json { out.json(&answer) } else { out.line(client(&answer)) }
            }
            Self::Disable { client_id, connection } => switch(client_id, "disable", connection, out),
            Self::Enable { client_id, connection } => switch(client_id, "enable", connection, out),
            Self::Delete { client_id, connection } => {
                connection.open(As::Admin)?.delete(&format!("/clients/{client_id}"))?;
                if connection.json {
                    out.json(&json!({}))
                } else {
                    out.line(format_args!("{client_id} is deleted"))
                }
            }
        }
    }
}

/// Switches a client off or on.
fn switch(client_id: &ClientId, action: &str, connection: &Connection, out: &mut Output<'_>) -> CliOutcome {
    connection.open(As::Admin)?.post(&format!("/clients/{client_id}/{action}"), &json!({}))?;
    if connection.json { out.json(&json!({})) } else { out.line(format_args!("{client_id} is {action}d")) }
}

/// All pages of the list.
fn list(connection: &Connection, out: &mut Output<'_>) -> CliOutcome {
    let api = connection.open(As::Admin)?;
    let mut clients = Vec::new();
    let mut path = "/clients".to_owned();
    loop {
        let mut page = api.get(&path)?;
        if let Some(Value::Array(found)) = page.get_mut("clients").map(Value::take) {
            clients.extend(found);
        }
        match page.get("next").and_then(Value::as_str) {
            Some(next) => path = format!("/clients?after={}", query_value(next)),
            None => break,
        }
    }
    if connection.json {
        return out.json(&json!({ "clients": clients }));
    }
    let mut table = TextTable::with_header(&[
        "KID",
        "SIGNS WITH",
        "KEYS END",
        "KEY SETS",
        "AUTH TTL",
        "REFRESH TTL",
        "STATE",
    ]);
    for client in &clients {
        let sets = client.get("key_sets").and_then(Value::as_array).map_or(0, Vec::len);
        table.row([
            text(client, "kid"),
            text(client, "sig_alg"),
            moment(client, "expiry"),
            sets.to_string(),
            text(client, "auth_ttl"),
            text(client, "refresh_ttl"),
            state(client).to_owned(),
        ]);
    }
    out.line(table)
}

/// Whether the admin has switched the client off.
fn state(client: &Value) -> &'static str {
    match client.get("disabled") {
        Some(Value::Bool(true)) => "disabled",
        _ => "enabled",
    }
}

/// A cursor inside a URL's query (RFC 3986 §3.4).
fn query_value(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'~');
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Answer to a registration or a renewal of keys.
fn keys(answer: &Value) -> TextTable {
    let mut table = TextTable::default();
    table.pair("kid", text(answer, "kid"));
    for (name, member) in [("signing key", "pub_sig_key"), ("encryption key", "pub_enc_key")] {
        if let Some(key) = answer.get(member) {
            table.pair(name, format_args!("{} {}", text(key, "alg"), text(key, "kid")));
        }
    }
    table.pair("keys end", moment(answer, "expiry"));
    table.pair("refresh strategy", text(answer, "refresh_strategy"));
    if answer.get("notice").is_some() {
        table.pair("notice", text(answer, "notice"));
    }
    table
}

/// A client as `show` prints it.
fn client(answer: &Value) -> String {
    let mut table = TextTable::default();
    table.pair("kid", text(answer, "kid"));
    table.pair("registration", text(answer, "registration"));
    table.pair("registered", moment(answer, "created_at"));
    table.pair("state", state(answer));
    table.pair("keys end", moment(answer, "expiry"));
    for name in [
        "sig_alg",
        "sig_bits",
        "enc_alg",
        "enc_bits",
        "cont_enc",
        "auth_ttl",
        "refresh_ttl",
        "refresh_strategy",
        "issuer",
        "audience",
    ] {
        table.pair(name, text(answer, name));
    }
    if answer.get("notice").is_some() {
        table.pair("notice", text(answer, "notice"));
    }
    let mut sets = TextTable::with_header(&["KEY SET", "STATE", "ENDS", "SIGNING KID", "ENCRYPTION KID"]);
    for (number, set) in (1..).zip(answer.get("key_sets").and_then(Value::as_array).into_iter().flatten()) {
        let ends = if set.get("until").is_some() { moment(set, "until") } else { moment(set, "expiry") };
        sets.row([number.to_string(), text(set, "state"), ends, text(set, "sig_kid"), text(set, "enc_kid")]);
    }
    format!("{table}\n\n{sets}")
}

/// A member as text for a table.
pub(crate) fn text(object: &Value, name: &str) -> String {
    match object.get(name) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) if items.is_empty() => "-".to_owned(),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(", "),
        Some(other) => other.to_string(),
    }
}

/// A member in Unix seconds, as a date and a distance.
pub(crate) fn moment(object: &Value, name: &str) -> String {
    match object.get(name).and_then(Value::as_u64) {
        Some(seconds) => format!("{} ({})", utc(seconds), from_now(seconds, Env::system().now())),
        None => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_survive_the_query() {
        assert_eq!(query_value("aZ0._-~"), "aZ0._-~");
        assert_eq!(query_value("a+/=&"), "a%2B%2F%3D%26");
    }
}
