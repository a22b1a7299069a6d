//! Several restores, one after the other, and copies that went on elsewhere.

use std::path::PathBuf;

use jwtis_base::rollback::takeover::TakeOver;
use jwtis_base::{BearerSecret, Env, SecretKind};
use jwtis_issuer::{
    ClientAccess, Credentials, Issuer, IssuerSettings, KeyOptions, RevokeTarget, session_floor,
};
use jwtis_jose::Jwk;
use jwtis_signer::vault::store::StoreVault;
use jwtis_store::witness_beside;
use jwtis_testkit::issuer::{World, id};
use jwtis_testkit::signer::new_key;
use jwtis_tezos::Curve;

use crate::setup::{after, created, lines, opened, place, restore};

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
    world.issuer.delete_client(&admin, &id("gone")).await.unwrap();
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
        world.issuer.switch_client(&admin, &id("off"), false).await.unwrap();
        world.issuer.revoke(&world.access("revoked").await, RevokeTarget::All).await.unwrap();
        world.issuer.renew_keys(&world.access("renewed").await, KeyOptions::default()).await.unwrap();
        world.issuer.delete_client(&admin, &id("gone")).await.unwrap();
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
                    world.issuer.delete_client(&admin, &id("off")).await.unwrap();
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
            world.issuer.switch_client(&admin, &id("off"), enabled).await.unwrap();
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
    world.issuer.switch_client(&admin, &id("off"), false).await.unwrap();
    world.issuer.delete_client(&admin, &id("again")).await.unwrap();
    let access = world.issuer.registration(Some(&credentials)).await.unwrap();
    world.issuer.register(&access, id("again"), KeyOptions::default()).await.unwrap();
    drop(world);

    assert_eq!(restore(&late, &path, after(30), false).await.marked, None);
    let issuer = Issuer::open(opened(&path), Env::system(), IssuerSettings::default()).await.unwrap();
    assert!(issuer.admin(Some(&credentials)).await.is_ok(), "the admin token was set here last");
    let client = async |kid| issuer.public_client(&id(kid)).await.unwrap().unwrap();
    assert!(client("off").await.is_disabled());
    assert_ne!(client("again").await.registration(), first, "it was deleted");
}
