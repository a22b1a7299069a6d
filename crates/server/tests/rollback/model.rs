//! Random stories of clients, backups and restores, held against a model that remembers every answer: a restore loses no answer without
//! marking the store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jwtis::app::takeover::take_over;
use jwtis_base::{BearerSecret, ClientId, Clock as _, Entropy, Env, NoEntropy, RegistrationId, SecretKind};
use jwtis_issuer::{
    AdminAccess, Credentials, Issuer, IssuerSettings, KeyOptions, RenewKeysError, RevokeTarget, Verification,
    session_floor,
};
use jwtis_jose::Jwk;
use jwtis_store::{KdfParams, Restoration, create_redb, open_redb, witness_beside};
use jwtis_testkit::clock::ManualClock;
use jwtis_testkit::issuer::{START, id, issue};

const STORIES: u64 = 60;
const STEPS: u64 = 40;
const NAMES: [&str; 2] = ["shop", "till"];

/// Numbers that are the same in every run (SplitMix64), and never the same twice in one story.
struct Numbers(AtomicU64);

impl Numbers {
    fn next(&self) -> u64 {
        let state = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }
}

impl Entropy for Numbers {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        for chunk in bytes.chunks_mut(8) {
            let number = self.next().to_be_bytes();
            chunk.copy_from_slice(&number[..chunk.len()]);
        }
        Ok(())
    }
}

/// What was answered about one registration.
#[derive(Clone, Default)]
struct Registration {
    disabled: bool,
    deleted: bool,
    /// Access tokens that are not revoked, and those that are.
    tokens: Vec<String>,
    revoked: Vec<String>,
    /// Keys that a renewal replaced.
    retired: Vec<Jwk>,
}

/// What was answered so far.
#[derive(Clone, Default)]
struct Model {
    registrations: BTreeMap<RegistrationId, Registration>,
    /// Whether the name was deleted, and not registered since.
    deleted: BTreeMap<&'static str, bool>,
    /// Which of the admin tokens was set last.
    admin: usize,
}

struct Story {
    numbers: Arc<Numbers>,
    clock: Arc<ManualClock>,
    folder: tempfile::TempDir,
    backups: Vec<(PathBuf, Model)>,
    model: Model,
    /// In the order in which they were set.
    admin_tokens: Vec<String>,
    /// For whoever reads why it failed.
    told: Vec<String>,
}

impl Story {
    fn store(&self) -> PathBuf {
        self.folder.path().join("store.db")
    }

    async fn open(&self) -> Issuer {
        let env = Env::new(self.clock.clone(), self.numbers.clone());
        let store = open_redb(&self.store(), &"p".into()).unwrap();
        Issuer::open(store, env, IssuerSettings::default()).await.unwrap()
    }

    fn credentials(&self) -> Credentials {
        credentials(&self.admin_tokens[self.model.admin])
    }

    async fn admin(&self, issuer: &Issuer) -> AdminAccess {
        issuer.admin(Some(&self.credentials())).await.unwrap()
    }

    /// The admin token in force is the one that was set last, or a later one of the side that was lost.
    async fn find_admin_token(&mut self, issuer: &Issuer) {
        let mut found = 0;
        while issuer.admin(Some(&credentials(&self.admin_tokens[found]))).await.is_err() {
            found += 1;
        }
        assert!(found >= self.model.admin, "a replaced admin token is in force after {:#?}", self.told);
        self.model.admin = found;
    }

    async fn set_admin_token(&mut self, issuer: &Issuer) {
        let secret = BearerSecret::generate(SecretKind::Admin, issuer.env()).unwrap();
        issuer.set_admin_token(&secret).await.unwrap();
        self.model.admin = self.admin_tokens.len();
        self.admin_tokens.push(secret.reveal().to_owned());
    }

    /// One step over an open store.
    async fn act(&mut self, issuer: &Issuer, name: &'static str) {
        let kid: ClientId = id(name);
        let credentials = self.credentials();
        let admin = self.admin(issuer).await;
        let Ok(access) = issuer.client_access(Some(&credentials), &kid).await else {
            let registration = issuer.registration(Some(&credentials)).await.unwrap();
            let made = issuer.register(&registration, kid, KeyOptions::default()).await.unwrap();
            self.told.push(format!("register {name}"));
            self.model.registrations.insert(made.client.registration(), Registration::default());
            self.model.deleted.insert(name, false);
            return;
        };
        let client = access.client().clone();
        let known = self.model.registrations.entry(client.registration()).or_default();
        let step = match self.numbers.below(7) {
            0 => {
                issuer.switch_client(&admin, &kid, false).await.unwrap();
                known.disabled = true;
                "disable"
            }
            1 => {
                issuer.switch_client(&admin, &kid, true).await.unwrap();
                known.disabled = false;
                "enable"
            }
            2 => {
                issuer.revoke(&access, RevokeTarget::All).await.unwrap();
                known.revoked.append(&mut known.tokens);
                "revoke all of"
            }
            3 => match issuer.renew_keys(&access, KeyOptions::default()).await {
                Ok(_) => {
                    known.retired.push(client.keys().active().public_signing_key().clone());
                    "renew keys of"
                }
                Err(RenewKeysError::Disabled | RenewKeysError::TooManyKeySets) => "renew no keys of",
                Err(error) => panic!("{error}"),
            },
            4 => {
                issuer.delete_client(&admin, &kid).await.unwrap();
                known.deleted = true;
                self.model.deleted.insert(name, true);
                "delete"
            }
            5 => {
                self.set_admin_token(issuer).await;
                "set the admin token beside"
            }
            _ => {
                if let Ok(tokens) = issuer.issue(&access, issue("{}")) {
                    known.tokens.push(tokens.access_token);
                }
                "issue for"
            }
        };
        self.told.push(format!("{step} {name}"));
    }

    /// Puts a backup in place of the store; `lost` has the store and its witness disappear before, and accepts the mark.
    async fn restore(&mut self, lost: bool) {
        let chosen = self.numbers.below(self.backups.len());
        let (backup, then) = self.backups[chosen].clone();
        self.told
            .push(format!("{} backup {chosen}", if lost { "lose the store, restore" } else { "restore" }));
        let (target, witness) = (self.store(), witness_beside(&self.store()));
        if lost {
            std::fs::remove_file(&target).unwrap();
            // Only a restore has written one.
            std::fs::remove_file(&witness).ok();
        }
        let restoration = Restoration::prepare(&backup, &target, &witness, &"p".into()).unwrap();
        let outcome = take_over(&restoration, self.clock.now(), false).await.unwrap();
        let aside = restoration.finish().unwrap().kept_aside;
        assert_eq!(outcome.marked.is_some(), lost, "{:#?}", self.told);
        if lost {
            session_floor::accept(&open_redb(&target, &"p".into()).unwrap(), self.clock.now(), false)
                .await
                .unwrap();
            self.model = then;
        }
        if let Some(aside) = aside {
            self.backups.push((aside, self.model.clone()));
        }
    }

    /// Nothing that was answered is undone.
    async fn check(&mut self, issuer: &Issuer) {
        self.find_admin_token(issuer).await;
        let told = &self.told;
        for name in NAMES {
            let Some(client) = issuer.public_client(&id(name)).await.unwrap() else { continue };
            // Registered on the side that was lost: nothing was answered about it here.
            let Some(known) = self.model.registrations.get(&client.registration()) else { continue };
            assert!(!known.deleted, "{name} is back after {told:#?}");
            assert!(self.model.deleted.get(name) != Some(&true), "the name {name} is back after {told:#?}");
            assert!(client.is_disabled() || !known.disabled, "{name} is enabled after {told:#?}");
            let active = client.keys().active().public_signing_key();
            assert!(!known.retired.contains(active), "{name} has retired keys after {told:#?}");
            let access = issuer.client_access(Some(&self.credentials()), &id(name)).await.unwrap();
            for token in &known.revoked {
                let answer = issuer.verify(&access, token, None).await.unwrap();
                assert!(
                    matches!(answer, Verification::Inactive(_)),
                    "{name} has a token back after {told:#?}"
                );
            }
        }
    }
}

fn credentials(token: &str) -> Credentials {
    Credentials { secret: BearerSecret::parse(token).unwrap(), user: None }
}

fn backup_of(issuer: &Issuer, path: &Path) {
    issuer.store().backup_to(path).unwrap();
}

#[tokio::test]
async fn no_sequence_of_restores_undoes_what_was_answered() {
    for seed in 0..STORIES {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let mut story = Story {
            numbers: Arc::new(Numbers(AtomicU64::new(seed))),
            clock: ManualClock::at(START),
            folder,
            backups: Vec::new(),
            model: Model::default(),
            admin_tokens: Vec::new(),
            told: vec![format!("seed {seed}")],
        };
        drop(create_redb(&story.store(), &"p".into(), KdfParams::cheap_for_tests()).unwrap());
        let issuer = story.open().await;
        story.set_admin_token(&issuer).await;
        let empty = story.folder.path().join("empty.db");
        backup_of(&issuer, &empty);
        story.backups.push((empty, story.model.clone()));
        let mut issuer = Some(issuer);
        for step in 0..STEPS {
            story.clock.advance(Duration::from_secs(5));
            match story.numbers.below(10) {
                0 => {
                    let path = story.folder.path().join(format!("{step}.db"));
                    story.told.push(format!("backup {}", story.backups.len()));
                    backup_of(issuer.as_ref().unwrap(), &path);
                    story.backups.push((path, story.model.clone()));
                }
                1 | 2 => {
                    drop(issuer.take());
                    // Every third story has a disaster now and then.
                    let lost = seed % 3 == 0 && story.numbers.below(4) == 0;
                    story.restore(lost).await;
                    let opened = story.open().await;
                    story.check(&opened).await;
                    issuer = Some(opened);
                }
                number => story.act(issuer.as_ref().unwrap(), NAMES[number % NAMES.len()]).await,
            }
        }
    }
}
