//! Limits over time: counted in the store before the key is used, whatever restarts, races or fails.

use std::sync::Arc;
use std::time::Duration;

use jwtis_signer::NotSigned;
use jwtis_signer::Signer;
use jwtis_signer::usage::UsageError;
use jwtis_store::testing::{Fault, Faulty, store_over};
use jwtis_store::{KdfParams, MemoryBackend, Store, create_redb, open_memory, open_redb};
use jwtis_testkit::signer::{
    Calls, Gate, ScriptedHook, ScriptedVault, Setup, allowing, attestation, code, new_key, pkh, sign, text,
    transaction,
};
use jwtis_tezos::policy::{LimitsMode, Mutez, Rate, SpendingLimits};
use jwtis_tezos::{Curve, Policy, RequestKind, SecretKey};

/// Transactions of at most `amount` mutez an hour, and `count` operations; attestations as well.
fn policy(amount: Option<u64>, count: Option<u64>) -> Policy {
    let rate = Rate { window: Duration::from_secs(3600), amount: amount.map(Mutez::new), count };
    let limits = SpendingLimits { per: Some(rate), ..SpendingLimits::default() };
    Policy { limits, ..allowing(&[RequestKind::Generic, RequestKind::Attestation]) }
}

fn setup(store: &Store, key: &Arc<SecretKey>, policy: Policy) -> Setup {
    Setup::new().list(key, policy).vault("v", ScriptedVault::new(&Calls::default(), &[key])).store(store)
}

#[tokio::test]
async fn a_restart_forgets_nothing_that_was_spent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let key = new_key(Curve::Ed25519);
    let store = create_redb(&path, &"p".into(), KdfParams::cheap_for_tests()).unwrap();
    let signer = setup(&store, &key, policy(Some(100), None)).build();
    assert_eq!(code(&sign(&signer, &key, &transaction(60)).await), "signed");
    drop((signer, store));

    let store = open_redb(&path, &"p".into()).unwrap();
    let setup = setup(&store, &key, policy(Some(100), None));
    let clock = setup.clock.clone();
    let signer = setup.build();
    let refused = sign(&signer, &key, &transaction(41)).await;
    let wanted = format!(
        "limit per.amount is {} in 3600 s, of which {} is used, {} was asked",
        Mutez::new(100),
        Mutez::new(60),
        Mutez::new(41)
    );
    assert_eq!((code(&refused), text(&refused)), ("limit", wanted));
    assert_eq!(code(&sign(&signer, &key, &transaction(40)).await), "signed");
    assert_eq!(code(&sign(&signer, &key, &transaction(1)).await), "limit");
    clock.advance(Duration::from_secs(3600));
    assert_eq!(code(&sign(&signer, &key, &transaction(100)).await), "signed", "the window has passed");
}

#[tokio::test]
async fn what_is_refused_counts_nothing_and_consensus_is_not_counted() {
    let store = open_memory();
    let key = new_key(Curve::Ed25519);
    let signer = setup(&store, &key, policy(None, Some(1))).build();
    for level in 1..20 {
        assert_eq!(code(&sign(&signer, &key, &attestation(level, 0)).await), "signed");
    }
    let batch = [transaction(1), jwtis_testkit::forge::transaction(1, 2, None).0].concat();
    assert_eq!(code(&sign(&signer, &key, &batch).await), "limit");
    assert_eq!(code(&sign(&signer, &key, &transaction(1)).await), "signed");
    assert_eq!(code(&sign(&signer, &key, &transaction(1)).await), "limit");
    // Keys are counted each on its own.
    let other = new_key(Curve::Ed25519);
    let signer = setup(&store, &other, policy(None, Some(1))).build();
    assert_eq!(code(&sign(&signer, &other, &transaction(1)).await), "signed");
}

#[tokio::test]
async fn without_a_store_a_counted_key_signs_no_operations() {
    let key = new_key(Curve::Ed25519);
    let signer = Setup::new()
        .list(&key, policy(None, Some(5)))
        .vault("v", ScriptedVault::new(&Calls::default(), &[&key]))
        .build();
    let refused = sign(&signer, &key, &transaction(1)).await;
    assert!(matches!(refused.outcome, Err(NotSigned::Usage(UsageError::NoStore))), "{}", text(&refused));
    assert_eq!(code(&sign(&signer, &key, &attestation(1, 0)).await), "signed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_at_once_never_exceed_the_limit_and_those_of_one_process_are_all_answered() {
    const LIMIT: u64 = 20;
    for processes in [1, 2] {
        let store = open_memory();
        let key = new_key(Curve::Ed25519);
        let signers: Vec<_> =
            (0..processes).map(|_| setup(&store, &key, policy(None, Some(LIMIT))).build()).collect();
        let requests: Vec<_> = (0..64)
            .map(|index| {
                let (signer, key) = (signers[index % processes].clone(), Arc::clone(&key));
                tokio::spawn(async move { code(&sign(&signer, &key, &transaction(1)).await) })
            })
            .collect();
        let mut signed = 0;
        for request in requests {
            match request.await.unwrap() {
                "signed" => signed += 1,
                "limit" => {}
                "usage_unavailable" if processes > 1 => {}
                other => panic!("{other}"),
            }
        }
        assert_eq!(signed + left(&signers[0], &key).await, LIMIT, "each was counted, and nothing else");
    }
}

#[tokio::test]
async fn requests_of_one_process_queue_so_that_none_runs_out_of_tries() {
    let backend = Faulty::new(MemoryBackend::new());
    let key = new_key(Curve::Ed25519);
    let signer = setup(&store_over(backend.clone()), &key, policy(None, Some(9))).build();
    assert_eq!(code(&sign(&signer, &key, &transaction(1)).await), "signed");
    backend.hang_commits();
    let before = backend.reads();
    let requests = [(); 2].map(|()| {
        let (signer, key) = (signer.clone(), Arc::clone(&key));
        tokio::spawn(async move { code(&sign(&signer, &key, &transaction(1)).await) })
    });
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        backend.reads() - before,
        3,
        "both have looked, and the first alone has read what it replaces"
    );
    backend.release();
    for request in requests {
        assert_eq!(request.await.unwrap(), "signed");
    }
}

/// How many more operations the key may sign.
async fn left(signer: &Signer, key: &SecretKey) -> u64 {
    let mut left = 0;
    loop {
        match code(&sign(signer, key, &transaction(1)).await) {
            "signed" => left += 1,
            "limit" => return left,
            // A fault that was ordered for later.
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_store_that_fails_at_any_call_never_lets_a_signature_go_uncounted() {
    const LIMIT: u64 = 6;
    for fault in Fault::NOT_WRITTEN.into_iter().chain([Fault::Conflict]).chain(Fault::UNKNOWN) {
        for (reads, nth) in (1..=8).flat_map(|nth| [(true, nth), (false, nth)]) {
            let key = new_key(Curve::Ed25519);
            let backend = Faulty::new(MemoryBackend::new());
            let store = store_over(backend.clone());
            let signer = setup(&store, &key, policy(None, Some(LIMIT))).build();
            signer.read_switches().await.unwrap();
            if reads {
                backend.fail_read(nth, fault)
            } else {
                backend.fail_commit(nth, fault)
            }
            let mut signed = 0;
            for _ in 0..4 {
                let decided = sign(&signer, &key, &transaction(1)).await;
                match code(&decided) {
                    "signed" => signed += 1,
                    "usage_unavailable" => {}
                    other => panic!("{other}: {}", text(&decided)),
                }
            }
            let total = signed + left(&signer, &key).await;
            let lost = u64::from(Fault::UNKNOWN.contains(&fault) && !reads);
            assert!(total <= LIMIT && total + lost >= LIMIT, "{fault:?}, {reads}, {nth}: {total}");
        }
    }
}

#[tokio::test]
async fn what_a_key_has_spent_is_judged_afresh_after_the_hook() {
    let store = open_memory();
    let key = new_key(Curve::Ed25519);
    let calls = Calls::default();
    let gate = Gate::new();
    let hook = ScriptedHook::saying(&calls, 200, "200 OK");
    *hook.gate.lock().unwrap() = Some((pkh(&key).to_string(), Arc::clone(&gate)));
    let signer = setup(&store, &key, policy(Some(100), None)).hook(hook, None).build();
    let requests: Vec<_> = (0..2)
        .map(|_| {
            let (signer, key) = (signer.clone(), Arc::clone(&key));
            tokio::spawn(async move { code(&sign(&signer, &key, &transaction(60)).await) })
        })
        .collect();
    gate.arrival().await;
    gate.arrival().await;
    gate.release();
    gate.release();
    let mut codes = Vec::new();
    for request in requests {
        codes.push(request.await.unwrap());
    }
    codes.sort_unstable();
    assert_eq!(codes, ["limit", "signed"]);
}

#[tokio::test]
async fn a_slow_store_holds_up_no_key_that_is_not_counted() {
    let (counted, free) = (new_key(Curve::Ed25519), new_key(Curve::Ed25519));
    let backend = Faulty::new(MemoryBackend::new());
    let store = store_over(backend.clone());
    let signer = setup(&store, &counted, policy(None, Some(5)))
        .list(&free, allowing(&[RequestKind::Generic]))
        .vault("w", ScriptedVault::new(&Calls::default(), &[&free]))
        .build();
    signer.read_switches().await.unwrap();
    backend.hang_reads();
    let waiting = {
        let (signer, counted) = (signer.clone(), Arc::clone(&counted));
        tokio::spawn(async move { code(&sign(&signer, &counted, &transaction(1)).await) })
    };
    tokio::task::yield_now().await;
    assert_eq!(code(&sign(&signer, &free, &transaction(1)).await), "signed");
    assert!(!waiting.is_finished());
    backend.release();
    assert_eq!(waiting.await.unwrap(), "signed");
}

/// As [`policy`], observed only.
fn observing(amount: Option<u64>, count: Option<u64>) -> Policy {
    let policy = policy(amount, count);
    Policy { limits: SpendingLimits { mode: LimitsMode::Observe, ..policy.limits }, ..policy }
}

#[tokio::test]
async fn observed_limits_count_and_report_and_refuse_nothing() {
    let store = open_memory();
    let key = new_key(Curve::Ed25519);
    let signer = setup(&store, &key, observing(Some(100), None)).build();
    let first = sign(&signer, &key, &transaction(60)).await;
    assert_eq!((code(&first), &first.about.observed), ("signed", &None));
    for (spent, asked) in [(60, 60), (120, 1)] {
        let more = sign(&signer, &key, &transaction(asked)).await;
        let wanted = format!(
            "limit per.amount is {} in 3600 s, of which {} is used, {} was asked",
            Mutez::new(100),
            Mutez::new(spent),
            Mutez::new(asked)
        );
        assert_eq!(code(&more), "signed");
        assert_eq!(more.about.observed.map(|denial| denial.to_string()), Some(wanted));
    }
    // Enforced from now on: what was signed meanwhile counts.
    let signer = setup(&store, &key, policy(Some(121), None)).build();
    assert_eq!(code(&sign(&signer, &key, &transaction(1)).await), "limit");
    let signer = setup(&store, &key, policy(Some(122), None)).build();
    assert_eq!(code(&sign(&signer, &key, &transaction(1)).await), "signed");
}

#[tokio::test]
async fn observed_limits_need_no_store_that_works() {
    let key = new_key(Curve::Ed25519);
    let vault = ScriptedVault::new(&Calls::default(), &[&key]);
    let bare = Setup::new().list(&key, observing(None, Some(1))).vault("v", vault).build();
    for reads in [true, false] {
        let backend = Faulty::new(MemoryBackend::new());
        let signer = setup(&store_over(backend.clone()), &key, observing(None, Some(1))).build();
        signer.read_switches().await.unwrap();
        if reads {
            backend.fail_read(1, Fault::Unavailable)
        } else {
            backend.fail_commit(1, Fault::Full)
        }
        for signer in [&signer, &bare] {
            assert_eq!(code(&sign(signer, &key, &transaction(1)).await), "signed", "{reads}");
        }
    }
}
