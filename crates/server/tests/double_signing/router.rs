//! Random work on the real router, over every driver.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jwtis_store::testing::Fault;
use jwtis_testkit::consensus::{ConsensusKind, ConsensusMessage};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use tokio::runtime::{Builder, Runtime};
use tokio::task;

use crate::ledger::Ledger;
use crate::messages::any_message;
use crate::world::{Answer, Driver, World};

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    /// Each client asks for one message after the other, all clients at once. With `hang_up`, they go away after that many turns.
    Clients {
        work: Vec<Vec<ConsensusMessage>>,
        hang_up: Option<u8>,
    },
    Restart,
    /// The store's call of this number from now on fails.
    StoreFails {
        reads: bool,
        call: u64,
        fault: Fault,
    },
    /// The vault's call of this number from now on fails.
    VaultFails(u64),
}

const FAULTS: [Fault; 7] = [
    Fault::Unavailable,
    Fault::Full,
    Fault::Damaged,
    Fault::Conflict,
    Fault::UnknownNotDone,
    Fault::UnknownDone,
    Fault::UnknownDoneLater,
];

fn any_step() -> impl Strategy<Value = Step> {
    let clients = (vec(vec(any_message(), 1..5), 1..6), proptest::option::weighted(0.2, 0_u8..40))
        .prop_map(|(work, hang_up)| Step::Clients { work, hang_up });
    let store = (any::<bool>(), 1_u64..4, 0..FAULTS.len())
        .prop_map(|(reads, call, fault)| Step::StoreFails { reads, call, fault: FAULTS[fault] });
    prop_oneof![6 => clients, 1 => Just(Step::Restart), 2 => store, 1 => (1_u64..4).prop_map(Step::VaultFails)]
}

/// How often each kind of answer was seen: a test that never met one has shown nothing about it.
#[derive(Default)]
struct Seen {
    signed: AtomicUsize,
    refused: AtomicUsize,
    failed: AtomicUsize,
}

impl Seen {
    fn enough(&self) -> bool {
        self.signed.load(Ordering::SeqCst) > 200 && self.refused.load(Ordering::SeqCst) > 200
    }
}

#[test]
fn nobody_is_signed_twice_with_watermarks_in_memory() {
    let seen = random_work(Driver::Mem);
    assert!(seen.failed.into_inner() > 0, "the vault never failed");
}

#[test]
fn nobody_is_signed_twice_while_the_store_fails_at_any_call() {
    let seen = random_work(Driver::FailingStore);
    assert!(seen.failed.into_inner() > 0, "the store never failed");
}

#[test]
fn nobody_is_signed_twice_over_restarts_with_watermarks_in_the_store() {
    random_work(Driver::Redb);
}

#[test]
fn nobody_is_signed_twice_over_restarts_with_watermarks_in_files() {
    random_work(Driver::File);
}

/// Few cases of many steps, for about five seconds a driver.
fn random_work(driver: Driver) -> Seen {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let config = Config { cases: 60, failure_persistence: None, ..Config::default() };
    let seen = Seen::default();
    #[expect(clippy::disallowed_methods, reason = "bounds how long the test runs")]
    let start = Instant::now();
    let result = TestRunner::new(config).run(&vec(any_step(), 20..70), |steps| {
        if start.elapsed() > Duration::from_secs(5) && seen.enough() {
            return Ok(());
        }
        let ledger = one_case(&runtime, driver, steps, &seen);
        ledger.judge().map_err(TestCaseError::fail)
    });
    if let Err(failure) = result {
        panic!("{driver:?}: {failure}");
    }
    assert!(seen.enough(), "{driver:?}: hardly anything was signed, or hardly anything refused");
    seen
}

fn one_case(runtime: &Runtime, driver: Driver, steps: Vec<Step>, seen: &Seen) -> Arc<Ledger> {
    runtime.block_on(async {
        let ledger = Arc::new(Ledger::default());
        let counts = Arc::new(Seen::default());
        let mut world = World::new(driver).await;
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Restart => world.restart().await,
                Step::StoreFails { reads, call, fault } => world.store_fails(reads, call, fault),
                Step::VaultFails(call) => world.vault_fails(call),
                Step::Clients { work, hang_up } => {
                    // The levels rise slowly, so that there always is something to sign and something to refuse.
                    let levels = i32::try_from(number / 4).unwrap();
                    clients(&world, &ledger, &counts, work, levels, hang_up).await;
                }
            }
        }
        lives_on(&world, &ledger).await;
        seen.signed.fetch_add(ledger.len(), Ordering::SeqCst);
        seen.refused.fetch_add(counts.refused.load(Ordering::SeqCst), Ordering::SeqCst);
        seen.failed.fetch_add(counts.failed.load(Ordering::SeqCst), Ordering::SeqCst);
        ledger
    })
}

async fn clients(
    world: &World,
    ledger: &Arc<Ledger>,
    counts: &Arc<Seen>,
    work: Vec<Vec<ConsensusMessage>>,
    levels: i32,
    hang_up: Option<u8>,
) {
    let tasks: Vec<_> = work
        .into_iter()
        .map(|messages| {
            let (client, ledger, counts) = (world.client(), Arc::clone(ledger), Arc::clone(counts));
            task::spawn(async move {
                for message in messages {
                    let message = message.above(levels);
                    let asked = ledger.now();
                    match client.ask(&message).await {
                        Answer::Signed => ledger.signed(message, asked),
                        Answer::Refused => _ = counts.refused.fetch_add(1, Ordering::SeqCst),
                        Answer::Failed => _ = counts.failed.fetch_add(1, Ordering::SeqCst),
                    }
                }
            })
        })
        .collect();
    if let Some(turns) = hang_up {
        for _ in 0..turns {
            task::yield_now().await;
        }
        tasks.iter().for_each(task::JoinHandle::abort);
    }
    for work in tasks {
        match work.await {
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            _ => {}
        }
    }
}

/// When all faults have been met, everything far above the watermarks is signed.
async fn lives_on(world: &World, ledger: &Ledger) {
    for key in 0..3 {
        let message = ConsensusMessage {
            key,
            bls: key == 2,
            chain: 0,
            kind: ConsensusKind::Attestation,
            level: 1000,
            round: 0,
            content: 0,
        };
        let mut answers = Vec::new();
        for attempt in 0..30 {
            let message = message.above(attempt);
            let asked = ledger.now();
            let answer = world.client().ask(&message).await;
            if let Answer::Signed = answer {
                ledger.signed(message, asked);
                answers.push(message);
                break;
            }
        }
        assert!(!answers.is_empty(), "the signer does not recover");
    }
}
