//! Files of Signatory, of every version: read, joined, refused.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use jwtis_signer::watermark::Watermarks;
use jwtis_signer::watermark::import::{Busy, from_base_dir, from_folder};
use jwtis_signer::watermark::mem::MemWatermarks;
use jwtis_testkit::signer::watermark::JOINED;
use jwtis_tezos::ChainId;
use jwtis_tezos::watermark::WatermarkKind;
use tempfile::TempDir;

use super::setup::{CHAIN, KEY, clear, here, json, open, put, refusal, theirs, v0, v1, v2};

#[tokio::test]
async fn what_is_no_watermark_is_refused_at_the_start_by_the_name_of_its_file() {
    let long = format!("{}{}", v2(1), " ".repeat(17 << 20));
    for (name, text, wanted) in [
        ("mainnet.json", v2(1).into_bytes(), "mainnet.json: the name is of no network"),
        (".json", v2(1).into_bytes(), ".json: the name is of no network"),
        ("NetXo5iVw1vBoxM.json", b"{".to_vec(), "NetXo5iVw1vBoxM.json: not a watermark file"),
        ("NetXo5iVw1vBoxM.json", Vec::new(), "NetXo5iVw1vBoxM.json: not a watermark file"),
        ("NetXo5iVw1vBoxM.json", b"\xff".to_vec(), "NetXo5iVw1vBoxM.json"),
        ("NetXo5iVw1vBoxM.json", v1(1).into_bytes(), "NetXo5iVw1vBoxM.json"),
        ("NetXo5iVw1vBoxM.json", v2(-1).into_bytes(), "negative"),
        ("NetXo5iVw1vBoxM.json", long.into_bytes(), "longer than"),
    ] {
        let base = TempDir::new().unwrap();
        put(base.path(), &format!("watermark_v2/{name}"), &text);
        let error = refusal(base.path()).await;
        assert!(error.contains(wanted) && error.contains(name), "{name}: {error}");
        assert_eq!(
            fs::read(base.path().join("watermark_v2").join(name)).unwrap(),
            text,
            "it is left as it is"
        );
    }
    let base = TempDir::new().unwrap();
    symlink("nowhere", base.path().join("watermark_v2")).unwrap();
    assert!(refusal(base.path()).await.contains("is not a folder"));
}

#[tokio::test]
async fn a_file_behind_a_link_is_read_and_one_that_is_not_json_is_passed_over() {
    for folder in ["watermark_v2", "watermark_v1", "watermark"] {
        let base = TempDir::new().unwrap();
        let text = match folder {
            "watermark_v2" => v2(100),
            "watermark_v1" => v1(100),
            _ => v0(100),
        };
        put(base.path(), "outside", &text);
        put(base.path(), &format!("{folder}/README"), "?");
        let link = base.path().join(format!("{folder}/{CHAIN}.json"));
        symlink("../outside", &link).unwrap();

        assert!(from_folder(&base.path().join(folder)).unwrap().notices[0].contains("is a link"), "{folder}");
        let (watermarks, notices) = open(base.path()).await;
        assert!(
            notices.iter().any(|notice| notice.contains(CHAIN) && notice.contains("is a link")),
            "{notices:?}"
        );
        assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 100)).await, "refused", "{folder}");
        // The copy takes the place of the link, and nothing is written behind it.
        watermarks.write_copy().await.unwrap();
        assert_eq!(fs::read_to_string(base.path().join("outside")).unwrap(), text);
        assert!(fs::symlink_metadata(json(base.path())).unwrap().is_file());
    }
}

#[tokio::test]
async fn an_entry_with_a_json_name_that_is_no_file_stops_the_start() {
    type Make = fn(&Path);
    let makes: [(&str, Make); 4] = [
        ("a dangling link", |path| symlink("nowhere", path).unwrap()),
        ("a link to a folder", |path| symlink(".", path).unwrap()),
        ("a folder", |path| fs::create_dir(path).unwrap()),
        ("a socket", |path| drop(std::os::unix::net::UnixListener::bind(path).unwrap())),
    ];
    for (what, make) in makes {
        for folder in ["watermark_v2", "watermark_v1", "watermark"] {
            let base = TempDir::new().unwrap();
            fs::create_dir(base.path().join(folder)).unwrap();
            make(&base.path().join(format!("{folder}/{CHAIN}.json")));
            let said = [
                refusal(base.path()).await,
                from_folder(&base.path().join(folder)).unwrap_err().to_string(),
                from_base_dir(base.path(), Busy::Refuse).await.unwrap_err().to_string(),
            ];
            for said in said {
                assert!(said.contains(CHAIN) && said.contains("is not a regular file"), "{what}: {said}");
            }
        }
    }
}

#[tokio::test]
async fn older_folders_are_taken_over_and_kept() {
    let level = 50;
    for (name, files, kinds) in [
        ("v1", vec![("watermark_v1", v1(level))], 3),
        ("v0", vec![("watermark", v0(level))], 2),
        ("v1 above v0", vec![("watermark_v1", v1(level)), ("watermark", v0(9))], 3),
        ("v0 above v1", vec![("watermark_v1", v1(9)), ("watermark", v0(level))], 2),
        ("v1 without watermarks", vec![("watermark_v1", "{}".to_owned()), ("watermark", v0(level))], 2),
    ] {
        let base = TempDir::new().unwrap();
        for (folder, text) in &files {
            put(base.path(), &format!("{folder}/{CHAIN}.json"), text);
        }
        let (watermarks, notices) = open(base.path()).await;
        assert!(notices.iter().any(|notice| notice.contains("were taken over")), "{name}: {notices:?}");
        for (folder, _) in &files {
            let folder = base.path().join(folder).display().to_string();
            assert!(notices.iter().any(|notice| notice.contains(&folder)), "{name}: {notices:?}");
        }
        let all = watermarks.all().await.unwrap();
        let of_key = all[&CHAIN.parse::<ChainId>().unwrap()].get(&theirs()).unwrap();
        let at_level = WatermarkKind::ALL
            .iter()
            .filter(|kind| of_key.get(**kind).is_some_and(|watermark| watermark.level() == level));
        assert_eq!(at_level.count(), kinds, "{name}");
        for (asked, wanted) in [(level, "refused"), (level + 1, "advanced")] {
            assert_eq!(clear(&watermarks, here(WatermarkKind::Attestation, asked)).await, wanted, "{name}");
        }
        drop(watermarks);

        let (watermarks, notices) = open(base.path()).await;
        assert!(notices.iter().all(|notice| notice.contains("it can be removed")), "{name}: {notices:?}");
        assert_eq!(notices.len(), files.len(), "{name}");
        assert_eq!(
            clear(&watermarks, here(WatermarkKind::Attestation, level + 1)).await,
            "repeated",
            "{name}"
        );
        for (folder, text) in &files {
            let path = base.path().join(folder).join(format!("{CHAIN}.json"));
            assert_eq!(fs::read_to_string(path).unwrap(), *text, "{name}");
        }
    }
}

#[tokio::test]
async fn a_watermark_of_an_older_folder_that_cannot_be_read_stops_the_start_and_makes_nothing() {
    let base = TempDir::new().unwrap();
    put(base.path(), &format!("watermark_v1/{CHAIN}.json"), "{");
    assert!(refusal(base.path()).await.contains(&format!("watermark_v1/{CHAIN}.json")));
    assert!(!base.path().join("watermark_v2").exists());
}

#[tokio::test]
async fn legacy_names_in_a_file_of_version_2_are_watermarks_too() {
    let base = TempDir::new().unwrap();
    let text = format!(
        r#"{{"{KEY}":{{"endorsement":{{"level":8,"round":0,"hash":null}},"preendorsement":{{"level":9,"round":0,"hash":null}}}}}}"#
    );
    put(base.path(), &format!("watermark_v2/{CHAIN}.json"), text);
    let (watermarks, _) = open(base.path()).await;
    assert_eq!(clear(&watermarks, here(WatermarkKind::Attestation, 8)).await, "refused");
    assert_eq!(clear(&watermarks, here(WatermarkKind::Preattestation, 9)).await, "refused");
    assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 8)).await, "advanced");
}

#[tokio::test]
async fn a_base_folder_without_watermarks_has_none_and_every_version_is_joined() {
    let base = TempDir::new().unwrap();
    assert!(from_base_dir(base.path(), Busy::Refuse).await.unwrap().is_none());
    for (folder, text, from, highest) in
        [("watermark", v0(1), "watermark", 1), ("watermark_v1", v1(3), "", 3), ("watermark_v2", v2(2), "", 3)]
    {
        put(base.path(), &format!("{folder}/{CHAIN}.json"), text);
        let found = from_base_dir(base.path(), Busy::Refuse).await.unwrap().unwrap();
        assert_eq!(found.folder, base.path().join(from));
        let watermarks = MemWatermarks::default();
        found.raise(&watermarks, JOINED).await.unwrap();
        assert_eq!(clear(&watermarks, here(WatermarkKind::Block, highest)).await, "refused", "{folder}");
        assert_eq!(clear(&watermarks, here(WatermarkKind::Block, highest + 1)).await, "advanced", "{folder}");
    }
    let found = from_base_dir(base.path(), Busy::Refuse).await.unwrap().unwrap();
    assert_eq!(found.notices.len(), 2, "{:?}", found.notices);
}

/// Where `watermark_v2` is there already: empty, with some kinds only, or with another chain.
#[tokio::test]
async fn older_watermarks_beside_a_folder_of_version_2_are_joined_at_every_start() {
    let other = "NetXdQprcVkpaWU";
    for (name, old, newer) in [
        ("v0, empty v2", ("watermark", v0(700)), None),
        ("v1, empty v2", ("watermark_v1", v1(700)), None),
        ("v0, v2 of blocks", ("watermark", v0(700)), Some((CHAIN, v2(5)))),
        ("v1, v2 of another chain", ("watermark_v1", v1(700)), Some((other, v2(900)))),
    ] {
        let base = TempDir::new().unwrap();
        drop(open(base.path()).await);
        put(base.path(), &format!("{}/{CHAIN}.json", old.0), old.1);
        if let Some((chain, text)) = newer {
            put(base.path(), &format!("watermark_v2/{chain}.json"), text);
        }
        // The import, which is what the driver `store` begins with.
        let imported = MemWatermarks::default();
        from_base_dir(base.path(), Busy::Refuse)
            .await
            .unwrap()
            .unwrap()
            .raise(&imported, JOINED)
            .await
            .unwrap();
        let (watermarks, _) = open(base.path()).await;
        for kind in [WatermarkKind::Block, WatermarkKind::Attestation] {
            assert_eq!(clear(&watermarks, here(kind, 700)).await, "refused", "{name}");
            assert_eq!(clear(&imported, here(kind, 700)).await, "refused", "{name}");
        }
        drop(watermarks);

        // It is durable, a start that changes nothing writes nothing, and the older folder is not needed any more.
        let inode = || std::os::unix::fs::MetadataExt::ino(&fs::metadata(json(base.path())).unwrap());
        let before = inode();
        drop(open(base.path()).await);
        assert_eq!(inode(), before, "{name}");
        fs::remove_dir_all(base.path().join(old.0)).unwrap();
        let (watermarks, _) = open(base.path()).await;
        assert_eq!(clear(&watermarks, here(WatermarkKind::Attestation, 700)).await, "refused", "{name}");
        assert_eq!(clear(&watermarks, here(WatermarkKind::Attestation, 701)).await, "advanced", "{name}");
    }
}

#[tokio::test]
async fn a_damaged_file_of_an_older_version_beside_version_2_stops_the_start_by_its_name() {
    for older in ["watermark_v1", "watermark"] {
        let base = TempDir::new().unwrap();
        let name = format!("{older}/{CHAIN}.json");
        put(base.path(), &format!("watermark_v2/{CHAIN}.json"), v2(5));
        put(base.path(), &name, "{");
        assert!(refusal(base.path()).await.contains(&name));
        assert!(from_base_dir(base.path(), Busy::Refuse).await.unwrap_err().to_string().contains(&name));
    }
}

#[test]
fn a_lone_folder_is_read_by_what_its_files_say_and_else_by_its_name() {
    for (folder, text, wanted) in [
        ("backup", v0(5), Some(2)),
        ("backup", v1(5), Some(3)),
        ("backup", v2(5), Some(1)),
        ("watermark", v2(5), Some(1)),
        ("watermark_v2", v0(5), Some(2)),
        ("watermark_v1", "{}".to_owned(), Some(0)),
        ("watermark", r#"{"stake":{}}"#.to_owned(), Some(0)),
        ("backup", r#"{"stake":{}}"#.to_owned(), None),
        ("backup", "[]".to_owned(), None),
    ] {
        let base = TempDir::new().unwrap();
        put(base.path(), &format!("{folder}/{CHAIN}.json"), &text);
        let found = from_folder(&base.path().join(folder));
        let count = found.ok().map(|found| {
            let of_key =
                found.watermarks.values().next().and_then(|watermarks| watermarks.get(&theirs()).copied());
            WatermarkKind::ALL
                .iter()
                .filter(|kind| of_key.is_some_and(|watermarks| watermarks.get(**kind).is_some()))
                .count()
        });
        assert_eq!(count, wanted, "{folder}: {text}");
    }
    assert!(from_folder(Path::new("/nowhere/at/all")).is_err());
}

/// Files of Signatory alone.
#[tokio::test]
async fn files_of_signatory_open_with_an_unknown_time_and_are_missed_from_then_on() {
    let base = TempDir::new().unwrap();
    put(base.path(), &format!("watermark_v2/{CHAIN}.json"), v2(9));
    let (watermarks, _) = open(base.path()).await;
    let all = watermarks.all().await.unwrap();
    let watermark = all[&CHAIN.parse::<ChainId>().unwrap()].get(&theirs()).unwrap().block.unwrap();
    assert_eq!((watermark.level(), watermark.pace()), (9, None));
    drop(watermarks);
    fs::remove_dir_all(base.path().join("watermark_v2")).unwrap();
    assert!(refusal(base.path()).await.contains("is gone"));
}
