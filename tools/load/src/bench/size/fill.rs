//! Stores of some size, made in this process by the use cases that the server runs.

use std::path::Path;

use jwtis_base::{BearerSecret, ClientId, Env};
use jwtis_issuer::{
    ClientAccess, Credentials, Issuer, IssuerSettings, KeyOptions, RefreshStrategy, RenewToken,
};
use jwtis_jose::ClaimsSet;
use jwtis_store::{KdfParams, Password, create_redb, open_redb};
use tokio::task::JoinSet;

use crate::bench::scenario::issuer::claims;
use crate::output::Fault;

/// What opens the stores.
pub(super) const PASSWORD: &str = "a password of the benchmark";
/// Clients whose tokens are kept.
pub(super) const KEPT_CLIENTS: u64 = 1000;
/// Requests at once while a store is filled.
const FILLERS: u64 = 64;

/// What a store was filled with.
pub(super) struct Filled {
    /// The client tokens of the first thousand clients.
    secrets: Vec<String>,
    /// An access token of the last session of each filler: sessions from all over the store are asked about.
    pub(super) access_tokens: Vec<String>,
}

impl Filled {
    /// The token of `client-{number}`.
    pub(super) fn secret(&self, number: u64) -> Result<&str, Fault> {
        let at = usize::try_from(number)?;
        Ok(self.secrets.get(at).ok_or_else(|| format!("the token of client {number} was not kept"))?)
    }
}

/// A store with clients `client-0`, `client-1`, …, and that many live sessions of the first one, each renewed once.
pub(super) fn fill(path: &Path, clients: u64, sessions: u64) -> Result<Filled, Fault> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = create_redb(path, &Password::new(PASSWORD), KdfParams::default())?;
        let settings = IssuerSettings { open_registration: true, ..IssuerSettings::default() };
        let issuer = Issuer::open(store, Env::system(), settings).await?;
        let secrets = register(&issuer, clients).await?;
        let mut access_tokens = Vec::new();
        if sessions > 0 {
            let first = secrets.first().ok_or("no clients")?;
            let credentials = Credentials { secret: BearerSecret::parse(first)?, user: None };
            let access = issuer.client_access(Some(&credentials), &"client-0".parse()?).await?;
            access_tokens = sign_in(&issuer, &access, sessions).await?;
        }
        drop(issuer);
        // A server that starts finds what a server that stopped has left: opened and closed once.
        drop(open_redb(path, &Password::new(PASSWORD))?);
        Ok(Filled { secrets, access_tokens })
    })
}

async fn register(issuer: &Issuer, clients: u64) -> Result<Vec<String>, Fault> {
    let mut tasks = JoinSet::new();
    for filler in 0..FILLERS.min(clients) {
        let issuer = issuer.clone();
        tasks.spawn(async move {
            let mut secrets = Vec::new();
            for number in (filler..clients).step_by(FILLERS as usize) {
                let access = issuer.registration(None).await?;
                let kid: ClientId = format!("client-{number}").parse()?;
                let options = KeyOptions {
                    refresh_strategy: Some(RefreshStrategy::RefreshBoth),
                    ..KeyOptions::default()
                };
                let made = issuer.register(&access, kid, options).await?;
                if number < KEPT_CLIENTS {
                    secrets.push((number, made.client_token.reveal().to_owned()));
                }
            }
            Ok::<_, Fault>(secrets)
        });
    }
    let mut secrets = Vec::new();
    while let Some(done) = tasks.join_next().await {
        secrets.extend(done??);
    }
    secrets.sort();
    Ok(secrets.into_iter().map(|(_, secret)| secret).collect())
}

/// A session has a record once its tokens have been renewed. Gives an access token of one session in each stretch of them.
async fn sign_in(issuer: &Issuer, access: &ClientAccess, sessions: u64) -> Result<Vec<String>, Fault> {
    let claims = ClaimsSet::from_value(claims())?;
    let kept_each = sessions.div_ceil(FILLERS);
    let mut tasks = JoinSet::new();
    for filler in 0..FILLERS {
        let (issuer, access, claims) = (issuer.clone(), access.clone(), claims.clone());
        tasks.spawn(async move {
            let mut kept = Vec::new();
            for number in (filler..sessions).step_by(FILLERS as usize) {
                let command = jwtis_issuer::IssueToken {
                    claims: claims.clone(),
                    access_valid_time: None,
                    refresh_valid_time: None,
                };
                let tokens = issuer.issue(&access, command)?;
                let renewal = RenewToken { refresh_token: &tokens.refresh_token, strategy: None };
                let renewed = issuer.renew(&access, renewal).await?;
                if number % kept_each == 0 {
                    kept.push(renewed.access_token);
                }
            }
            Ok::<_, Fault>(kept)
        });
    }
    let mut kept = Vec::new();
    while let Some(done) = tasks.join_next().await {
        kept.extend(done??);
    }
    Ok(kept)
}
