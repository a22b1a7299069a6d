//! The names of operations in configurations, logs and refusals (specification 4.4).

use std::fmt;

macro_rules! kinds {
    ($($name:ident $text:literal $list:ident;)+) => {
        /// What an operation of a generic request is, in Signatory's words.
        #[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum OperationKind {
            $(#[doc = concat!("`", $text, "`")] $name,)+
        }

        impl OperationKind {
            /// Every kind, by name.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// Whether a policy may allow it. The others exist inside blocks or before Seoul, and are always refused.
            #[must_use]
            pub const fn is_listable(self) -> bool {
                match self { $(Self::$name => kinds!(@ $list),)+ }
            }
        }
    };
    (@ listed) => { true };
    (@ unlisted) => { false };
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
    FinalizeUnstake "finalize_unstake" listed;
    IncreasePaidStorage "increase_paid_storage" listed;
    Origination "origination" listed;
    Preattestation "preattestation" unlisted;
    PreattestationsAggregate "preattestations_aggregate" listed;
    Proposals "proposals" listed;
    RegisterGlobalConstant "register_global_constant" listed;
    Reveal "reveal" listed;
    SeedNonceRevelation "seed_nonce_revelation" listed;
    SetDelegateParameters "set_delegate_parameters" listed;
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
    Stake "stake" listed;
    Transaction "transaction" listed;
    TransferTicket "transfer_ticket" listed;
    Unstake "unstake" listed;
    UpdateCompanionKey "update_companion_key" listed;
    UpdateConsensusKey "update_consensus_key" listed;
    VdfRevelation "vdf_revelation" listed;
    ZkRollupOrigination "zk_rollup_origination" listed;
    ZkRollupPublish "zk_rollup_publish" listed;
    ZkRollupUpdate "zk_rollup_update" listed;
}

impl OperationKind {
    /// The kind that a configuration means by `name`. Only listable kinds are found.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.is_listable() && kind.name() == name)
    }

    /// Whether it is a staking call that a transaction carries.
    #[must_use]
    pub const fn is_staking(self) -> bool {
        match self {
            Self::Stake | Self::Unstake | Self::FinalizeUnstake | Self::SetDelegateParameters => true,
            Self::ActivateAccount
            | Self::Attestation
            | Self::AttestationWithDal
            | Self::AttestationsAggregate
            | Self::Ballot
            | Self::DalEntrapmentEvidence
            | Self::DalPublishCommitment
            | Self::Delegation
            | Self::DoubleAttestationEvidence
            | Self::DoubleBakingEvidence
            | Self::DoubleConsensusOperationEvidence
            | Self::DoublePreattestationEvidence
            | Self::DrainDelegate
            | Self::FailingNoop
            | Self::IncreasePaidStorage
            | Self::Origination
            | Self::Preattestation
            | Self::PreattestationsAggregate
            | Self::Proposals
            | Self::RegisterGlobalConstant
            | Self::Reveal
            | Self::SeedNonceRevelation
            | Self::SetDepositsLimit
            | Self::SignaturePrefix
            | Self::SmartRollupAddMessages
            | Self::SmartRollupCement
            | Self::SmartRollupExecuteOutboxMessage
            | Self::SmartRollupOriginate
            | Self::SmartRollupPublish
            | Self::SmartRollupRecoverBond
            | Self::SmartRollupRefute
            | Self::SmartRollupTimeout
            | Self::Transaction
            | Self::TransferTicket
            | Self::UpdateCompanionKey
            | Self::UpdateConsensusKey
            | Self::VdfRevelation
            | Self::ZkRollupOrigination
            | Self::ZkRollupPublish
            | Self::ZkRollupUpdate => false,
        }
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A vote on a proposal.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Vote {
    /// 0
    Yay,
    /// 1
    Nay,
    /// 2
    Pass,
}

impl Vote {
    /// Every vote, by its byte.
    pub const ALL: [Self; 3] = [Self::Yay, Self::Nay, Self::Pass];

    /// Its name, as behind `ballot:`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Yay => "yay",
            Self::Nay => "nay",
            Self::Pass => "pass",
        }
    }

    /// The vote of a ballot's last byte.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }
}

/// What a transaction calls (specification 6.4).
///
/// The tag is kept beside the name: only a *tag* makes a staking call of a transaction (4.4). A name that reads `stake` leaves it
/// a `transaction`, as in Signatory, although the chain knows entrypoints by their name and does the same for both; `entrypoints`
/// in the limits of a key looks at the name.
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
    #[must_use]
    pub const fn tag(&self) -> u8 {
        self.tag
    }

    /// Its name.
    #[must_use]
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
        // Specification 4.4: 35 kinds by tag, four staking calls.
        assert_eq!(OperationKind::ALL.iter().filter(|kind| kind.is_listable()).count(), 39);
        assert_eq!(OperationKind::from_name("attestation"), None);
        assert_eq!(OperationKind::from_name("stake"), Some(OperationKind::Stake));
    }
}
