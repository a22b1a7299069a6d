//! The operations of Rio to Ushuaia, one row each (specification 6.6 to 6.6.3).

use crate::base58check::Prefix;
use crate::operation::Protocol::{self, Quebec, Rio, Tallinn, Ushuaia};
use crate::operation::shape::{Field, Shape};
use crate::operation::{OperationKind, OperationKind as Kind};

use Shape::{
    Account, BlsSignature, Bool, Bytes, Contract, Counter, Dyn, DynBytes, EntrypointText, Hash, I32, I64,
    Inlined, Int31, Integer, List, Micheline, Mutez, Natural, Opt, Originated, Positive, PublicKey, Record,
    Scalar, ShortBytes, ShortList, ShortNatural, Signature, SignedHeader, Tagged, U8, U16, Unit,
};

/// One content of an operation.
#[derive(Debug)]
pub(crate) struct OperationLayout {
    /// The byte in front.
    pub(crate) tag: u8,
    /// What it is, before a look at its fields.
    pub(crate) kind: OperationKind,
    first: Protocol,
    last: Protocol,
    /// Whether source, fee, counter and limits stand in front of the fields.
    pub(crate) manager: bool,
    /// What follows.
    pub(crate) fields: &'static [Field],
}

/// The layout of `tag` in `protocol`.
pub(crate) fn row(tag: u8, protocol: Protocol) -> Option<&'static OperationLayout> {
    ROWS.iter().find(|row| row.tag == tag && row.first <= protocol && protocol <= row.last)
}

const fn always(tag: u8, kind: Kind, fields: &'static [Field]) -> OperationLayout {
    OperationLayout { tag, kind, first: Quebec, last: Ushuaia, manager: false, fields }
}

const fn manager(tag: u8, kind: Kind, fields: &'static [Field]) -> OperationLayout {
    OperationLayout { tag, kind, first: Quebec, last: Ushuaia, manager: true, fields }
}

impl OperationLayout {
    /// In these protocols only.
    const fn within(self, first: Protocol, last: Protocol) -> Self {
        Self { first, last, ..self }
    }
}

/// In front of the fields of manager operations (MH of 6.4).
pub(crate) const MANAGER: &[Field] = &[
    ("source", Account),
    ("fee", Mutez),
    ("counter", ShortNatural),
    ("gas_limit", ShortNatural),
    ("storage_limit", ShortNatural),
];

const PAYLOAD: Field = ("block_payload_hash", Hash(Prefix::Vh));
const ROLLUP: Field = ("rollup", Hash(Prefix::Sr1));
/// Evidence about consensus operations. Tags 40 and 41 are never part of any: they are how tz4 keys sign, and not how blocks
/// hold what they signed.
const EVIDENCE: Shape = Dyn(&Inlined(&[20, 21, 23, 30, 31]));
const ATTESTATION_EVIDENCE: Shape = Dyn(&Inlined(&[21, 23]));
const PREATTESTATION_EVIDENCE: Shape = Dyn(&Inlined(&[20]));
const SHARD: Field = ("shard", Record(&[("index", Int31), ("share", Dyn(&List(&Scalar)))]));
const SLOT_CONTENT: &[Field] = &[("slot", U16), ("level", Counter), ("round", Counter), PAYLOAD];
const BLS_CONTENT: &[Field] = &[("level", Counter), ("round", Counter), PAYLOAD];
const KEY: Field = ("pk", PublicKey);
/// Only BLS keys prove that somebody holds them.
const KEY_WITH_PROOF: &[Field] = &[KEY, ("proof", Opt(&Dyn(&BlsSignature)))];

static ROWS: &[OperationLayout] = &[
    always(1, Kind::SeedNonceRevelation, &[("level", Counter), ("nonce", Bytes(32))]),
    always(
        2,
        Kind::DoubleAttestationEvidence,
        &[("op1", ATTESTATION_EVIDENCE), ("op2", ATTESTATION_EVIDENCE)],
    )
    .within(Quebec, Rio),
    always(2, Kind::DoubleConsensusOperationEvidence, &[("slot", U16), ("op1", EVIDENCE), ("op2", EVIDENCE)])
        .within(Tallinn, Ushuaia),
    always(3, Kind::DoubleBakingEvidence, &[("bh1", Dyn(&SignedHeader)), ("bh2", Dyn(&SignedHeader))]),
    always(4, Kind::ActivateAccount, &[("pkh", Hash(Prefix::Tz1)), ("secret", Bytes(20))]),
    always(
        5,
        Kind::Proposals,
        &[("source", Account), ("period", I32), ("proposals", Dyn(&ShortList(20, &Hash(Prefix::P))))],
    ),
    always(
        6,
        Kind::Ballot,
        &[("source", Account), ("period", I32), ("proposal", Hash(Prefix::P)), ("ballot", Shape::Vote)],
    ),
    always(
        7,
        Kind::DoublePreattestationEvidence,
        &[("op1", PREATTESTATION_EVIDENCE), ("op2", PREATTESTATION_EVIDENCE)],
    )
    .within(Quebec, Rio),
    always(8, Kind::VdfRevelation, &[("result", Bytes(100)), ("proof", Bytes(100))]),
    always(
        9,
        Kind::DrainDelegate,
        &[("consensus_key", Account), ("delegate", Account), ("destination", Account)],
    ),
    always(17, Kind::FailingNoop, &[("arbitrary", DynBytes)]),
    always(20, Kind::Preattestation, SLOT_CONTENT),
    always(21, Kind::Attestation, SLOT_CONTENT),
    always(
        23,
        Kind::AttestationWithDal,
        &[("slot", U16), ("level", Counter), ("round", Counter), PAYLOAD, ("dal_attestation", Integer)],
    ),
    always(
        24,
        Kind::DalEntrapmentEvidence,
        &[("attestation", ATTESTATION_EVIDENCE), ("slot_index", U8), SHARD, ("proof", Bytes(48))],
    )
    .within(Quebec, Rio),
    always(
        24,
        Kind::DalEntrapmentEvidence,
        &[
            ("attestation", EVIDENCE),
            ("consensus_slot", U16),
            ("slot_index", U8),
            SHARD,
            ("proof", Bytes(48)),
        ],
    )
    .within(Tallinn, Tallinn),
    always(
        24,
        Kind::DalEntrapmentEvidence,
        &[
            ("attestation", EVIDENCE),
            ("consensus_slot", U16),
            ("slot_index", U8),
            ("lag_index", Opt(&U8)),
            SHARD,
            ("proof", Bytes(48)),
        ],
    )
    .within(Ushuaia, Ushuaia),
    always(
        30,
        Kind::PreattestationsAggregate,
        &[("level", Counter), ("round", Counter), PAYLOAD, ("committee", Dyn(&List(&U16)))],
    )
    .within(Tallinn, Ushuaia),
    always(
        31,
        Kind::AttestationsAggregate,
        &[("level", Counter), ("round", Counter), PAYLOAD, ("committee", Dyn(&List(&U16)))],
    )
    .within(Quebec, Rio),
    always(
        31,
        Kind::AttestationsAggregate,
        &[
            ("level", Counter),
            ("round", Counter),
            PAYLOAD,
            ("committee", Dyn(&List(&Record(&[("slot", U16), ("dal_attestation", Opt(&Integer))])))),
        ],
    )
    .within(Tallinn, Ushuaia),
    always(40, Kind::Preattestation, BLS_CONTENT).within(Tallinn, Ushuaia),
    always(41, Kind::Attestation, BLS_CONTENT).within(Tallinn, Ushuaia),
    manager(107, Kind::Reveal, &[("public_key", PublicKey)]).within(Quebec, Rio),
    manager(107, Kind::Reveal, &[("public_key", PublicKey), ("proof", Opt(&Dyn(&BlsSignature)))])
        .within(Tallinn, Ushuaia),
    manager(
        108,
        Kind::Transaction,
        &[
            ("amount", Mutez),
            ("destination", Contract),
            ("parameters", Opt(&Record(&[("entrypoint", Shape::Entrypoint), ("value", Dyn(&Micheline))]))),
        ],
    ),
    manager(
        109,
        Kind::Origination,
        &[
            ("balance", Mutez),
            ("delegate", Opt(&Account)),
            ("code", Dyn(&Micheline)),
            ("storage", Dyn(&Micheline)),
        ],
    ),
    manager(110, Kind::Delegation, &[("delegate", Opt(&Account))]),
    manager(111, Kind::RegisterGlobalConstant, &[("value", Dyn(&Micheline))]),
    manager(112, Kind::SetDepositsLimit, &[("limit", Opt(&Mutez))]),
    manager(113, Kind::IncreasePaidStorage, &[("amount", Integer), ("destination", Originated)]),
    manager(114, Kind::UpdateConsensusKey, &[KEY]).within(Quebec, Quebec),
    manager(114, Kind::UpdateConsensusKey, &[KEY, ("proof", Opt(&Dyn(&Signature)))]).within(Rio, Rio),
    manager(114, Kind::UpdateConsensusKey, KEY_WITH_PROOF).within(Tallinn, Ushuaia),
    manager(115, Kind::UpdateCompanionKey, KEY_WITH_PROOF).within(Tallinn, Ushuaia),
    manager(
        158,
        Kind::TransferTicket,
        &[
            ("ticket_contents", Dyn(&Micheline)),
            ("ticket_ty", Dyn(&Micheline)),
            ("ticket_ticketer", Contract),
            ("ticket_amount", Positive),
            ("destination", Contract),
            ("entrypoint", EntrypointText),
        ],
    ),
    manager(
        200,
        Kind::SmartRollupOriginate,
        &[
            ("pvm_kind", Tagged(&[(0, "arith", Unit), (1, "wasm_2_0_0", Unit), (2, "riscv", Unit)])),
            ("kernel", DynBytes),
            ("parameters_ty", Dyn(&Micheline)),
            ("whitelist", Opt(&Dyn(&List(&Account)))),
        ],
    ),
    manager(201, Kind::SmartRollupAddMessages, &[("message", Dyn(&List(&DynBytes)))]),
    manager(202, Kind::SmartRollupCement, &[ROLLUP]),
    manager(
        203,
        Kind::SmartRollupPublish,
        &[
            ROLLUP,
            ("compressed_state", Hash(Prefix::Srs1)),
            ("inbox_level", Counter),
            ("predecessor", Hash(Prefix::Src1)),
            ("number_of_ticks", I64),
        ],
    ),
    manager(204, Kind::SmartRollupRefute, &[ROLLUP, ("opponent", Account), ("refutation", REFUTATION)]),
    manager(205, Kind::SmartRollupTimeout, &[ROLLUP, ("alice", Account), ("bob", Account)]),
    manager(
        206,
        Kind::SmartRollupExecuteOutboxMessage,
        &[ROLLUP, ("cemented_commitment", Hash(Prefix::Src1)), ("output_proof", DynBytes)],
    ),
    manager(207, Kind::SmartRollupRecoverBond, &[ROLLUP, ("staker", Account)]),
    manager(
        230,
        Kind::DalPublishCommitment,
        &[("slot_index", U8), ("commitment", Hash(Prefix::Sh)), ("commitment_proof", Bytes(96))],
    ),
    manager(
        250,
        Kind::ZkRollupOrigination,
        &[
            ("public_parameters", DynBytes),
            ("circuits_info", Dyn(&List(&CIRCUIT))),
            ("init_state", Dyn(&List(&Scalar))),
            ("nb_ops", Int31),
        ],
    ),
    manager(251, Kind::ZkRollupPublish, &[("zk_rollup", Bytes(20)), ("op", Dyn(&List(&ZK_ELEMENT)))]),
    manager(
        252,
        Kind::ZkRollupUpdate,
        &[
            ("zk_rollup", Bytes(20)),
            ("pending_pis", Dyn(&List(&Record(&[("id", DynBytes), ("inputs", PENDING)])))),
            ("private_pis", Dyn(&List(&Record(&[("id", DynBytes), ("inputs", PRIVATE)])))),
            ("fee_pi", NEW_STATE),
            ("proof", DynBytes),
        ],
    ),
    // Rio knows the BLS form: tz4 accounts sign operations there too.
    always(255, Kind::SignaturePrefix, &[("prefix", Tagged(&[(3, "bls", Bytes(32))]))])
        .within(Quebec, Tallinn),
    always(
        255,
        Kind::SignaturePrefix,
        &[("prefix", Tagged(&[(3, "bls", Bytes(32)), (4, "mldsa44", Bytes(2356))]))],
    )
    .within(Ushuaia, Ushuaia),
];

/// Specification 6.6.1.
const REFUTATION: Shape = Tagged(&[
    (
        0,
        "start",
        Record(&[
            ("player_commitment_hash", Hash(Prefix::Src1)),
            ("opponent_commitment_hash", Hash(Prefix::Src1)),
        ]),
    ),
    (1, "move", Record(&[("choice", Natural), ("step", STEP)])),
]);

const STEP: Shape = Tagged(&[
    (0, "dissection", Dyn(&List(&Record(&[("state", Opt(&Hash(Prefix::Srs1))), ("tick", Natural)])))),
    (1, "proof", Record(&[("pvm_step", DynBytes), ("input_proof", Opt(&INPUT_PROOF))])),
]);

const INPUT_PROOF: Shape = Tagged(&[
    (0, "inbox", Record(&[("level", Counter), ("message_counter", Natural), ("serialized_proof", DynBytes)])),
    (
        1,
        "reveal",
        Tagged(&[
            (0, "raw_data", ShortBytes(4096)),
            (1, "metadata", Unit),
            (
                2,
                "dal_page",
                Record(&[("level", Counter), ("slot_index", U8), ("page_index", U16), ("proof", DynBytes)]),
            ),
            (3, "dal_parameters", Unit),
        ]),
    ),
    (2, "first_input", Unit),
]);

/// One circuit of a zk rollup.
const CIRCUIT: Shape = Record(&[
    ("name", DynBytes),
    ("kind", Tagged(&[(0, "public", Unit), (1, "private", Unit), (2, "fee", Unit)])),
]);

/// Specification 6.6.2.
const ZK_ELEMENT: Shape = Record(&[
    (
        "op",
        Record(&[
            ("op_code", Int31),
            ("price", Record(&[("id", Bytes(32)), ("amount", Integer)])),
            ("l1_dst", Account),
            ("rollup_id", Bytes(20)),
            ("payload", Dyn(&List(&Scalar))),
        ]),
    ),
    (
        "ticket",
        Tagged(&[
            (0, "none", Unit),
            (1, "some", Record(&[("contents", Micheline), ("ty", Micheline), ("ticketer", Contract)])),
        ]),
    ),
]);

/// The scalars of a state, with their length in front: Octez' own description of its encodings has the length on these alone, and
/// not on the inputs as a whole.
const NEW_STATE: Shape = Dyn(&List(&Scalar));
const PENDING: Shape = Record(&[("new_state", NEW_STATE), ("fee", Scalar), ("exit_validity", Bool)]);
const PRIVATE: Shape = Record(&[("new_state", NEW_STATE), ("fee", Scalar)]);

#[cfg(test)]
mod tests {
    use super::*;

    /// Tags of the latest set, specification 4.4 and 6.6.
    const LATEST: &[u8] = &[
        1, 2, 3, 4, 5, 6, 8, 9, 17, 20, 21, 23, 24, 30, 31, 40, 41, 107, 108, 109, 110, 111, 112, 113, 114,
        115, 158, 200, 201, 202, 203, 204, 205, 206, 207, 230, 250, 251, 252, 255,
    ];

    #[test]
    fn every_protocol_knows_the_tags_of_the_specification() {
        for protocol in [Quebec, Rio, Tallinn, Ushuaia] {
            let old = protocol <= Rio;
            for tag in 0..=255 {
                let wanted = match tag {
                    7 => old,
                    30 | 40 | 41 | 115 => !old,
                    _ => LATEST.contains(&tag),
                };
                assert_eq!(row(tag, protocol).is_some(), wanted, "tag {tag} in {protocol}");
            }
        }
    }

    #[test]
    fn no_two_rows_claim_one_tag_of_one_protocol() {
        for protocol in [Quebec, Rio, Tallinn, Ushuaia] {
            for tag in 0..=255 {
                let rows =
                    ROWS.iter().filter(|row| row.tag == tag && row.first <= protocol && protocol <= row.last);
                assert!(rows.count() <= 1, "tag {tag} in {protocol}");
            }
        }
    }
}
