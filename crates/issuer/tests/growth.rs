//! The store file stops growing: what expires makes room for what comes.

use std::fs;

use jwtis_issuer::{IssuerSettings, KeyOptions};
use jwtis_store::{KdfParams, create_redb};
use jwtis_testkit::issuer::{World, lives, rotating};

const SESSIONS: usize = 200;
/// Lives of tokens, in hours. Records stay a day longer.
const LIFE: u64 = 1;

#[tokio::test(flavor = "multi_thread")]
async fn the_store_file_stops_growing_when_sessions_come_and_expire() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.db");
    let store = create_redb(&path, &"p".into(), KdfParams::cheap_for_tests()).unwrap();
    let world = World::with(store, IssuerSettings::default()).await;
    let options = KeyOptions { refresh_strategy: rotating().refresh_strategy, ..lives(LIFE, LIFE) };
    let access = world.client("shop", options).await;
    let mut sizes = Vec::new();
    for _ in 0..6 {
        for number in 0..SESSIONS {
            let tokens = world.issue(&access, &format!(r#"{{"sub":"u{number}"}}"#));
            world.renew(&access, &tokens.refresh_token).await.unwrap();
            if number % 8 == 0 {
                world.revoke(&access, "id", &tokens).await.unwrap();
            }
        }
        world.seconds_pass((LIFE + 25) * 3600);
        assert_eq!(world.housekeeping().await.unwrap().expired_records_deleted, SESSIONS);
        sizes.push(fs::metadata(&path).unwrap().len());
    }
    // How full pages are depends on random ids and on which commits came together, and audit records of revocations stay. Without room
    // made, each round would add as much again: four times as much in the end.
    let most = sizes[0] * 2;
    assert!(sizes[1..].iter().all(|size| *size <= most), "{sizes:?}");
}
