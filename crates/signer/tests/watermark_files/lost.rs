//! Watermarks that are gone, damaged or older, and what the operator may do.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use jwtis_signer::watermark::Watermarks;
use jwtis_signer::watermark::file::{FileError, FileWatermarks};
use jwtis_signer::watermark::import::{Busy, ImportFault, from_base_dir};
use jwtis_signer::watermark::store::StoreWatermarks;
use jwtis_testkit::signer::watermark::{JOINED, TERMS};
use jwtis_tezos::watermark::{ChainWatermarks, KeyWatermarks, WatermarkKind};
use tempfile::TempDir;

use super::setup::{
    CHAIN, Loss, begin_anew, clear, copy_folder, engine, here, json, open, refusal, remove_outer_lock,
    signed, theirs,
};

const LOSSES: [Loss; 5] = [
    ("file", |base| fs::remove_file(engine(base)).unwrap(), "watermarks.db is gone"),
    ("folder", |base| fs::remove_dir_all(base.join("watermark_v2")).unwrap(), "watermark_v2 is gone"),
    (
        "folder replaced by an empty one",
        |base| {
            fs::remove_dir_all(base.join("watermark_v2")).unwrap();
            fs::create_dir(base.join("watermark_v2")).unwrap();
        },
        "watermarks.db is gone",
    ),
    ("emptied", |base| fs::write(engine(base), "").unwrap(), "watermarks.db cannot be opened"),
    (
        "cut off",
        |base| fs::File::options().write(true).open(engine(base)).unwrap().set_len(9000).unwrap(),
        "watermarks.db cannot be opened",
    ),
];

#[tokio::test]
async fn watermarks_that_were_there_and_are_gone_or_damaged_are_refused_by_name() {
    for (name, lose, wanted) in LOSSES {
        let base = signed().await;
        lose(base.path());
        for _ in 0..2 {
            let error = refusal(base.path()).await;
            assert!(error.contains(wanted), "{name}: {error}");
        }
    }
}

#[tokio::test]
async fn a_file_has_one_witness_and_one_lock_whichever_link_leads_to_its_folder() {
    let base = signed().await;
    let (folder, older) = (base.path().join("watermark_v2"), fs::read(engine(base.path())).unwrap());
    let (second, copy) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    copy_folder(&folder, &copy.path().join("watermark_v2"));
    let link = second.path().join("watermark_v2");
    symlink(&folder, &link).unwrap();
    let (watermarks, _) = open(second.path()).await;
    assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 10)).await, "advanced");
    // The link leads elsewhere while the signer runs.
    fs::remove_file(&link).unwrap();
    symlink(copy.path().join("watermark_v2"), &link).unwrap();
    assert!(refusal(second.path()).await.contains("in use"));
    assert!(refusal(base.path()).await.contains("in use"));
    drop(watermarks);
    // An older copy is noticed by the folder's own path, too.
    fs::write(engine(base.path()), older).unwrap();
    let (watermarks, _) = open(base.path()).await;
    assert!(watermarks.rolled_back().await.unwrap().is_some());
    drop(watermarks);
    // The file itself is no link.
    fs::rename(engine(base.path()), base.path().join("file.db")).unwrap();
    symlink("../file.db", engine(base.path())).unwrap();
    assert!(refusal(base.path()).await.contains("is a symbolic link"));
    let refused = from_base_dir(base.path(), Busy::ReadCopy).await.unwrap_err();
    assert!(refused.to_string().contains("is a symbolic link"), "{refused}");
}

#[tokio::test]
async fn the_operator_may_begin_anew_and_is_asked_again_the_next_time() {
    for (name, lose, _) in &LOSSES[..3] {
        let base = signed().await;
        lose(base.path());
        let watermarks = begin_anew(base.path()).await;
        // Where the copy is left, it counts.
        let (level, wanted) = if *name == "file" { (9, "refused") } else { (3, "advanced") };
        assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 3)).await, wanted, "{name}");
        assert_eq!(clear(&watermarks, here(WatermarkKind::Block, level + 1)).await, "advanced", "{name}");
        drop(watermarks);
        let (watermarks, _) = open(base.path()).await;
        assert_eq!(clear(&watermarks, here(WatermarkKind::Block, level + 1)).await, "repeated", "{name}");
        drop(watermarks);
        lose(base.path());
        refusal(base.path()).await;
    }
}

#[tokio::test]
async fn an_older_file_signs_nothing_until_the_operator_accepts_it() {
    let base = signed().await;
    let older = fs::read(engine(base.path())).unwrap();
    let (watermarks, _) = open(base.path()).await;
    assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 20)).await, "advanced");
    drop(watermarks);
    fs::write(engine(base.path()), older).unwrap();
    // Whatever is in the copy.
    fs::remove_file(json(base.path())).unwrap();
    for _ in 0..2 {
        let (watermarks, _) = open(base.path()).await;
        for level in [9, 15, 21] {
            assert_eq!(clear(&watermarks, here(WatermarkKind::Block, level)).await, "rolled back");
        }
        let error =
            watermarks.clear(&theirs(), &here(WatermarkKind::Block, 21), &TERMS, None).await.unwrap_err();
        let said = format!("{error} {}", watermarks.rolled_back().await.unwrap().unwrap().hint());
        assert!(said.contains("file of watermarks is older than its witness"), "{said}");
        assert!(said.contains("jwtis watermark raise") && said.contains("--new-watermarks"), "{said}");
    }
    let (watermarks, _) = open(base.path()).await;
    let block = jwtis_tezos::watermark::Watermark::new(20, 0, None);
    let raised =
        ChainWatermarks::from_iter([(theirs(), KeyWatermarks { block, ..KeyWatermarks::default() })]);
    watermarks.raise(CHAIN.parse().unwrap(), &raised, JOINED).await.unwrap();
    drop(watermarks);
    let watermarks = begin_anew(base.path()).await;
    assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 20)).await, "refused");
    assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 21)).await, "advanced");
    drop(watermarks);
    let (watermarks, _) = open(base.path()).await;
    assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 22)).await, "advanced");
}

#[tokio::test]
async fn a_witness_that_somebody_wrote_is_refused_until_the_operator_accepts() {
    let base = signed().await;
    fs::write(base.path().join("watermarks.db.witness"), "jwtis witness 1\n").unwrap();
    assert!(refusal(base.path()).await.contains("watermarks.db.witness"));
    drop(begin_anew(base.path()).await);
    let (watermarks, _) = open(base.path()).await;
    assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 9)).await, "repeated");
}

#[tokio::test]
async fn a_lowered_watermark_stays_lowered() {
    let base = TempDir::new().unwrap();
    let (watermarks, _) = open(base.path()).await;
    assert_eq!(clear(&watermarks, here(WatermarkKind::Block, i32::MAX)).await, "advanced");
    watermarks.write_copy().await.unwrap();
    let lower = jwtis_tezos::watermark::Watermark::new(5, 0, None).unwrap();
    watermarks
        .danger_lower(
            CHAIN.parse().unwrap(),
            theirs(),
            WatermarkKind::Block,
            lower,
            jwtis_testkit::signer::watermark::NOW,
        )
        .await
        .unwrap();
    assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 5)).await, "refused");
    drop(watermarks);
    let (watermarks, _) = open(base.path()).await;
    assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 5)).await, "refused");
    assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 6)).await, "advanced");
}

#[tokio::test]
async fn an_older_file_that_is_accepted_stays_accepted_though_nothing_was_signed() {
    let base = signed().await;
    let older = fs::read(engine(base.path())).unwrap();
    let (watermarks, _) = open(base.path()).await;
    assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 20)).await, "advanced");
    drop(watermarks);
    fs::write(engine(base.path()), older).unwrap();
    drop(begin_anew(base.path()).await);
    let (watermarks, _) = open(base.path()).await;
    assert!(watermarks.rolled_back().await.unwrap().is_none());
}

/// What the driver `store` begins with, and `jwtis watermark export`; and `jwtis watermark show`, which only warns.
#[tokio::test]
async fn a_file_that_went_back_or_is_gone_is_taken_over_by_no_other_driver() {
    let older = async |base: &Path| {
        let image = fs::read(engine(base)).unwrap();
        let (watermarks, _) = open(base).await;
        assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 20)).await, "advanced");
        drop(watermarks);
        fs::write(engine(base), image).unwrap();
    };
    for (loss, wanted) in [
        ("older", "is older than its witness"),
        ("older, and a start has found it", "has gone back to an earlier state"),
        ("file", "watermarks.db is gone"),
        ("file and witness", "watermarks.db is gone"),
        ("folder", "watermarks.db is gone"),
        ("witness", "has a damaged witness"),
    ] {
        let base = signed().await;
        let witness = base.path().join("watermarks.db.witness");
        match loss {
            "older" => older(base.path()).await,
            "file" => fs::remove_file(engine(base.path())).unwrap(),
            "file and witness" => {
                fs::remove_file(engine(base.path())).unwrap();
                fs::remove_file(witness).unwrap();
            }
            "folder" => fs::remove_dir_all(base.path().join("watermark_v2")).unwrap(),
            "witness" => fs::write(witness, "jwtis witness 1\n?").unwrap(),
            _ => {
                older(base.path()).await;
                drop(open(base.path()).await);
            }
        }
        let error = from_base_dir(base.path(), Busy::Refuse).await.map(drop).unwrap_err();
        assert_eq!(error.fault, ImportFault::Lost, "{loss}: {error}");
        assert!(error.to_string().replace(": is", " is").contains(wanted), "{loss}: {error}");
        let shown = from_base_dir(base.path(), Busy::ReadCopy).await.unwrap().unwrap();
        assert!(shown.notices.iter().any(|notice| notice.contains("may be lower")), "{:?}", shown.notices);
        drop(begin_anew(base.path()).await);
        from_base_dir(base.path(), Busy::Refuse).await.unwrap();
    }
}

#[tokio::test]
async fn a_file_that_is_gone_with_its_witness_is_missed_by_the_lock_files() {
    for (name, lose, wanted) in &LOSSES[..3] {
        let base = signed().await;
        lose(base.path());
        fs::remove_file(base.path().join("watermarks.db.witness")).unwrap();
        for _ in 0..2 {
            let error = refusal(base.path()).await;
            assert!(error.contains(wanted), "{name}: {error}");
        }
        drop(begin_anew(base.path()).await);
        drop(open(base.path()).await);
    }
    // By the one in the folder alone, too.
    let base = signed().await;
    fs::remove_file(engine(base.path())).unwrap();
    fs::remove_file(base.path().join("watermarks.db.witness")).unwrap();
    remove_outer_lock(base.path());
    assert!(refusal(base.path()).await.contains("watermarks.db is gone"));
}

#[tokio::test]
async fn a_store_that_has_gone_back_fills_no_file() {
    let store = jwtis_store::open_memory();
    let (base, new) = (signed().await, TempDir::new().unwrap());
    let (kept, _) = open(base.path()).await;
    let (empty, _) = open(new.path()).await;
    let in_store = StoreWatermarks::new(store.clone(), Arc::new(()));
    let refused = async |file: &FileWatermarks| {
        let left = file.left_in(&store).await;
        matches!(left, Err(FileError::StoreWentBack(_))) || {
            left.unwrap();
            false
        }
    };
    assert!(!refused(&kept).await && !refused(&empty).await, "it has not gone back");
    jwtis_base::rollback::begin(&store, jwtis_store::RollbackCause::BehindWitness).await.unwrap();
    assert!(refused(&empty).await, "what it held, nobody knows");
    assert!(!refused(&kept).await, "it keeps limits alone");
    let block = jwtis_tezos::watermark::Watermark::new(5, 0, None);
    let raised =
        ChainWatermarks::from_iter([(theirs(), KeyWatermarks { block, ..KeyWatermarks::default() })]);
    in_store.raise(CHAIN.parse().unwrap(), &raised, JOINED).await.unwrap();
    assert!(refused(&empty).await && refused(&kept).await);
}
