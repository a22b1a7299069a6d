//! Signatory's copy, both ways.

use std::collections::BTreeMap;
use std::fs;

use jwtis_signer::watermark::Watermarks;
use jwtis_signer::watermark::copy::export;
use jwtis_signer::watermark::file::FileError;
use jwtis_signer::watermark::import::{Busy, from_base_dir};
use jwtis_signer::watermark::mem::MemWatermarks;
use jwtis_testkit::signer::watermark::JOINED;
use jwtis_tezos::watermark::WatermarkKind;

use super::setup::{CHAIN, clear, copied, engine, here, json, open, put, refusal, signed, v2};

#[tokio::test]
async fn the_copy_follows_when_it_is_written_and_a_kill_before_that_forgets_nothing() {
    let base = signed().await;
    let (watermarks, _) = open(base.path()).await;
    assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 10)).await, "advanced");
    assert_eq!(copied(base.path()), Some(9), "the copy is written once a second");
    // A killed process writes no copy.
    drop(watermarks);
    let (watermarks, _) = open(base.path()).await;
    assert_eq!(copied(base.path()), Some(10), "a start brings it up to date");
    assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 10)).await, "repeated");
    assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 11)).await, "advanced");
    watermarks.write_copy().await.unwrap();
    assert_eq!(copied(base.path()), Some(11));
    let ino = || std::os::unix::fs::MetadataExt::ino(&fs::metadata(json(base.path())).unwrap());
    let before = ino();
    watermarks.write_copy().await.unwrap();
    assert_eq!(ino(), before, "where nothing moved, nothing is written");
}

#[tokio::test]
async fn what_signatory_signed_in_between_is_taken_over_and_its_files_put_back_lower_nothing() {
    let base = signed().await;
    put(base.path(), &format!("watermark_v2/{CHAIN}.json"), v2(30));
    let (watermarks, notices) = open(base.path()).await;
    assert!(notices.iter().any(|notice| notice.contains("had higher watermarks")), "{notices:?}");
    assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 30)).await, "refused");
    assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 31)).await, "advanced");
    drop(watermarks);
    for text in [v2(5), "{}".to_owned()] {
        put(base.path(), &format!("watermark_v2/{CHAIN}.json"), text);
        let (watermarks, _) = open(base.path()).await;
        assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 30)).await, "refused");
        assert_eq!(copied(base.path()), Some(31));
    }
    fs::remove_file(json(base.path())).unwrap();
    let (watermarks, _) = open(base.path()).await;
    assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 31)).await, "repeated");
    assert_eq!(copied(base.path()), Some(31));
}

#[tokio::test]
async fn a_copy_that_a_power_cut_left_blank_is_written_anew_and_a_damaged_one_is_refused() {
    for blank in [Vec::new(), vec![0; 4096]] {
        let base = signed().await;
        fs::write(json(base.path()), blank).unwrap();
        let (watermarks, notices) = open(base.path()).await;
        assert!(notices.iter().any(|notice| notice.contains("is blank")), "{notices:?}");
        assert_eq!(copied(base.path()), Some(9));
        assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 9)).await, "repeated");
    }
    // Signatory may have written it.
    let base = signed().await;
    fs::write(json(base.path()), &v2(9)[..40]).unwrap();
    assert!(refusal(base.path()).await.contains("NetXo5iVw1vBoxM.json: not a watermark file"));
}

#[tokio::test]
async fn an_export_after_a_power_cut_writes_what_the_copy_lacks() {
    let base = signed().await;
    let (watermarks, _) = open(base.path()).await;
    assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 10)).await, "advanced");
    assert!(matches!(export(base.path(), &BTreeMap::new()), Err(FileError::InUse(_))));
    drop(watermarks);
    for left in [v2(9), String::new()] {
        fs::write(json(base.path()), left).unwrap();
        let found = from_base_dir(base.path(), Busy::Refuse).await.unwrap().unwrap();
        let (_, after) = export(base.path(), &found.watermarks).unwrap();
        assert_eq!((copied(base.path()), after), (Some(10), found.watermarks));
    }
}

#[tokio::test]
async fn a_driver_that_was_another_before_takes_over_the_last_watermark_and_not_the_copy() {
    let base = signed().await;
    let (watermarks, _) = open(base.path()).await;
    assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 10)).await, "advanced");
    let refused = from_base_dir(base.path(), Busy::Refuse).await.unwrap_err().to_string();
    assert!(refused.contains("watermarks.db") && refused.contains("in use"), "{refused}");
    let found = from_base_dir(base.path(), Busy::ReadCopy).await.unwrap().unwrap();
    assert!(found.notices.iter().any(|notice| notice.contains("a second old")), "{:?}", found.notices);
    drop(watermarks);
    let image = fs::read(engine(base.path())).unwrap();
    let found = from_base_dir(base.path(), Busy::Refuse).await.unwrap().unwrap();
    let imported = MemWatermarks::default();
    found.raise(&imported, JOINED).await.unwrap();
    assert_eq!(clear(&imported, here(WatermarkKind::Block, 10)).await, "repeated");
    assert!(fs::read(engine(base.path())).unwrap() == image, "it is only read");
}
