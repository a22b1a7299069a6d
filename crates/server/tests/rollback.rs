//! A store that has gone back: what a restore takes over, and what a marked store refuses.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

#[path = "../../signer/tests/signer_support/mod.rs"]
mod signer_support;
#[path = "../../issuer/tests/support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jwtis::app::takeover::take_over;
use jwtis_base::audit::AuditPage;
use jwtis_base::rollback::{self, takeover, takeover::TakeOver};
use jwtis_base::{BearerSecret, Env, SecretKind, Timestamp};
use jwtis_issuer::session_floor;
use jwtis_issuer::{ClientAccess, Credentials, Issuer, IssuerSettings, KeyOptions, RevokeTarget};
use jwtis_jose::Jwk;
use jwtis_signer::switch::{KeySwitches, Switcher};
use jwtis_signer::vault::store::StoreVault;
use jwtis_signer::watermark::file::FileWatermarks;
use jwtis_signer::watermark::store::StoreWatermarks;
use jwtis_signer::watermark::{Keeper, WentBack};
use jwtis_store::{
    KdfParams, Restoration, RollbackCause, Store, create_redb, open_memory, open_redb, witness_beside,
};
use jwtis_tezos::policy::{Limits, Mutez, Rate};
use jwtis_tezos::{Curve, Policy, RequestKind};
use signer_support::{
    Calls, ScriptedVault, Setup, allowing, attestation, code, new_key, sign, text, transaction,
};
use support::{START, World};

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let path = folder.path().join("store.db");
    (folder, path)
}

fn created(path: &Path) -> Store {
    create_redb(path, &"p".into(), KdfParams::cheap_for_tests()).unwrap()
}

fn opened(path: &Path) -> Store {
    open_redb(path, &"p".into()).unwrap()
}

async fn restore(backup: &Path, target: &Path, now: Timestamp, keep_sessions: bool) -> TakeOver {
    let restoration = Restoration::prepare(backup, target, &witness_beside(target), &"p".into()).unwrap();
    let outcome = take_over(&restoration, now, keep_sessions).await.unwrap();
    restoration.finish().unwrap();
    outcome
}

fn lines(outcome: &TakeOver) -> Vec<String> {
    let line = |item: &takeover::Item| format!("{} {}: {}", item.kind, item.name, item.what);
    let mut lines: Vec<_> = outcome.taken.iter().map(line).collect();
    lines.sort();
    lines
}

fn after(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

fn with_limit() -> Policy {
    let rate = Rate { window: Duration::from_secs(3600), amount: Some(Mutez::new(100)), count: None };
    let limits = Limits { per: Some(rate), ..Limits::default() };
    Policy { limits, ..allowing(&[RequestKind::Generic, RequestKind::Attestation]) }
}

/// A signer over `store` with one key that may spend 100 mutez an hour, and its clock.
fn signer(store: &Store, key: &Arc<jwtis_tezos::SecretKey>) -> Setup {
    Setup::new()
        .list(key, with_limit())
        .vault("v", ScriptedVault::new(&Calls::default(), &[key]))
        .marks(Arc::new(StoreWatermarks::new(store.clone(), Arc::new(()))))
        .store(store)
}

#[tokio::test]
async fn a_restore_takes_over_watermarks_and_spending() {
    let (folder, path) = place();
    let backup = folder.path().join("backup.db");
    let key = new_key(Curve::Ed25519);
    let store = created(&path);
    let running = signer(&store, &key).build();
    assert_eq!(code(&sign(&running, &key, &attestation(10, 0)).await), "signed");
    assert_eq!(code(&sign(&running, &key, &transaction(20)).await), "signed");
    store.backup_to(&backup).unwrap();
    assert_eq!(code(&sign(&running, &key, &attestation(20, 0)).await), "signed");
    assert_eq!(code(&sign(&running, &key, &transaction(70)).await), "signed");
    drop((running, store));

    let outcome = restore(&backup, &path, START, false).await;
    assert_eq!(outcome.marked, None);
    let lines = lines(&outcome);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[0], "spending of a key : counts towards its limit");
    assert!(
        lines[1].starts_with("watermark ") && lines[1].ends_with("attestation: level 20, round 0"),
        "{lines:?}"
    );

    let store = opened(&path);
    let running = signer(&store, &key).build();
    assert_eq!(code(&sign(&running, &key, &attestation(20, 1)).await), "signed");
    assert_eq!(code(&sign(&running, &key, &attestation(20, 0)).await), "watermark");
    assert_eq!(code(&sign(&running, &key, &transaction(11)).await), "limit");
    assert_eq!(code(&sign(&running, &key, &transaction(10)).await), "signed");
}

#[tokio::test]
async fn a_restore_takes_over_what_happened_to_clients_their_sessions_and_keys() {
    let (folder, path) = place();
    let backup = folder.path().join("backup.db");
    let store = created(&path);
    let world = World::with(store.clone(), IssuerSettings::default()).await;
    let shop = world.client("shop", KeyOptions::default()).await;
    world.client("gone", KeyOptions::default()).await;
    let again = world.client("again", KeyOptions::default()).await;
    world.client("off", KeyOptions::default()).await;
    let revoked = world.issue(&shop, r#"{"sub":"alice"}"#);
    let of_subject = world.issue(&shop, r#"{"sub":"bob"}"#);
    let untouched = world.issue(&shop, r#"{"sub":"carol"}"#);
    let of_client = world.issue(&again, "{}");
    let vault = StoreVault::new(store.clone(), world.issuer.env().clone());
    let deleted = vault.generate(Curve::Ed25519, "deleted").await.unwrap().public_key.hash();
    let kept = vault.generate(Curve::Ed25519, "kept").await.unwrap().public_key.hash();
    let old_keys = shop.client().keys().active().public_signing_key().clone();
    store.backup_to(&backup).unwrap();

    world.seconds_pass(5);
    world.issuer.revoke(&shop, RevokeTarget::Session(&revoked.session.uuid().to_string())).await.unwrap();
    world.issuer.revoke(&shop, RevokeTarget::Subject("bob")).await.unwrap();
    let admin = world.issuer.admin(Some(&world.admin)).await.unwrap();
    world.issuer.renew_keys(&shop, KeyOptions::default()).await.unwrap();
    for kid in ["gone", "again"] {
        world.issuer.delete_client(&admin, &support::id(kid)).await.unwrap();
    }
    let registered_again = world.client("again", KeyOptions::default()).await;
    world.client("late", KeyOptions::default()).await;
    let new_admin = BearerSecret::generate(SecretKind::Admin, world.issuer.env()).unwrap();
    world.issuer.set_admin_token(&new_admin).await.unwrap();
    world.issuer.switch_client(&admin, &support::id("off"), false).await.unwrap();
    let switches = KeySwitches::new(store.clone(), world.issuer.env().clone());
    assert!(switches.disable(&kept, &Switcher::operator()).await.unwrap());
    drop(switches);
    vault.delete(&deleted).await.unwrap();
    let made = vault.generate(Curve::Ed25519, "made").await.unwrap().public_key.hash();
    drop((world, store, vault));

    let outcome = restore(&backup, &path, after(10), false).await;
    assert_eq!(outcome.marked, None);
    assert_eq!(
        lines(&outcome),
        [
            "admin token : stays replaced".to_owned(),
            "client again: registered again since; the older registration stays deleted".to_owned(),
            "client gone: stays deleted".to_owned(),
            "client off: stays disabled".to_owned(),
            "client shop: its key sets stay retired".to_owned(),
            "disabled signing key : stays disabled".to_owned(),
            "session : stays revoked".to_owned(),
            format!("signing key {deleted}: stays deleted"),
            "subject : its sessions stay revoked".to_owned(),
        ]
    );
    let mut left: Vec<_> = outcome.left.iter().map(|item| format!("{} {}", item.kind, item.name)).collect();
    left.sort();
    assert_eq!(left, ["client late".to_owned(), format!("signing key {made}")]);

    let store = opened(&path);
    let issuer = Issuer::open(store.clone(), Env::system(), IssuerSettings::default()).await.unwrap();
    let credentials = Credentials { secret: new_admin, user: None };
    assert!(issuer.admin(Some(&credentials)).await.is_ok(), "the new admin token is in force");
    drop(issuer);
    let world = World::at(after(10), store.clone(), IssuerSettings::default()).await;
    let shop = world.issuer_access("shop").await.unwrap();
    assert_eq!(world.status(&shop, &revoked.access_token).await, "revoked");
    assert_eq!(world.status(&shop, &of_subject.access_token).await, "revoked");
    assert_eq!(world.status(&shop, &untouched.access_token).await, "active");
    assert_ne!(*shop.client().keys().active().public_signing_key(), old_keys, "the old key set is retiring");
    assert!(world.issuer_access("gone").await.is_none() && world.issuer_access("late").await.is_none());
    let again = world.issuer_access("again").await.unwrap();
    assert_ne!(
        world.status(&again, &of_client.access_token).await,
        "active",
        "a token of the older registration"
    );
    drop(registered_again);
    let vault_store = store.clone();
    let vault = StoreVault::new(store, world.issuer.env().clone());
    let keys: Vec<_> = vault.list().await.unwrap().keys.iter().map(|key| key.public_key.hash()).collect();
    assert_eq!(keys, [kept]);
    assert!(world.issuer.public_client(&support::id("off")).await.unwrap().unwrap().is_disabled());
    let switches = KeySwitches::new(vault_store, world.issuer.env().clone());
    assert!(switches.disabled_since(&kept).await.unwrap().is_some());
    vault.generate(Curve::Ed25519, "deleted").await.expect("the alias is free");
}

#[tokio::test]
async fn of_two_copies_the_younger_backup_keeps_its_clients() {
    let (folder, path) = place();
    let backup = folder.path().join("backup.db");
    let store = created(&path);
    let world = World::with(store.clone(), IssuerSettings::default()).await;
    world.client("shop", KeyOptions::default()).await;
    drop((world, store));
    let old = std::fs::read(&path).unwrap();
    let store = opened(&path);
    let world = World::with(store.clone(), IssuerSettings::default()).await;
    // Each world counts from the beginning, and two clients must not draw one token.
    (0..100).for_each(|_| assert!(world.issuer.env().random::<8>().is_ok()));
    world.client("late", KeyOptions::default()).await;
    store.backup_to(&backup).unwrap();
    drop((world, store));
    std::fs::write(&path, old).unwrap();
    std::fs::remove_file(witness_beside(&path)).unwrap();

    let outcome = restore(&backup, &path, START, false).await;
    assert_eq!((outcome.marked, outcome.taken.len(), outcome.left.len()), (None, 0, 0));
    let world = World::with(opened(&path), IssuerSettings::default()).await;
    assert!(world.issuer_access("shop").await.is_some() && world.issuer_access("late").await.is_some());
}

#[tokio::test]
async fn where_nothing_can_be_taken_over_the_store_is_marked_and_refuses() {
    let (folder, path) = place();
    let backup = folder.path().join("backup.db");
    let key = new_key(Curve::Ed25519);
    let store = created(&path);
    let world = World::with(store.clone(), IssuerSettings::default()).await;
    let shop = world.client("shop", KeyOptions::default()).await;
    let before = world.issue(&shop, "{}");
    store.backup_to(&backup).unwrap();
    drop((world, store));

    let elsewhere = folder.path().join("elsewhere.db");
    let outcome = restore(&backup, &elsewhere, after(10), false).await;
    assert!(outcome.marked.unwrap().contains("no store to take over from"));
    let store = opened(&elsewhere);
    let world = World::at(after(11), store.clone(), IssuerSettings::default()).await;
    assert_eq!(world.issuer.rollback().unwrap().cause, RollbackCause::Restored);
    let shop = world.access("shop").await;
    assert_eq!(world.status(&shop, &before.access_token).await, "revoked");
    let since = world.issue(&shop, "{}");
    assert_eq!(world.status(&shop, &since.access_token).await, "active");

    let setup = signer(&store, &key);
    let clock = setup.clock.clone();
    let running = setup.build();
    let back = WentBack { cause: RollbackCause::Restored, keeper: Keeper::Store };
    assert_eq!(running.rolled_back().await.unwrap(), Some(back));
    let refused = sign(&running, &key, &attestation(99, 0)).await;
    assert_eq!(code(&refused), "rolled_back");
    for command in ["jwtis watermark raise", "jwtis store accept-rollback"] {
        assert!(text(&refused).contains(command), "{}", text(&refused));
    }
    clock.set(after(12));
    assert_eq!(code(&sign(&running, &key, &transaction(1)).await), "rolled_back");
    clock.set(after(10 + 3600));
    assert_eq!(code(&sign(&running, &key, &transaction(1)).await), "signed", "one window later");
    assert_eq!(code(&sign(&running, &key, &attestation(99, 0)).await), "rolled_back");
    drop(running);
    drop(world);

    assert!(session_floor::accept(&store, after(20), false).await.unwrap());
    assert!(!session_floor::accept(&store, after(20), false).await.unwrap(), "once");
    drop(store);
    let store = opened(&elsewhere);
    let world = World::at(after(30), store.clone(), IssuerSettings::default()).await;
    assert_eq!(world.issuer.rollback(), None);
    let shop = world.access("shop").await;
    assert_eq!(world.status(&shop, &before.access_token).await, "revoked", "a revoked session stays so");
    let running = signer(&store, &key).build();
    assert_eq!(code(&sign(&running, &key, &attestation(99, 0)).await), "signed");
}

#[tokio::test]
async fn sessions_are_kept_where_the_operator_says_so() {
    let (folder, path) = place();
    let store = created(&path);
    let world = World::with(store.clone(), IssuerSettings::default()).await;
    let shop = world.client("shop", KeyOptions::default()).await;
    let before = world.issue(&shop, "{}");
    let backup = folder.path().join("backup.db");
    store.backup_to(&backup).unwrap();
    drop((world, store));
    for (name, at_restore, at_accept) in [("at_the_restore", true, false), ("at_the_acceptance", false, true)]
    {
        let elsewhere = folder.path().join(name);
        restore(&backup, &elsewhere, after(10), at_restore).await;
        let store = opened(&elsewhere);
        session_floor::accept(&store, after(11), at_accept).await.unwrap();
        let world = World::at(after(12), store, IssuerSettings::default()).await;
        let shop = world.access("shop").await;
        assert_eq!(world.status(&shop, &before.access_token).await, "active", "{name}");
    }
}

#[tokio::test]
async fn a_store_that_found_itself_rolled_back_is_dated_when_the_issuer_opens_it() {
    let store = open_memory();
    let world = World::with(store.clone(), IssuerSettings::default()).await;
    let shop = world.client("shop", KeyOptions::default()).await;
    let before = world.issue(&shop, "{}");
    drop(world);
    rollback::begin(&store, RollbackCause::BehindWitness).await.unwrap();
    let key = new_key(Curve::Ed25519);
    let running = signer(&store, &key).build();
    assert_eq!(code(&sign(&running, &key, &transaction(1)).await), "rolled_back", "before it is dated");

    for now in [after(10), after(20)] {
        let world = World::at(now, store.clone(), IssuerSettings::default()).await;
        assert_eq!(world.issuer.rollback().unwrap().since_ms, Some(after(10).millis()));
        let shop = world.access("shop").await;
        assert_eq!(world.status(&shop, &before.access_token).await, "revoked");
    }
}

#[tokio::test]
async fn watermarks_in_files_are_not_the_stores_so_they_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_memory();
    rollback::begin(&store, RollbackCause::Restored).await.unwrap();
    let key = new_key(Curve::Ed25519);
    let (marks, _) = FileWatermarks::open(folder.path(), Arc::new(())).await.unwrap();
    let running = signer(&store, &key).marks(Arc::new(marks)).build();
    assert_eq!(running.rolled_back().await.unwrap(), None);
    assert_eq!(code(&sign(&running, &key, &attestation(7, 0)).await), "signed");
    assert_eq!(code(&sign(&running, &key, &transaction(1)).await), "rolled_back", "spending is in the store");
}

async fn key_hashes(vault: &StoreVault) -> Vec<jwtis_tezos::PublicKeyHash> {
    vault.list().await.unwrap().keys.iter().map(|key| key.public_key.hash()).collect()
}

#[tokio::test]
async fn a_restore_of_too_old_a_backup_can_be_undone_by_restoring_the_store_that_was_kept() {
    for cure in ["store.db.before-restore-1", "right.db"] {
        let (folder, path) = place();
        let (too_old, right) = (folder.path().join("too_old.db"), folder.path().join("right.db"));
        let store = created(&path);
        store.backup_to(&too_old).unwrap();
        let world = World::with(store.clone(), IssuerSettings::default()).await;
        let shop = world.client("shop", KeyOptions::default()).await;
        let token = world.issue(&shop, "{}");
        let vault = StoreVault::new(store.clone(), world.issuer.env().clone());
        let money = vault.generate(Curve::Ed25519, "money").await.unwrap().public_key.hash();
        store.backup_to(&right).unwrap();
        drop((world, store, vault, shop));

        let outcome = restore(&too_old, &path, after(10), false).await;
        assert_eq!((outcome.marked, outcome.left.len()), (None, 2), "{cure}");
        let outcome = restore(&folder.path().join(cure), &path, after(20), false).await;
        assert_eq!(outcome.marked, None, "{cure}");
        assert!(!lines(&outcome).iter().any(|line| line.contains("deleted")), "{cure}: {outcome:?}");

        let store = opened(&path);
        let world = World::at(after(30), store.clone(), IssuerSettings::default()).await;
        let shop = world.issuer_access("shop").await.expect(cure);
        assert_eq!(world.status(&shop, &token.access_token).await, "active", "{cure}");
        let vault = StoreVault::new(store, world.issuer.env().clone());
        assert_eq!(key_hashes(&vault).await, [money], "{cure}");
    }
}

#[tokio::test]
async fn what_was_deleted_stays_deleted_over_two_restores() {
    let (folder, path) = place();
    let backup = folder.path().join("backup.db");
    let store = created(&path);
    let world = World::with(store.clone(), IssuerSettings::default()).await;
    world.client("gone", KeyOptions::default()).await;
    let vault = StoreVault::new(store.clone(), world.issuer.env().clone());
    let deleted = vault.generate(Curve::Ed25519, "deleted").await.unwrap().public_key.hash();
    store.backup_to(&backup).unwrap();
    let admin = world.issuer.admin(Some(&world.admin)).await.unwrap();
    world.issuer.delete_client(&admin, &support::id("gone")).await.unwrap();
    vault.delete(&deleted).await.unwrap();
    drop((world, store, vault));

    for times in 1..=2 {
        let outcome = restore(&backup, &path, after(10), false).await;
        let expected =
            ["client gone: stays deleted".to_owned(), format!("signing key {deleted}: stays deleted")];
        assert_eq!(lines(&outcome), expected, "restore {times}");
        assert_eq!(outcome.back, [], "restore {times}");
    }
    let store = opened(&path);
    let world = World::at(after(30), store.clone(), IssuerSettings::default()).await;
    assert!(world.issuer_access("gone").await.is_none());
    assert_eq!(key_hashes(&StoreVault::new(store, world.issuer.env().clone())).await, []);
}

#[tokio::test]
async fn a_signing_key_that_was_brought_in_again_is_not_deleted_by_the_deletion_before() {
    let (folder, path) = place();
    let backup = folder.path().join("backup.db");
    let store = created(&path);
    let world = World::with(store.clone(), IssuerSettings::default()).await;
    let vault = StoreVault::new(store.clone(), world.issuer.env().clone());
    let key = new_key(Curve::Ed25519);
    let hash = key.public_key().hash();
    vault.import(&key, "again").await.unwrap();
    vault.delete(&hash).await.unwrap();
    store.backup_to(&backup).unwrap();
    world.seconds_pass(5);
    vault.import(&key, "again").await.unwrap();
    drop((world, store, vault));

    let outcome = restore(&backup, &path, after(10), false).await;
    assert_eq!(outcome.left.len(), 1, "{outcome:?}");
    restore(&folder.path().join("store.db.before-restore-1"), &path, after(20), false).await;
    let store = opened(&path);
    let vault = StoreVault::new(store, Env::system());
    assert_eq!(key_hashes(&vault).await, [hash]);
}

fn active_key(access: &ClientAccess) -> Jwk {
    access.client().keys().active().public_signing_key().clone()
}

/// A store of which `before` is a backup without clients and `middle` one with them; since then each of them was changed.
struct Changed {
    folder: tempfile::TempDir,
    path: PathBuf,
    /// Tokens from before `revoked` had its sessions revoked, and from before `renewed` had its keys renewed.
    revoked: String,
    old_key: Option<Jwk>,
}

impl Changed {
    async fn new() -> Self {
        let (folder, path) = place();
        let store = created(&path);
        store.backup_to(folder.path().join("before").as_path()).unwrap();
        let world = World::with(store.clone(), IssuerSettings::default()).await;
        let mut revoked = String::new();
        let mut old_key = None;
        for kid in ["off", "revoked", "renewed", "gone"] {
            let access = world.client(kid, KeyOptions::default()).await;
            match kid {
                "revoked" => revoked = world.issue(&access, "{}").access_token,
                "renewed" => old_key = Some(active_key(&access)),
                _ => {}
            }
        }
        store.backup_to(folder.path().join("middle").as_path()).unwrap();
        world.seconds_pass(5);
        let admin = world.issuer.admin(Some(&world.admin)).await.unwrap();
        world.issuer.switch_client(&admin, &support::id("off"), false).await.unwrap();
        world.issuer.revoke(&world.access("revoked").await, RevokeTarget::All).await.unwrap();
        world.issuer.renew_keys(&world.access("renewed").await, KeyOptions::default()).await.unwrap();
        world.issuer.delete_client(&admin, &support::id("gone")).await.unwrap();
        drop((world, store));
        Self { folder, path, revoked, old_key }
    }

    async fn restore(&self, backup: &str, seconds: u64) -> TakeOver {
        let outcome = restore(&self.folder.path().join(backup), &self.path, after(seconds), false).await;
        assert_eq!(outcome.marked, None, "{backup}");
        outcome
    }

    async fn open(&self, seconds: u64) -> World {
        let world = World::at(after(seconds), opened(&self.path), IssuerSettings::default()).await;
        // Each world counts from the beginning, and two clients must not draw one token.
        (0..100 * seconds).for_each(|_| assert!(world.issuer.env().random::<8>().is_ok()));
        world
    }
}

#[tokio::test]
async fn a_client_that_a_restore_left_behind_comes_back_as_it_was_last_known() {
    for restores in [
        &["before", "middle"][..],
        &["before", "before", "middle"],
        &["before", "between", "middle"],
        &["before", "middle", "before", "middle"],
        &["middle", "before", "middle"],
        &["before", "store.db.before-restore-1", "before", "middle"],
    ] {
        let changed = Changed::new().await;
        let mut last = TakeOver::default();
        for (step, backup) in (1..).zip(restores) {
            last = changed.restore(backup, 10 * step).await;
            if step == 1 {
                opened(&changed.path).backup_to(&changed.folder.path().join("between")).unwrap();
            }
        }
        let lines = lines(&last);
        for line in [
            "client off: stays disabled",
            "client revoked: its sessions stay revoked",
            "client renewed: its key sets stay retired",
            "client gone: stays deleted",
        ] {
            assert!(lines.iter().any(|known| known == line), "{restores:?}: {line} is not in {lines:?}");
        }

        let world = changed.open(100).await;
        assert!(world.access("off").await.client().is_disabled(), "{restores:?}");
        let revoked = world.access("revoked").await;
        assert_eq!(world.status(&revoked, &changed.revoked).await, "revoked", "{restores:?}");
        let renewed = world.access("renewed").await;
        assert_ne!(Some(active_key(&renewed)), changed.old_key, "{restores:?}");
        assert!(world.issuer_access("gone").await.is_none(), "{restores:?}");
    }
}

#[tokio::test]
async fn a_name_that_was_registered_again_after_a_restore_left_it_behind_is_the_new_registration_for_good() {
    for steps in [
        &["before", "register", "middle"][..],
        &["before", "register", "before", "middle"],
        &["before", "register", "delete", "middle"],
        &["before", "register", "delete", "before", "middle"],
        &["lose", "before", "register", "middle"],
        &["lose", "before", "register", "middle", "delete", "middle"],
    ] {
        let changed = Changed::new().await;
        let mut expected = None;
        for (step, name) in (1..).zip(steps) {
            match *name {
                "lose" => {
                    std::fs::remove_file(&changed.path).unwrap();
                    let before = changed.folder.path().join("before");
                    assert!(restore(&before, &changed.path, after(10 * step), false).await.marked.is_some());
                    session_floor::accept(&opened(&changed.path), after(10 * step), false).await.unwrap();
                }
                "register" => {
                    let access = changed.open(10 * step).await.client("off", KeyOptions::default()).await;
                    expected = Some(access.client().registration());
                }
                "delete" => {
                    let world = changed.open(10 * step).await;
                    let admin = world.issuer.admin(Some(&world.admin)).await.unwrap();
                    world.issuer.delete_client(&admin, &support::id("off")).await.unwrap();
                    expected = None;
                }
                backup => _ = changed.restore(backup, 10 * step).await,
            }
        }
        let off = changed.open(100).await.issuer_access("off").await;
        assert_eq!(off.map(|access| access.client().registration()), expected, "{steps:?}");
    }
}

/// A disaster, and what was set up after it, meets a later backup that turns up.
#[tokio::test]
async fn a_younger_backup_of_a_copy_that_went_on_elsewhere_brings_back_nothing_that_was_replaced_or_deleted_here()
 {
    let (folder, path) = place();
    let [early, late] = ["early.db", "late.db"].map(|name| folder.path().join(name));
    let store = created(&path);
    let world = World::with(store.clone(), IssuerSettings::default()).await;
    let admin = world.issuer.admin(Some(&world.admin)).await.unwrap();
    let first = world.client("again", KeyOptions::default()).await.client().registration();
    world.client("off", KeyOptions::default()).await;
    store.backup_to(&early).unwrap();
    for _ in 0..100 {
        for enabled in [false, true] {
            world.issuer.switch_client(&admin, &support::id("off"), enabled).await.unwrap();
        }
    }
    store.backup_to(&late).unwrap();
    drop((world, store));

    std::fs::remove_file(&path).unwrap();
    assert!(!witness_beside(&path).exists());
    assert!(restore(&early, &path, after(10), false).await.marked.is_some());
    let store = opened(&path);
    session_floor::accept(&store, after(11), false).await.unwrap();
    let world = World::at(after(20), store, IssuerSettings::default()).await;
    (0..100).for_each(|_| assert!(world.issuer.env().random::<8>().is_ok()));
    let token = BearerSecret::generate(SecretKind::Admin, world.issuer.env()).unwrap();
    world.issuer.set_admin_token(&token).await.unwrap();
    let credentials = Credentials { secret: token, user: None };
    let admin = world.issuer.admin(Some(&credentials)).await.unwrap();
    world.issuer.switch_client(&admin, &support::id("off"), false).await.unwrap();
    world.issuer.delete_client(&admin, &support::id("again")).await.unwrap();
    let access = world.issuer.registration(Some(&credentials)).await.unwrap();
    world.issuer.register(&access, support::id("again"), KeyOptions::default()).await.unwrap();
    drop(world);

    assert_eq!(restore(&late, &path, after(30), false).await.marked, None);
    let issuer = Issuer::open(opened(&path), Env::system(), IssuerSettings::default()).await.unwrap();
    assert!(issuer.admin(Some(&credentials)).await.is_ok(), "the admin token was set here last");
    let client = async |kid| issuer.public_client(&support::id(kid)).await.unwrap().unwrap();
    assert!(client("off").await.is_disabled());
    assert_ne!(client("again").await.registration(), first, "it was deleted");
}

#[tokio::test]
async fn accepting_a_mark_with_its_sessions_brings_back_none_that_an_earlier_mark_revoked() {
    let store = open_memory();
    let world = World::with(store.clone(), IssuerSettings::default()).await;
    let shop = world.client("shop", KeyOptions::default()).await;
    let before_both = world.issue(&shop, "{}");
    drop(world);
    let mut between = None;
    for (seconds, keep_sessions) in [(10, false), (30, true)] {
        rollback::begin(&store, RollbackCause::BehindWitness).await.unwrap();
        let world = World::at(after(seconds), store.clone(), IssuerSettings::default()).await;
        session_floor::accept(&store, after(seconds + 1), keep_sessions).await.unwrap();
        drop(world);
        let world = World::at(after(seconds + 2), store.clone(), IssuerSettings::default()).await;
        let shop = world.access("shop").await;
        between.get_or_insert_with(|| world.issue(&shop, "{}"));
    }
    let world = World::at(after(40), store, IssuerSettings::default()).await;
    let shop = world.access("shop").await;
    assert_eq!(world.status(&shop, &before_both.access_token).await, "revoked");
    assert_eq!(world.status(&shop, &between.unwrap().access_token).await, "active");
}

#[tokio::test]
async fn a_signing_key_stays_deleted_though_the_clock_was_set_back_before_its_deletion() {
    let (folder, path) = place();
    let backup = folder.path().join("backup.db");
    let store = created(&path);
    let world = World::with(store.clone(), IssuerSettings::default()).await;
    let vault = StoreVault::new(store.clone(), world.issuer.env().clone());
    let key = vault.generate(Curve::Ed25519, "ahead").await.unwrap().public_key.hash();
    store.backup_to(&backup).unwrap();
    world.clock.set(Timestamp::from_seconds(START.seconds() - 3600));
    vault.delete(&key).await.unwrap();
    drop((world, store, vault));

    let outcome = restore(&backup, &path, START, false).await;
    assert_eq!(lines(&outcome), [format!("signing key {key}: stays deleted")]);
}

/// The audit trail: number and event of each record.
async fn events(store: &Store) -> Vec<(u64, String)> {
    let page = AuditPage::of(store, 0, 1000).await.unwrap();
    page.records.iter().map(|record| (record.number, record.record.event().to_owned())).collect()
}

#[tokio::test]
async fn no_audit_record_is_lost_by_a_restore() {
    let (folder, path) = place();
    let backup = folder.path().join("backup");
    // Not a `World`: each would draw the same tokens.
    let registered = async |path: &Path, kids: &[&str]| {
        let issuer = Issuer::open(opened(path), Env::system(), IssuerSettings::default()).await.unwrap();
        let secret = BearerSecret::generate(SecretKind::Admin, issuer.env()).unwrap();
        issuer.set_admin_token(&secret).await.unwrap();
        let access = issuer.registration(Some(&Credentials { secret, user: None })).await.unwrap();
        for kid in kids {
            issuer.register(&access, support::id(kid), KeyOptions::default()).await.unwrap();
        }
    };
    drop(created(&path));
    registered(&path, &["a"]).await;
    opened(&path).backup_to(&backup).unwrap();
    registered(&path, &["b", "c"]).await;
    restore(&backup, &path, after(20), true).await;
    let trail = events(&opened(&path)).await;
    let wanted = [
        (1, "admin_token_set"),
        (2, "client_registered"),
        (3, "admin_token_set"),
        (4, "client_registered"),
        (5, "client_registered"),
        (6, "store_restored"),
    ];
    assert_eq!(trail, wanted.map(|(number, event)| (number, event.to_owned())), "they keep their numbers");

    // A copy that went on elsewhere: both trails stay, and the backup's comes first.
    let elsewhere = folder.path().join("elsewhere");
    opened(&path).backup_to(&elsewhere).unwrap();
    registered(&path, &["d"]).await;
    registered(&elsewhere, &["e", "f", "g"]).await;
    restore(&elsewhere, &path, after(40), true).await;
    let page = AuditPage::of(&opened(&path), 6, 1000).await.unwrap();
    let clients: Vec<_> =
        page.records.iter().filter_map(|record| record.record.fields().get("client")).collect();
    assert_eq!(clients, ["e", "f", "g", "d"]);
    let numbers: Vec<u64> = page.records.iter().map(|record| record.number).collect();
    assert_eq!(numbers, (7..=page.last).collect::<Vec<_>>());
}
