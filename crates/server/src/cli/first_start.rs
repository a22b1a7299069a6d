//! The first start: a store comes to be, its secrets are shown once.
//!
//! Nobody may be locked out of a store, and nobody may be shown secrets of a store that does not exist. So the store is made whole under
//! a name beside its own, admin token included; then the secrets are printed and flushed; only then the store gets its name. A start
//! that dies before the last step leaves no store, and the next one is a first start again. One that cannot print makes no store.

use std::path::Path;

use jwtis_base::{BearerSecret, Env, NoEntropy, SecretKind};
use jwtis_issuer::{AdminTokenError, Issuer};
use jwtis_store::{KdfParams, OpenError, Password, stage_redb};
use tracing::warn;
use zeroize::Zeroizing;

use super::failure::disk_hint;
use super::output::Output;
use super::printable::printable;
use super::{CliOutcome, Failure, config as configuration, opening, password};
use crate::app::Listeners;
use crate::config::{Config, SecretSource};

/// An admin token that is to be set.
pub(crate) struct AdminToken {
    pub(crate) secret: BearerSecret,
    generated: bool,
}

impl AdminToken {
    /// The admin token that the configuration gives.
    ///
    /// # Errors
    /// With exit code 2 when it cannot be read or is none.
    pub(crate) fn configured(source: Option<&SecretSource>) -> Result<Option<Self>, Failure> {
        let Some(source) = source else { return Ok(None) };
        let text = source.read().map_err(|message| {
            Failure::usage(format!("no admin token: {message}")).hint(
                "the file's first line is the token; leave it out at the first start to have one generated",
            )
        })?;
        match BearerSecret::parse(text.trim()) {
            Ok(secret) if secret.kind() == SecretKind::Admin => Ok(Some(Self { secret, generated: false })),
            Ok(_) => Err(Failure::usage("the admin token given is a client token")),
            Err(error) => Err(Failure::usage("the admin token given is none").because(&error)),
        }
        .map_err(|failure| failure.hint("leave it out at the first start to have one generated"))
    }

    fn generate(env: &Env) -> Result<Self, NoEntropy> {
        Ok(Self { secret: BearerSecret::generate(SecretKind::Admin, env)?, generated: true })
    }
}

/// Makes the store, shows its secrets, and says what to do next. A store for a signer alone has no admin token.
///
/// # Errors
/// No store is left behind then.
pub(crate) async fn run(
    config: &Config,
    admin_token: Option<AdminToken>,
    listeners: &Listeners,
    out: &mut Output<'_>,
) -> Result<Issuer, Failure> {
    let env = Env::system();
    let path = &config.store.path;
    let with_admin = config.issuer.is_some();
    let given = password::given(config.store.password.as_ref())?;
    let password_is_given = given.is_some();
    if given.is_none() || (with_admin && admin_token.is_none()) {
        out.can_show("the secrets of a new store").map_err(|failure| {
            failure.hint("give the password by JWTIS_PSWD or --pswd-file, and an admin token by JWTIS_ADMIN_TOKEN or --admin-token-file; or start once on a terminal")
        })?;
    }
    if let Some(weakness) = given.as_ref().and_then(|password| password::weakness(password)) {
        warn!("{weakness}");
    }
    let password = given.map_or_else(|| password::generate(&env), Ok).map_err(no_entropy)?;
    let admin_token = match (with_admin, admin_token) {
        (false, _) => None,
        (true, Some(token)) => Some(token),
        (true, None) => Some(AdminToken::generate(&env).map_err(no_entropy)?),
    };

    let (store, unplaced) = stage_redb(path, &Password::new(password.as_str()), KdfParams::default())
        .map_err(|error| Failure::from_store(path, &error))?;
    let issuer = opening::open_issuer(store, &opening::issuer_settings(config)).await?;
    if let Some(token) = &admin_token {
        issuer
            .set_admin_token(&token.secret)
            .await
            .map_err(|error| Failure::refused("the admin token cannot be stored").because(&error))?;
    }

    if opening::store_exists(path)? {
        return Err(made_meanwhile(path, "nothing was shown"));
    }
    let shown_password = if password_is_given { None } else { Some(&password) };
    out.line(secrets(config, shown_password, admin_token.as_ref()).as_str()).map_err(|_| {
        Failure::refused("the secrets of the new store cannot be shown on standard output, so none was made")
            .hint("send standard output to a terminal, or give the password and an admin token")
    })?;
    unplaced.place().map_err(|error| match error {
        OpenError::AlreadyExists => made_meanwhile(path, "the secrets above are void"),
        error => Failure::refused(format!("{} cannot be made; the secrets above are void", path.display()))
            .because(&error)
            .hint(match &error {
                OpenError::Io(error) => disk_hint(error),
                _ => "check the path, the permissions of its folder, and the disk",
            }),
    })?;
    issuer.store().keep_witness(&config.store.witness);
    out.notice(format_args!("\nCurrent configuration\n\n{}\n", configuration::as_table(&config.settings)));
    if let Some(url) = listeners.issuer_url() {
        out.notice(next_steps(&url));
    }
    Ok(issuer)
}

/// Sets an admin token in a store that has none, and shows it if it was generated.
///
/// # Errors
/// When it cannot be stored or shown.
pub(crate) async fn set_admin_token(
    issuer: &Issuer,
    given: Option<AdminToken>,
    out: &mut Output<'_>,
) -> CliOutcome {
    if given.is_none() {
        can_show_admin_token(out)?;
    }
    let token = given.map_or_else(|| AdminToken::generate(issuer.env()), Ok).map_err(no_entropy)?;
    // Set before it is shown: nobody is shown a token that opens nothing.
    issuer.set_admin_token(&token.secret).await.map_err(|error| match &error {
        AdminTokenError::OutcomeUnknown(_) => Failure::refused(&error)
            .because(std::error::Error::source(&error).unwrap_or(&error))
            .hint("run `jwtis store reset-admin-token`: it makes another, and then no earlier one opens"),
        AdminTokenError::NotAnAdminToken
        | AdminTokenError::Conflict
        | AdminTokenError::Read(_)
        | AdminTokenError::Store(_) => Failure::refused("the admin token cannot be stored").because(&error),
    })?;
    if !token.generated {
        return Ok(());
    }
    out.line(admin_token_lines(&token).as_str()).map_err(|_| {
        Failure::refused("the admin token was replaced and could not be shown on standard output")
            .hint("run `jwtis store reset-admin-token` with standard output on a terminal: it makes another")
    })
}

/// That a new admin token would be seen.
///
/// # Errors
/// With exit code 2 when nobody sees standard output.
pub(crate) fn can_show_admin_token(out: &Output<'_>) -> CliOutcome {
    out.can_show("a new admin token").map_err(|failure| {
        failure.hint("send standard output to a terminal; a server whose store has no admin token takes one by --admin-token-file")
    })
}

/// Makes and shows a new admin token in place of the one before.
///
/// # Errors
/// When it cannot be stored or shown.
pub(crate) async fn replace_admin_token(issuer: &Issuer, out: &mut Output<'_>) -> CliOutcome {
    set_admin_token(issuer, None, out).await
}

fn secrets(
    config: &Config,
    password: Option<&Zeroizing<String>>,
    admin_token: Option<&AdminToken>,
) -> Zeroizing<String> {
    let mut text = Zeroizing::new(format!(
        "Welcome to {} {}. A new store was made: {}\n\n",
        config.name,
        env!("CARGO_PKG_VERSION"),
        printable(&config.store.path.display().to_string())
    ));
    match password {
        Some(password) => {
            text.push_str("Password of the store. It is shown only now, every later start needs it, and nobody can recover it:\n\n");
            text.push_str("  export JWTIS_PSWD='");
            text.push_str(password);
            text.push_str("'\n\n");
        }
        None => text.push_str("Password of the store: the one you gave. Every later start needs it, and nobody can recover it.\n\n"),
    }
    match admin_token {
        Some(token) if token.generated => text.push_str(&admin_token_lines(token)),
        Some(_) => text.push_str("Admin token, which registers and manages clients: the one you gave."),
        None => text.push_str(
            "There is no admin token: the issuer is switched off. A start that serves it makes one, and so does\n`jwtis store reset-admin-token`: it switches signing keys off (`jwtis key disable`).",
        ),
    }
    text
}

fn admin_token_lines(token: &AdminToken) -> Zeroizing<String> {
    let mut text = Zeroizing::new(
        "Admin token. It is shown only now; it registers clients and manages them (`jwtis client`):\n\n"
            .to_owned(),
    );
    text.push_str("  export JWTIS_ADMIN_TOKEN='");
    text.push_str(token.secret.reveal());
    text.push('\'');
    text
}

fn next_steps(url: &str) -> String {
    format!(
        r#"What to do next, in another shell: paste the exports above, then

  # register a client; its client_token is shown only in this answer
  curl -sS {url}/register/shop -H "Authorization: Bearer $JWTIS_ADMIN_TOKEN" -d '{{}}'

  # issue its first tokens
  export JWTIS_CLIENT_TOKEN='the client_token of that answer'
  curl -sS {url}/issue_token -H "Authorization: Bearer $JWTIS_CLIENT_TOKEN" -d '{{"kid":"shop","claims":{{"sub":"alice"}}}}'
"#
    )
}

fn made_meanwhile(path: &Path, secrets: &str) -> Failure {
    Failure::refused(format!("another jwtis has made {} in the meantime; {secrets}", path.display()))
        .hint("the store opens with the secrets that the other one printed")
}

fn no_entropy(error: NoEntropy) -> Failure {
    Failure::refused("no secret can be made")
        .because(&error)
        .hint("the system gives no randomness: see getrandom(2)")
}
