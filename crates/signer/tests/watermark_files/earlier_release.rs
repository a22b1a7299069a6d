//! A folder that the release before the engine left.

use std::fs;

use jwtis_signer::watermark::Watermarks;
use jwtis_tezos::ChainId;
use jwtis_tezos::watermark::{Pace, WatermarkKind};
use tempfile::TempDir;

use super::setup::{CHAIN, Loss, begin_anew, clear, engine, here, json, open, put, refusal, theirs, v2};

/// A folder as the release before the engine left it: Signatory's file with `level`, the times and the witness.
fn left_by_earlier_release(level: i32) -> TempDir {
    let base = TempDir::new().unwrap();
    let tagged: String = theirs().to_tagged().iter().map(|byte| format!("{byte:02x}")).collect();
    put(base.path(), "watermark_v2/.lock", "");
    put(base.path(), &format!("watermark_v2/{CHAIN}.json"), v2(level));
    put(
        base.path(),
        &format!("watermark_v2/{CHAIN}.times"),
        format!("jwtis watermark times 1\n{tagged} block 9 0 1799999999000 1799999999500 700\nend 1\n"),
    );
    put(base.path(), "watermark_v2.witness", format!("jwtis watermark witness 1\n{CHAIN}\nend 1\n"));
    base
}

#[tokio::test]
async fn a_folder_of_an_earlier_release_is_joined_with_its_times_which_then_are_gone() {
    // Where only the times had moved before a kill, they stand; where Signatory was there since, its time is unknown.
    let known = Some(Pace::kept(1_799_999_999_000, 1_799_999_999_500, 700));
    for (level, stands, pace) in [(9, 9, known), (8, 9, known), (12, 12, None)] {
        let base = left_by_earlier_release(level);
        for _ in 0..2 {
            let (watermarks, _) = open(base.path()).await;
            let all = watermarks.all().await.unwrap();
            let of_key = all[&CHAIN.parse::<ChainId>().unwrap()].get(&theirs()).unwrap();
            let block = of_key.block.unwrap();
            assert_eq!((block.level(), block.pace().copied()), (stands, pace), "{level}");
            assert_eq!(clear(&watermarks, here(WatermarkKind::Block, stands)).await, "refused");
            for gone in [format!("watermark_v2/{CHAIN}.times"), "watermark_v2.witness".to_owned()] {
                assert!(!base.path().join(gone).exists());
            }
        }
    }
}

#[tokio::test]
async fn what_an_earlier_release_would_have_missed_is_missed_at_the_first_start() {
    let losses: [Loss; 6] = [
        ("file removed", |base| fs::remove_file(json(base)).unwrap(), "NetXo5iVw1vBoxM.json is gone"),
        (
            "file without keys",
            |base| fs::write(json(base), "{}").unwrap(),
            "NetXo5iVw1vBoxM.json has no watermarks",
        ),
        (
            "times removed",
            |base| fs::remove_file(base.join(format!("watermark_v2/{CHAIN}.times"))).unwrap(),
            "NetXo5iVw1vBoxM.times is gone",
        ),
        (
            "folder removed",
            |base| fs::remove_dir_all(base.join("watermark_v2")).unwrap(),
            "watermark_v2 is gone",
        ),
        (
            "times damaged",
            |base| fs::write(base.join(format!("watermark_v2/{CHAIN}.times")), "?").unwrap(),
            "NetXo5iVw1vBoxM.times",
        ),
        (
            "witness damaged",
            |base| fs::write(base.join("watermark_v2.witness"), "").unwrap(),
            "watermark_v2.witness",
        ),
    ];
    for (name, lose, wanted) in losses {
        let base = left_by_earlier_release(9);
        lose(base.path());
        for _ in 0..2 {
            let error = refusal(base.path()).await;
            assert!(error.contains(wanted), "{name}: {error}");
        }
        assert!(!engine(base.path()).exists(), "{name}");
        if !name.ends_with("damaged") {
            drop(begin_anew(base.path()).await);
            drop(open(base.path()).await);
        }
    }
}
