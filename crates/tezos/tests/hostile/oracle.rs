//! A second opinion on what a message is, by a table of its own.

use jwtis_tezos::SignRequest;

/// The kind of request by magic byte and tag.
pub(crate) fn request_kind(message: &[u8]) -> &'static str {
    match (message[0], message.get(37)) {
        (0x03, _) => "generic",
        (0x05, _) => "pack",
        (0x11, _) => "block",
        (0x12, Some(20 | 40)) => "preattestation",
        (0x13, Some(21 | 41)) => "attestation",
        (0x13, Some(23)) => "attestation_with_dal",
        other => panic!("{other:?} is no request"),
    }
}

/// Checks that the operations tile the message, and that each is what the byte at its start says. Returns their kinds.
pub(crate) fn operation_kinds(request: &SignRequest) -> Vec<&'static str> {
    let message = request.message();
    let mut end = if message[0] == 0x03 { 33 } else { message.len() };
    let mut kinds = Vec::new();
    for operation in request.operations() {
        let span = operation.span().clone();
        assert_eq!(span.start, end, "operations tile the message");
        assert!(span.end > span.start);
        end = span.end;
        let kind = kind(&message[span], operation.kind().name());
        assert_eq!(operation.kind().name(), kind);
        kinds.push(kind);
    }
    assert_eq!(end, message.len(), "operations tile the message");
    assert_eq!(kinds.is_empty(), message[0] != 0x03);
    kinds
}

/// The kind of an operation by its bytes; `claimed` decides only between the names that one tag has in different protocols.
fn kind(bytes: &[u8], claimed: &'static str) -> &'static str {
    match bytes[0] {
        1 => "seed_nonce_revelation",
        2 if claimed == "double_attestation_evidence" => claimed,
        2 => "double_consensus_operation_evidence",
        3 => "double_baking_evidence",
        4 => "activate_account",
        5 => "proposals",
        6 => "ballot",
        7 => "double_preattestation_evidence",
        8 => "vdf_revelation",
        9 => "drain_delegate",
        17 => "failing_noop",
        20 | 40 => "preattestation",
        21 | 41 => "attestation",
        23 => "attestation_with_dal",
        24 => "dal_entrapment_evidence",
        30 => "preattestations_aggregate",
        31 => "attestations_aggregate",
        107 => "reveal",
        108 => staking(bytes).unwrap_or("transaction"),
        109 => "origination",
        110 => "delegation",
        111 => "register_global_constant",
        112 => "set_deposits_limit",
        113 => "increase_paid_storage",
        114 => "update_consensus_key",
        115 => "update_companion_key",
        158 => "transfer_ticket",
        200 => "smart_rollup_originate",
        201 => "smart_rollup_add_messages",
        202 => "smart_rollup_cement",
        203 => "smart_rollup_publish",
        204 => "smart_rollup_refute",
        205 => "smart_rollup_timeout",
        206 => "smart_rollup_execute_outbox_message",
        207 => "smart_rollup_recover_bond",
        230 => "dal_publish_commitment",
        250 => "zk_rollup_origination",
        251 => "zk_rollup_publish",
        252 => "zk_rollup_update",
        255 => "signature_prefix",
        tag => panic!("{tag} is no operation"),
    }
}

/// The staking call that a transaction is: to its own implicit account, with parameters, by an entrypoint tag of 6 to 9.
fn staking(bytes: &[u8]) -> Option<&'static str> {
    let source = &bytes[1..22];
    // Fee, counter, gas limit, storage limit, amount: each ends with the first byte below 80.
    let mut at = 22;
    for _ in 0..5 {
        at += bytes[at..].iter().position(|byte| *byte < 0x80).unwrap() + 1;
    }
    if bytes[at] != 0 || &bytes[at + 1..at + 22] != source || bytes[at + 22] != 0xff {
        return None;
    }
    ["stake", "unstake", "finalize_unstake", "set_delegate_parameters"]
        .get(usize::from(bytes[at + 23]).checked_sub(6)?)
        .copied()
}
