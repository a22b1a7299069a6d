//! A damaged file gives a clean error or no change: never another value, never a record less.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation in a test is a failed test"
)]

mod common;

use std::{fs, path::Path, sync::Once};

use common::{Client, clients, created, fill, opened, password, place};
use jwtis_store::{Name, OpenError, open_redb};

/// redb panics where a file contradicts itself, which the store catches; a thousand times in these tests.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !panic.location().is_some_and(|place| place.file().contains("redb-")) {
                default(panic);
            }
        }));
    });
}

/// Whether the damaged `image` opens; if it does, everything in it must be `expected`, now and after a write.
async fn opens(path: &Path, image: &[u8], expected: &[String], what: &str) -> bool {
    fs::write(path, image).unwrap();
    match open_redb(path, &password()) {
        Ok(store) => {
            assert_eq!(clients(&store).await.unwrap(), expected, "{what}");
            let one = store.get::<Client>(Name::plain("client-1")).await.unwrap().unwrap();
            store
                .commit(store.transaction().replace(Name::plain("client-1"), one.version, &one.value))
                .await
                .unwrap();
            drop(store);
            assert_eq!(clients(&opened(path)).await.unwrap(), expected, "{what}, opened again");
            true
        }
        Err(OpenError::Damaged { .. } | OpenError::NewerFormat { .. }) => {
            assert!(fs::read(path).unwrap() == image, "{what}: a refused file was changed");
            false
        }
        Err(error) => panic!("{what}: {error:?}"),
    }
}

/// A file after a clean end and the same as kill -9 would leave it, with the records in them.
async fn images(count: usize) -> [(Vec<u8>, Vec<String>); 2] {
    let (_folder, path) = place();
    let store = created(&path);
    fill(&store, count).await;
    let one = store.get::<Client>(Name::plain("client-1")).await.unwrap().unwrap();
    store
        .commit(store.transaction().replace(Name::plain("client-1"), one.version, &one.value))
        .await
        .unwrap();
    let records = clients(&store).await.unwrap();
    let crashed = fs::read(&path).unwrap();
    drop(store);
    [(fs::read(&path).unwrap(), records.clone()), (crashed, records)]
}

#[tokio::test]
async fn point_09_a_flipped_byte_never_yields_another_value() {
    quiet();
    let (_folder, path) = place();
    for (image, records) in images(3).await {
        let (mut refused, mut tried) = (0, 0);
        // Here from the file on; `disk_tests/damage.rs` takes every byte that is in use, below the file system.
        for at in (0..image.len()).filter(|at| *at < 320 || image[*at] != 0 && at % 17 == 0 || at % 4099 == 0)
        {
            let mut flipped = image.clone();
            flipped[at] ^= 1 << (at % 8);
            tried += 1;
            refused += usize::from(!opens(&path, &flipped, &records, &format!("byte {at}")).await);
        }
        assert!(refused > 100, "only {refused} of {tried} flips were noticed");
    }
}

#[tokio::test]
async fn every_bit_of_the_header_is_checked_or_harmless() {
    quiet();
    let (_folder, path) = place();
    for (image, records) in images(3).await {
        for at in 0..64 {
            for bit in 0..8 {
                let mut flipped = image.clone();
                flipped[at] ^= 1 << bit;
                opens(&path, &flipped, &records, &format!("byte {at}, bit {bit}")).await;
            }
        }
    }
}

#[tokio::test]
async fn zeros_and_cuts_never_yield_another_value() {
    quiet();
    let (_folder, path) = place();
    for (image, records) in images(200).await {
        for page in 0..image.len() / 4096 {
            for (from, length) in [(0, 4096), (1024, 512)] {
                let mut zeroed = image.clone();
                let start = page * 4096 + from;
                if zeroed[start..start + length].iter().all(|byte| *byte == 0) {
                    continue;
                }
                zeroed[start..start + length].fill(0);
                opens(&path, &zeroed, &records, &format!("{length} zeros at {start}")).await;
            }
        }
        for length in [
            0,
            1,
            9,
            63,
            64,
            319,
            320,
            4095,
            4096,
            8192,
            image.len() / 2,
            image.len() - 4096,
            image.len() - 1,
        ] {
            opens(&path, &image[..length], &records, &format!("cut to {length}")).await;
        }
        for more in [1, 4096, 1 << 20] {
            let longer = [&image[..], &vec![0; more]].concat();
            opens(&path, &longer, &records, &format!("{more} zeros behind the end")).await;
        }
        for stride in (512..image.len()).step_by(18_089) {
            let mut flipped = image.clone();
            flipped[stride] ^= 0x40;
            opens(&path, &flipped, &records, &format!("byte {stride}")).await;
        }
    }
}

#[test]
fn another_file_is_not_a_store() {
    quiet();
    let (_folder, path) = place();
    for content in [&b""[..], b"hello", &[0; 5000], &[0xff; 1 << 16], b"redb\x1a\x0a\xa9\x0d\x0a"] {
        fs::write(&path, content).unwrap();
        let refused = open_redb(&path, &password());
        assert!(matches!(refused, Err(OpenError::Damaged { .. })), "{} bytes: {refused:?}", content.len());
        assert_eq!(fs::read(&path).unwrap(), content);
    }
    redb::Database::create(path.with_extension("other")).unwrap();
    let refused = open_redb(&path.with_extension("other"), &password());
    assert!(matches!(refused, Err(OpenError::Damaged { .. })), "{refused:?}");
}
