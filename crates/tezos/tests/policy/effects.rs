//! What every operation counts for in `max_amount` and `per.amount`, and whom `destinations` and `entrypoints` see: the table of
//! docs/reference/limits.md.

use jwtis_tezos::operation::{Amount, Effects};
use jwtis_tezos::policy::{Mutez, SpendingLimits};
use jwtis_tezos::{Curve, OperationKind, Policy, PublicKeyHash, SignRequest, SigningVersion};

use crate::forge::{Forge, UNIT, fitness, header, tag, transaction};
use crate::{ask, generic, key};

/// 300 bytes of storage, in mutez.
const STORAGE: u64 = 75_000;
/// A new account, in mutez.
const ALLOCATION: u64 = 64_250;

fn inlined() -> Vec<u8> {
    Forge::default().fill(1, 32).u8(21).u16(7).i32(120).i32(0).fill(2, 32).fill(3, 64).0
}

/// One operation of every kind, with a storage limit of 300 bytes where it has one: its name, what it transfers, burns at most
/// and bonds, and whether `destinations` and `entrypoints` without members let it pass.
fn table() -> Vec<(&'static str, Forge, [u64; 3], [bool; 2])> {
    let to = |tag_: u8| tag(tag_).manager_storing(300);
    let rollup = |tag_: u8| to(tag_).fill(0x80, 20);
    let signed_header = header(120, 0, &fitness(120, None, 0, 0), false).fill(9, 64).0;
    let call = |entrypoint: u8| to(108).nat(5).u8(0).account(0, 0xaa).u8(0xff).u8(entrypoint).framed(&UNIT);
    vec![
        ("activate_account", tag(4).fill(1, 20).fill(2, 20), [0, 0, 0], [true, true]),
        ("attestation", tag(21).u16(7).i32(1).i32(2).fill(3, 32), [0, 0, 0], [true, true]),
        ("attestation_with_dal", tag(23).u16(7).i32(1).i32(2).fill(3, 32).u8(5), [0, 0, 0], [true, true]),
        ("attestations_aggregate", tag(31).i32(1).i32(2).fill(3, 32).framed(&[]), [0, 0, 0], [true, true]),
        ("ballot", tag(6).account(1, 1).i32(7).fill(3, 32).u8(2), [0, 0, 0], [true, true]),
        (
            "dal_entrapment_evidence",
            tag(24).framed(&inlined()).u16(7).u8(3).i32(19).framed(&[]).fill(0x30, 48),
            [0, 0, 0],
            [true, true],
        ),
        ("dal_publish_commitment", to(230).u8(19).fill(1, 48).fill(2, 96), [0, 0, 0], [true, true]),
        ("delegation", to(110).u8(0xff).account(3, 4), [0, 0, 0], [true, true]),
        (
            "double_attestation_evidence",
            tag(2).framed(&inlined()).framed(&inlined()),
            [0, 0, 0],
            [true, true],
        ),
        (
            "double_baking_evidence",
            tag(3).framed(&signed_header).framed(&signed_header),
            [0, 0, 0],
            [true, true],
        ),
        (
            "double_consensus_operation_evidence",
            tag(2).u16(7).framed(&inlined()).framed(&inlined()),
            [0, 0, 0],
            [true, true],
        ),
        (
            "double_preattestation_evidence",
            {
                let preattestation =
                    Forge::default().fill(1, 32).u8(20).u16(7).i32(120).i32(0).fill(2, 32).fill(3, 64);
                tag(7).framed(&preattestation.0).framed(&preattestation.0)
            },
            [0, 0, 0],
            [true, true],
        ),
        ("drain_delegate", tag(9).account(0, 1).account(1, 2).account(2, 3), [u64::MAX, 0, 0], [false, true]),
        ("failing_noop", tag(17).framed(b"abc"), [0, 0, 0], [true, true]),
        ("finalize_unstake", call(8), [5, 0, 0], [true, true]),
        ("increase_paid_storage", to(113).raw(&[0xa4, 0x01]).contract(1), [0, 25_000, 0], [false, true]),
        ("origination", to(109).nat(5).u8(0).framed(&UNIT).framed(&UNIT), [5, STORAGE, 0], [false, true]),
        ("preattestation", tag(20).u16(7).i32(1).i32(2).fill(3, 32), [0, 0, 0], [true, true]),
        ("preattestations_aggregate", tag(30).i32(1).i32(2).fill(3, 32).framed(&[]), [0, 0, 0], [true, true]),
        ("proposals", tag(5).account(1, 1).i32(7).framed(&[3; 64]), [0, 0, 0], [true, true]),
        ("register_global_constant", to(111).framed(&UNIT), [0, STORAGE, 0], [true, true]),
        ("reveal", to(107).u8(0).fill(0x50, 32).u8(0), [0, 0, 0], [true, true]),
        ("seed_nonce_revelation", tag(1).i32(25_550).fill(1, 32), [0, 0, 0], [true, true]),
        ("set_delegate_parameters", call(9), [5, 0, 0], [true, true]),
        ("set_deposits_limit", to(112).u8(0xff).nat(1_000_000), [0, 0, 0], [true, true]),
        ("signature_prefix", tag(255).u8(3).fill(1, 32), [0, 0, 0], [true, true]),
        (
            "smart_rollup_add_messages",
            to(201).framed(&Forge::default().framed(b"a").0),
            [0, 0, 0],
            [true, true],
        ),
        ("smart_rollup_cement", rollup(202), [0, 0, 0], [true, true]),
        (
            "smart_rollup_execute_outbox_message",
            rollup(206).fill(1, 32).framed(&[2; 9]),
            [0, STORAGE, 0],
            [false, false],
        ),
        (
            "smart_rollup_originate",
            to(200).u8(0).framed(&[1; 9]).framed(&UNIT).u8(0),
            [0, STORAGE, 0],
            [true, true],
        ),
        (
            "smart_rollup_publish",
            rollup(203).fill(1, 32).i32(7).fill(2, 32).i64(11),
            [0, 0, 10_000_000_000],
            [true, true],
        ),
        ("smart_rollup_recover_bond", rollup(207).account(0, 1), [0, 0, 0], [true, true]),
        (
            "smart_rollup_refute",
            rollup(204).account(0, 1).u8(0).fill(1, 32).fill(2, 32),
            [0, 0, 0],
            [true, true],
        ),
        ("smart_rollup_timeout", rollup(205).account(0, 1).account(1, 2), [0, 0, 0], [true, true]),
        ("stake", call(6), [5, 0, 0], [true, true]),
        ("transaction", to(108).nat(5).contract(1).u8(0), [5, STORAGE, 0], [false, false]),
        (
            "transfer_ticket",
            to(158).framed(&UNIT).framed(&UNIT).contract(1).nat(9).contract(7).framed(b"in"),
            [0, STORAGE, 0],
            [false, false],
        ),
        ("unstake", call(7), [5, 0, 0], [true, true]),
        ("update_companion_key", to(115).u8(3).fill(2, 48).u8(0), [0, 0, 0], [true, true]),
        ("update_consensus_key", to(114).u8(0).fill(2, 32).u8(0), [0, 0, 0], [false, true]),
        ("vdf_revelation", tag(8).fill(1, 100).fill(2, 100), [0, 0, 0], [true, true]),
        (
            "zk_rollup_origination",
            to(250).framed(&[1; 9]).framed(&[]).framed(&[]).i32(3),
            [0, STORAGE, 0],
            [true, true],
        ),
        ("zk_rollup_publish", to(251).fill(1, 20).framed(&[]), [0, STORAGE, 0], [false, true]),
        (
            "zk_rollup_update",
            to(252).fill(1, 20).framed(&[]).framed(&[]).framed(&[]).framed(&[]),
            [0, STORAGE, 0],
            [false, true],
        ),
    ]
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
    let table = table();
    let names: Vec<&str> = table.iter().map(|(name, ..)| *name).collect();
    let kinds: Vec<&str> = OperationKind::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!(names, kinds, "one row for each kind");
    for (name, forge, [transferred, burned, bonded], _) in &table {
        let wanted =
            Effects { transferred: amount(*transferred), burned: amount(*burned), bonded: amount(*bonded) };
        assert_eq!(effects(forge), (*name, wanted), "{name}");
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
    for (name, forge, amounts, _) in table() {
        if !OperationKind::ALL.iter().any(|kind| kind.name() == name && kind.is_listable()) {
            continue;
        }
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
    for (name, forge, _, [unpaid, uncalled]) in table() {
        if !OperationKind::ALL.iter().any(|kind| kind.name() == name && kind.is_listable()) {
            continue;
        }
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
