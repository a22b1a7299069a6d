//! The folder and its driver: made, locked, moved, dropped, observed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use jwtis_signer::watermark::Watermarks;
use jwtis_signer::watermark::file::{FileError, FileWatermarks, Lost};
use jwtis_signer::watermark::import::{Busy, ImportFault, from_base_dir};
use jwtis_testkit::signer::watermark::{self, NOW, TERMS};
use jwtis_tezos::watermark::{Asked, WatermarkKind};
use tempfile::TempDir;

use super::setup::{CHAIN, KEY, begin_anew, clear, copy_folder, here, open, remove_outer_lock, theirs};

#[tokio::test]
async fn a_new_folder_is_made_with_its_parents_and_closed_to_others() {
    let base = TempDir::new().unwrap();
    let base = base.path().join("a/b");
    let (watermarks, notices) = open(&base).await;
    assert!(notices.is_empty(), "{notices:?}");
    assert_eq!(clear(&watermarks, here(WatermarkKind::Attestation, 120)).await, "advanced");
    watermarks.write_copy().await.unwrap();
    let mode = |path: &str| fs::metadata(base.join(path)).unwrap().permissions().mode() & 0o7777;
    let file = format!("watermark_v2/{CHAIN}.json");
    assert_eq!(mode("watermark_v2") & !0o750, 0);
    let outside = ["watermarks.db.witness", "watermarks.db.witness.lock"];
    for file in ["watermark_v2/.lock", "watermark_v2/watermarks.db", &file].into_iter().chain(outside) {
        assert_eq!(mode(file), 0o600, "{file}");
    }

    let mut names: Vec<_> = fs::read_dir(base.join("watermark_v2"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, [".lock", &format!("{CHAIN}.json"), "watermarks.db", "watermarks.db.lock"]);
    // The folder, its witness, and the lock outside of it.
    assert_eq!(fs::read_dir(&base).unwrap().count(), 3);
    // As Signatory writes it: four spaces, both names, no newline at the end.
    let text = fs::read_to_string(base.join(file)).unwrap();
    assert!(text.starts_with(&format!(
        "{{\n    \"{KEY}\": {{\n        \"attestation\": {{\n            \"level\": 120,"
    )));
    assert!(text.contains("attestation_with_dal") && text.ends_with('}'), "{text}");
}

#[tokio::test]
async fn two_signers_do_not_share_a_folder_and_the_lock_of_earlier_releases_counts() {
    let base = TempDir::new().unwrap();
    let refused = async || {
        let error = FileWatermarks::open(base.path(), Lost::Refuse, NOW, Arc::new(())).await.err().unwrap();
        assert!(matches!(error, FileError::InUse(_)), "{error}");
    };
    let (watermarks, _) = open(base.path()).await;
    refused().await;
    // An earlier release knows this lock and no other.
    let lock = fs::File::open(base.path().join("watermark_v2/.lock")).unwrap();
    lock.try_lock().unwrap_err();
    // Where somebody removes it and the one outside, the engine's own locks are left.
    fs::remove_file(base.path().join("watermark_v2/.lock")).unwrap();
    remove_outer_lock(base.path());
    refused().await;
    drop((watermarks, lock));

    drop(open(base.path()).await);
    let lock = fs::File::open(base.path().join("watermark_v2/.lock")).unwrap();
    lock.try_lock().unwrap();
    refused().await;
    drop(lock);
    drop(open(base.path()).await);
}

#[tokio::test]
async fn a_folder_that_goes_away_clears_nobody_until_it_is_back() {
    let base = TempDir::new().unwrap();
    let (watermarks, _) = open(base.path()).await;
    assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 1)).await, "advanced");
    let (folder, aside) = (base.path().join("watermark_v2"), base.path().join("aside"));
    fs::rename(&folder, &aside).unwrap();
    assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 2)).await, "unavailable");
    assert_eq!(
        clear(&watermarks, here(WatermarkKind::Block, 1)).await,
        "unavailable",
        "not even without a write"
    );
    fs::rename(&aside, &folder).unwrap();
    assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 1)).await, "repeated");
    assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 2)).await, "advanced");
}

#[tokio::test]
async fn a_signer_whose_folder_was_replaced_clears_nothing() {
    let base = TempDir::new().unwrap();
    let (first, _) = open(base.path()).await;
    assert_eq!(clear(&first, here(WatermarkKind::Block, 1)).await, "advanced");
    fs::rename(base.path().join("watermark_v2"), base.path().join("moved")).unwrap();
    remove_outer_lock(base.path());
    let second = begin_anew(base.path()).await;
    assert_eq!(clear(&second, here(WatermarkKind::Block, 4)).await, "advanced");
    for level in [1, 4, 5] {
        assert_eq!(clear(&first, here(WatermarkKind::Block, level)).await, "unavailable");
    }
    first.write_copy().await.unwrap_err();
}

#[tokio::test]
async fn dropping_the_driver_leaves_no_half_watermark_and_gives_the_locks_back() {
    let base = TempDir::new().unwrap();
    for level in 1..20 {
        let (watermarks, _) = open(base.path()).await;
        let asked = here(WatermarkKind::Block, level);
        let _ = tokio::time::timeout(Duration::ZERO, watermarks.clear(&theirs(), &asked, &TERMS, None)).await;
        drop(watermarks);
        let (watermarks, _) = open(base.path()).await;
        let same = clear(&watermarks, asked).await;
        assert!(["advanced", "repeated"].contains(&same), "level {level}: {same}");
        let other =
            Asked { chain: CHAIN.parse().unwrap(), ..watermark::asked(WatermarkKind::Block, level, 0, 2) };
        assert_eq!(clear(&watermarks, other).await, "refused", "level {level}");
    }
}

#[tokio::test]
async fn while_a_signer_runs_no_second_one_starts_on_a_copy_of_its_folder_nor_takes_it_over() {
    let base = TempDir::new().unwrap();
    let (folder, aside) = (base.path().join("watermark_v2"), base.path().join("aside"));
    let (watermarks, _) = open(base.path()).await;
    assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 1)).await, "advanced");
    fs::rename(&folder, &aside).unwrap();
    for is_copied in [false, true] {
        if is_copied {
            copy_folder(&aside, &folder);
        }
        for lost in [Lost::Refuse, Lost::BeginAnew] {
            let second = FileWatermarks::open(base.path(), lost, NOW, Arc::new(())).await;
            assert!(matches!(second.err(), Some(FileError::InUse(_))), "{is_copied}");
        }
        let error = from_base_dir(base.path(), Busy::Refuse).await.unwrap_err();
        assert_eq!(error.fault, ImportFault::InUse, "{is_copied}: {error}");
    }
    fs::remove_dir_all(&folder).unwrap();
    fs::rename(&aside, &folder).unwrap();
    assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 2)).await, "advanced");
}

#[tokio::test]
async fn a_signer_whose_folder_was_away_while_a_copy_went_on_clears_nothing_when_it_is_back() {
    let base = TempDir::new().unwrap();
    let (folder, aside) = (base.path().join("watermark_v2"), base.path().join("aside"));
    let (first, _) = open(base.path()).await;
    assert_eq!(clear(&first, here(WatermarkKind::Block, 1)).await, "advanced");
    // Known to the witness, as after a second.
    first.own_trail().unwrap().backup_to(&base.path().join("backup")).unwrap();
    fs::rename(&folder, &aside).unwrap();
    copy_folder(&aside, &folder);
    remove_outer_lock(base.path());
    let (second, _) = open(base.path()).await;
    assert_eq!(clear(&second, here(WatermarkKind::Block, 2)).await, "advanced");
    drop(second);
    fs::remove_dir_all(&folder).unwrap();
    fs::rename(&aside, &folder).unwrap();
    for level in [1, 2, 3] {
        assert_eq!(clear(&first, here(WatermarkKind::Block, level)).await, "unavailable");
    }
    drop(first);
    let (again, _) = open(base.path()).await;
    assert_eq!(clear(&again, here(WatermarkKind::Block, 3)).await, "rolled back");
}
