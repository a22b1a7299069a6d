//! What every operation counts for in `max_amount` and `per.amount`, and whom `destinations` and `entrypoints` see: the table of
//! docs/reference/limits.md.

use jwtis_testkit::forge::contents::contents;
use jwtis_testkit::forge::{Forge, UNIT, tag, transaction};
use jwtis_tezos::operation::{Amount, Effects};
use jwtis_tezos::policy::{Mutez, SpendingLimits};
use jwtis_tezos::{Curve, OperationKind, Policy, PublicKeyHash, SignRequest, SigningVersion};

use crate::{ask, generic, key};

/// 300 bytes of storage, in mutez.
const STORAGE: u64 = 75_000;
/// A new account, in mutez.
const ALLOCATION: u64 = 64_250;

/// Mutez that an operation of `kind` in [`contents`] transfers, burns at most and bonds, and whether `destinations` and `entrypoints`
/// without members let it pass.
fn expected(kind: &str) -> ([u64; 3], [bool; 2]) {
    match kind {
        "drain_delegate" => ([u64::MAX, 0, 0], [false, true]),
        "finalize_unstake" | "set_delegate_parameters" | "stake" | "unstake" => ([5, 0, 0], [true, true]),
        "increase_paid_storage" => ([0, 25_000, 0], [false, true]),
        "origination" => ([5, STORAGE, 0], [false, true]),
        "register_global_constant" | "smart_rollup_originate" | "zk_rollup_origination" => {
            ([0, STORAGE, 0], [true, true])
        }
        "smart_rollup_execute_outbox_message" | "transfer_ticket" => ([0, STORAGE, 0], [false, false]),
        "smart_rollup_publish" => ([0, 0, 10_000_000_000], [true, true]),
        "transaction" => ([5, STORAGE, 0], [false, false]),
        "update_consensus_key" => ([0, 0, 0], [false, true]),
        "zk_rollup_publish" | "zk_rollup_update" => ([0, STORAGE, 0], [false, true]),
        _ => ([0, 0, 0], [true, true]),
    }
}

/// The contents that a policy may allow.
fn listable() -> impl Iterator<Item = (&'static str, Forge, &'static str)> {
    contents().into_iter().filter(|(.., kind)| OperationKind::from_name(kind).is_some())
}

fn effects(forge: &Forge) -> (&'static str, Effects) {
    let request = SignRequest::decode(&forge.clone().generic(), SigningVersion::LATEST)
        .unwrap_or_else(|error| panic!("{}", error.detail()));
    let operation = &request.operations()[0];
    (operation.kind().name(), *operation.effects())
}

fn amount(mutez: u64) -> Amount {
    if mutez == u64::MAX { Amount::Unbounded } else { Amount::Mutez(mutez) }
}

#[test]
fn every_kind_of_operation_has_its_effects() {
    let contents = contents();
    for kind in OperationKind::ALL {
        assert!(contents.iter().any(|(.., name)| *name == kind.name()), "{kind} is forged");
    }
    for (name, forge, kind) in &contents {
        let [transferred, burned, bonded] = expected(kind).0.map(amount);
        assert_eq!(effects(forge), (*kind, Effects { transferred, burned, bonded }), "{name}");
    }
}

/// Every listable kind, with these limits.
fn limited(limits: SpendingLimits) -> Policy {
    let all: Vec<&str> =
        OperationKind::ALL.iter().filter(|kind| kind.is_listable()).map(|kind| kind.name()).collect();
    Policy { limits, ..generic(&all) }
}

#[test]
fn limits_count_transfers_burns_and_bonds_to_the_mutez() {
    for (name, forge, kind) in listable() {
        let (amounts, _) = expected(kind);
        let Some(spent) = amounts.into_iter().try_fold(0_u64, u64::checked_add).filter(|sum| *sum < u64::MAX)
        else {
            let most = SpendingLimits {
                max_amount: Some(Mutez::new(i64::MAX.unsigned_abs())),
                ..SpendingLimits::default()
            };
            assert!(ask(&limited(most), &forge.generic()).is_err(), "{name} is above every limit");
            continue;
        };
        let at_most = |mutez| {
            limited(SpendingLimits { max_amount: Some(Mutez::new(mutez)), ..SpendingLimits::default() })
        };
        assert_eq!(ask(&at_most(spent), &forge.clone().generic()), Ok(()), "{name}");
        if spent > 0 {
            assert!(ask(&at_most(spent - 1), &forge.generic()).is_err(), "{name}");
        }
    }
}

#[test]
fn destinations_and_entrypoints_see_every_kind() {
    let nobody = limited(SpendingLimits { destinations: Some([].into()), ..SpendingLimits::default() });
    let nothing = limited(SpendingLimits { entrypoints: Some([].into()), ..SpendingLimits::default() });
    for (name, forge, kind) in listable() {
        let (_, [unpaid, uncalled]) = expected(kind);
        let message = forge.generic();
        assert_eq!(ask(&nobody, &message).is_ok(), unpaid, "{name}: {:?}", ask(&nobody, &message));
        assert_eq!(ask(&nothing, &message).is_ok(), uncalled, "{name}: {:?}", ask(&nothing, &message));
    }
}

#[test]
fn payouts_count_the_allocation_that_their_storage_limit_covers() {
    let pay = |limit: u64| tag(108).manager_storing(limit).nat(1_000_000).u8(0).account(0, 2).u8(0);
    for (limit, burned) in [(0, 0), (256, 0), (257, ALLOCATION), (60_000, ALLOCATION), (u64::MAX, ALLOCATION)]
    {
        let (_, effects) = effects(&pay(limit));
        assert_eq!(effects.burned, Amount::Mutez(burned), "{limit}");
    }
    let policy =
        limited(SpendingLimits { max_amount: Some(Mutez::new(1_000_000)), ..SpendingLimits::default() });
    assert_eq!(ask(&policy, &pay(0).generic()), Ok(()));
    assert_eq!(
        ask(&policy, &pay(257).generic()).unwrap_err(),
        "limit max_amount is 1 tz, 1.06425 tz was asked, with burns and bonds of at most 0.06425 tz"
    );
}

#[test]
fn bytes_that_cost_more_than_there_is_are_above_every_limit() {
    let most =
        SpendingLimits { max_amount: Some(Mutez::new(i64::MAX.unsigned_abs())), ..SpendingLimits::default() };
    let increase = |amount: &[u8]| tag(113).manager().raw(amount).contract(1);
    let long = [[0xbf].as_slice(), &[0xff; 200], &[0x01]].concat();
    for (name, forge, burned) in [
        // 10⁹ bytes: 250,000 tez.
        ("a_billion", increase(&[0x80, 0xa8, 0xd6, 0xb9, 0x07]), Amount::Mutez(250_000_000_000)),
        ("a_negative_number", increase(&[0x41]), Amount::NOTHING),
        ("two_hundred_bytes_of_digits", increase(&long), Amount::Unbounded),
        (
            "a_storage_limit_of_70_bits",
            tag(111)
                .account(0, 0xaa)
                .nat(1000)
                .nat(7)
                .nat(300)
                .raw(&[[0xff; 9].as_slice(), &[0x7f]].concat())
                .framed(&UNIT),
            Amount::Unbounded,
        ),
    ] {
        let (_, effects) = effects(&forge);
        assert_eq!(effects.burned, burned, "{name}");
        assert_eq!(
            ask(&limited(most.clone()), &forge.generic()).is_ok(),
            burned != Amount::Unbounded,
            "{name}"
        );
    }
    let one =
        limited(SpendingLimits { max_amount: Some(Mutez::new(1_000_000)), ..SpendingLimits::default() });
    assert_eq!(
        ask(&one, &increase(&[0x80, 0xa8, 0xd6, 0xb9, 0x07]).generic()).unwrap_err(),
        "limit max_amount is 1 tz, 250000 tz was asked, with burns and bonds of at most 250000 tz"
    );
}

#[test]
fn a_new_consensus_key_must_be_a_destination() {
    let new: PublicKeyHash = {
        let key = jwtis_tezos::PublicKey::from_bytes(
            Curve::Ed25519,
            &hex("4d5373455738070434f214826d301a1c206780d7f789fcbf94c2149b2e0718cc"),
        );
        key.unwrap().hash()
    };
    let update = tag(114)
        .manager()
        .u8(0)
        .raw(&hex("4d5373455738070434f214826d301a1c206780d7f789fcbf94c2149b2e0718cc"))
        .u8(0)
        .generic();
    let only = |account: PublicKeyHash| {
        limited(SpendingLimits { destinations: Some([account.into()].into()), ..SpendingLimits::default() })
    };
    assert_eq!(ask(&only(new), &update), Ok(()));
    assert_eq!(
        ask(&only(key(2)), &update).unwrap_err(),
        format!("limit destinations is [{}], a update_consensus_key to {new} was asked", key(2))
    );
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn the_second_operation_of_a_batch_counts_like_the_first() {
    let policy =
        limited(SpendingLimits { max_amount: Some(Mutez::new(1_000_000)), ..SpendingLimits::default() });
    let increase = tag(113).manager().raw(&[0x80, 0xa8, 0xd6, 0xb9, 0x07]).contract(1);
    let batch = transaction(1, 2, None).raw(&increase.0).generic();
    assert!(ask(&policy, &batch).is_err());
}
