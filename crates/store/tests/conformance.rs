//! Both engines, and the test double over one, pass the same suite.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation in a test is a failed test"
)]

use std::sync::{Arc, Mutex};

use jwtis_store::{Backend, MemoryBackend, conformance, testing};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_conforms() {
    conformance::run(|| Arc::new(MemoryBackend::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redb_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let made = Mutex::new(0);
    conformance::run(|| {
        let mut made = made.lock().unwrap();
        *made += 1;
        testing::redb_backend(&folder.path().join(format!("{made}.db")))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_faulty_engine_conforms() {
    conformance::run(|| testing::Faulty::new(MemoryBackend::new()) as Arc<dyn Backend>).await;
    for fault in testing::Fault::UNKNOWN {
        let faulty = testing::Faulty::new(MemoryBackend::new());
        let fail = || {
            faulty.fail_commit(1, fault);
            faulty.fail_commit(2, testing::Fault::Full);
        };
        conformance::a_dropped_commit_with_unknown_outcome_leaves_its_records_in_doubt(&*faulty, fail, || {})
            .await;
    }
}
