//! The texts of refusals, byte for byte, and their order.

use std::collections::BTreeSet;

use jwtis_testkit::forge::{UNIT, block, consensus, tag, transaction};
use jwtis_tezos::{Caller, Policy};

use crate::{allowing, ask, ask_as, generic, key};

fn ballot(vote: u8) -> Vec<u8> {
    tag(6).account(0, 1).i32(7).fill(3, 32).u8(vote).generic()
}

#[test]
fn every_example_of_the_table() {
    let nothing = Policy::default();
    let reveal = tag(107).manager().u8(0).fill(0x50, 32).u8(0);
    let batch = reveal.raw(&transaction(1, 2, None).0).generic();
    let (baker, payer) = (&Policy::baker(), &generic(&["transaction"]));
    for (name, policy, message, wanted) in [
        ("block", &nothing, block(1, 0, 0), "request kind `block'"),
        ("preattestation", &nothing, consensus(0x12, 20, 1, 0), "request kind `preattestation'"),
        ("preattestation_of_tz4", &nothing, consensus(0x12, 40, 1, 0), "request kind `preattestation'"),
        ("attestation", &nothing, consensus(0x13, 21, 1, 0), "request kind `attestation'"),
        ("attestation_of_tz4", &nothing, consensus(0x13, 41, 1, 0), "request kind `attestation'"),
        ("attestation_with_dal", baker, consensus(0x13, 23, 1, 0), "request kind `attestation_with_dal'"),
        ("generic_when_it_is_missing", baker, batch.clone(), "request kind `generic'"),
        ("packed_data", &nothing, tag(0x05).raw(&UNIT).0, "request kind `pack'"),
        ("failing_noop", payer, tag(17).framed(b"abc").generic(), "operation `failing_noop'"),
        ("delegation", payer, tag(110).manager().u8(0).generic(), "operation `delegation'"),
        ("staking_call", payer, transaction(1, 0xaa, Some(&[6])).generic(), "operation `stake'"),
        ("ballot_nay", &generic(&["ballot:yay"]), ballot(1), "operation `ballot:nay'"),
        ("ballot_when_none_is_listed", payer, ballot(2), "operation `ballot:pass'"),
        ("first_offender_of_a_batch", &generic(&["reveal"]), batch, "operation `transaction'"),
    ] {
        assert_eq!(ask(policy, &message), Err(format!("{wanted} is not allowed")), "{name}");
    }
}

#[test]
fn ballots_by_vote() {
    for (listed, allowed) in [
        (&["ballot"][..], [true, true, true]),
        (&["ballot:yay"], [true, false, false]),
        (&["ballot:nay", "ballot:pass"], [false, true, true]),
    ] {
        for (vote, allowed) in (0..).zip(allowed) {
            assert_eq!(ask(&generic(listed), &ballot(vote)).is_ok(), allowed, "{listed:?} {vote}");
        }
    }
}

/// Trap 12, the other half: neither permission covers the other.
#[test]
fn trap_12_staking_calls_and_transactions_are_allowed_apart() {
    let (plain, stake) = (transaction(1, 2, None).generic(), transaction(1, 0xaa, Some(&[6])).generic());
    assert!(ask(&generic(&["transaction"]), &plain).is_ok());
    assert!(ask(&generic(&["stake"]), &stake).is_ok());
    assert_eq!(ask(&generic(&["stake"]), &plain).unwrap_err(), "operation `transaction' is not allowed");
    assert_eq!(ask(&generic(&["transaction"]), &stake).unwrap_err(), "operation `stake' is not allowed");
    assert!(ask(&generic(&["unstake"]), &stake).is_err());
}

#[test]
fn chains_are_checked_of_consensus_requests_only() {
    let chains = |list: &[&str]| {
        let allowed_chains = Some(list.iter().map(|chain| (*chain).to_owned()).collect::<BTreeSet<_>>());
        let allow = allowing(&[("block", None), ("pack", None), ("generic", Some(&["transaction"]))]).allow;
        Policy { allow, allowed_chains, ..Policy::default() }
    };
    let denied = Err("chain `NetXo5iVw1vBoxM' is not allowed".to_owned());
    assert_eq!(ask(&chains(&["NetXo5iVw1vBoxM"]), &block(1, 0, 0)), Ok(()));
    assert_eq!(ask(&chains(&["NetXdQprcVkpaWU"]), &block(1, 0, 0)), denied);
    assert_eq!(ask(&chains(&[]), &block(1, 0, 0)), denied);
    assert_eq!(ask(&chains(&["NetXdQprcVkpaWU"]), &transaction(1, 2, None).generic()), Ok(()));
    assert_eq!(ask(&chains(&["NetXdQprcVkpaWU"]), &tag(0x05).raw(&UNIT).0), Ok(()));
    // The chain comes before the kind.
    let policy = Policy { allowed_chains: Some(BTreeSet::new()), ..Policy::default() };
    assert_eq!(ask(&policy, &consensus(0x13, 21, 1, 0)), denied);
}

#[test]
fn checks_come_in_the_order_of_the_table() {
    let everything = |allowed: &[&str], clients: &[u8]| Policy {
        allow: allowing(&[]).allow,
        allowed_chains: Some(allowed.iter().map(|chain| (*chain).to_owned()).collect()),
        authorized_keys: Some(clients.iter().map(|byte| key(*byte)).collect()),
        ..Policy::default()
    };
    let (us, other) = (Caller::Client(key(1)), Caller::Client(key(2)));
    let message = block(1, 0, 0);
    let here = ["NetXo5iVw1vBoxM"];
    let client = |byte| format!("client `{}' is not allowed", key(byte));
    for (policy, caller, wanted) in [
        (everything(&[], &[1]), &Caller::Anonymous, "chain `NetXo5iVw1vBoxM' is not allowed"),
        (everything(&here, &[1]), &Caller::Anonymous, "authentication required"),
        (everything(&here, &[1]), &other, &client(2)),
        (everything(&here, &[1]), &us, "request kind `block' is not allowed"),
        (everything(&here, &[]), &us, &client(1)),
    ] {
        assert_eq!(ask_as(&policy, caller, &message).unwrap_err(), wanted);
    }
}

#[test]
fn a_staking_call_by_name_needs_both_permissions_since_the_chain_stakes_all_the_same() {
    // The forger's source is the tz1 of AA.
    let named = |name: &str| [&[255, u8::try_from(name.len()).unwrap()], name.as_bytes()].concat();
    let to_itself = |entrypoint: &str| transaction(1, 0xaa, Some(&named(entrypoint))).generic();
    for (policy, message, wanted) in [
        (&["transaction"][..], to_itself("stake"), Some("operation `stake' is not allowed")),
        (&["transaction"], to_itself("unstake"), Some("operation `unstake' is not allowed")),
        (&["transaction", "unstake"], to_itself("stake"), Some("operation `stake' is not allowed")),
        (&["stake"], to_itself("stake"), Some("operation `transaction' is not allowed")),
        (&["transaction", "stake"], to_itself("stake"), None),
        (&["transaction"], to_itself("mint"), None),
        (&["transaction"], transaction(1, 0xab, Some(&named("stake"))).generic(), None),
    ] {
        assert_eq!(ask(&generic(policy), &message).err().as_deref(), wanted, "{policy:?}");
    }
}
