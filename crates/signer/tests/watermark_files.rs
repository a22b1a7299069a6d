//! The driver `file` and the import, on a real file system: Signatory's files both ways, and what is refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

#[path = "watermark_support/mod.rs"]
mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jwtis_signer::watermark::file::{FileError, FileWatermarks, Lost};
use jwtis_signer::watermark::import::{from_base_dir, from_folder};
use jwtis_signer::watermark::mem::MemWatermarks;
use jwtis_signer::watermark::{MarkIo, WatermarkObserver, Watermarks};
use jwtis_tezos::watermark::{Asked, WatermarkKind};
use jwtis_tezos::{ChainId, PublicKeyHash};
use support::{TERMS, asked, key, word};
use tempfile::TempDir;

const CHAIN: &str = "NetXo5iVw1vBoxM";
const KEY: &str = "tz1WGcYos3hL7GXYXjKrMnSFdkT7FyXnFBvf";

fn open(base: &Path) -> (FileWatermarks, Vec<String>) {
    FileWatermarks::open(base, Arc::new(())).unwrap()
}

/// The error of a start, with its causes.
fn refusal(base: &Path) -> String {
    let error = FileWatermarks::open(base, Arc::new(())).err().expect("must be refused");
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

fn put(base: &Path, path: &str, text: impl AsRef<[u8]>) {
    let path = base.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn here(kind: WatermarkKind, level: i32) -> Asked {
    Asked { chain: CHAIN.parse().unwrap(), ..asked(kind, level, 0, 1) }
}

fn theirs() -> PublicKeyHash {
    KEY.parse().unwrap()
}

async fn clear(marks: &impl Watermarks, asked: Asked) -> &'static str {
    word(&marks.clear(&theirs(), &asked, &TERMS).await)
}

fn v2(level: i32) -> String {
    format!(r#"{{"{KEY}":{{"block":{{"level":{level},"round":0,"hash":null}}}}}}"#)
}

fn v1(level: i32) -> String {
    format!(r#"{{"{KEY}":{{"level":{level},"order":1}}}}"#)
}

fn v0(level: i32) -> String {
    format!(
        r#"{{"endorsement":{{"{KEY}":{{"level":{level}}}}},"block":{{"{KEY}":{{"level":{level},"round":0}}}}}}"#
    )
}

#[tokio::test]
async fn a_new_folder_is_made_with_its_parents_and_closed_to_others() {
    let base = TempDir::new().unwrap();
    let base = base.path().join("a/b");
    let (marks, notices) = open(&base);
    assert!(notices.is_empty(), "{notices:?}");
    assert_eq!(clear(&marks, here(WatermarkKind::Attestation, 120)).await, "advanced");
    let mode = |path: &str| fs::metadata(base.join(path)).unwrap().permissions().mode() & 0o7777;
    let file = format!("watermark_v2/{CHAIN}.json");
    assert_eq!(mode("watermark_v2") & !0o750, 0);
    assert_eq!((mode("watermark_v2/.lock"), mode(&file)), (0o600, 0o600));

    let mut names: Vec<_> = fs::read_dir(base.join("watermark_v2"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, [".lock".to_owned(), format!("{CHAIN}.json"), format!("{CHAIN}.times")]);
    // The folder and its witness.
    assert_eq!(fs::read_dir(&base).unwrap().count(), 2);
    // As Signatory writes it: four spaces, both names, no newline at the end.
    let text = fs::read_to_string(base.join(file)).unwrap();
    assert!(text.starts_with(&format!(
        "{{\n    \"{KEY}\": {{\n        \"attestation\": {{\n            \"level\": 120,"
    )));
    assert!(text.contains("attestation_with_dal") && text.ends_with('}'), "{text}");
}

#[tokio::test]
async fn two_signers_do_not_share_a_folder() {
    let base = TempDir::new().unwrap();
    let (marks, _) = open(base.path());
    let error = FileWatermarks::open(base.path(), Arc::new(())).err().unwrap();
    assert!(matches!(error.downcast_ref(), Some(FileError::InUse(_))), "{error}");
    drop(marks);
    drop(open(base.path()));
}

#[tokio::test]
async fn what_is_no_mark_is_refused_at_the_start_by_the_name_of_its_file() {
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
        let error = refusal(base.path());
        assert!(error.contains(wanted) && error.contains(name), "{name}: {error}");
        assert_eq!(
            fs::read(base.path().join("watermark_v2").join(name)).unwrap(),
            text,
            "it is left as it is"
        );
    }
    let base = TempDir::new().unwrap();
    symlink("nowhere", base.path().join("watermark_v2")).unwrap();
    assert!(refusal(base.path()).contains("is not a folder"));
}

#[tokio::test]
async fn files_that_are_not_regular_or_not_json_are_passed_over() {
    let base = TempDir::new().unwrap();
    let outside = base.path().join("outside");
    put(base.path(), "outside", v2(100));
    put(base.path(), "watermark_v2/README", "?");
    fs::create_dir_all(base.path().join("watermark_v2/folder.json")).unwrap();
    let link = base.path().join(format!("watermark_v2/{CHAIN}.json"));
    symlink(&outside, &link).unwrap();

    let (marks, notices) = open(base.path());
    assert!(
        notices.iter().any(|notice| notice.contains(CHAIN) && notice.contains("not a regular file")),
        "{notices:?}"
    );
    // Nothing is written behind the link.
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 7)).await, "advanced");
    assert_eq!(fs::read_to_string(outside).unwrap(), v2(100));
    assert!(fs::symlink_metadata(link).unwrap().is_file());
}

#[tokio::test]
async fn older_folders_are_taken_over_and_kept() {
    let level = 50;
    for (name, files, kinds) in [
        ("v1", vec![("watermark_v1", v1(level))], 3),
        ("v0", vec![("watermark", v0(level))], 2),
        ("v1 above v0", vec![("watermark_v1", v1(level)), ("watermark", v0(9))], 3),
        ("v0 above v1", vec![("watermark_v1", v1(9)), ("watermark", v0(level))], 2),
        ("v1 without marks", vec![("watermark_v1", "{}".to_owned()), ("watermark", v0(level))], 2),
    ] {
        let base = TempDir::new().unwrap();
        for (folder, text) in &files {
            put(base.path(), &format!("{folder}/{CHAIN}.json"), text);
        }
        let (marks, notices) = open(base.path());
        assert!(notices.iter().any(|notice| notice.contains("were taken over")), "{name}: {notices:?}");
        for (folder, _) in &files {
            let folder = base.path().join(folder).display().to_string();
            assert!(notices.iter().any(|notice| notice.contains(&folder)), "{name}: {notices:?}");
        }
        let all = marks.marks().await.unwrap();
        let of_key = all[&CHAIN.parse::<ChainId>().unwrap()].get(&theirs()).unwrap();
        let at_level = WatermarkKind::ALL
            .iter()
            .filter(|kind| of_key.get(**kind).is_some_and(|mark| mark.level() == level));
        assert_eq!(at_level.count(), kinds, "{name}");
        for (asked, wanted) in [(level, "refused"), (level + 1, "advanced")] {
            assert_eq!(clear(&marks, here(WatermarkKind::Attestation, asked)).await, wanted, "{name}");
        }
        drop(marks);

        let (marks, notices) = open(base.path());
        assert!(notices.iter().all(|notice| notice.contains("it can be removed")), "{name}: {notices:?}");
        assert_eq!(notices.len(), files.len(), "{name}");
        assert_eq!(clear(&marks, here(WatermarkKind::Attestation, level + 1)).await, "repeated", "{name}");
        for (folder, text) in &files {
            let path = base.path().join(folder).join(format!("{CHAIN}.json"));
            assert_eq!(fs::read_to_string(path).unwrap(), *text, "{name}");
        }
    }
}

#[tokio::test]
async fn a_mark_of_an_older_folder_that_cannot_be_read_stops_the_start_and_makes_nothing() {
    let base = TempDir::new().unwrap();
    put(base.path(), &format!("watermark_v1/{CHAIN}.json"), "{");
    assert!(refusal(base.path()).contains(&format!("watermark_v1/{CHAIN}.json")));
    assert!(!base.path().join("watermark_v2").exists());
}

#[tokio::test]
async fn legacy_names_in_a_file_of_version_2_are_marks_too() {
    let base = TempDir::new().unwrap();
    let text = format!(
        r#"{{"{KEY}":{{"endorsement":{{"level":8,"round":0,"hash":null}},"preendorsement":{{"level":9,"round":0,"hash":null}}}}}}"#
    );
    put(base.path(), &format!("watermark_v2/{CHAIN}.json"), text);
    let (marks, _) = open(base.path());
    assert_eq!(clear(&marks, here(WatermarkKind::Attestation, 8)).await, "refused");
    assert_eq!(clear(&marks, here(WatermarkKind::Preattestation, 9)).await, "refused");
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 8)).await, "advanced");
}

#[tokio::test]
async fn a_folder_that_goes_away_clears_nobody_until_it_is_back() {
    let base = TempDir::new().unwrap();
    let (marks, _) = open(base.path());
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 1)).await, "advanced");
    let (folder, aside) = (base.path().join("watermark_v2"), base.path().join("aside"));
    fs::rename(&folder, &aside).unwrap();
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 2)).await, "unavailable");
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 1)).await, "repeated");
    fs::rename(&aside, &folder).unwrap();
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 2)).await, "advanced");
}

#[tokio::test]
async fn a_signer_whose_lock_was_removed_clears_nothing_and_overwrites_nothing() {
    let base = TempDir::new().unwrap();
    let (first, _) = open(base.path());
    assert_eq!(clear(&first, here(WatermarkKind::Block, 1)).await, "advanced");
    fs::remove_file(base.path().join("watermark_v2/.lock")).unwrap();
    let (second, _) = open(base.path());
    assert_eq!(clear(&second, here(WatermarkKind::Block, 3)).await, "advanced");
    assert_eq!(clear(&first, here(WatermarkKind::Block, 3)).await, "unavailable");
    assert_eq!(clear(&first, here(WatermarkKind::Block, 1)).await, "repeated");
    drop((first, second));
    let (third, _) = open(base.path());
    assert_eq!(clear(&third, here(WatermarkKind::Block, 2)).await, "refused");

    fs::rename(base.path().join("watermark_v2"), base.path().join("moved")).unwrap();
    let (fourth, _) = FileWatermarks::open_or(base.path(), Lost::BeginAnew, Arc::new(())).unwrap();
    assert_eq!(clear(&third, here(WatermarkKind::Block, 4)).await, "unavailable");
    assert_eq!(clear(&fourth, here(WatermarkKind::Block, 4)).await, "advanced");
}

/// A caller that is gone when the thread answers leaves no lock and no half mark, and the folder's lock goes with the driver.
#[tokio::test]
async fn dropping_the_driver_finishes_what_was_asked_and_gives_the_lock_back() {
    let base = TempDir::new().unwrap();
    for level in 1..20 {
        let (marks, _) = open(base.path());
        let asked = here(WatermarkKind::Block, level);
        let _ = tokio::time::timeout(Duration::ZERO, marks.clear(&theirs(), &asked, &TERMS)).await;
        drop(marks);
        let (marks, _) = open(base.path());
        assert_eq!(clear(&marks, asked).await, "repeated", "level {level}");
    }
}

#[derive(Default)]
struct Heard(Mutex<Vec<(&'static str, MarkIo, bool)>>);

impl WatermarkObserver for Heard {
    fn io(&self, backend: &'static str, operation: MarkIo, ok: bool, _took: Duration) {
        self.0.lock().unwrap().push((backend, operation, ok));
    }
}

#[tokio::test]
async fn the_observer_hears_of_reads_first_files_and_writes() {
    let base = TempDir::new().unwrap();
    let heard = Arc::new(Heard::default());
    let (marks, _) = FileWatermarks::open(base.path(), heard.clone()).unwrap();
    for level in 1..=2 {
        assert_eq!(clear(&marks, here(WatermarkKind::Block, level)).await, "advanced");
    }
    fs::rename(base.path().join("watermark_v2"), base.path().join("aside")).unwrap();
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 3)).await, "unavailable");
    let wanted = [
        ("file", MarkIo::Read, true),
        ("file", MarkIo::Create, true),
        ("file", MarkIo::Write, true),
        ("file", MarkIo::Write, false),
    ];
    assert_eq!(*heard.0.lock().unwrap(), wanted);
}

#[tokio::test]
async fn a_base_folder_without_marks_has_none_and_every_version_is_joined() {
    let base = TempDir::new().unwrap();
    assert!(from_base_dir(base.path()).unwrap().is_none());
    for (folder, text, from, highest) in
        [("watermark", v0(1), "watermark", 1), ("watermark_v1", v1(3), "", 3), ("watermark_v2", v2(2), "", 3)]
    {
        put(base.path(), &format!("{folder}/{CHAIN}.json"), text);
        let found = from_base_dir(base.path()).unwrap().unwrap();
        assert_eq!(found.folder, base.path().join(from));
        let marks = MemWatermarks::default();
        found.raise(&marks).await.unwrap();
        assert_eq!(clear(&marks, here(WatermarkKind::Block, highest)).await, "refused", "{folder}");
        assert_eq!(clear(&marks, here(WatermarkKind::Block, highest + 1)).await, "advanced", "{folder}");
    }
    let found = from_base_dir(base.path()).unwrap().unwrap();
    assert_eq!(found.notices.len(), 2, "{:?}", found.notices);
}

/// Where `watermark_v2` is there already: empty, with some kinds only, or with another chain.
#[tokio::test]
async fn older_marks_beside_a_folder_of_version_2_are_joined_at_every_start() {
    let other = "NetXdQprcVkpaWU";
    for (name, old, newer) in [
        ("v0, empty v2", ("watermark", v0(700)), None),
        ("v1, empty v2", ("watermark_v1", v1(700)), None),
        ("v0, v2 of blocks", ("watermark", v0(700)), Some((CHAIN, v2(5)))),
        ("v1, v2 of another chain", ("watermark_v1", v1(700)), Some((other, v2(900)))),
    ] {
        let base = TempDir::new().unwrap();
        drop(open(base.path()));
        put(base.path(), &format!("{}/{CHAIN}.json", old.0), old.1);
        if let Some((chain, text)) = newer {
            put(base.path(), &format!("watermark_v2/{chain}.json"), text);
        }
        // The import, which is what the driver `store` begins with.
        let imported = MemWatermarks::default();
        from_base_dir(base.path()).unwrap().unwrap().raise(&imported).await.unwrap();
        let (marks, _) = open(base.path());
        for kind in [WatermarkKind::Block, WatermarkKind::Attestation] {
            assert_eq!(clear(&marks, here(kind, 700)).await, "refused", "{name}");
            assert_eq!(clear(&imported, here(kind, 700)).await, "refused", "{name}");
        }
        drop(marks);

        // It is durable, a start that changes nothing writes nothing, and the older folder is not needed any more.
        let inode = || std::os::unix::fs::MetadataExt::ino(&fs::metadata(json(base.path())).unwrap());
        let before = inode();
        drop(open(base.path()));
        assert_eq!(inode(), before, "{name}");
        fs::remove_dir_all(base.path().join(old.0)).unwrap();
        let (marks, _) = open(base.path());
        assert_eq!(clear(&marks, here(WatermarkKind::Attestation, 700)).await, "refused", "{name}");
        assert_eq!(clear(&marks, here(WatermarkKind::Attestation, 701)).await, "advanced", "{name}");
        drop(marks);
        fs::remove_file(json(base.path())).unwrap();
        assert!(refusal(base.path()).contains("is gone"), "{name}: the witness knows it");
    }
}

#[tokio::test]
async fn a_damaged_file_of_an_older_version_beside_version_2_stops_the_start_by_its_name() {
    for older in ["watermark_v1", "watermark"] {
        let base = TempDir::new().unwrap();
        let name = format!("{older}/{CHAIN}.json");
        put(base.path(), &format!("watermark_v2/{CHAIN}.json"), v2(5));
        put(base.path(), &name, "{");
        assert!(refusal(base.path()).contains(&name));
        assert!(from_base_dir(base.path()).unwrap_err().to_string().contains(&name));
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
            let of_key = found.marks.values().next().and_then(|marks| marks.get(&theirs()).copied());
            WatermarkKind::ALL
                .iter()
                .filter(|kind| of_key.is_some_and(|marks| marks.get(**kind).is_some()))
                .count()
        });
        assert_eq!(count, wanted, "{folder}: {text}");
    }
    assert!(from_folder(Path::new("/nowhere/at/all")).is_err());
}

/// Marks of more keys than one group holds come back the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_keys_come_back() {
    let base = TempDir::new().unwrap();
    let marks = Arc::new(open(base.path()).0);
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..1000 {
        let marks = Arc::clone(&marks);
        tasks.spawn(async move { word(&marks.clear(&key(n), &here(WatermarkKind::Block, 4), &TERMS).await) });
    }
    assert!(tasks.join_all().await.into_iter().all(|answer| answer == "advanced"));
    let before = marks.marks().await.unwrap();
    drop(Arc::into_inner(marks));
    assert_eq!(open(base.path()).0.marks().await.unwrap(), before);
}

/// What can be lost of a folder with one mark, and the name in the refusal.
type Loss = (&'static str, fn(&Path), &'static str);

const LOSSES: [Loss; 8] = [
    ("file_removed", |base| fs::remove_file(json(base)).unwrap(), "NetXo5iVw1vBoxM.json is gone"),
    (
        "file_of_no_bytes",
        |base| fs::write(json(base), "").unwrap(),
        "NetXo5iVw1vBoxM.json: not a watermark file",
    ),
    (
        "file_cut_off",
        |base| fs::write(json(base), &v2(9)[..40]).unwrap(),
        "NetXo5iVw1vBoxM.json: not a watermark",
    ),
    (
        "file_without_keys",
        |base| fs::write(json(base), "{}").unwrap(),
        "NetXo5iVw1vBoxM.json has no watermarks",
    ),
    (
        "file_whose_key_has_none",
        |base| fs::write(json(base), format!(r#"{{"{KEY}":{{}}}}"#)).unwrap(),
        "NetXo5iVw1vBoxM.json has no watermarks",
    ),
    (
        "times_removed",
        |base| fs::remove_file(base.join(format!("watermark_v2/{CHAIN}.times"))).unwrap(),
        "NetXo5iVw1vBoxM.times is gone",
    ),
    ("folder_removed", |base| fs::remove_dir_all(base.join("watermark_v2")).unwrap(), "watermark_v2 is gone"),
    (
        "folder_replaced_by_an_empty_one",
        |base| {
            fs::remove_dir_all(base.join("watermark_v2")).unwrap();
            fs::create_dir(base.join("watermark_v2")).unwrap();
        },
        "NetXo5iVw1vBoxM.json is gone",
    ),
];

fn json(base: &Path) -> std::path::PathBuf {
    base.join(format!("watermark_v2/{CHAIN}.json"))
}

#[tokio::test]
async fn marks_that_were_there_and_are_gone_or_emptied_are_refused_by_name() {
    for (name, lose, wanted) in LOSSES {
        let base = TempDir::new().unwrap();
        // Older marks are no substitute for what was signed since.
        put(base.path(), &format!("watermark_v1/{CHAIN}.json"), v1(1));
        let (marks, _) = open(base.path());
        assert_eq!(clear(&marks, here(WatermarkKind::Block, 9)).await, "advanced");
        drop(marks);
        lose(base.path());
        for _ in 0..2 {
            let error = refusal(base.path());
            assert!(error.contains(wanted), "{name}: {error}");
        }
    }
}

#[tokio::test]
async fn a_file_whose_witness_is_lost_with_it_is_missed_all_the_same() {
    let base = TempDir::new().unwrap();
    let (marks, _) = open(base.path());
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 9)).await, "advanced");
    drop(marks);
    fs::remove_file(json(base.path())).unwrap();
    fs::remove_file(base.path().join("watermark_v2.witness")).unwrap();
    assert!(refusal(base.path()).contains("NetXo5iVw1vBoxM.json is gone"));
}

#[tokio::test]
async fn the_operator_may_begin_anew_and_is_asked_again_the_next_time() {
    for (name, lose, _) in LOSSES
        .into_iter()
        .filter(|(name, ..)| !["file_of_no_bytes", "file_cut_off", "times_removed"].contains(name))
    {
        let base = TempDir::new().unwrap();
        let (marks, _) = open(base.path());
        assert_eq!(clear(&marks, here(WatermarkKind::Block, 9)).await, "advanced");
        drop(marks);
        lose(base.path());
        let (marks, _) = FileWatermarks::open_or(base.path(), Lost::BeginAnew, Arc::new(())).unwrap();
        assert_eq!(clear(&marks, here(WatermarkKind::Block, 3)).await, "advanced", "{name}");
        drop(marks);
        let (marks, _) = open(base.path());
        assert_eq!(clear(&marks, here(WatermarkKind::Block, 3)).await, "repeated", "{name}");
        drop(marks);
        lose(base.path());
        refusal(base.path());
    }
}

/// Files of Signatory, or of a version that had no witness.
#[tokio::test]
async fn files_that_no_witness_knows_open_with_an_unknown_time_and_are_known_from_then_on() {
    let base = TempDir::new().unwrap();
    put(base.path(), &format!("watermark_v2/{CHAIN}.json"), v2(9));
    let (marks, _) = open(base.path());
    let all = marks.marks().await.unwrap();
    let mark =
        *all[&CHAIN.parse::<ChainId>().unwrap()].get(&theirs()).unwrap().get(WatermarkKind::Block).unwrap();
    assert_eq!((mark.level(), mark.pace()), (9, None));
    drop(marks);
    // The file of times was made, and is missed from now on, unless the operator says otherwise.
    fs::remove_file(base.path().join(format!("watermark_v2/{CHAIN}.times"))).unwrap();
    assert!(refusal(base.path()).contains("NetXo5iVw1vBoxM.times is gone"));
    let (marks, _) = FileWatermarks::open_or(base.path(), Lost::BeginAnew, Arc::new(())).unwrap();
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 9)).await, "refused");
    drop(marks);
    drop(open(base.path()));
    fs::remove_file(json(base.path())).unwrap();
    assert!(refusal(base.path()).contains("is gone"));
}

#[tokio::test]
async fn signatorys_file_put_back_does_not_bring_an_older_mark_back() {
    let base = TempDir::new().unwrap();
    let (marks, _) = open(base.path());
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 5)).await, "advanced");
    let older = fs::read(json(base.path())).unwrap();
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 9)).await, "advanced");
    drop(marks);
    fs::write(json(base.path()), older).unwrap();
    let (marks, _) = open(base.path());
    for level in [6, 9] {
        assert_eq!(clear(&marks, here(WatermarkKind::Block, level)).await, "refused");
    }
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 10)).await, "advanced");
}

#[tokio::test]
async fn damaged_times_and_a_damaged_witness_are_refused_by_name() {
    for name in [format!("watermark_v2/{CHAIN}.times"), "watermark_v2.witness".to_owned()] {
        let base = TempDir::new().unwrap();
        let (marks, _) = open(base.path());
        assert_eq!(clear(&marks, here(WatermarkKind::Block, 5)).await, "advanced");
        drop(marks);
        for text in ["", "?", "jwtis watermark times 1\n"] {
            fs::write(base.path().join(&name), text).unwrap();
            let error = refusal(base.path());
            assert!(error.contains(&name), "{name}: {error}");
        }
    }
}

#[tokio::test]
async fn a_lowered_mark_stays_lowered() {
    let base = TempDir::new().unwrap();
    let (marks, _) = open(base.path());
    assert_eq!(clear(&marks, here(WatermarkKind::Block, i32::MAX)).await, "advanced");
    let chain = CHAIN.parse().unwrap();
    let lower = jwtis_tezos::watermark::Mark::new(5, 0, None).unwrap();
    marks.danger_lower(chain, theirs(), WatermarkKind::Block, lower).await.unwrap();
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 5)).await, "refused");
    drop(marks);
    let (marks, _) = open(base.path());
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 5)).await, "refused");
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 6)).await, "advanced");
}
