//! Every content of an operation.

use super::{Forge, UNIT, fitness, header, tag};

/// A consensus operation with its signature, as evidence has it.
pub fn inlined(op: u8) -> Forge {
    let forge = Forge::default().fill(1, 32).u8(op);
    let forge = match op {
        20 | 21 | 23 => forge.u16(7).i32(120).i32(1).fill(2, 32),
        _ => forge.i32(120).i32(1).fill(2, 32),
    };
    let forge = match op {
        23 => forge.u8(5),
        30 => forge.framed(&[0, 1, 0, 2]),
        31 => forge.framed(&[0, 1, 0, 0, 2, 0xff, 5]),
        _ => forge,
    };
    let signature = if op >= 30 { 96 } else { 64 };
    forge.fill(3, signature)
}

fn signed_header(round: i32) -> Vec<u8> {
    header(120, 0, &fitness(120, None, 0, round), false).fill(9, 64).0
}

/// Every content: its name, its bytes with a storage limit of 300 bytes where it has one, and its kind.
pub fn contents() -> Vec<(&'static str, Forge, &'static str)> {
    let to = |tag_: u8| tag(tag_).manager_storing(300);
    let rollup = |tag_: u8| to(tag_).fill(0x80, 20);
    let expression = [0x00, 0x2a];
    let call = |entrypoint: u8| to(108).nat(5).u8(0).account(0, 0xaa).u8(0xff).u8(entrypoint).framed(&UNIT);
    vec![
        ("1", tag(1).i32(25_550).fill(1, 32), "seed_nonce_revelation"),
        (
            "2",
            tag(2).u16(7).framed(&inlined(21).0).framed(&inlined(21).0),
            "double_consensus_operation_evidence",
        ),
        ("3", tag(3).framed(&signed_header(0)).framed(&signed_header(1)), "double_baking_evidence"),
        ("4", tag(4).fill(1, 20).fill(2, 20), "activate_account"),
        ("5", tag(5).account(1, 1).i32(7).framed(&[3; 64]), "proposals"),
        ("6", tag(6).account(1, 1).i32(7).fill(3, 32).u8(2), "ballot"),
        ("8", tag(8).fill(1, 100).fill(2, 100), "vdf_revelation"),
        ("9", tag(9).account(0, 1).account(1, 2).account(2, 3), "drain_delegate"),
        ("17", tag(17).framed(b"abc"), "failing_noop"),
        ("20", tag(20).u16(7).i32(1).i32(2).fill(3, 32), "preattestation"),
        ("21", tag(21).u16(7).i32(1).i32(2).fill(3, 32), "attestation"),
        ("23", tag(23).u16(7).i32(1).i32(2).fill(3, 32).raw(&[0x80, 0x01]), "attestation_with_dal"),
        (
            "24",
            tag(24).framed(&inlined(23).0).u16(7).u8(3).i32(19).framed(&[0x5a; 64]).fill(0x30, 48),
            "dal_entrapment_evidence",
        ),
        ("30", tag(30).i32(1).i32(2).fill(3, 32).framed(&[0, 1, 0, 2]), "preattestations_aggregate"),
        ("31", tag(31).i32(1).i32(2).fill(3, 32).framed(&[0, 1, 0, 0, 2, 0xff, 5]), "attestations_aggregate"),
        ("31 without members", tag(31).i32(1).i32(2).fill(3, 32).framed(&[]), "attestations_aggregate"),
        ("40", tag(40).i32(1).i32(2).fill(3, 32), "preattestation"),
        ("41", tag(41).i32(1).i32(2).fill(3, 32), "attestation"),
        ("2 of Rio", tag(2).framed(&inlined(21).0).framed(&inlined(21).0), "double_attestation_evidence"),
        ("7 of Rio", tag(7).framed(&inlined(20).0).framed(&inlined(20).0), "double_preattestation_evidence"),
        ("107", to(107).u8(0).fill(0x50, 32).u8(0), "reveal"),
        ("108", to(108).nat(5).contract(1).u8(0), "transaction"),
        ("108 to itself with entrypoint 6", call(6), "stake"),
        ("108 to itself with entrypoint 7", call(7), "unstake"),
        ("108 to itself with entrypoint 8", call(8), "finalize_unstake"),
        ("108 to itself with entrypoint 9", call(9), "set_delegate_parameters"),
        ("110", to(110).u8(0xff).account(3, 4), "delegation"),
        ("110 withdrawn", to(110).u8(0), "delegation"),
        ("109", to(109).nat(5).u8(0).framed(&UNIT).framed(&expression), "origination"),
        ("111", to(111).framed(&expression), "register_global_constant"),
        ("112", to(112).u8(0xff).nat(1_000_000), "set_deposits_limit"),
        ("113", to(113).raw(&[0xa4, 0x01]).contract(1), "increase_paid_storage"),
        ("114 without a proof", to(114).u8(2).fill(2, 33).u8(0), "update_consensus_key"),
        ("114 with 96", to(114).u8(3).fill(2, 48).u8(0xff).framed(&[7; 96]), "update_consensus_key"),
        ("115", to(115).u8(3).fill(2, 48).u8(0xff).framed(&[7; 96]), "update_companion_key"),
        (
            "158",
            to(158).framed(&UNIT).framed(&expression).contract(1).nat(9).u8(0).account(0, 3).framed(b"in"),
            "transfer_ticket",
        ),
        ("200 arith", to(200).u8(0).framed(&[1; 9]).framed(&UNIT).u8(0), "smart_rollup_originate"),
        (
            "200 riscv",
            to(200).u8(2).framed(&[]).framed(&UNIT).u8(0xff).framed(&tag(0).fill(1, 20).0),
            "smart_rollup_originate",
        ),
        ("201", to(201).framed(&Forge::default().framed(b"a").framed(b"").0), "smart_rollup_add_messages"),
        ("202", rollup(202), "smart_rollup_cement"),
        ("203", rollup(203).fill(1, 32).i32(7).fill(2, 32).i64(11), "smart_rollup_publish"),
        ("204", rollup(204).account(0, 1).u8(0).fill(1, 32).fill(2, 32), "smart_rollup_refute"),
        ("205", rollup(205).account(0, 1).account(1, 2), "smart_rollup_timeout"),
        ("206", rollup(206).fill(1, 32).framed(&[2; 9]), "smart_rollup_execute_outbox_message"),
        ("207", rollup(207).account(0, 1), "smart_rollup_recover_bond"),
        ("230", to(230).u8(19).fill(1, 48).fill(2, 96), "dal_publish_commitment"),
        (
            "250",
            to(250)
                .framed(&[1; 9])
                .framed(&Forge::default().framed(b"x").u8(0).framed(b"y").u8(2).0)
                .framed(&[2; 64])
                .i32(3),
            "zk_rollup_origination",
        ),
        (
            "251",
            to(251).fill(1, 20).framed(&[zk_element(false).0, zk_element(true).0].concat()),
            "zk_rollup_publish",
        ),
        (
            "252",
            to(252)
                .fill(1, 20)
                .framed(&Forge::default().framed(b"x").framed(&[1; 64]).fill(2, 32).u8(0xff).0)
                .framed(
                    &Forge::default()
                        .framed(b"y")
                        .framed(&[1; 32])
                        .fill(2, 32)
                        .framed(b"z")
                        .framed(&[])
                        .fill(3, 32)
                        .0,
                )
                .framed(&[3; 32])
                .framed(&[4; 50]),
            "zk_rollup_update",
        ),
        ("255", tag(255).u8(3).fill(1, 32), "signature_prefix"),
    ]
}

fn zk_element(ticket: bool) -> Forge {
    let op = Forge::default().i32(1).fill(1, 32).raw(&[0x05]).account(0, 2).fill(3, 20).framed(&[4; 32]);
    if ticket { op.u8(1).raw(&UNIT).raw(&[0, 1]).contract(5) } else { op.u8(0) }
}
