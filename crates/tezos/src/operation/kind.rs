//! The names of operations in configurations, logs and refusals (docs/reference/signer-protocol.md).

use std::fmt;

use crate::text::named;

macro_rules! kinds {
    ($($name:ident $text:literal $list:ident;)+) => {
        /// The kind of an operation in a generic request, in Signatory's words.
        #[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum OperationKind {
            $(#[doc = concat!("`", $text, "`")] $name,)+
        }

        impl OperationKind {
            /// Every kind, by name.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// Whether a policy may allow it. The others exist inside blocks or before Seoul, and are always refused.
            pub const fn is_listable(self) -> bool {
                match self { $(Self::$name => kinds!(@listable $list),)+ }
            }

            /// Whether it is a staking call that a transaction carries.
            pub const fn is_staking(self) -> bool {
                match self { $(Self::$name => kinds!(@staking $list),)+ }
            }
        }
    };
    (@listable unlisted) => { false };
    (@listable $listed:ident) => { true };
    (@staking staking) => { true };
    (@staking $other:ident) => { false };
}

kinds! {
    ActivateAccount "activate_account" listed;
    Attestation "attestation" unlisted;
    AttestationWithDal "attestation_with_dal" unlisted;
    AttestationsAggregate "attestations_aggregate" listed;
    Ballot "ballot" listed;
    DalEntrapmentEvidence "dal_entrapment_evidence" listed;
    DalPublishCommitment "dal_publish_commitment" listed;
    Delegation "delegation" listed;
    DoubleAttestationEvidence "double_attestation_evidence" unlisted;
    DoubleBakingEvidence "double_baking_evidence" listed;
    DoubleConsensusOperationEvidence "double_consensus_operation_evidence" listed;
    DoublePreattestationEvidence "double_preattestation_evidence" unlisted;
    DrainDelegate "drain_delegate" listed;
    FailingNoop "failing_noop" listed;
    FinalizeUnstake "finalize_unstake" staking;
    IncreasePaidStorage "increase_paid_storage" listed;
    Origination "origination" listed;
    Preattestation "preattestation" unlisted;
    PreattestationsAggregate "preattestations_aggregate" listed;
    Proposals "proposals" listed;
    RegisterGlobalConstant "register_global_constant" listed;
    Reveal "reveal" listed;
    SeedNonceRevelation "seed_nonce_revelation" listed;
    SetDelegateParameters "set_delegate_parameters" staking;
    SetDepositsLimit "set_deposits_limit" listed;
    SignaturePrefix "signature_prefix" listed;
    SmartRollupAddMessages "smart_rollup_add_messages" listed;
    SmartRollupCement "smart_rollup_cement" listed;
    SmartRollupExecuteOutboxMessage "smart_rollup_execute_outbox_message" listed;
    SmartRollupOriginate "smart_rollup_originate" listed;
    SmartRollupPublish "smart_rollup_publish" listed;
    SmartRollupRecoverBond "smart_rollup_recover_bond" listed;
    SmartRollupRefute "smart_rollup_refute" listed;
    SmartRollupTimeout "smart_rollup_timeout" listed;
    Stake "stake" staking;
    Transaction "transaction" listed;
    TransferTicket "transfer_ticket" listed;
    Unstake "unstake" staking;
    UpdateCompanionKey "update_companion_key" listed;
    UpdateConsensusKey "update_consensus_key" listed;
    VdfRevelation "vdf_revelation" listed;
    ZkRollupOrigination "zk_rollup_origination" listed;
    ZkRollupPublish "zk_rollup_publish" listed;
    ZkRollupUpdate "zk_rollup_update" listed;
}

impl OperationKind {
    /// The kind that a configuration means by `name`. Only listable kinds are found.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.is_listable() && kind.name() == name)
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

named! {
    /// A vote on a proposal, by its name behind `ballot:`. [`Self::ALL`] is in the order of its byte.
    Vote {
        /// 0
        Yay "yay",
        /// 1
        Nay "nay",
        /// 2
        Pass "pass",
    }
}

impl Vote {
    /// The vote of a ballot's last byte.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }
}

/// The entrypoint that a transaction calls.
///
/// The tag is kept beside the name. Only a *tag* makes a staking call of a transaction, as in Signatory. The chain does the same for a
/// name that reads `stake`, so `entrypoints` in the limits of a key looks at the name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entrypoint {
    tag: u8,
    name: String,
}

impl Entrypoint {
    /// Names by tag, from 0.
    const RESERVED: [&'static str; 10] = [
        "default",
        "root",
        "do",
        "set_delegate",
        "remove_delegate",
        "deposit",
        "stake",
        "unstake",
        "finalize_unstake",
        "set_delegate_parameters",
    ];
    /// The tag in front of a name.
    pub(crate) const NAMED: u8 = 255;
    /// The longest name in bytes.
    pub const MAX_BYTES: usize = 31;

    pub(crate) fn reserved(tag: u8) -> Option<Self> {
        Self::RESERVED.get(usize::from(tag)).map(|name| Self { tag, name: (*name).to_owned() })
    }

    pub(crate) fn named(name: String) -> Self {
        Self { tag: Self::NAMED, name }
    }

    /// Its tag; 255 when it is given by name.
    pub const fn tag(&self) -> u8 {
        self.tag
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The staking call that its tag stands for.
    pub(crate) const fn staking(&self) -> Option<OperationKind> {
        match self.tag {
            6 => Some(OperationKind::Stake),
            7 => Some(OperationKind::Unstake),
            8 => Some(OperationKind::FinalizeUnstake),
            9 => Some(OperationKind::SetDelegateParameters),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_complete() {
        assert!(OperationKind::ALL.is_sorted_by_key(|kind| kind.name()));
        // 35 kinds by tag, four staking calls.
        assert_eq!(OperationKind::ALL.iter().filter(|kind| kind.is_listable()).count(), 39);
        assert_eq!(OperationKind::from_name("attestation"), None);
        assert_eq!(OperationKind::from_name("stake"), Some(OperationKind::Stake));
    }
}
