//! `jwtis dev`: a throw-away server in memory with a ready client, with `--signer` also a ready key, and lines to paste.

mod signer;

use std::io;
use std::sync::Arc;

use clap::Args;
use jwtis_base::audit::Retention;
use jwtis_base::{BearerSecret, ClientId, Env, SecretKind};
use jwtis_issuer::{Credentials, IssueToken, Issuer, IssuerSettings, KeyOptions, TokenSet};
use jwtis_jose::ClaimsSet;
use jwtis_store::open_memory;
use tokio::net::TcpListener;

use super::{CliOutcome, Failure, Output, runtime};
use crate::app::{EarlyHangups, Listeners, Served, ServedSigner, Signals, listen};
use crate::config::{ListenAddress, schema};
use crate::metrics::Metrics;
use crate::telemetry::{self, LogSettings};
use signer::DemoSigner;

/// The ready client.
const CLIENT: &str = "demo";
/// Its user.
const SUBJECT: &str = "alice";
/// The user whose token opens the signer: revoking that of the other one leaves it alone.
const SIGNER_SUBJECT: &str = "payouts";

/// Nothing is stored: stop it with Ctrl-C and everything is gone.
#[derive(Debug, Args)]
pub(crate) struct Dev {
    /// Where to listen. Without this flag a free port is taken when 4343 is not.
    #[arg(short, long, value_name = "IP:PORT", env = "JWTIS_ADDRESS")]
    listen: Option<ListenAddress>,
    /// Also serve the signer, with a new Tezos key and a login user.
    #[arg(long)]
    signer: bool,
    /// Where the signer listens. Without this flag a free port is taken when 6732 is not.
    #[arg(long, value_name = "IP:PORT", env = "JWTIS_SIGNER_ADDRESS", requires = "signer")]
    signer_address: Option<ListenAddress>,
    /// Log from level info instead of warn.
    #[arg(short, long)]
    verbose: bool,
}

impl Dev {
    pub(crate) fn run(&self, out: &mut Output<'_>) -> CliOutcome {
        runtime::check_clock(Env::system().now())?;
        let settings = LogSettings { verbose: self.verbose, ..LogSettings::default() };
        let _logging = telemetry::start(&settings).map_err(|error| runtime::no_threads(&error))?;
        let hangups = EarlyHangups::take().map_err(|error| runtime::no_signals(&error))?;
        runtime::runtime()?.block_on(self.serve(hangups, out))
    }

    async fn serve(&self, hangups: EarlyHangups, out: &mut Output<'_>) -> CliOutcome {
        let signals = Signals::take(hangups).map_err(|error| runtime::no_signals(&error))?;
        let (stop, hangups) = signals.split();
        let issuer_listener = bind(self.listen, "issuer.listen", "--listen").await?;
        let signer_listener = match self.signer {
            true => Some(bind(self.signer_address, "server.address", "--signer-address").await?),
            false => None,
        };
        let listeners = Listeners::plain(issuer_listener, signer_listener);
        let url = listeners.issuer_url().unwrap_or_default();
        let (issuer, demo) = Demo::prepare().await?;
        out.line(demo.lines(&url))?;
        let signer = match listeners.signer_url() {
            Some(signer_url) => {
                let signer = DemoSigner::prepare(&issuer, &demo.client_id)?;
                out.line(signer.lines(&signer_url, &demo.signer_token, &demo.revoke(&url, SIGNER_SUBJECT)))?;
                out.line(format_args!("signer is at {signer_url}"))?;
                let max_body_bytes = schema::default("server.max_body_bytes").parse().unwrap_or_default();
                Some(ServedSigner { signer: signer.signer, max_body_bytes, exposed: false, reload: None })
            }
            None => None,
        };
        out.line(format_args!("jwtis dev is listening on {url}"))?;
        let served = Served {
            metrics: Arc::new(Metrics::new()),
            store: Some(issuer.store().clone()),
            issuer: Some(issuer),
            signer,
            audit: Retention::default(),
            backup_folder: std::env::temp_dir(),
        };
        let outcome = listeners.serve(served, stop, hangups).await;
        outcome.map_err(|error| Failure::refused("the listener was lost").because(&error))
    }
}

/// Listens where `wanted` says, else at the default of `setting`, and if that is taken anywhere.
async fn bind(wanted: Option<ListenAddress>, setting: &str, flag: &str) -> Result<Vec<TcpListener>, Failure> {
    let (address, may_move) = match wanted {
        Some(address) => (address, false),
        None => {
            let default: ListenAddress = schema::default(setting).parse().map_err(Failure::usage)?;
            (default, true)
        }
    };
    if !address.is_loopback() {
        return Err(Failure::usage("`jwtis dev` shows its secrets and listens on this machine only")
            .hint("listen on 127.0.0.1; use `jwtis serve` for others"));
    }
    let bound = match listen(address).await {
        Err(error) if may_move && error.kind() == io::ErrorKind::AddrInUse => {
            listen(address.with_any_port()).await
        }
        other => other,
    };
    bound.map_err(|error| {
        Failure::refused(format!("cannot listen on {address}"))
            .because(&error)
            .hint(format!("choose another address by {flag}, or leave it out to take a free port"))
    })
}

/// What the lines need.
struct Demo {
    admin_token: BearerSecret,
    client_token: BearerSecret,
    client_id: ClientId,
    tokens: TokenSet,
    signer_token: String,
}

impl Demo {
    async fn prepare() -> Result<(Issuer, Self), Failure> {
        let failed =
            |error: &dyn std::error::Error| Failure::refused("the demo cannot be prepared").because(error);
        let env = Env::system();
        let issuer = Issuer::open(open_memory(), env.clone(), IssuerSettings::default())
            .await
            .map_err(|e| failed(&e))?;
        let admin_token = BearerSecret::generate(SecretKind::Admin, &env).map_err(|e| failed(&e))?;
        issuer.set_admin_token(&admin_token).await.map_err(|e| failed(&e))?;

        let admin = Credentials { secret: admin_token, user: None };
        let client_id: ClientId = CLIENT.parse().map_err(|e| failed(&e))?;
        let access = issuer.registration(Some(&admin)).await.map_err(|e| failed(&e))?;
        let client = issuer
            .register(&access, client_id.clone(), KeyOptions::default())
            .await
            .map_err(|e| failed(&e))?;
        let access = issuer.client_access(Some(&admin), &client_id).await.map_err(|e| failed(&e))?;
        let issue = |subject: &str| {
            let mut claims = ClaimsSet::new();
            claims.insert("sub", subject);
            let command = IssueToken { claims, access_valid_time: None, refresh_valid_time: None };
            issuer.issue(&access, command).map_err(|e| failed(&e))
        };
        let tokens = issue(SUBJECT)?;
        let signer_token = issue(SIGNER_SUBJECT)?.access_token;
        let demo = Self {
            admin_token: admin.secret,
            client_token: client.client_token,
            client_id,
            tokens,
            signer_token,
        };
        Ok((issuer, demo))
    }

    /// The line that revokes all sessions of `subject`.
    fn revoke(&self, url: &str, subject: &str) -> String {
        let client = self.client_token.reveal();
        format!(
            r#"curl -sS {url}/revoke_token -H 'Authorization: Bearer {client}' -d '{{"kid":"{CLIENT}","sub":"{subject}"}}'"#
        )
    }

    /// Each line runs as it stands, in this order.
    fn lines(&self, url: &str) -> String {
        let (admin, client) = (self.admin_token.reveal(), self.client_token.reveal());
        let TokenSet { access_token, refresh_token, .. } = &self.tokens;
        let post = |path: &str, body: String| {
            format!("curl -sS {url}{path} -H 'Authorization: Bearer {client}' -d '{body}'")
        };
        let issue = post(
            "/issue_token",
            format!(r#"{{"kid":"{CLIENT}","claims":{{"sub":"{SUBJECT}","role":"tester"}}}}"#),
        );
        let verify = post("/verify_token", format!(r#"{{"kid":"{CLIENT}","auth_token":"{access_token}"}}"#));
        let renew =
            post("/renew_token", format!(r#"{{"kid":"{CLIENT}","refresh_token":"{refresh_token}"}}"#));
        let revoke = self.revoke(url, SUBJECT);
        format!(
            "A throw-away jwtis: everything is in memory and gone when it stops. The client `{CLIENT}` is ready.

  export JWTIS_URL='{url}'
  export JWTIS_ADMIN_TOKEN='{admin}'
  export JWTIS_CLIENT_TOKEN='{client}'

# issue an access token and a refresh token
{issue}

# verify: ask the server about an access token that was issued for you
{verify}

# the public keys with which everybody can verify without asking
curl -sS {url}/keys/{CLIENT}/jwks.json

# renew: new tokens for the refresh token that came with it
{renew}

# revoke all sessions of {SUBJECT}, then verify again
{revoke}

# the same with jwtis itself
jwtis token issue {CLIENT} --sub {SUBJECT}
jwtis token inspect {access_token} --jwks {url}/keys/{CLIENT}/jwks.json
"
        )
    }
}
