//! The operations of Rio to Ushuaia, one row each (docs/reference/signer-protocol.md).

use crate::base58check::Prefix;
use crate::operation::OperationKind;
use crate::operation::Protocol::{self, Quebec, Rio, Tallinn, Ushuaia};
use crate::operation::shape::{Field, Shape};

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
    /// Its kind, before a look at its fields.
    pub(crate) kind: OperationKind,
    /// The first and the last protocol that has it.
    protocols: (Protocol, Protocol),
    /// Whether [`MANAGER`] stands in front of the fields.
    pub(crate) manager: bool,
    pub(crate) fields: &'static [Field],
}

impl OperationLayout {
    fn is_in(&self, protocol: Protocol) -> bool {
        let (first, last) = self.protocols;
        first <= protocol && protocol <= last
    }
}

/// The layout of `tag` in `protocol`.
pub(crate) fn row(tag: u8, protocol: Protocol) -> Option<&'static OperationLayout> {
    ROWS.iter().find(|row| row.tag == tag && row.is_in(protocol))
}

/// The fields in front of those of manager operations.
pub(crate) const MANAGER: &[Field] = &[
    ("source", Account),
    ("fee", Mutez),
    ("counter", ShortNatural),
    ("gas_limit", ShortNatural),
    ("storage_limit", ShortNatural),
];

/// One row an operation: tag, kind, protocols (all, if none is named), fields.
macro_rules! rows {
    ($($group:ident { $($tag:literal $kind:ident $(($first:ident $last:ident))? [$($field:ident: $shape:expr),+];)+ })+) => {
        static ROWS: &[OperationLayout] = &[$($(OperationLayout {
            tag: $tag,
            kind: OperationKind::$kind,
            protocols: rows!(@protocols $(($first $last))?),
            manager: rows!(@$group),
            fields: &[$((stringify!($field), $shape)),+],
        },)+)+];
    };
    (@protocols) => { (Quebec, Ushuaia) };
    (@protocols ($first:ident $last:ident)) => { ($first, $last) };
    (@manager) => { true };
    (@others) => { false };
}

rows! {
    others {
        1 SeedNonceRevelation [level: Counter, nonce: Bytes(32)];
        2 DoubleAttestationEvidence (Quebec Rio) [op1: OLD_ATTESTATION, op2: OLD_ATTESTATION];
        2 DoubleConsensusOperationEvidence (Tallinn Ushuaia) [slot: U16, op1: EVIDENCE, op2: EVIDENCE];
        3 DoubleBakingEvidence [bh1: Dyn(&SignedHeader), bh2: Dyn(&SignedHeader)];
        4 ActivateAccount [pkh: Hash(Prefix::Tz1), secret: Bytes(20)];
        5 Proposals [source: Account, period: I32, proposals: Dyn(&ShortList(20, &Hash(Prefix::P)))];
        6 Ballot [source: Account, period: I32, proposal: Hash(Prefix::P), ballot: Shape::Vote];
        7 DoublePreattestationEvidence (Quebec Rio) [op1: OLD_PREATTESTATION, op2: OLD_PREATTESTATION];
        8 VdfRevelation [result: Bytes(100), proof: Bytes(100)];
        9 DrainDelegate [consensus_key: Account, delegate: Account, destination: Account];
        17 FailingNoop [arbitrary: DynBytes];
        20 Preattestation [slot: U16, level: Counter, round: Counter, block_payload_hash: PAYLOAD];
        21 Attestation [slot: U16, level: Counter, round: Counter, block_payload_hash: PAYLOAD];
        23 AttestationWithDal
            [slot: U16, level: Counter, round: Counter, block_payload_hash: PAYLOAD, dal_attestation: Integer];
        24 DalEntrapmentEvidence (Quebec Rio)
            [attestation: OLD_ATTESTATION, slot_index: U8, shard: SHARD, proof: Bytes(48)];
        24 DalEntrapmentEvidence (Tallinn Tallinn)
            [attestation: EVIDENCE, consensus_slot: U16, slot_index: U8, shard: SHARD, proof: Bytes(48)];
        24 DalEntrapmentEvidence (Ushuaia Ushuaia)
            [attestation: EVIDENCE, consensus_slot: U16, slot_index: U8, lag_index: Opt(&U8), shard: SHARD, proof: Bytes(48)];
        30 PreattestationsAggregate (Tallinn Ushuaia)
            [level: Counter, round: Counter, block_payload_hash: PAYLOAD, committee: Dyn(&List(&U16))];
        31 AttestationsAggregate (Quebec Rio)
            [level: Counter, round: Counter, block_payload_hash: PAYLOAD, committee: Dyn(&List(&U16))];
        31 AttestationsAggregate (Tallinn Ushuaia)
            [level: Counter, round: Counter, block_payload_hash: PAYLOAD, committee: Dyn(&List(&ATTESTER))];
        40 Preattestation (Tallinn Ushuaia) [level: Counter, round: Counter, block_payload_hash: PAYLOAD];
        41 Attestation (Tallinn Ushuaia) [level: Counter, round: Counter, block_payload_hash: PAYLOAD];
        // Rio knows the BLS form: tz4 accounts sign operations there too.
        255 SignaturePrefix (Quebec Tallinn) [prefix: Tagged(&[(3, "bls", Bytes(32))])];
        255 SignaturePrefix (Ushuaia Ushuaia) [prefix: Tagged(&[(3, "bls", Bytes(32)), (4, "mldsa44", Bytes(2356))])];
    }
    manager {
        107 Reveal (Quebec Rio) [public_key: PublicKey];
        107 Reveal (Tallinn Ushuaia) [public_key: PublicKey, proof: PROOF];
        108 Transaction [amount: Mutez, destination: Contract, parameters: Opt(&PARAMETERS)];
        109 Origination [balance: Mutez, delegate: Opt(&Account), code: Dyn(&Micheline), storage: Dyn(&Micheline)];
        110 Delegation [delegate: Opt(&Account)];
        111 RegisterGlobalConstant [value: Dyn(&Micheline)];
        112 SetDepositsLimit [limit: Opt(&Mutez)];
        113 IncreasePaidStorage [amount: Integer, destination: Originated];
        114 UpdateConsensusKey (Quebec Quebec) [pk: PublicKey];
        114 UpdateConsensusKey (Rio Rio) [pk: PublicKey, proof: Opt(&Dyn(&Signature))];
        114 UpdateConsensusKey (Tallinn Ushuaia) [pk: PublicKey, proof: PROOF];
        115 UpdateCompanionKey (Tallinn Ushuaia) [pk: PublicKey, proof: PROOF];
        158 TransferTicket
            [ticket_contents: Dyn(&Micheline), ticket_ty: Dyn(&Micheline), ticket_ticketer: Contract, ticket_amount: Positive,
             destination: Contract, entrypoint: EntrypointText];
        200 SmartRollupOriginate
            [pvm_kind: PVM_KIND, kernel: DynBytes, parameters_ty: Dyn(&Micheline), whitelist: Opt(&Dyn(&List(&Account)))];
        201 SmartRollupAddMessages [message: Dyn(&List(&DynBytes))];
        202 SmartRollupCement [rollup: ROLLUP];
        203 SmartRollupPublish
            [rollup: ROLLUP, compressed_state: Hash(Prefix::Srs1), inbox_level: Counter, predecessor: Hash(Prefix::Src1),
             number_of_ticks: I64];
        204 SmartRollupRefute [rollup: ROLLUP, opponent: Account, refutation: REFUTATION];
        205 SmartRollupTimeout [rollup: ROLLUP, alice: Account, bob: Account];
        206 SmartRollupExecuteOutboxMessage
            [rollup: ROLLUP, cemented_commitment: Hash(Prefix::Src1), output_proof: DynBytes];
        207 SmartRollupRecoverBond [rollup: ROLLUP, staker: Account];
        230 DalPublishCommitment [slot_index: U8, commitment: Hash(Prefix::Sh), commitment_proof: Bytes(96)];
        250 ZkRollupOrigination
            [public_parameters: DynBytes, circuits_info: Dyn(&List(&CIRCUIT)), init_state: SCALARS, nb_ops: Int31];
        251 ZkRollupPublish [zk_rollup: Bytes(20), op: Dyn(&List(&ZK_ELEMENT))];
        252 ZkRollupUpdate
            [zk_rollup: Bytes(20), pending_pis: Dyn(&List(&PENDING)), private_pis: Dyn(&List(&PRIVATE)), fee_pi: SCALARS,
             proof: DynBytes];
    }
}

const PAYLOAD: Shape = Hash(Prefix::Vh);
const ROLLUP: Shape = Hash(Prefix::Sr1);
/// Only BLS keys prove that somebody holds them.
const PROOF: Shape = Opt(&Dyn(&BlsSignature));
/// Evidence about consensus operations. Tags 40 and 41 are never part of it: tz4 keys sign that form, and blocks hold another.
const EVIDENCE: Shape = Dyn(&Inlined(&[20, 21, 23, 30, 31]));
const OLD_ATTESTATION: Shape = Dyn(&Inlined(&[21, 23]));
const OLD_PREATTESTATION: Shape = Dyn(&Inlined(&[20]));
const SHARD: Shape = Record(&[("index", Int31), ("share", SCALARS)]);
const ATTESTER: Shape = Record(&[("slot", U16), ("dal_attestation", Opt(&Integer))]);
const PARAMETERS: Shape = Record(&[("entrypoint", Shape::Entrypoint), ("value", Dyn(&Micheline))]);
const PVM_KIND: Shape = Tagged(&[(0, "arith", Unit), (1, "wasm_2_0_0", Unit), (2, "riscv", Unit)]);

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

/// Scalars with their length in front. In the inputs of a zk rollup, Octez' description of its encodings has the length on the scalars of
/// the state alone, and not on the inputs as a whole.
const SCALARS: Shape = Dyn(&List(&Scalar));
const PENDING: Shape = Record(&[
    ("id", DynBytes),
    ("inputs", Record(&[("new_state", SCALARS), ("fee", Scalar), ("exit_validity", Bool)])),
]);
const PRIVATE: Shape =
    Record(&[("id", DynBytes), ("inputs", Record(&[("new_state", SCALARS), ("fee", Scalar)]))]);

#[cfg(test)]
mod tests {
    use super::*;

    /// Tags of the latest set.
    const LATEST: &[u8] = &[
        1, 2, 3, 4, 5, 6, 8, 9, 17, 20, 21, 23, 24, 30, 31, 40, 41, 107, 108, 109, 110, 111, 112, 113, 114,
        115, 158, 200, 201, 202, 203, 204, 205, 206, 207, 230, 250, 251, 252, 255,
    ];

    #[test]
    fn every_protocol_knows_its_tags_once() {
        for protocol in [Quebec, Rio, Tallinn, Ushuaia] {
            let old = protocol <= Rio;
            for tag in 0..=255 {
                let wanted = match tag {
                    7 => old,
                    30 | 40 | 41 | 115 => !old,
                    _ => LATEST.contains(&tag),
                };
                let rows = ROWS.iter().filter(|row| row.tag == tag && row.is_in(protocol)).count();
                assert_eq!(rows, usize::from(wanted), "tag {tag} in {protocol}");
            }
        }
    }
}
