//! Watermarks that are gone, damaged or older, and what the operator may do.

use std::fs;

use jwtis_signer::watermark::Watermarks;
use jwtis_tezos::watermark::format::ChainMarks;
use jwtis_tezos::watermark::{KeyMarks, WatermarkKind};
use tempfile::TempDir;

use crate::setup::{CHAIN, Loss, begin_anew, clear, engine, here, json, open, refusal, signed, theirs};
use crate::support::TERMS;

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
async fn the_operator_may_begin_anew_and_is_asked_again_the_next_time() {
    for (name, lose, _) in &LOSSES[..3] {
        let base = signed().await;
        lose(base.path());
        let marks = begin_anew(base.path()).await;
        // Where the copy is left, it counts.
        let (level, wanted) = if *name == "file" { (9, "refused") } else { (3, "advanced") };
        assert_eq!(clear(&marks, here(WatermarkKind::Block, 3)).await, wanted, "{name}");
        assert_eq!(clear(&marks, here(WatermarkKind::Block, level + 1)).await, "advanced", "{name}");
        drop(marks);
        let (marks, _) = open(base.path()).await;
        assert_eq!(clear(&marks, here(WatermarkKind::Block, level + 1)).await, "repeated", "{name}");
        drop(marks);
        lose(base.path());
        refusal(base.path()).await;
    }
}

#[tokio::test]
async fn an_older_file_signs_nothing_until_the_operator_accepts_it() {
    let base = signed().await;
    let older = fs::read(engine(base.path())).unwrap();
    let (marks, _) = open(base.path()).await;
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 20)).await, "advanced");
    drop(marks);
    fs::write(engine(base.path()), older).unwrap();
    // Whatever is in the copy.
    fs::remove_file(json(base.path())).unwrap();
    for _ in 0..2 {
        let (marks, _) = open(base.path()).await;
        for level in [9, 15, 21] {
            assert_eq!(clear(&marks, here(WatermarkKind::Block, level)).await, "rolled back");
        }
        let error = marks.clear(&theirs(), &here(WatermarkKind::Block, 21), &TERMS, None).await.unwrap_err();
        let said = format!("{error} {}", marks.rolled_back().await.unwrap().unwrap().hint());
        assert!(said.contains("file of watermarks is older than its witness"), "{said}");
        assert!(said.contains("jwtis watermark raise") && said.contains("--new-watermarks"), "{said}");
    }
    let (marks, _) = open(base.path()).await;
    let block = jwtis_tezos::watermark::Mark::new(20, 0, None);
    let raised = ChainMarks::from_iter([(theirs(), KeyMarks { block, ..KeyMarks::default() })]);
    marks.raise(CHAIN.parse().unwrap(), &raised, None).await.unwrap();
    drop(marks);
    let marks = begin_anew(base.path()).await;
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 20)).await, "refused");
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 21)).await, "advanced");
    drop(marks);
    let (marks, _) = open(base.path()).await;
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 22)).await, "advanced");
}

#[tokio::test]
async fn a_witness_that_somebody_wrote_is_refused_until_the_operator_accepts() {
    let base = signed().await;
    fs::write(base.path().join("watermarks.db.witness"), "jwtis witness 1\n").unwrap();
    assert!(refusal(base.path()).await.contains("watermarks.db.witness"));
    drop(begin_anew(base.path()).await);
    let (marks, _) = open(base.path()).await;
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 9)).await, "repeated");
}

#[tokio::test]
async fn a_lowered_watermark_stays_lowered() {
    let base = TempDir::new().unwrap();
    let (marks, _) = open(base.path()).await;
    assert_eq!(clear(&marks, here(WatermarkKind::Block, i32::MAX)).await, "advanced");
    marks.write_copy().await.unwrap();
    let lower = jwtis_tezos::watermark::Mark::new(5, 0, None).unwrap();
    marks
        .danger_lower(
            CHAIN.parse().unwrap(),
            theirs(),
            WatermarkKind::Block,
            lower,
            jwtis_base::Timestamp::from_seconds(1_800_000_000),
        )
        .await
        .unwrap();
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 5)).await, "refused");
    drop(marks);
    let (marks, _) = open(base.path()).await;
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 5)).await, "refused");
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 6)).await, "advanced");
}

#[tokio::test]
async fn an_older_file_that_is_accepted_stays_accepted_though_nothing_was_signed() {
    let base = signed().await;
    let older = fs::read(engine(base.path())).unwrap();
    let (marks, _) = open(base.path()).await;
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 20)).await, "advanced");
    drop(marks);
    fs::write(engine(base.path()), older).unwrap();
    drop(begin_anew(base.path()).await);
    let (marks, _) = open(base.path()).await;
    assert!(marks.rolled_back().await.unwrap().is_none());
}
