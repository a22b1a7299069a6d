//! `jwtis policy explain`: a message in words and as JSON, and the verdict of the policy with the rules that it comes from.

use std::path::PathBuf;

use clap::Args;
use jwtis_base::Env;
use jwtis_signer::KeyRules;
use jwtis_tezos::policy::{LimitDenial, Permissions, Usage, User};
use jwtis_tezos::watermark::{Asked, JumpRule, JumpRules, Need};
use jwtis_tezos::{
    Caller, Circumstances, Denial, MessageError, Policy, PublicKeyHash, SignRequest, SigningVersion, Verdict,
};
use serde_json::{Value, json};

use crate::cli::failure::warn;
use crate::cli::input::argument_or_input;
use crate::cli::printable::printable;
use crate::cli::{CliOutcome, Failure, Output, config as configuration};
use crate::config::permission_hint;

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The message in hexadecimal, as it would be sent to be signed; `-` reads it from standard input.
    #[arg(value_name = "HEX")]
    message: String,
    /// The key that would sign. Without it the only one of the configuration file.
    #[arg(long, value_name = "PKH")]
    key: Option<PublicKeyHash>,
    /// The server's configuration file, for the policy of the key.
    #[arg(short, long, env = "JWTIS_CONFIG", value_name = "FILE", value_parser = crate::config::path::given)]
    config: Option<PathBuf>,
    /// Ask as this user of a token. Without it, as somebody without a name.
    #[arg(long, value_name = "NAME", conflicts_with = "client")]
    user: Option<String>,
    /// Ask with a token whose `permissions` claim has this name, like `generic:transaction`. Without it the claim is absent.
    #[arg(long = "permission", value_name = "NAME", requires = "user")]
    permissions: Vec<String>,
    /// Ask as the client who signs requests with this key of `server.authorized_keys`.
    #[arg(long, value_name = "PKH")]
    client: Option<PublicKeyHash>,
    /// Read it as requests with this `version` are read.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=2))]
    version: u8,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What a message is held against.
enum Against {
    /// Nothing: it is decoded alone, where a key is given as one for that key.
    Nothing(Option<PublicKeyHash>),
    /// The policy of a key; `None` where the configuration does not list it.
    Policy(PublicKeyHash, Option<Box<KeyRules>>),
}

impl Against {
    const fn key(&self) -> Option<&PublicKeyHash> {
        match self {
            Self::Nothing(key) => key.as_ref(),
            Self::Policy(key, _) => Some(key),
        }
    }
}

/// What a policy says.
struct Judged {
    key: PublicKeyHash,
    rules: Vec<String>,
    notes: Vec<&'static str>,
    /// What limits that are only observed would have said.
    observed: Option<LimitDenial>,
    denial: Option<Objection>,
}

/// Why not.
enum Objection {
    NotListed,
    Denied(Denial),
}

impl Explain {
    pub(crate) fn run(&self, out: &mut Output<'_>) -> CliOutcome {
        let message = bytes(&argument_or_input(&self.message)?)?;
        let permissions = self.permissions()?;
        let (against, jumps) = self.against()?;
        let version = SigningVersion::from_query(Some(&self.version.to_string()));
        let request = match against.key() {
            Some(key) => SignRequest::decode_for(&message, version, key.curve()),
            None => SignRequest::decode(&message, version),
        };
        let request = request.map_err(|error| not_understood(&error))?;
        let judged = match &against {
            Against::Nothing(_) => None,
            Against::Policy(key, rules) => Some(self.judge(*key, rules.as_deref(), permissions, &request)),
        };
        if self.json {
            out.json(&as_json(&request, &jumps, judged.as_ref()))?;
        } else {
            out.line(as_text(&request, &jumps, judged.as_ref())?)?;
        }
        match judged {
            Some(Judged { key, denial: Some(refused), .. }) => Err(refused.failure(&key)),
            _ => Ok(()),
        }
    }

    fn against(&self) -> Result<(Against, JumpRules), Failure> {
        let Some(path) = &self.config else {
            return Ok((Against::Nothing(self.key), JumpRules::default()));
        };
        let signer = configuration::signer(path)?.ok_or_else(|| {
            Failure::usage(format!("{} has no keys below `tezos:`", path.display()))
                .hint("name the signer's configuration file by -c, or none to see the message alone")
        })?;
        let (mut keys, jumps) = (signer.rules.keys, signer.rules.jumps);
        let count = keys.len();
        let against = match (self.key, keys.pop_first()) {
            (None, Some((key, rules))) if count == 1 => Ok(Against::Policy(key, Some(Box::new(rules)))),
            (None, _) => Err(Failure::usage(format!("{} has {count} keys below `tezos:`", path.display()))
                .hint("say by --key PKH which of them would sign")),
            (Some(key), Some((first, rules))) if first == key => {
                Ok(Against::Policy(key, Some(Box::new(rules))))
            }
            (Some(key), _) => Ok(Against::Policy(key, keys.remove(&key).map(Box::new))),
        };
        Ok((against?, jumps))
    }

    /// The `permissions` claim to ask with.
    fn permissions(&self) -> Result<Option<Permissions>, Failure> {
        for name in &self.permissions {
            if let Some(hint) = permission_hint(name) {
                let failure =
                    Failure::usage(format!("a token has no permission `{}`", printable(name))).hint(hint);
                return Err(failure);
            }
        }
        let names = self.permissions.iter().map(String::as_str);
        Ok((!self.permissions.is_empty()).then(|| Permissions::from_names(names)))
    }

    fn judge(
        &self,
        key: PublicKeyHash,
        rules: Option<&KeyRules>,
        permissions: Option<Permissions>,
        request: &SignRequest,
    ) -> Judged {
        let Some(KeyRules { policy, .. }) = rules else {
            let denial = Some(Objection::NotListed);
            return Judged { key, rules: Vec::new(), notes: Vec::new(), observed: None, denial };
        };
        let caller = match (&self.user, self.client) {
            (Some(name), _) => Caller::User(User { permissions, ..User::named(name) }),
            (None, Some(client)) => Caller::Client(client),
            (None, None) => Caller::Anonymous,
        };
        let now_ms = Env::system().now().millis();
        let at = Circumstances { key: &key, caller: &caller, usage: &Usage::default(), now_ms };
        let (observed, denial) = match policy.evaluate(request, &at) {
            Verdict::Allow(_) => (None, None),
            Verdict::Observe { denial, .. } => (Some(denial), None),
            Verdict::Deny(denial) => (None, Some(Objection::Denied(denial))),
        };
        let (rules, notes) = (said(policy, &caller, request), notes(policy));
        Judged { key, rules, notes, observed, denial }
    }
}

/// The rules that speak about the request, those about the caller first.
fn said(policy: &Policy, caller: &Caller, request: &SignRequest) -> Vec<String> {
    let says = |allowed: bool| if allowed { "lists" } else { "does not list" };
    let mut lines = Vec::new();
    if let (Some(users), Caller::User(user)) = (&policy.jwt_users, caller) {
        lines.push(format!("`jwt_users` {} {}", says(users.contains(&user.name)), printable(&user.name)));
    }
    match (&policy.authorized_keys, caller) {
        (None, _) => {}
        (Some(keys), Caller::Client(client)) => {
            lines.push(format!("`authorized_keys` {} {client}", says(keys.contains(client))));
        }
        (Some(_), Caller::Anonymous | Caller::User(_)) => {
            lines.push("`authorized_keys` wants a request that is signed by a client".to_owned());
        }
    }
    lines.extend(policy.explain(request));
    lines
}

/// What the verdict left out.
fn notes(policy: &Policy) -> Vec<&'static str> {
    let mut notes = Vec::new();
    if policy.limits.per.is_some() {
        notes.push("limits over time were counted as if the key had spent nothing yet");
    }
    notes
}

impl Objection {
    fn text(&self, key: &PublicKeyHash) -> String {
        match self {
            Self::NotListed => format!("{key} is not listed in config"),
            Self::Denied(denial) => denial.to_string(),
        }
    }

    const fn code(&self) -> &'static str {
        match self {
            Self::NotListed => "not_listed",
            Self::Denied(denial) => denial.code(),
        }
    }

    fn failure(&self, key: &PublicKeyHash) -> Failure {
        let hint = match self {
            Self::NotListed => format!("list it below `tezos:`, as `{key}:` with what it may sign"),
            Self::Denied(denial) => cure(denial, key),
        };
        Failure::refused(format!("the policy refuses it: {}", self.text(key))).hint(hint)
    }
}

/// What the operator could change, if the request is one to allow.
fn cure(denial: &Denial, key: &PublicKeyHash) -> String {
    match denial {
        Denial::Chain(chain) => format!("to allow it, add {chain} to `tezos.{key}.allowed_chains`"),
        Denial::RequestKind(kind) => format!("to allow it, add `{kind}` to `tezos.{key}.allow`"),
        Denial::Operation(name) => format!("to allow it, add `{name}` to `tezos.{key}.allow.generic`"),
        Denial::User(user, _) => format!("to allow it, add {user} to `tezos.{key}.jwt_users`"),
        Denial::UserRequired(_) => {
            format!("`tezos.{key}` names users or roles; ask as a user by --user NAME")
        }
        Denial::Role(..) => {
            format!("`tezos.{key}.jwt_roles` names roles that tokens of the issuer must have")
        }
        Denial::AuthenticationRequired | Denial::Client(_) => {
            format!(
                "`tezos.{key}.authorized_keys` lists the clients that may sign; ask as one by --client PKH"
            )
        }
        Denial::TokenKey(..) | Denial::TokenPermission(_) => {
            "the claims of the token narrow what the file allows".to_owned()
        }
        Denial::Limit(_) => format!("`tezos.{key}.limits` says how much may be spent"),
    }
}

fn as_text(request: &SignRequest, jumps: &JumpRules, judged: Option<&Judged>) -> Result<String, Failure> {
    let json = serde_json::to_string_pretty(&request.to_json())
        .map_err(|error| Failure::refused("the message cannot be written as JSON").because(&error))?;
    let mut text = format!("{}\n\n{json}\n", request.in_words().join("\n  "));
    let watermark = match request.watermark() {
        Need::Nothing => "none, since it is no consensus message".to_owned(),
        Need::Watermark(asked) => in_words(&asked, &jumps.on(&asked.chain)),
        Need::CannotTell => "nobody can tell which one, so it is refused".to_owned(),
    };
    text.push_str(&format!("\nwatermark: {watermark}\n"));
    match judged {
        None => {
            text.push_str("policy: not asked; give -c FILE, and --key PKH where the file has several keys")
        }
        Some(Judged { key, rules, notes, observed, denial }) => {
            text.push_str(&format!("policy of {key}:\n"));
            for line in rules.iter().map(String::as_str).chain(notes.iter().copied()) {
                text.push_str(&format!("  {line}\n"));
            }
            let verdict = denial
                .as_ref()
                .map_or_else(|| "allowed".to_owned(), |refused| format!("refused: {}", refused.text(key)));
            text.push_str(&format!("verdict: {verdict}"));
            if let Some(observed) = observed {
                text.push_str(&format!(", but `limits.mode: enforce` would refuse it: {observed}"));
            }
        }
    }
    Ok(text)
}

fn in_words(asked: &Asked, jump: &JumpRule) -> String {
    format!(
        "signed only above the watermark `{}` of the key on {}, which then is {}; `jwtis watermark show` shows the watermarks\n  {}",
        asked.kind,
        asked.chain,
        asked.watermark,
        jump.in_words()
    )
}

fn as_json(request: &SignRequest, jumps: &JumpRules, judged: Option<&Judged>) -> Value {
    json!({
        "words": request.in_words(),
        "request": request.to_json(),
        "watermark": request.watermark().asked().map(|asked| json!({
            "chain": asked.chain.to_string(),
            "kind": asked.kind.name(),
            "level": asked.watermark.level(),
            "round": asked.watermark.round(),
            "rule": jumps.on(&asked.chain).in_words(),
        })),
        "policy": judged.map(|Judged { key, rules, notes, observed, denial }| json!({
            "key": key.to_string(),
            "rules": rules,
            "notes": notes,
            "allowed": denial.is_none(),
            "code": denial.as_ref().map(Objection::code),
            "refusal": denial.as_ref().map(|refused| refused.text(key)),
            "would_refuse": observed.as_ref().map(ToString::to_string),
        })),
    })
}

fn not_understood(error: &MessageError) -> Failure {
    Failure::refused(format!("the message is not understood: {}", error.detail()))
        .hint("the signer refuses it with status 400 too; give the whole message, its magic byte (03, 05, 11, 12 or 13) first")
}

/// The bytes of a text as people copy it: of a JSON body with its quotes, or with a 0x that no client may send.
fn bytes(text: &str) -> Result<Vec<u8>, Failure> {
    let text = text.trim();
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    if digits.is_some() {
        warn("the message was read without its 0x, with which the signer would refuse it");
    }
    let digits = digits.unwrap_or(text);
    let misused = |what: String| {
        Failure::usage(what).hint("write the message as hexadecimal digits alone, two for each byte")
    };
    if let Some((at, c)) = digits.char_indices().find(|(_, c)| !c.is_ascii_hexdigit()) {
        return Err(misused(format!(
            "character {} of the message is {c:?}, which is no hexadecimal digit",
            at.saturating_add(1)
        )));
    }
    if !digits.len().is_multiple_of(2) {
        return Err(misused(format!(
            "the message has {} digits, half a byte too many or too few",
            digits.len()
        )));
    }
    let digit = |digit: &u8| char::from(*digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(byte).collect();
    bytes.ok_or_else(|| misused("the message is not hexadecimal".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_is_read_as_people_copy_it() {
        for (text, wanted) in [
            ("03ff", Some(&[3, 255][..])),
            (" \"03FF\"\n", Some(&[3, 255])),
            ("0x03ff", Some(&[3, 255])),
            ("", Some(&[])),
            ("03f", None),
            ("03 ff", None),
            ("0üff", None),
            ("03fg", None),
        ] {
            assert_eq!(bytes(text).ok().as_deref(), wanted, "{text:?}");
        }
    }
}
