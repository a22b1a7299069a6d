//! Random transactions on a small set of names agree with a plain map.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation in a test is a failed test"
)]

mod common;

use std::collections::BTreeMap;

use common::{Client, client, created, place};
use jwtis_store::{CommitError, Name, Store, Transaction, Version, open_memory};
use proptest::prelude::*;

/// A step names a record and, perhaps wrongly, what it takes the record to be.
#[derive(Clone, Debug)]
enum Step {
    Create(u8),
    Replace(u8, bool),
    Delete(u8, bool),
    Require(u8, bool),
    RequireAbsent(u8),
}

fn step() -> impl Strategy<Value = Step> {
    // The view is right nine times out of ten, so that transactions of several steps have a chance.
    let right = || prop::bool::weighted(0.9);
    prop_oneof![
        (0..4_u8).prop_map(Step::Create),
        (0..4_u8, right()).prop_map(|(n, right)| Step::Replace(n, right)),
        (0..4_u8, right()).prop_map(|(n, right)| Step::Delete(n, right)),
        (0..4_u8, right()).prop_map(|(n, right)| Step::Require(n, right)),
        (0..4_u8).prop_map(Step::RequireAbsent),
    ]
}

type Model = BTreeMap<u8, (Version, String)>;

/// The transaction on the store, and what the model says of it: the next state, or refusal.
fn build<'s>(
    store: &'s Store,
    model: &Model,
    steps: &[Step],
    text: &str,
) -> (Transaction<'s>, Option<Model>) {
    let mut transaction = store.transaction();
    let mut next = model.clone();
    let mut holds = true;
    let mut written = Vec::new();
    for step in steps {
        let (Step::Create(n)
        | Step::Replace(n, _)
        | Step::Delete(n, _)
        | Step::Require(n, _)
        | Step::RequireAbsent(n)) = *step;
        let name = n.to_string();
        let name = Name::plain(&name);
        let current = model.get(&n).map(|(version, _)| *version);
        let view = |right: bool| {
            let version = current.unwrap_or(Version(42));
            if right { version } else { Version(version.0 ^ 1) }
        };
        if matches!(step, Step::Create(_) | Step::Replace(..) | Step::Delete(..)) {
            holds &= !written.contains(&n);
            written.push(n);
        }
        transaction = match *step {
            Step::Create(_) => {
                holds &= current.is_none();
                let transaction = transaction.create(name, &client(text));
                next.insert(n, (transaction.written_version().unwrap(), text.to_owned()));
                transaction
            }
            Step::Replace(_, right) => {
                holds &= current == Some(view(right));
                next.insert(n, (view(right).next(), text.to_owned()));
                transaction.replace(name, view(right), &client(text))
            }
            Step::Delete(_, right) => {
                holds &= current == Some(view(right));
                next.remove(&n);
                transaction.delete::<Client>(name, view(right))
            }
            Step::Require(_, right) => {
                holds &= current == Some(view(right));
                transaction.require::<Client>(name, view(right))
            }
            Step::RequireAbsent(_) => {
                holds &= current.is_none();
                transaction.require_absent::<Client>(name)
            }
        };
    }
    (transaction, holds.then_some(next))
}

async fn agrees(store: &Store, history: &[Vec<Step>]) -> Result<(), TestCaseError> {
    let mut model = Model::new();
    for (n, steps) in history.iter().enumerate() {
        let (transaction, next) = build(store, &model, steps, &format!("value {n}"));
        match (store.commit(transaction).await, next) {
            (Ok(()), Some(next)) => model = next,
            (Err(CommitError::Conflict { .. }), None) => {}
            (outcome, next) => prop_assert!(false, "{steps:?}: {outcome:?}, the model says {next:?}"),
        }
        for n in 0..4 {
            let found = store.get::<Client>(Name::plain(&n.to_string())).await.unwrap();
            prop_assert_eq!(found.map(|stored| (stored.version, stored.value.0)), model.get(&n).cloned());
        }
        prop_assert_eq!(store.scan::<Client>(None, 10).await.unwrap().len(), model.len());
    }
    Ok(())
}

fn histories(length: usize) -> impl Strategy<Value = Vec<Vec<Step>>> {
    prop::collection::vec(prop::collection::vec(step(), 0..4), 1..length)
}

fn run(cases: u32, length: usize, make: impl Fn() -> (Option<tempfile::TempDir>, Store)) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let outcome = runner.run(&histories(length), |history| {
        let (_folder, store) = make();
        runtime.block_on(agrees(&store, &history))
    });
    outcome.unwrap();
}

#[test]
fn memory_agrees_with_a_map() {
    run(300, 40, || (None, open_memory()));
}

#[test]
fn redb_agrees_with_a_map() {
    run(30, 30, || {
        let (folder, path) = place();
        (Some(folder), created(&path))
    });
}
