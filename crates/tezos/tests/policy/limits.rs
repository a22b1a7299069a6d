//! Limits: which one, its value, and what was asked.

use std::time::Duration;

use jwtis_testkit::forge::{Forge, UNIT, block, consensus, tag, transaction};
use jwtis_tezos::operation::Address;
use jwtis_tezos::policy::{
    AskedAmount, Circumstances, LimitDenial, LimitsMode, Mutez, Rate, SpendingLimits, Usage,
};
use jwtis_tezos::{Caller, Denial, Policy, SignRequest, SigningVersion, Verdict};

use crate::{ask, generic, key};

const ALL: &[&str] = &[
    "transaction",
    "stake",
    "unstake",
    "drain_delegate",
    "origination",
    "delegation",
    "transfer_ticket",
    "failing_noop",
];

fn limited(limits: SpendingLimits) -> Policy {
    Policy { limits, ..generic(ALL) }
}

fn amount(mutez: u64) -> Option<Mutez> {
    Some(Mutez::new(mutez))
}

fn batch(operations: &[Forge]) -> Vec<u8> {
    operations.iter().fold(Forge::default(), |batch, operation| batch.raw(&operation.0)).generic()
}

fn drain() -> Forge {
    tag(9).account(0, 1).account(0, 2).account(0, 3)
}

fn origination(balance: u64) -> Forge {
    tag(109).manager().nat(balance).u8(0).framed(&UNIT).framed(&UNIT)
}

fn ticket(entrypoint: &str) -> Forge {
    let forge = tag(158).manager().framed(&UNIT).framed(&UNIT).contract(1).nat(9).contract(7);
    forge.framed(entrypoint.as_bytes())
}

#[test]
fn amounts_are_those_of_the_whole_request() {
    let policy = limited(SpendingLimits { max_amount: amount(1_000_000), ..SpendingLimits::default() });
    let pay = |mutez: u64| transaction(mutez, 2, None);
    let refused = |asked: &str| Err(format!("limit max_amount is 1 tz, {asked} was asked"));
    for (name, operations, wanted) in [
        ("below", vec![pay(999_999)], Ok(())),
        ("exactly", vec![pay(1_000_000)], Ok(())),
        ("above", vec![pay(1_000_001)], refused("1.000001 tz")),
        ("together", vec![pay(500_000), pay(500_000)], Ok(())),
        ("together_above", vec![pay(500_000), pay(500_001)], refused("1.000001 tz")),
        ("a_balance", vec![origination(1_000_001)], refused("1.000001 tz")),
        ("a_balance_and_a_payment", vec![origination(600_000), pay(600_000)], refused("1.2 tz")),
        ("a_staking_call", vec![transaction(2_000_000, 0xaa, Some(&[6]))], refused("2 tz")),
        ("a_drain", vec![drain()], refused("more than can be told")),
        ("a_sum_that_overflows", vec![pay(i64::MAX.unsigned_abs()); 3], refused("more than can be told")),
        ("what_spends_nothing", vec![tag(110).manager().u8(0), tag(17).framed(b"x")], Ok(())),
    ] {
        assert_eq!(ask(&policy, &batch(&operations)), wanted, "{name}");
    }
}

#[test]
fn fees_are_those_of_the_whole_request() {
    // The forger's fee is 1000 mutez.
    let policy = limited(SpendingLimits { max_fee: amount(2_000), ..SpendingLimits::default() });
    assert_eq!(ask(&policy, &batch(&[transaction(5, 2, None), tag(110).manager().u8(0)])), Ok(()));
    assert_eq!(
        ask(&policy, &batch(&[transaction(5, 2, None), tag(110).manager().u8(0), origination(0)]))
            .unwrap_err(),
        "limit max_fee is 0.002 tz, 0.003 tz was asked"
    );
}

#[test]
fn destinations_by_name() {
    let policy =
        limited(SpendingLimits { destinations: Some([key(2).into()].into()), ..SpendingLimits::default() });
    let refused = |what: &str, asked: &str| {
        Err(format!("limit destinations is [{}], a {what} to {asked} was asked", key(2)))
    };
    for (name, operation, wanted) in [
        ("listed", transaction(5, 2, None), Ok(())),
        ("not_listed", transaction(5, 3, None), refused("transaction", &key(3).to_string())),
        ("not_listed_with_amount_0", transaction(0, 3, None), refused("transaction", &key(3).to_string())),
        ("a_staking_call_pays_itself", transaction(5, 0xaa, Some(&[6])), Ok(())),
        (
            "itself_without_a_staking_call",
            transaction(5, 0xaa, None),
            refused("transaction", &key(0xaa).to_string()),
        ),
        ("a_drain", drain(), refused("drain_delegate", &key(3).to_string())),
        (
            "a_contract_with_a_balance",
            origination(1),
            refused("origination", "an account without an address"),
        ),
        ("a_contract_without_a_balance", origination(0), Ok(())),
        ("a_ticket", ticket("in"), refused("transfer_ticket", &Address::to_string(&kt(7)))),
        ("what_pays_nobody", tag(110).manager().u8(0), Ok(())),
    ] {
        assert_eq!(ask(&policy, &batch(&[operation])), wanted, "{name}");
    }
    let second = batch(&[transaction(5, 2, None), transaction(5, 3, None)]);
    assert!(ask(&policy, &second).is_err(), "the second of a batch");
}

/// The contract that a ticket goes to.
fn kt(byte: u8) -> Address {
    let message = tag(108).manager().nat(1).contract(byte).u8(0).generic();
    let request = SignRequest::decode(&message, SigningVersion::LATEST).unwrap();
    *request.operations()[0].destination().unwrap()
}

#[test]
fn long_lists_are_cut_in_refusals() {
    let destinations = (10..20).map(|byte| Address::from(key(byte))).collect();
    let policy = limited(SpendingLimits { destinations: Some(destinations), ..SpendingLimits::default() });
    let text = ask(&policy, &batch(&[transaction(5, 3, None)])).unwrap_err();
    assert!(text.contains(" and 6 more], a transaction to "), "{text}");
}

#[test]
fn entrypoints_by_name() {
    let list = |names: &[&str]| {
        let entrypoints = Some(names.iter().map(|name| (*name).to_owned()).collect());
        limited(SpendingLimits { entrypoints, ..SpendingLimits::default() })
    };
    let named = |name: &str| {
        let entrypoint = [&[255, u8::try_from(name.len()).unwrap()], name.as_bytes()].concat();
        transaction(0, 2, Some(&entrypoint))
    };
    let refused = |listed: &str, what: &str, asked: &str| {
        Err(format!("limit entrypoints is [{listed}], a {what} that calls {asked} was asked"))
    };
    for (name, policy, operation, wanted) in [
        ("listed", list(&["transfer"]), named("transfer"), Ok(())),
        ("not_listed", list(&["transfer"]), named("burn"), refused("transfer", "transaction", "burn")),
        (
            "a_plain_transfer",
            list(&["transfer"]),
            transaction(5, 2, None),
            refused("transfer", "transaction", "default"),
        ),
        ("a_plain_transfer_listed", list(&["default"]), transaction(5, 2, None), Ok(())),
        ("by_tag", list(&["do"]), transaction(0, 2, Some(&[2])), Ok(())),
        ("stake_by_name", list(&["transfer"]), named("stake"), refused("transfer", "transaction", "stake")),
        ("a_staking_call", list(&[]), transaction(5, 0xaa, Some(&[6])), Ok(())),
        ("a_ticket", list(&["in"]), ticket("in"), Ok(())),
        ("a_ticket_elsewhere", list(&["in"]), ticket("out"), refused("in", "transfer_ticket", "out")),
        ("an_empty_list", list(&[]), transaction(5, 2, None), refused("", "transaction", "default")),
    ] {
        assert_eq!(ask(&policy, &batch(&[operation])), wanted, "{name}");
    }
}

fn evaluate(policy: &Policy, message: &[u8], usage: &Usage, now_ms: u64) -> Verdict {
    let request = SignRequest::decode(message, SigningVersion::LATEST).unwrap();
    policy.evaluate(&request, &Circumstances { key: &key(0xaa), caller: &Caller::Anonymous, usage, now_ms })
}

fn allowed(verdict: Verdict) -> Usage {
    match verdict {
        Verdict::Allow(Some(usage)) => usage,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rates_count_across_requests() {
    let window = Duration::from_secs(3600);
    let rate = Rate { window, amount: amount(10_000_000), count: Some(4) };
    let policy = limited(SpendingLimits { per: Some(rate), ..SpendingLimits::default() });
    let pay = |mutez: u64| batch(&[transaction(mutez, 2, None)]);

    let first = allowed(evaluate(&policy, &pay(6_000_000), &Usage::default(), 0));
    let denied = evaluate(&policy, &pay(4_000_001), &first, 1_000);
    let wanted = LimitDenial::Amount {
        window,
        limit: Mutez::new(10_000_000),
        spent: Mutez::new(6_000_000),
        asked: AskedAmount { amount: amount(4_000_001), unsent: amount(0) },
    };
    assert_eq!(
        wanted.to_string(),
        "limit per.amount is 10 tz in 3600 s, of which 6 tz is used, 4.000001 tz was asked"
    );
    assert_eq!(denied, Verdict::Deny(Denial::Limit(wanted)));

    let second = allowed(evaluate(&policy, &pay(4_000_000), &first, 1_000));
    assert!(matches!(evaluate(&policy, &pay(1), &second, 2_000), Verdict::Deny(_)));
    let free = batch(&vec![tag(110).manager().u8(0); 2]);
    let third = allowed(evaluate(&policy, &free, &second, 2_000));
    let Verdict::Deny(denied) = evaluate(&policy, &batch(&[tag(17).framed(b"x")]), &third, 3_000) else {
        panic!()
    };
    assert_eq!(
        denied.to_string(),
        "limit per.count is 4 operation(s) in 3600 s, of which 4 are used, 1 more were asked"
    );
    // When the window has passed, all is as before.
    allowed(evaluate(&policy, &pay(10_000_000), &third, 3_700_000));
}

#[test]
fn a_refusal_counts_nothing_and_other_requests_are_not_counted() {
    let rate = Rate { window: Duration::from_secs(60), amount: amount(5), count: Some(1) };
    let mut policy =
        Policy { limits: SpendingLimits { per: Some(rate), ..SpendingLimits::default() }, ..Policy::baker() };
    for message in [block(1, 0, 0), consensus(0x13, 21, 1, 0)] {
        assert_eq!(evaluate(&policy, &message, &Usage::default(), 0), Verdict::Allow(None));
    }
    policy.allow = generic(ALL).allow;
    assert!(matches!(evaluate(&policy, &batch(&[drain()]), &Usage::default(), 0), Verdict::Deny(_)));
    assert!(matches!(
        evaluate(&policy, &batch(&[transaction(6, 2, None)]), &Usage::default(), 0),
        Verdict::Deny(_)
    ));
}

#[test]
fn observed_limits_refuse_nothing_and_count_everything() {
    let window = Duration::from_secs(3600);
    let rate = Rate { window, amount: amount(10), count: Some(2) };
    let limits = SpendingLimits {
        max_amount: amount(5),
        destinations: Some([key(2).into()].into()),
        per: Some(rate),
        mode: LimitsMode::Observe,
        ..SpendingLimits::default()
    };
    let policy = limited(limits.clone());
    let observed = |verdict: Verdict| match verdict {
        Verdict::Observe { denial, usage: Some(usage) } => (denial.limit(), denial.to_string(), usage),
        other => panic!("{other:?}"),
    };
    let first = allowed(evaluate(&policy, &batch(&[transaction(4, 2, None)]), &Usage::default(), 0));
    let (limit, text, second) = observed(evaluate(&policy, &batch(&[transaction(7, 2, None)]), &first, 1));
    assert_eq!((limit, &*text), ("max_amount", "limit max_amount is 0.000005 tz, 0.000007 tz was asked"));
    let (limit, _, third) = observed(evaluate(&policy, &batch(&[transaction(1, 3, None)]), &second, 2));
    assert_eq!(limit, "destinations");
    assert_eq!(third.within(3_600_000, 3), (12, 3), "what was signed is counted, allowed or not");
    let (limit, ..) = observed(evaluate(&policy, &batch(&[transaction(1, 2, None)]), &third, 3));
    assert_eq!(limit, "per.amount");
    // Other rules refuse all the same.
    let other = Policy { limits, ..generic(&["delegation"]) };
    assert!(matches!(
        evaluate(&other, &batch(&[transaction(1, 2, None)]), &Usage::default(), 0),
        Verdict::Deny(Denial::Operation(_))
    ));
}

#[test]
fn without_limits_nothing_is_remembered() {
    let message = batch(&[transaction(6, 2, None), drain()]);
    assert_eq!(evaluate(&generic(ALL), &message, &Usage::default(), 0), Verdict::Allow(None));
}

#[test]
fn usage_survives_its_record() {
    let rate = Rate { window: Duration::from_secs(60), amount: amount(5), count: None };
    let policy = limited(SpendingLimits { per: Some(rate), ..SpendingLimits::default() });
    let usage = allowed(evaluate(&policy, &batch(&[transaction(5, 2, None)]), &Usage::default(), 7));
    let record = serde_json::to_string(&usage).unwrap();
    let read: Usage = serde_json::from_str(&record).unwrap();
    assert_eq!(read, usage);
    assert!(matches!(evaluate(&policy, &batch(&[transaction(1, 2, None)]), &read, 8), Verdict::Deny(_)));
}
