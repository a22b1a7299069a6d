//! The driver `file` and the import, on a real file system: the file of the engine, Signatory's copy both ways, what earlier releases left,
//! and what is refused.
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

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jwtis_signer::watermark::copy::export;
use jwtis_signer::watermark::file::{FileError, FileWatermarks, Lost};
use jwtis_signer::watermark::import::{Busy, from_base_dir, from_folder};
use jwtis_signer::watermark::mem::MemWatermarks;
use jwtis_signer::watermark::{WatermarkIo, WatermarkObserver, Watermarks};
use jwtis_tezos::watermark::format::ChainMarks;
use jwtis_tezos::watermark::{Asked, KeyMarks, Pace, WatermarkKind};
use jwtis_tezos::{ChainId, PublicKeyHash};
use support::{TERMS, asked, key, word};
use tempfile::TempDir;

const CHAIN: &str = "NetXo5iVw1vBoxM";
const KEY: &str = "tz1WGcYos3hL7GXYXjKrMnSFdkT7FyXnFBvf";

async fn open(base: &Path) -> (FileWatermarks, Vec<String>) {
    FileWatermarks::open(base, Arc::new(())).await.unwrap()
}

async fn begin_anew(base: &Path) -> FileWatermarks {
    FileWatermarks::open_or(base, Lost::BeginAnew, Arc::new(())).await.unwrap().0
}

/// The error of a start, with its causes.
async fn refusal(base: &Path) -> String {
    let error = FileWatermarks::open(base, Arc::new(())).await.err().expect("must be refused");
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
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
    word(&marks.clear(&theirs(), &asked, &TERMS, None).await)
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
    let (marks, notices) = open(&base).await;
    assert!(notices.is_empty(), "{notices:?}");
    assert_eq!(clear(&marks, here(WatermarkKind::Attestation, 120)).await, "advanced");
    marks.write_copy().await.unwrap();
    let mode = |path: &str| fs::metadata(base.join(path)).unwrap().permissions().mode() & 0o7777;
    let file = format!("watermark_v2/{CHAIN}.json");
    assert_eq!(mode("watermark_v2") & !0o750, 0);
    for file in ["watermark_v2/.lock", "watermark_v2/watermarks.db", "watermarks.db.witness", &file] {
        assert_eq!(mode(file), 0o600, "{file}");
    }

    let mut names: Vec<_> = fs::read_dir(base.join("watermark_v2"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, [".lock", &format!("{CHAIN}.json"), "watermarks.db", "watermarks.db.lock"]);
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
async fn two_signers_do_not_share_a_folder_and_the_lock_of_earlier_releases_counts() {
    let base = TempDir::new().unwrap();
    let refused = async || {
        let error = FileWatermarks::open(base.path(), Arc::new(())).await.err().unwrap();
        assert!(matches!(error, FileError::InUse(_)), "{error}");
    };
    let (marks, _) = open(base.path()).await;
    refused().await;
    // An earlier release knows this lock and no other.
    let lock = fs::File::open(base.path().join("watermark_v2/.lock")).unwrap();
    lock.try_lock().unwrap_err();
    // Where somebody removes it, the engine's own locks are left.
    fs::remove_file(base.path().join("watermark_v2/.lock")).unwrap();
    refused().await;
    drop((marks, lock));

    drop(open(base.path()).await);
    let lock = fs::File::open(base.path().join("watermark_v2/.lock")).unwrap();
    lock.try_lock().unwrap();
    refused().await;
    drop(lock);
    drop(open(base.path()).await);
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
async fn files_that_are_not_regular_or_not_json_are_passed_over() {
    let base = TempDir::new().unwrap();
    let outside = base.path().join("outside");
    put(base.path(), "outside", v2(100));
    put(base.path(), "watermark_v2/README", "?");
    fs::create_dir_all(base.path().join("watermark_v2/folder.json")).unwrap();
    let link = base.path().join(format!("watermark_v2/{CHAIN}.json"));
    symlink(&outside, &link).unwrap();

    let (marks, notices) = open(base.path()).await;
    assert!(
        notices.iter().any(|notice| notice.contains(CHAIN) && notice.contains("not a regular file")),
        "{notices:?}"
    );
    // Nothing is written behind the link.
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 7)).await, "advanced");
    marks.write_copy().await.unwrap();
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
        let (marks, notices) = open(base.path()).await;
        assert!(notices.iter().any(|notice| notice.contains("were taken over")), "{name}: {notices:?}");
        for (folder, _) in &files {
            let folder = base.path().join(folder).display().to_string();
            assert!(notices.iter().any(|notice| notice.contains(&folder)), "{name}: {notices:?}");
        }
        let all = marks.all().await.unwrap();
        let of_key = all[&CHAIN.parse::<ChainId>().unwrap()].get(&theirs()).unwrap();
        let at_level = WatermarkKind::ALL
            .iter()
            .filter(|kind| of_key.get(**kind).is_some_and(|mark| mark.level() == level));
        assert_eq!(at_level.count(), kinds, "{name}");
        for (asked, wanted) in [(level, "refused"), (level + 1, "advanced")] {
            assert_eq!(clear(&marks, here(WatermarkKind::Attestation, asked)).await, wanted, "{name}");
        }
        drop(marks);

        let (marks, notices) = open(base.path()).await;
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
    assert!(refusal(base.path()).await.contains(&format!("watermark_v1/{CHAIN}.json")));
    assert!(!base.path().join("watermark_v2").exists());
}

#[tokio::test]
async fn legacy_names_in_a_file_of_version_2_are_marks_too() {
    let base = TempDir::new().unwrap();
    let text = format!(
        r#"{{"{KEY}":{{"endorsement":{{"level":8,"round":0,"hash":null}},"preendorsement":{{"level":9,"round":0,"hash":null}}}}}}"#
    );
    put(base.path(), &format!("watermark_v2/{CHAIN}.json"), text);
    let (marks, _) = open(base.path()).await;
    assert_eq!(clear(&marks, here(WatermarkKind::Attestation, 8)).await, "refused");
    assert_eq!(clear(&marks, here(WatermarkKind::Preattestation, 9)).await, "refused");
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 8)).await, "advanced");
}

#[tokio::test]
async fn a_folder_that_goes_away_clears_nobody_until_it_is_back() {
    let base = TempDir::new().unwrap();
    let (marks, _) = open(base.path()).await;
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 1)).await, "advanced");
    let (folder, aside) = (base.path().join("watermark_v2"), base.path().join("aside"));
    fs::rename(&folder, &aside).unwrap();
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 2)).await, "unavailable");
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 1)).await, "unavailable", "not even without a write");
    fs::rename(&aside, &folder).unwrap();
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 1)).await, "repeated");
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 2)).await, "advanced");
}

#[tokio::test]
async fn a_signer_whose_folder_was_replaced_clears_nothing() {
    let base = TempDir::new().unwrap();
    let (first, _) = open(base.path()).await;
    assert_eq!(clear(&first, here(WatermarkKind::Block, 1)).await, "advanced");
    fs::rename(base.path().join("watermark_v2"), base.path().join("moved")).unwrap();
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
        let (marks, _) = open(base.path()).await;
        let asked = here(WatermarkKind::Block, level);
        let _ = tokio::time::timeout(Duration::ZERO, marks.clear(&theirs(), &asked, &TERMS, None)).await;
        drop(marks);
        let (marks, _) = open(base.path()).await;
        let same = clear(&marks, asked).await;
        assert!(["advanced", "repeated"].contains(&same), "level {level}: {same}");
        let other =
            Asked { chain: CHAIN.parse().unwrap(), ..support::asked(WatermarkKind::Block, level, 0, 2) };
        assert_eq!(clear(&marks, other).await, "refused", "level {level}");
    }
}

#[derive(Default)]
struct Heard(Mutex<Vec<(&'static str, WatermarkIo, bool)>>);

impl WatermarkObserver for Heard {
    fn io(&self, backend: &'static str, operation: WatermarkIo, ok: bool, _took: Duration) {
        self.0.lock().unwrap().push((backend, operation, ok));
    }
}

#[tokio::test]
async fn the_observer_hears_of_the_driver_file() {
    let base = TempDir::new().unwrap();
    let heard = Arc::new(Heard::default());
    let (marks, _) = FileWatermarks::open(base.path(), heard.clone()).await.unwrap();
    for level in 1..=2 {
        assert_eq!(clear(&marks, here(WatermarkKind::Block, level)).await, "advanced");
    }
    fs::rename(base.path().join("watermark_v2"), base.path().join("aside")).unwrap();
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 3)).await, "unavailable");
    let writes: Vec<_> =
        heard.0.lock().unwrap().iter().copied().filter(|(_, io, _)| *io != WatermarkIo::Read).collect();
    let wanted = [
        ("file", WatermarkIo::Create, true),
        ("file", WatermarkIo::Write, true),
        ("file", WatermarkIo::Write, false),
    ];
    assert_eq!(writes, wanted);
}

#[tokio::test]
async fn a_base_folder_without_marks_has_none_and_every_version_is_joined() {
    let base = TempDir::new().unwrap();
    assert!(from_base_dir(base.path(), Busy::Refuse).await.unwrap().is_none());
    for (folder, text, from, highest) in
        [("watermark", v0(1), "watermark", 1), ("watermark_v1", v1(3), "", 3), ("watermark_v2", v2(2), "", 3)]
    {
        put(base.path(), &format!("{folder}/{CHAIN}.json"), text);
        let found = from_base_dir(base.path(), Busy::Refuse).await.unwrap().unwrap();
        assert_eq!(found.folder, base.path().join(from));
        let marks = MemWatermarks::default();
        found.raise(&marks).await.unwrap();
        assert_eq!(clear(&marks, here(WatermarkKind::Block, highest)).await, "refused", "{folder}");
        assert_eq!(clear(&marks, here(WatermarkKind::Block, highest + 1)).await, "advanced", "{folder}");
    }
    let found = from_base_dir(base.path(), Busy::Refuse).await.unwrap().unwrap();
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
        drop(open(base.path()).await);
        put(base.path(), &format!("{}/{CHAIN}.json", old.0), old.1);
        if let Some((chain, text)) = newer {
            put(base.path(), &format!("watermark_v2/{chain}.json"), text);
        }
        // The import, which is what the driver `store` begins with.
        let imported = MemWatermarks::default();
        from_base_dir(base.path(), Busy::Refuse).await.unwrap().unwrap().raise(&imported).await.unwrap();
        let (marks, _) = open(base.path()).await;
        for kind in [WatermarkKind::Block, WatermarkKind::Attestation] {
            assert_eq!(clear(&marks, here(kind, 700)).await, "refused", "{name}");
            assert_eq!(clear(&imported, here(kind, 700)).await, "refused", "{name}");
        }
        drop(marks);

        // It is durable, a start that changes nothing writes nothing, and the older folder is not needed any more.
        let inode = || std::os::unix::fs::MetadataExt::ino(&fs::metadata(json(base.path())).unwrap());
        let before = inode();
        drop(open(base.path()).await);
        assert_eq!(inode(), before, "{name}");
        fs::remove_dir_all(base.path().join(old.0)).unwrap();
        let (marks, _) = open(base.path()).await;
        assert_eq!(clear(&marks, here(WatermarkKind::Attestation, 700)).await, "refused", "{name}");
        assert_eq!(clear(&marks, here(WatermarkKind::Attestation, 701)).await, "advanced", "{name}");
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
    let marks = Arc::new(open(base.path()).await.0);
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..1000 {
        let marks = Arc::clone(&marks);
        tasks.spawn(async move {
            word(&marks.clear(&key(n), &here(WatermarkKind::Block, 4), &TERMS, None).await)
        });
    }
    assert!(tasks.join_all().await.into_iter().all(|answer| answer == "advanced"));
    let before = marks.all().await.unwrap();
    drop(Arc::into_inner(marks));
    assert_eq!(open(base.path()).await.0.all().await.unwrap(), before);
}

fn json(base: &Path) -> PathBuf {
    base.join(format!("watermark_v2/{CHAIN}.json"))
}

fn engine(base: &Path) -> PathBuf {
    base.join("watermark_v2/watermarks.db")
}

/// The level of blocks in the copy.
fn copied(base: &Path) -> Option<i32> {
    let text = fs::read_to_string(json(base)).ok()?;
    Some(ChainMarks::parse_v2(&text).unwrap().get(&theirs())?.block?.level())
}

/// A folder in which a block at level 9 was signed, at rest.
async fn signed() -> TempDir {
    let base = TempDir::new().unwrap();
    // Older watermarks are no substitute for what was signed since.
    put(base.path(), &format!("watermark_v1/{CHAIN}.json"), v1(1));
    let (marks, _) = open(base.path()).await;
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 9)).await, "advanced");
    marks.write_copy().await.unwrap();
    base
}

#[tokio::test]
async fn the_copy_follows_when_it_is_written_and_a_kill_before_that_forgets_nothing() {
    let base = signed().await;
    let (marks, _) = open(base.path()).await;
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 10)).await, "advanced");
    assert_eq!(copied(base.path()), Some(9), "the copy is written once a second");
    // A killed process writes no copy.
    drop(marks);
    let (marks, _) = open(base.path()).await;
    assert_eq!(copied(base.path()), Some(10), "a start brings it up to date");
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 10)).await, "repeated");
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 11)).await, "advanced");
    marks.write_copy().await.unwrap();
    assert_eq!(copied(base.path()), Some(11));
    let ino = || std::os::unix::fs::MetadataExt::ino(&fs::metadata(json(base.path())).unwrap());
    let before = ino();
    marks.write_copy().await.unwrap();
    assert_eq!(ino(), before, "where nothing moved, nothing is written");
}

#[tokio::test]
async fn what_signatory_signed_in_between_is_taken_over_and_its_files_put_back_lower_nothing() {
    let base = signed().await;
    put(base.path(), &format!("watermark_v2/{CHAIN}.json"), v2(30));
    let (marks, notices) = open(base.path()).await;
    assert!(notices.iter().any(|notice| notice.contains("had higher watermarks")), "{notices:?}");
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 30)).await, "refused");
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 31)).await, "advanced");
    drop(marks);
    for text in [v2(5), "{}".to_owned()] {
        put(base.path(), &format!("watermark_v2/{CHAIN}.json"), text);
        let (marks, _) = open(base.path()).await;
        assert_eq!(clear(&marks, here(WatermarkKind::Block, 30)).await, "refused");
        assert_eq!(copied(base.path()), Some(31));
    }
    fs::remove_file(json(base.path())).unwrap();
    let (marks, _) = open(base.path()).await;
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 31)).await, "repeated");
    assert_eq!(copied(base.path()), Some(31));
}

#[tokio::test]
async fn a_copy_that_a_power_cut_left_blank_is_written_anew_and_a_damaged_one_is_refused() {
    for blank in [Vec::new(), vec![0; 4096]] {
        let base = signed().await;
        fs::write(json(base.path()), blank).unwrap();
        let (marks, notices) = open(base.path()).await;
        assert!(notices.iter().any(|notice| notice.contains("is blank")), "{notices:?}");
        assert_eq!(copied(base.path()), Some(9));
        assert_eq!(clear(&marks, here(WatermarkKind::Block, 9)).await, "repeated");
    }
    // Signatory may have written it.
    let base = signed().await;
    fs::write(json(base.path()), &v2(9)[..40]).unwrap();
    assert!(refusal(base.path()).await.contains("NetXo5iVw1vBoxM.json: not a watermark file"));
}

#[tokio::test]
async fn an_export_after_a_power_cut_writes_what_the_copy_lacks() {
    let base = signed().await;
    let (marks, _) = open(base.path()).await;
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 10)).await, "advanced");
    assert!(matches!(export(base.path(), &BTreeMap::new()), Err(FileError::InUse(_))));
    drop(marks);
    for left in [v2(9), String::new()] {
        fs::write(json(base.path()), left).unwrap();
        let found = from_base_dir(base.path(), Busy::Refuse).await.unwrap().unwrap();
        let (_, after) = export(base.path(), &found.marks).unwrap();
        assert_eq!((copied(base.path()), after), (Some(10), found.marks));
    }
}

#[tokio::test]
async fn a_driver_that_was_another_before_takes_over_the_last_watermark_and_not_the_copy() {
    let base = signed().await;
    let (marks, _) = open(base.path()).await;
    assert_eq!(clear(&marks, here(WatermarkKind::Block, 10)).await, "advanced");
    let refused = from_base_dir(base.path(), Busy::Refuse).await.unwrap_err().to_string();
    assert!(refused.contains("watermarks.db") && refused.contains("in use"), "{refused}");
    let found = from_base_dir(base.path(), Busy::ReadCopy).await.unwrap().unwrap();
    assert!(found.notices.iter().any(|notice| notice.contains("a second old")), "{:?}", found.notices);
    drop(marks);
    let image = fs::read(engine(base.path())).unwrap();
    let found = from_base_dir(base.path(), Busy::Refuse).await.unwrap().unwrap();
    let imported = MemWatermarks::default();
    found.raise(&imported).await.unwrap();
    assert_eq!(clear(&imported, here(WatermarkKind::Block, 10)).await, "repeated");
    assert!(fs::read(engine(base.path())).unwrap() == image, "it is only read");
}

/// What can be lost, and what is in the refusal.
type Loss = (&'static str, fn(&Path), &'static str);

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
            let (marks, _) = open(base.path()).await;
            let all = marks.all().await.unwrap();
            let of_key = all[&CHAIN.parse::<ChainId>().unwrap()].get(&theirs()).unwrap();
            let block = of_key.block.unwrap();
            assert_eq!((block.level(), block.pace().copied()), (stands, pace), "{level}");
            assert_eq!(clear(&marks, here(WatermarkKind::Block, stands)).await, "refused");
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

/// Files of Signatory alone.
#[tokio::test]
async fn files_of_signatory_open_with_an_unknown_time_and_are_missed_from_then_on() {
    let base = TempDir::new().unwrap();
    put(base.path(), &format!("watermark_v2/{CHAIN}.json"), v2(9));
    let (marks, _) = open(base.path()).await;
    let all = marks.all().await.unwrap();
    let mark = all[&CHAIN.parse::<ChainId>().unwrap()].get(&theirs()).unwrap().block.unwrap();
    assert_eq!((mark.level(), mark.pace()), (9, None));
    drop(marks);
    fs::remove_dir_all(base.path().join("watermark_v2")).unwrap();
    assert!(refusal(base.path()).await.contains("is gone"));
}
