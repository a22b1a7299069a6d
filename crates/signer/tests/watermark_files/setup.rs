//! Folders, files and requests of these tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jwtis_signer::watermark::Watermarks;
use jwtis_signer::watermark::file::{FileWatermarks, Lost};
use jwtis_testkit::signer::watermark::{NOW, TERMS, asked, word};
use jwtis_tezos::PublicKeyHash;
use jwtis_tezos::watermark::{Asked, ChainWatermarks, WatermarkKind};
use tempfile::TempDir;

pub(super) const CHAIN: &str = "NetXo5iVw1vBoxM";
pub(super) const KEY: &str = "tz1WGcYos3hL7GXYXjKrMnSFdkT7FyXnFBvf";

pub(super) async fn open(base: &Path) -> (FileWatermarks, Vec<String>) {
    FileWatermarks::open(base, Lost::Refuse, NOW, Arc::new(())).await.unwrap()
}

pub(super) async fn begin_anew(base: &Path) -> FileWatermarks {
    FileWatermarks::open(base, Lost::BeginAnew, NOW, Arc::new(())).await.unwrap().0
}

/// The error of a start, with its causes.
pub(super) async fn refusal(base: &Path) -> String {
    let error =
        FileWatermarks::open(base, Lost::Refuse, NOW, Arc::new(())).await.err().expect("must be refused");
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

/// Removes the lock outside of the folder, which keeps a second signer from a folder that takes the place of the first one's.
pub(super) fn remove_outer_lock(base: &Path) {
    fs::remove_file(base.join("watermarks.db.witness.lock")).unwrap();
}

pub(super) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

pub(super) fn put(base: &Path, path: &str, text: impl AsRef<[u8]>) {
    let path = base.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

pub(super) fn here(kind: WatermarkKind, level: i32) -> Asked {
    Asked { chain: CHAIN.parse().unwrap(), ..asked(kind, level, 0, 1) }
}

pub(super) fn theirs() -> PublicKeyHash {
    KEY.parse().unwrap()
}

pub(super) async fn clear(watermarks: &impl Watermarks, asked: Asked) -> &'static str {
    word(&watermarks.clear(&theirs(), &asked, &TERMS, None).await)
}

pub(super) fn v2(level: i32) -> String {
    format!(r#"{{"{KEY}":{{"block":{{"level":{level},"round":0,"hash":null}}}}}}"#)
}

pub(super) fn v1(level: i32) -> String {
    format!(r#"{{"{KEY}":{{"level":{level},"order":1}}}}"#)
}

pub(super) fn v0(level: i32) -> String {
    format!(
        r#"{{"endorsement":{{"{KEY}":{{"level":{level}}}}},"block":{{"{KEY}":{{"level":{level},"round":0}}}}}}"#
    )
}

pub(super) fn json(base: &Path) -> PathBuf {
    base.join(format!("watermark_v2/{CHAIN}.json"))
}

pub(super) fn engine(base: &Path) -> PathBuf {
    base.join("watermark_v2/watermarks.db")
}

/// The level of blocks in the copy.
pub(super) fn copied(base: &Path) -> Option<i32> {
    let text = fs::read_to_string(json(base)).ok()?;
    Some(ChainWatermarks::parse_v2(&text).unwrap().get(&theirs())?.block?.level())
}

/// A folder in which a block at level 9 was signed, at rest.
pub(super) async fn signed() -> TempDir {
    let base = TempDir::new().unwrap();
    // Older watermarks are no substitute for what was signed since.
    put(base.path(), &format!("watermark_v1/{CHAIN}.json"), v1(1));
    let (watermarks, _) = open(base.path()).await;
    assert_eq!(clear(&watermarks, here(WatermarkKind::Block, 9)).await, "advanced");
    watermarks.write_copy().await.unwrap();
    base
}

/// What can be lost, and what is in the refusal.
pub(super) type Loss = (&'static str, fn(&Path), &'static str);
