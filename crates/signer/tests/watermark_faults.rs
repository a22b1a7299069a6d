//! The store fails below the watermarks, at any call and in any way: no two messages of one place are cleared.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jwtis_base::rollback;
use jwtis_signer::watermark::file::{FileWatermarks, Lost};
use jwtis_signer::watermark::store::StoreWatermarks;
use jwtis_signer::watermark::{WatermarkIo, WatermarkObserver, Watermarks};
use jwtis_store::testing::{Fault, Faulty, store_over};
use jwtis_store::{MemoryBackend, Rollback, RollbackCause, Store};
use jwtis_testkit::signer::watermark::{JOINED, NOW, TERMS, World, asked, chain, key, watermark};
use jwtis_tezos::watermark::{Asked, ChainWatermarks, KeyWatermarks, WatermarkKind};
use proptest::prelude::*;

const FAULTS: [Fault; 7] = [
    Fault::Unavailable,
    Fault::Full,
    Fault::Damaged,
    Fault::Conflict,
    Fault::UnknownNotDone,
    Fault::UnknownDone,
    Fault::UnknownDoneLater,
];

fn faulty() -> (World, Arc<Faulty<MemoryBackend>>, Store) {
    let backend = Faulty::new(MemoryBackend::new());
    let store = store_over(backend.clone());
    (World::store(store.clone(), tempfile::TempDir::new().unwrap()), backend, store)
}

fn block(level: i32, n: usize) -> Asked {
    asked(WatermarkKind::Block, level, 0, n)
}

#[tokio::test]
async fn a_fault_at_any_call_never_clears_two_messages_of_one_place() {
    for fault in FAULTS {
        for (read, n) in [true, false].into_iter().flat_map(|read| (1..=14).map(move |n| (read, n))) {
            for times in [1, 3] {
                let (mut world, backend, _) = faulty();
                for n in n..n + times {
                    if read { backend.fail_read(n, fault) } else { backend.fail_commit(n, fault) }
                }
                for level in 1..4 {
                    let mut cleared = Vec::new();
                    for message in [1, 2, 1, 3, 2, 1] {
                        if ["advanced", "repeated"]
                            .contains(&world.clear(key(0), block(level, message)).await)
                        {
                            cleared.push(message);
                        }
                    }
                    cleared.dedup();
                    assert!(cleared.len() <= 1, "{fault:?}, call {n}, level {level}: {cleared:?}");
                    world.restart();
                }
                // The faults that are left are used up by tries.
                let mut tries = 0;
                while ["unavailable", "unknown"].contains(&world.clear(key(0), block(9, 1)).await) {
                    tries += 1;
                    assert!(tries < 20, "{fault:?}, call {n}: does not recover");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_commit_whose_outcome_is_unknown_clears_nobody_but_its_own_message_later() {
    for fault in [Fault::UnknownDone, Fault::UnknownDoneLater] {
        let (world, backend, _) = faulty();
        backend.fail_commit(1, fault);
        assert_eq!(world.clear(key(0), block(5, 1)).await, "unknown");
        assert_eq!(world.clear(key(0), block(5, 2)).await, "refused", "{fault:?}");
        assert_eq!(world.clear(key(0), block(5, 1)).await, "repeated", "{fault:?}");
    }
    let (world, backend, _) = faulty();
    backend.fail_commit(1, Fault::UnknownNotDone);
    assert_eq!(world.clear(key(0), block(5, 1)).await, "unknown");
    assert_eq!(world.clear(key(0), block(5, 2)).await, "advanced", "nobody has the other one");
    assert_eq!(world.clear(key(0), block(5, 1)).await, "refused");
}

#[tokio::test]
async fn a_watermark_in_doubt_is_written_again_before_its_message_is_cleared() {
    for fault in Fault::UNKNOWN {
        let (world, backend, _) = faulty();
        backend.fail_commit(1, fault);
        assert_eq!(world.clear(key(0), block(5, 1)).await, "unknown");
        let cost = async || {
            let before = backend.commits();
            let answer = world.clear(key(0), block(5, 1)).await;
            assert!(["advanced", "repeated"].contains(&answer), "{fault:?}: {answer}");
            backend.commits() - before
        };
        assert!(cost().await > 0, "{fault:?}: a read has decided");
        assert_eq!(cost().await, 0, "{fault:?}: in doubt for ever");
    }
}

#[tokio::test]
async fn a_damaged_watermark_is_not_the_absence_of_a_watermark() {
    let (world, backend, _) = faulty();
    world.clear(key(0), block(5, 1)).await;
    for message in [1, 2] {
        backend.fail_read(1, Fault::Damaged);
        assert_eq!(world.clear(key(0), block(5, message)).await, "unavailable");
        backend.fail_read(1, Fault::Damaged);
        assert!(world.watermarks().all().await.is_err());
    }
    assert_eq!(world.clear(key(0), block(5, 2)).await, "refused");
}

/// The record is there and opens, and is no watermark.
#[tokio::test]
async fn a_record_that_does_not_decode_is_not_the_absence_of_a_watermark() {
    struct Nonsense;
    impl jwtis_store::Record for Nonsense {
        const TABLE: jwtis_store::Table =
            jwtis_store::Table { id: 5, name: "watermarks", time_ordered: false };
        fn encode(&self) -> zeroize::Zeroizing<Vec<u8>> {
            zeroize::Zeroizing::new(vec![1, 2, 3])
        }
        fn decode(_: &[u8]) -> Result<Self, jwtis_store::DecodeError> {
            Ok(Self)
        }
    }
    let (world, _, store) = faulty();
    world.clear(key(0), block(5, 1)).await;
    let (at, stored) = store.scan::<Nonsense>(None, 1).await.unwrap().remove(0);
    let hex: String =
        chain(0).as_bytes().iter().chain(&key(0).to_tagged()).map(|byte| format!("{byte:02x}")).collect();
    let name = format!("{hex}/block");
    let name = jwtis_store::Name::plain(&name);
    assert_eq!(store.key_of::<Nonsense>(name), at, "the name of a watermark's record does not change");
    store.commit(store.transaction().replace(name, stored.version, &Nonsense)).await.unwrap();
    assert_eq!(world.clear(key(0), block(6, 1)).await, "unavailable");
}

#[tokio::test]
async fn a_conflict_is_judged_again_and_not_for_ever() {
    let (world, backend, _) = faulty();
    backend.conflict_once();
    assert_eq!(world.clear(key(0), block(5, 1)).await, "advanced");
    (1..1000).for_each(|n| backend.fail_commit(n, Fault::Conflict));
    assert_eq!(world.clear(key(0), block(6, 1)).await, "unavailable");
}

#[tokio::test]
async fn a_clearance_costs_one_read_and_one_commit_and_a_repetition_no_commit() {
    let (world, backend, _) = faulty();
    for (asked, wanted, reads, commits) in [
        // The first one of a key counts its chains, and the first of all asks whether the store has gone back.
        (block(5, 1), "advanced", 3, 1),
        (block(6, 1), "advanced", 1, 1),
        (block(6, 1), "repeated", 1, 0),
        (block(6, 2), "refused", 1, 0),
    ] {
        let before = (backend.reads(), backend.commits());
        assert_eq!(world.clear(key(0), asked).await, wanted);
        assert_eq!((backend.reads() - before.0, backend.commits() - before.1), (reads, commits), "{wanted}");
    }
}

/// Another node may mark the store, or accept what is there.
#[tokio::test]
async fn a_store_that_goes_back_while_it_is_open_clears_nobody_until_that_is_accepted() {
    let (world, _, store) = faulty();
    assert_eq!(world.clear(key(0), block(5, 1)).await, "advanced");
    rollback::begin(&store, RollbackCause::BehindWitness).await.unwrap();
    assert_eq!(world.clear(key(0), block(6, 1)).await, "rolled back");
    let mark = store.get_key::<Rollback>(&Rollback::key()).await.unwrap().unwrap();
    store.commit(store.transaction().delete_at(&Rollback::key(), mark.version)).await.unwrap();
    assert_eq!(world.clear(key(0), block(6, 1)).await, "advanced");
}

#[tokio::test]
async fn a_store_that_hangs_holds_up_its_callers_and_clears_nobody() {
    let (world, backend, _) = faulty();
    backend.hang_commits();
    let hanging = tokio::time::timeout(Duration::from_millis(1), world.clear(key(0), block(5, 1))).await;
    assert!(hanging.is_err());
    backend.release();
    let answers = [world.clear(key(0), block(5, 2)).await, world.clear(key(0), block(5, 1)).await];
    assert_eq!(answers, ["advanced", "refused"]);
}

#[tokio::test]
async fn a_raise_that_fails_changes_all_or_nothing_and_can_be_done_again() {
    let watermarks = ChainWatermarks::from_iter([(
        key(0),
        KeyWatermarks {
            block: Some(watermark(5, 0, 1)),
            attestation: Some(watermark(6, 0, 1)),
            ..KeyWatermarks::default()
        },
    )]);
    for fault in Fault::NOT_WRITTEN.into_iter().chain(Fault::UNKNOWN) {
        let (world, backend, _) = faulty();
        backend.fail_commit(1, fault);
        assert!(world.watermarks().raise(chain(0), &watermarks, JOINED).await.is_err(), "{fault:?}");
        if Fault::NOT_WRITTEN.contains(&fault) {
            assert!(world.watermarks().all().await.unwrap().is_empty(), "{fault:?}");
        }
        world.watermarks().raise(chain(0), &watermarks, JOINED).await.unwrap();
        assert_eq!(world.watermarks().all().await.unwrap()[&chain(0)], watermarks);
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
async fn the_observer_hears_of_each_read_and_write() {
    let backend = Faulty::new(MemoryBackend::new());
    let heard = Arc::new(Heard::default());
    let watermarks = StoreWatermarks::new(store_over(backend.clone()), heard.clone());
    for level in 1..=2 {
        watermarks.clear(&key(0), &block(level, 1), &TERMS, None).await.unwrap();
    }
    backend.fail_commit(1, Fault::Full);
    assert!(watermarks.clear(&key(0), &block(3, 1), &TERMS, None).await.is_err());
    backend.fail_read(1, Fault::Unavailable);
    assert!(watermarks.clear(&key(0), &block(3, 1), &TERMS, None).await.is_err());
    let wanted = [
        ("store", WatermarkIo::Read, true),
        // The chains that there are.
        ("store", WatermarkIo::Read, true),
        ("store", WatermarkIo::Create, true),
        ("store", WatermarkIo::Read, true),
        ("store", WatermarkIo::Write, true),
        ("store", WatermarkIo::Read, true),
        ("store", WatermarkIo::Write, false),
        ("store", WatermarkIo::Read, false),
    ];
    assert_eq!(*heard.0.lock().unwrap(), wanted);
}

#[tokio::test]
async fn the_observer_hears_of_the_driver_file() {
    let base = tempfile::tempdir().unwrap();
    let heard = Arc::new(Heard::default());
    let opened = FileWatermarks::open(base.path(), Lost::Refuse, NOW, heard.clone()).await;
    let (watermarks, _) = opened.unwrap();
    watermarks.clear(&key(0), &block(1, 1), &TERMS, None).await.unwrap();
    std::fs::rename(base.path().join("watermark_v2"), base.path().join("aside")).unwrap();
    assert!(watermarks.clear(&key(0), &block(2, 1), &TERMS, None).await.is_err());
    let mut heard = heard.0.lock().unwrap().clone();
    heard.retain(|(_, io, _)| *io != WatermarkIo::Read);
    assert_eq!(heard, [("file", WatermarkIo::Create, true), ("file", WatermarkIo::Write, false)]);
}

#[derive(Clone, Debug)]
enum Act {
    Ask(usize, i32, i32, usize),
    /// Two rivals of one place at once.
    Race(usize, i32, i32),
    Raise(usize, i32),
    Fail(bool, u64, usize),
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0..2_usize, 0..4_i32, 0..2_i32, 0..2_usize).prop_map(|(k, l, r, n)| Act::Ask(k, l, r, n)),
        2 => (0..2_usize, 0..4_i32, 0..2_i32).prop_map(|(k, l, r)| Act::Race(k, l, r)),
        1 => (0..2_usize, 0..4_i32).prop_map(|(k, l)| Act::Raise(k, l)),
        3 => (any::<bool>(), 1..4_u64, 0..FAULTS.len()).prop_map(|(r, n, f)| Act::Fail(r, n, f)),
        1 => Just(Act::Restart),
    ]
}

/// What was cleared at each place, and the highest place of each key.
#[derive(Default)]
struct Signed {
    at: BTreeMap<(usize, i32, i32), usize>,
    highest: BTreeMap<usize, (i32, i32)>,
}

impl Signed {
    fn add(&mut self, key: usize, level: i32, round: i32, message: usize) -> Result<(), TestCaseError> {
        let before = self.at.insert((key, level, round), message);
        prop_assert!(before.is_none_or(|before| before == message), "two messages at {level}, {round}");
        let highest = self.highest.insert(key, (level, round));
        prop_assert!(
            highest.is_none_or(|highest| (level, round) >= highest),
            "{level}, {round} below {highest:?}"
        );
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_requests_faults_and_restarts_clears_two_messages(acts in prop::collection::vec(act(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (mut world, backend, _) = faulty();
            let mut signed = Signed::default();
            let ok = |answer: &str| ["advanced", "repeated"].contains(&answer);
            for act in acts {
                match act {
                    Act::Ask(k, level, round, message) => {
                        let asked = asked(WatermarkKind::Block, level, round, message);
                        if ok(world.clear(key(k), asked).await) {
                            signed.add(k, level, round, message)?;
                        }
                    }
                    Act::Race(k, level, round) => {
                        let asks: Vec<_> =
                            (0..2).map(|n| (key(k), asked(WatermarkKind::Block, level, round, n))).collect();
                        for (message, answer) in world.all_at_once(&asks).await.into_iter().enumerate() {
                            if ok(answer) {
                                signed.add(k, level, round, message)?;
                            }
                        }
                    }
                    Act::Raise(k, level) => {
                        let watermarks = KeyWatermarks { block: Some(watermark(level, 0, 7)), ..KeyWatermarks::default() };
                        let _ = world.watermarks().raise(chain(0), &ChainWatermarks::from_iter([(key(k), watermarks)]), JOINED).await;
                    }
                    Act::Fail(true, n, fault) => backend.fail_read(n, FAULTS[fault]),
                    Act::Fail(false, n, fault) => backend.fail_commit(n, FAULTS[fault]),
                    Act::Restart => world.restart(),
                }
            }
            Ok::<(), TestCaseError>(())
        })?;
    }
}
