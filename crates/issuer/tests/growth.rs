//! The store file stops growing: what expires makes room for what comes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod support;

use std::fs;

use jwtis_base::Ttl;
use jwtis_issuer::housekeeping::HousekeepingCursor;
use jwtis_issuer::{IssuerSettings, KeyOptions, RefreshStrategy, RevokeTarget};
use jwtis_store::{KdfParams, create_redb};
use support::World;

const SESSIONS: usize = 200;
/// Lives of refresh tokens, in hours; records stay a day longer.
const LIFE: u64 = 1;

#[tokio::test(flavor = "multi_thread")]
async fn the_store_file_stops_growing_when_sessions_come_and_expire() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.db");
    let store = create_redb(&path, &"p".into(), KdfParams::cheap_for_tests()).unwrap();
    let world = World::with(store, IssuerSettings::default()).await;
    let options = KeyOptions {
        auth_ttl: Some(Ttl::from_hours(LIFE)),
        refresh_ttl: Some(Ttl::from_hours(LIFE)),
        refresh_strategy: Some(RefreshStrategy::RefreshBoth),
        ..KeyOptions::default()
    };
    let access = world.client("shop", options).await;
    let mut sizes = Vec::new();
    for _ in 0..6 {
        for number in 0..SESSIONS {
            let tokens = world.issue(&access, &format!(r#"{{"sub":"u{number}"}}"#));
            world.renew(&access, &tokens.refresh_token).await.unwrap();
            if number % 8 == 0 {
                let id = tokens.session.uuid().to_string();
                world.issuer.revoke(&access, RevokeTarget::Session(&id)).await.unwrap();
            }
        }
        world.seconds_pass((LIFE + 25) * 3600);
        let deleted = housekeeping(&world).await;
        assert_eq!(deleted, SESSIONS);
        sizes.push(fs::metadata(&path).unwrap().len());
    }
    // How full pages are depends on random ids and on which commits came together, and audit records of revocations stay. Without room
    // made, each round would add as much again: four times as much in the end.
    let most = sizes[0] * 2;
    assert!(sizes[1..].iter().all(|size| *size <= most), "{sizes:?}");
}

async fn housekeeping(world: &World) -> usize {
    let mut cursor = HousekeepingCursor::default();
    let mut deleted = 0;
    loop {
        let (next, report) = world.issuer.housekeeping_step(cursor).await.unwrap();
        deleted += report.expired_records_deleted;
        cursor = next;
        if report.pass_complete.is_some() {
            return deleted;
        }
    }
}
