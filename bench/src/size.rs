//! What size costs: the time from start to ready and the memory with many clients, and latency and memory with many sessions that have
//! state. The stores are made in this process, by the use cases that the server runs.

use std::path::Path;
use std::time::Duration;

use jwtis_core::{
    ClientAccess, ClientId, Credentials, Env, Issuer, IssuerSettings, KeyOptions, RevokeTarget, SessionId,
};
use jwtis_store::{KdfParams, Password, Store, create_redb, open_redb};
use serde_json::json;
use tokio::task::JoinSet;

use crate::http::post;
use crate::load::{self, Arrival};
use crate::scenario::issuer::{LISTENS, claims, once, same};
use crate::server::Server;
use crate::{Fault, floor, report};

const PASSWORD: &str = "a password of the benchmark";
/// Requests at once while a store is filled.
const FILLERS: u64 = 64;

/// Starts with ten, ten thousand and a hundred thousand clients.
pub(crate) fn starts(binary: &Path) -> Result<(), Fault> {
    let hash = floor::measure(&mut floor::argon2id()?, Duration::from_millis(500))? / 1000.0;
    report::say(&format!("one password hash takes {hash:.0} ms"))?;
    report::say(
        "clients    store MiB   start to ready ms   beyond the hash ms   RSS MiB   RSS MiB after one token of each of 1000",
    )?;
    for clients in [10_u64, 10_000, 100_000] {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("keys.db");
        let last = fill(&path, clients, 0)?;
        let mut times = Vec::new();
        let mut memory = (0, 0);
        for _ in 0..5 {
            let server = start(binary, &path)?;
            times.push(server.ready_after.as_secs_f64() * 1e3);
            memory.0 = server.resident_kib()? / 1024;
            for number in 0..clients.min(1000) {
                let request = issue(&format!("client-{number}"), &last.reveal(number));
                once(server.address(LISTENS)?, &request)?;
            }
            memory.1 = server.resident_kib()? / 1024;
        }
        times.sort_by(f64::total_cmp);
        let ready = times.get(times.len() / 2).copied().unwrap_or_default();
        let size = std::fs::metadata(&path)?.len() / (1 << 20);
        report::say(&format!(
            "{clients:<10}{size:>10}{ready:>20.0}{:>21.0}{:>10}{:>10}",
            ready - hash,
            memory.0,
            memory.1
        ))?;
    }
    Ok(())
}

/// Verifies and issues with a thousand, a hundred thousand and a million sessions that have state.
pub(crate) fn sessions(binary: &Path) -> Result<(), Fault> {
    report::say("sessions   store MiB   issue µs   p99 ms   verify µs   p99 ms   RSS MiB")?;
    for sessions in [1000_u64, 100_000, 1_000_000] {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("keys.db");
        let secrets = fill(&path, 1, sessions)?;
        let server = start(binary, &path)?;
        let address = server.address(LISTENS)?.to_owned();
        let issue = issue("client-0", &secrets.reveal(0));
        let tokens: serde_json::Value = serde_json::from_slice(&once(&address, &issue)?)?;
        let access = tokens.get("access_token").and_then(serde_json::Value::as_str).unwrap_or_default();
        let verify = post(
            "/verify_token",
            &authorization(&secrets.reveal(0)),
            &json!({"kid": "client-0", "auth_token": access}).to_string(),
        );
        let mut cells = Vec::new();
        for request in [issue, verify] {
            let time = Duration::from_secs(3);
            let before = server.cpu()?;
            let load = load::run(&address, same(request)(16)?, Arrival::Closed, time)?;
            let cost = server.cpu()?.saturating_sub(before).as_secs_f64() * 1e6 / load.requests as f64;
            cells.push((cost, load.latency.value_at_quantile(0.99) as f64 / 1e6));
        }
        let [(issue, issue_p99), (verify, verify_p99)] =
            <[(f64, f64); 2]>::try_from(cells).map_err(|_| "two kinds of requests")?;
        let size = std::fs::metadata(&path)?.len() / (1 << 20);
        let resident = server.resident_kib()? / 1024;
        report::say(&format!(
            "{sessions:<11}{size:>9}{issue:>11.1}{issue_p99:>9.2}{verify:>12.1}{verify_p99:>9.2}{resident:>10}"
        ))?;
    }
    Ok(())
}

fn start(binary: &Path, store: &Path) -> Result<Server, Fault> {
    let store = store.to_str().ok_or("a scratch folder with an odd name")?;
    Server::start(
        binary,
        &["serve", "-l", "127.0.0.1:0", "--utility-address", "off", "--dbPath", store],
        &[("JWTIS_PSWD", PASSWORD)],
        &[LISTENS],
    )
}

fn issue(kid: &str, token: &str) -> Vec<u8> {
    post("/issue_token", &authorization(token), &json!({"kid": kid, "claims": claims()}).to_string())
}

fn authorization(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}

/// The client tokens of the first thousand clients.
struct Secrets(Vec<String>);

impl Secrets {
    fn reveal(&self, number: u64) -> String {
        usize::try_from(number).ok().and_then(|at| self.0.get(at)).cloned().unwrap_or_default()
    }
}

/// A store with clients `client-0`, `client-1`, …, and that many sessions of the first one that have been revoked.
fn fill(path: &Path, clients: u64, sessions: u64) -> Result<Secrets, Fault> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = create_redb(path, &Password::new(PASSWORD), KdfParams::default())?;
        let issuer = issuer(store).await?;
        let mut tasks = JoinSet::new();
        for filler in 0..FILLERS.min(clients) {
            let issuer = issuer.clone();
            tasks.spawn(async move {
                let mut secrets = Vec::new();
                for number in (filler..clients).step_by(FILLERS as usize) {
                    let access = issuer.registration(None)?;
                    let kid: ClientId = format!("client-{number}").parse()?;
                    let made = issuer.register(&access, kid, KeyOptions::default()).await?;
                    if number < 1000 {
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
        let secrets: Vec<String> = secrets.into_iter().map(|(_, secret)| secret).collect();
        if sessions > 0 {
            let first = secrets.first().ok_or("no clients")?;
            let credentials = Credentials { secret: jwtis_core::BearerSecret::parse(first)?, user: None };
            let access = issuer.client_access(Some(&credentials), &"client-0".parse()?).await?;
            revoke(&issuer, &access, sessions).await?;
        }
        drop(issuer);
        // A server that starts finds what a server that stopped has left: opened and closed once.
        drop(open_redb(path, &Password::new(PASSWORD))?);
        Ok(Secrets(secrets))
    })
}

async fn issuer(store: Store) -> Result<Issuer, Fault> {
    let settings = IssuerSettings { open_registration: true, ..IssuerSettings::default() };
    Ok(Issuer::open(store, Env::system(), settings).await?)
}

/// Session ids need no token: revoking one makes its record.
async fn revoke(issuer: &Issuer, access: &ClientAccess, sessions: u64) -> Result<(), Fault> {
    let mut tasks = JoinSet::new();
    for filler in 0..FILLERS {
        let (issuer, access) = (issuer.clone(), access.clone());
        tasks.spawn(async move {
            for _ in (filler..sessions).step_by(FILLERS as usize) {
                let env = issuer.env();
                let id = SessionId::new(env.now(), &env.random()?);
                issuer.revoke(&access, RevokeTarget::Session(&id.uuid().to_string())).await?;
            }
            Ok::<_, Fault>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}
