//! Bytes of the file change.

use std::sync::Arc;

use super::{Contents, Disk, Order, contents_of, step};
use crate::redb::{engine::Engine, error::EngineError, header::FileHeader};

/// The bit that names the primary slot has no checksum of its own.
#[test]
fn a_flipped_primary_bit_goes_back_to_no_older_commit() {
    let disk = Disk::default();
    let mut engine = Engine::create(Arc::new(disk.clone())).unwrap();
    let mut contents = Contents::new();
    for n in 0..4 {
        engine.commit(std::iter::once(&step(n, &mut contents))).unwrap();
        let mut bytes = disk.state().bytes.clone();
        bytes[9] ^= 1;
        let opened = Engine::open(Arc::new(Disk::with(bytes))).unwrap();
        assert_eq!(contents_of(&opened), contents, "commit {n}");
    }
}

/// After a clean end and after a crash, every byte that is in use.
#[test]
fn a_flipped_byte_anywhere_is_damage_or_harmless() {
    let disk = Disk::default();
    let mut engine = Engine::create(Arc::new(disk.clone())).unwrap();
    let mut contents = Contents::new();
    for n in 0..3 {
        engine.commit(std::iter::once(&step(n, &mut contents))).unwrap();
    }
    let crashed = disk.state().bytes.clone();
    engine.close().unwrap();
    let clean = disk.state().bytes.clone();
    for image in [crashed, clean] {
        let mut refused = 0;
        for at in (0..image.len()).filter(|at| *at < 320 || image[*at] != 0 && at % 7 == 0) {
            let mut bytes = image.clone();
            bytes[at] ^= 1 << (at / 7 % 8);
            match Engine::open(Arc::new(Disk::with(bytes))) {
                Ok(engine) => assert_eq!(contents_of(&engine), contents, "byte {at}"),
                Err(EngineError::Damaged(_)) => refused += 1,
                Err(error) => panic!("byte {at}: {error}"),
            }
        }
        assert!(refused > 300, "only {refused} flips were noticed");
    }
}

/// redb alone would silently go back to the commit before.
#[test]
fn damage_in_the_last_commit_after_a_crash_is_damage_and_not_the_commit_before() {
    let disk = Disk::default();
    let mut engine = Engine::create(Arc::new(disk.clone())).unwrap();
    let mut contents = Contents::new();
    for n in 0..4 {
        let before = disk.state().log.len();
        engine.commit(std::iter::once(&step(n, &mut contents))).unwrap();
        let log = disk.state().log.clone();
        let image = disk.state().bytes.clone();
        for order in &log[before..] {
            let Order::Write(offset, data) = order else { continue };
            for at in (*offset..*offset + data.len() as u64).step_by(211) {
                let mut bytes = image.clone();
                bytes[usize::try_from(at).unwrap()] ^= 0x10;
                if let Ok(opened) = Engine::open(Arc::new(Disk::with(bytes))) {
                    assert_eq!(contents_of(&opened), contents, "commit {n}, byte {at}");
                }
            }
        }
    }
}

/// The file beside the tests was written by the version of redb whose header offsets `header.rs` knows. `UPDATE_GOLDEN=1` writes it anew.
#[test]
fn the_golden_file_opens_and_a_new_one_has_the_same_header() {
    let mut contents = Contents::new();
    let disk = Disk::default();
    let mut engine = Engine::create(Arc::new(disk.clone())).unwrap();
    for n in 0..4 {
        engine.commit(std::iter::once(&step(n, &mut contents))).unwrap();
    }
    engine.close().unwrap();
    let new = disk.state().bytes.clone();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/golden.redb");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &new).unwrap();
    }
    let golden = Disk::with(std::fs::read(path).unwrap());
    assert_eq!(FileHeader::read(&golden).unwrap(), FileHeader::read(&disk).unwrap());
    assert_eq!(contents_of(&Engine::open(Arc::new(golden)).unwrap()), contents);
}
