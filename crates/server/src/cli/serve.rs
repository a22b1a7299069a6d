//! `jwtis serve`, and `jwtis` alone: start, serve, stop.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jwtis_base::{Env, rollback};
use jwtis_issuer::clock::KeptClock;
use jwtis_issuer::{AccessError, Credentials, Issuer};
use jwtis_store::{OpenError, Rollback};
use tracing::{error, info, warn};

use super::environment;
use super::first_start::{self, AdminToken};
use super::opening::{issuer_settings, open_issuer, open_store, store_exists, store_folder};
use super::output::Output;
use super::printable::printable;
use super::runtime::{check_clock, no_signals, no_threads, runtime};
use super::{CliOutcome, Failure, config as configuration, harden, password, prompt, signer_start};
use crate::app::clock::warn_if_set_back;
use crate::app::signer::{Prepared, Surroundings};
use crate::app::{
    BindError, EarlyHangups, Listeners, Reload, Seen, Served, ServedSigner, Signals, Started, Which,
};
use crate::config::concealed::concealed;
use crate::config::{Config, GivenFlags, Reloader};
use crate::metrics::Metrics;
use crate::telemetry;
use crate::tls::TlsError;

pub(crate) fn run(flags: GivenFlags, out: &mut Output<'_>) -> CliOutcome {
    check_clock(Env::system().now())?;
    let hangups = EarlyHangups::take().map_err(|error| no_signals(&error))?;
    let reloader = Reloader::new(flags.clone(), environment::environment);
    let seen = Seen::look(reloader.path());
    let config = configuration::load(flags)?;
    let _logging = telemetry::start(&config.log).map_err(|error| no_threads(&error))?;
    harden::lock_memory();
    for warning in &config.warnings {
        warn!("{}", printable(&warning.to_string()));
    }
    for notice in &config.notices {
        info!("{}", printable(&notice.to_string()));
    }
    let strategy = config.issuer.as_ref().map(|issuer| issuer.settings.defaults.refresh_strategy);
    if let Some(notice) = strategy.and_then(jwtis_issuer::RefreshStrategy::notice) {
        warn!("clients that register without a refresh strategy get {notice}");
    }
    let runtime = runtime()?;
    let outcome = runtime.block_on(serve(config, reloader, seen, hangups, out));
    // A thread that waits for a file that never answers must not keep the process.
    runtime.shutdown_timeout(STUCK_THREADS);
    outcome
}

/// How long the end of the process waits for threads that read files.
const STUCK_THREADS: Duration = Duration::from_secs(1);

/// The order matters: ports first, since they fail without a trace; then what of the signer can be checked; then the store, whose first
/// start prints secrets, and for whose password somebody may be asked, who can press Ctrl-C; then the vaults, for whose keys too; then
/// the handlers of signals; then the line that says that clients may come.
async fn serve(
    mut config: Config,
    reloader: Reloader,
    seen: Seen,
    hangups: EarlyHangups,
    out: &mut Output<'_>,
) -> CliOutcome {
    let env = Env::system();
    let listeners = Listeners::bind(&config).await.map_err(|error| bind_failure(&error))?;
    if config.issuer.is_none() && config.signer.is_none() && config.utility.is_none() {
        return Err(Failure::usage(
            "nothing to serve: the issuer is switched off, and so is the utility listener",
        )
        .hint("remove `issuer: {enabled: false}`, or give the file a `tezos:` section for the signer"));
    }
    let needs_store = config.needs_store();
    let started = Started::of(&config, seen);
    let signer = match config.signer.take() {
        Some(signer) => {
            let (max_body_bytes, exposed) = (signer.max_body_bytes, !signer.listen.is_loopback());
            let prepared = Prepared::new(signer, &env).map_err(|error| signer_start::failure(&error))?;
            Some((prepared, max_body_bytes, exposed))
        }
        None => None,
    };
    let issuer = if needs_store { Some(open(&config, &listeners, out).await?) } else { None };
    if signer.is_some() && !needs_store {
        warn_of_unused_store(&config.store.path);
    }
    config.forget_secrets();

    let metrics = Arc::new(Metrics::new());
    let store = issuer.as_ref().map(|issuer| issuer.store().clone());
    let signer = match signer {
        Some((prepared, max_body_bytes, exposed)) => {
            let around = Surroundings {
                env,
                store: store.clone(),
                issuer: issuer.clone(),
                metrics: Arc::clone(&metrics),
            };
            let running = prepared.start(around, &mut prompt::ask_hidden).await;
            let running = running.map_err(|error| signer_start::failure(&error))?;
            let signer = running.signer.clone();
            let reload = started.map(|started| Reload::new(reloader, started, running));
            Some(ServedSigner { signer, max_body_bytes, exposed, reload })
        }
        None => None,
    };

    let signals = Signals::take(hangups).map_err(|error| no_signals(&error))?;
    let (stop, hangups) = signals.split();
    if let Some(url) = listeners.utility_url() {
        out.notice(format_args!("metrics and health on {url}"));
    }
    let exposed = signer.as_ref().filter(|signer| signer.exposed);
    let open = exposed.map_or(0, |exposed| exposed.signer.rules().open_keys().count());
    if open > 0 {
        out.notice(format_args!("WARNING: whoever reaches the signer may sign with {open} key(s)"));
        out.notice("hint: add server.jwt or server.authorized_keys, or listen on 127.0.0.1");
    }
    if let Some(url) = listeners.signer_url() {
        out.notice(format_args!("signer is listening on {url}"));
    }
    if let Some(url) = listeners.issuer_url() {
        out.notice(format_args!("{} is listening on {url}", config.name));
    }
    let served = Served {
        metrics,
        store,
        issuer,
        signer,
        audit: config.audit,
        backup_folder: store_folder(&config.store.path),
    };
    let outcome = listeners.serve(served, stop, hangups).await;
    outcome.map_err(|error| Failure::refused("a listener was lost").because(&error))
}

/// A store that the file asked for before may switch a key off, and this start does not look into it.
fn warn_of_unused_store(path: &Path) {
    if fs::symlink_metadata(path).is_ok() {
        warn!(
            store = concealed(&path.to_string_lossy()),
            "the configuration needs no store, so this one is not opened: kill switches and spending in it do not count"
        );
    }
}

/// Opens the store, or makes it at the first start, and the issuer over it. Where the issuer's API is switched off, its tokens may still
/// be asked about; it needs no admin token then.
async fn open(config: &Config, listeners: &Listeners, out: &mut Output<'_>) -> Result<Issuer, Failure> {
    let path = &config.store.path;
    let exists = store_exists(path)?;
    let admin_token = match &config.issuer {
        Some(issuer) => AdminToken::configured(issuer.admin_token.as_ref())?,
        None => None,
    };
    let witness = &config.store.witness;
    if !exists && store_exists(witness)? {
        let gone = OpenError::StoreGone { witness: witness.clone() };
        return Err(Failure::from_store(path, &gone));
    }
    if !exists {
        return first_start::run(config, admin_token, listeners, out).await;
    }
    warn_of_permissions(path);
    let password = password::for_existing(config.store.password.as_ref(), path)?;
    let store = open_store(path, witness, &password)?;
    out.notice(format_args!(
        "{} {} with the store {}",
        config.name,
        env!("CARGO_PKG_VERSION"),
        printable(&path.display().to_string())
    ));
    // A record that cannot be read is told when the issuer opens.
    warn_if_set_back(KeptClock::of(&store).await.ok().flatten(), Env::system().now());
    let issuer = open_issuer(store, &issuer_settings(config)).await?;
    if let Some(mark) = issuer.rollback() {
        say_rolled_back(mark);
    }
    if config.issuer.is_none() {
        return Ok(issuer);
    }
    let has_admin_token = issuer.has_admin_token().await.map_err(|error| {
        Failure::refused("whether there is an admin token cannot be read").because(&error)
    })?;
    if !has_admin_token {
        first_start::set_admin_token(&issuer, admin_token, out).await?;
    } else if let Some(given) = admin_token {
        compare_admin_token(&issuer, given).await?;
    }
    Ok(issuer)
}

/// Others who can read the store can try passwords on a copy of it; others who can write it, or its folder, can put an older one there.
fn warn_of_permissions(path: &Path) {
    let mode = |path: &Path| fs::metadata(path).map_or(0, |found| found.permissions().mode());
    if mode(path) & 0o006 != 0 {
        warn!(path = %path.display(), "everybody on this machine can read or write the store; chmod it to 600");
    }
    let folder = store_folder(path);
    if mode(&folder) & 0o1002 == 0o002 {
        warn!(path = %folder.display(), "everybody on this machine can replace files in the store's folder; chmod it to 700");
    }
}

/// An admin token that is given again and again is no wish to change it, so a difference is only said.
async fn compare_admin_token(issuer: &Issuer, given: AdminToken) -> CliOutcome {
    match issuer.admin(Some(&Credentials { secret: given.secret, user: None })).await {
        Ok(_) => {}
        Err(AccessError::Denied) => warn!(
            "the admin token given is not the one of this store, which stays in force; `jwtis store reset-admin-token` makes a new one"
        ),
        Err(error) => return Err(Failure::refused("the admin token cannot be checked").because(&error)),
    }
    Ok(())
}

/// Says loudly what a store refuses that has gone back to an earlier state.
fn say_rolled_back(mark: Rollback) {
    error!(
        cause = mark.cause.name(),
        since_ms = mark.since_ms,
        hint = rollback::HINT,
        "{}, and may not know what was signed, spent or revoked since: consensus keys with watermarks in the store sign nothing, keys with a limit over time sign nothing within one window, and sessions opened before count as revoked unless they were kept",
        rollback::words(mark.cause)
    );
}

fn bind_failure(error: &BindError) -> Failure {
    let failure = Failure::refused("the server cannot start").because(error);
    match error {
        BindError::Address { which, source, .. } => {
            let flag = match which {
                Which::Issuer => "--listen",
                Which::Signer => "server.address or --signer-address",
                Which::Utility => "--utility-address",
            };
            match source.kind() {
                io::ErrorKind::AddrInUse => failure.hint(format!(
                    "another program, perhaps another jwtis, listens there: stop it or choose another address by {flag}"
                )),
                io::ErrorKind::PermissionDenied => {
                    failure.hint(format!("ports below 1024 need a privilege: choose another by {flag}"))
                }
                _ => failure.hint(format!("choose an address of this machine by {flag}")),
            }
        }
        BindError::Tls { source: TlsError::Encrypted { path }, .. } => failure.hint(format!(
            "the server asks for no passphrase: `openssl pkey -in {} -out key.pem` decrypts it; chmod the result to 600",
            path.display()
        )),
        BindError::Tls { which: Which::Signer, .. } => {
            failure.hint("check server.tls_cert_file and server.tls_key_file")
        }
        BindError::Tls { .. } => failure.hint("check --certFile and --keyFile"),
    }
}
