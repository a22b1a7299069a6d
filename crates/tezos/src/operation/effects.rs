//! The cost of an operation to its source, and whom it pays, calls or gives power: kind by kind
//! (docs/reference/limits.md).
//!
//! The figures are upper bounds. A manager operation and its internal operations burn at most what `storage_limit` covers, for storage,
//! originations and new accounts: the chain refuses an operation that needs more. Only `increase_paid_storage` names its bytes beside
//! that limit.

use crate::base58check::Prefix;
use crate::operation::value::{NamedFields, address, field, mutez};
use crate::operation::{Address, Entrypoint, FieldValue, OperationKind as Kind, Vote};

/// Mutez that a byte of storage costs (`cost_per_byte`).
const COST_PER_BYTE: i128 = 250;
/// Bytes that a new account is charged for (`origination_size`).
const ALLOCATION_BYTES: i128 = 257;
/// Mutez that the first commitment to a rollup freezes (`smart_rollup_stake_amount`).
const ROLLUP_BOND: u64 = 10_000_000_000;

/// An amount of tez.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Amount {
    /// So many mutez.
    Mutez(u64),
    /// Everything there is, or more than can be counted.
    Unbounded,
}

impl Amount {
    /// No tez.
    pub const NOTHING: Self = Self::Mutez(0);

    /// The mutez, where they can be told.
    pub const fn mutez(self) -> Option<u64> {
        match self {
            Self::Mutez(amount) => Some(amount),
            Self::Unbounded => None,
        }
    }

    /// The sum. An overflow is more than can be counted.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let sum = self.mutez().zip(other.mutez()).and_then(|(one, two)| one.checked_add(two));
        sum.map_or(Self::Unbounded, Self::Mutez)
    }

    /// The cost of so many bytes of storage.
    fn of_bytes(bytes: Option<i128>) -> Self {
        let cost = bytes.and_then(|bytes| bytes.max(0).checked_mul(COST_PER_BYTE));
        cost.and_then(|cost| u64::try_from(cost).ok()).map_or(Self::Unbounded, Self::Mutez)
    }
}

impl Default for Amount {
    fn default() -> Self {
        Self::NOTHING
    }
}

/// The most that an operation can cost its source, apart from its fee.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Effects {
    /// Tez that go to somebody else, or into or out of the own stake.
    pub transferred: Amount,
    /// The most that is burned: for storage, originations and new accounts.
    pub burned: Amount,
    /// Tez that are frozen as a bond, which can be lost.
    pub bonded: Amount,
}

impl Effects {
    /// The sum, which limits count.
    pub fn spent(&self) -> Amount {
        self.transferred.plus(self.unsent())
    }

    /// Burns and bonds.
    pub fn unsent(&self) -> Amount {
        self.burned.plus(self.bonded)
    }
}

/// The party that an operation pays or calls, or gives power over the account.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub enum Payee {
    /// Nobody but the source itself.
    #[default]
    Nobody,
    /// This account.
    Account(Address),
    /// Somebody whose address the message does not have.
    Unnamed(&'static str),
}

/// The entrypoint that an operation calls.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Call {
    /// No entrypoint.
    #[default]
    Nothing,
    /// The entrypoint of this name; `default` for a transfer without parameters.
    Entrypoint(String),
    /// Entrypoints that the message does not name.
    Unnamed,
}

/// The facts about an operation that a policy asks for. They are read once while decoding, so that a missing field is an error there and
/// not an allowance later.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Effect {
    pub(super) source: Option<Address>,
    pub(super) fee: u64,
    pub(super) effects: Effects,
    pub(super) payee: Payee,
    pub(super) call: Call,
    pub(super) vote: Option<Vote>,
}

impl Effect {
    /// The kind of an operation, which may be a staking call, and its effects.
    ///
    /// `None` if a field of the kind's layout is missing: a fault of ours, and a refusal. Every kind is named here, so that a new one does
    /// not compile before somebody has said what it does.
    pub(super) fn of(
        row: Kind,
        manager: bool,
        header: &NamedFields,
        fields: &NamedFields,
    ) -> Option<(Kind, Self)> {
        let mut effect = Self::default();
        let mut storage_limit = None;
        if manager {
            effect.source = Some(address(header, "source")?);
            effect.fee = mutez(header, "fee")?;
            storage_limit = number(header, "storage_limit")?;
        }
        let storage = || Amount::of_bytes(storage_limit);
        let kind = staking(row, effect.source, fields)?.unwrap_or(row);
        match kind {
            Kind::Transaction => {
                let destination = address(fields, "destination")?;
                effect.effects.transferred = Amount::Mutez(mutez(fields, "amount")?);
                effect.effects.burned = match storage_limit {
                    // An implicit account is charged for nothing but being new.
                    Some(limit) if destination.is_implicit() && limit < ALLOCATION_BYTES => Amount::NOTHING,
                    _ if destination.is_implicit() => Amount::of_bytes(Some(ALLOCATION_BYTES)),
                    _ => storage(),
                };
                effect.payee = Payee::Account(destination);
                effect.call = Call::Entrypoint(called(fields)?);
            }
            // Stake stays the source's own, but tez that go into it or out of it count.
            Kind::Stake | Kind::Unstake | Kind::FinalizeUnstake | Kind::SetDelegateParameters => {
                effect.effects.transferred = Amount::Mutez(mutez(fields, "amount")?);
                effect.payee = Payee::Account(address(fields, "destination")?);
                effect.call = Call::Entrypoint(called(fields)?);
            }
            Kind::Origination => {
                let balance = mutez(fields, "balance")?;
                effect.effects.transferred = Amount::Mutez(balance);
                effect.effects.burned = storage();
                if balance > 0 {
                    effect.payee = Payee::Unnamed("an account without an address");
                }
            }
            Kind::RegisterGlobalConstant | Kind::SmartRollupOriginate | Kind::ZkRollupOrigination => {
                effect.effects.burned = storage();
            }
            Kind::IncreasePaidStorage => {
                effect.effects.burned = Amount::of_bytes(number(fields, "amount")?);
                effect.payee = Payee::Account(address(fields, "destination")?);
            }
            Kind::TransferTicket => {
                effect.effects.burned = storage();
                effect.payee = Payee::Account(address(fields, "destination")?);
                effect.call = Call::Entrypoint(entrypoint(fields)?.name().to_owned());
            }
            Kind::SmartRollupExecuteOutboxMessage => {
                effect.effects.burned = storage();
                effect.payee = Payee::Unnamed("contracts that the message does not name");
                effect.call = Call::Unnamed;
            }
            Kind::ZkRollupPublish | Kind::ZkRollupUpdate => {
                effect.effects.burned = storage();
                effect.payee = Payee::Unnamed("a zk rollup");
            }
            Kind::SmartRollupPublish => effect.effects.bonded = Amount::Mutez(ROLLUP_BOND),
            Kind::DrainDelegate => {
                effect.source = Some(address(fields, "delegate")?);
                effect.effects.transferred = Amount::Unbounded;
                effect.payee = Payee::Account(address(fields, "destination")?);
            }
            // The holder of the new key can drain the account later.
            Kind::UpdateConsensusKey => {
                let holder = key_hash(field(fields, "pk")?)?;
                if effect.source != Some(holder) {
                    effect.payee = Payee::Account(holder);
                }
            }
            Kind::Ballot => {
                effect.source = Some(address(fields, "source")?);
                match field(fields, "ballot")? {
                    FieldValue::Vote(vote) => effect.vote = Some(*vote),
                    _ => return None,
                }
            }
            Kind::Proposals => effect.source = Some(address(fields, "source")?),
            // Nothing leaves the source but the fee, or there is no source.
            Kind::ActivateAccount
            | Kind::Attestation
            | Kind::AttestationWithDal
            | Kind::AttestationsAggregate
            | Kind::DalEntrapmentEvidence
            | Kind::DalPublishCommitment
            | Kind::Delegation
            | Kind::DoubleAttestationEvidence
            | Kind::DoubleBakingEvidence
            | Kind::DoubleConsensusOperationEvidence
            | Kind::DoublePreattestationEvidence
            | Kind::FailingNoop
            | Kind::Preattestation
            | Kind::PreattestationsAggregate
            | Kind::Reveal
            | Kind::SeedNonceRevelation
            | Kind::SetDepositsLimit
            | Kind::SignaturePrefix
            | Kind::SmartRollupAddMessages
            | Kind::SmartRollupCement
            | Kind::SmartRollupRecoverBond
            | Kind::SmartRollupRefute
            | Kind::SmartRollupTimeout
            | Kind::UpdateCompanionKey
            | Kind::VdfRevelation => {}
        }
        Some((kind, effect))
    }
}

/// The staking call that a transaction to its own source makes by the tag of its entrypoint.
fn staking(row: Kind, source: Option<Address>, fields: &NamedFields) -> Option<Option<Kind>> {
    if row != Kind::Transaction {
        return Some(None);
    }
    let destination = address(fields, "destination")?;
    let to_itself = destination.is_implicit() && source == Some(destination);
    Some(parameters(fields)?.filter(|_| to_itself).and_then(Entrypoint::staking))
}

/// The name of the entrypoint that a transaction calls.
fn called(fields: &NamedFields) -> Option<String> {
    Some(parameters(fields)?.map_or("default", Entrypoint::name).to_owned())
}

/// The entrypoint of a transaction's parameters, if it has some.
fn parameters(fields: &NamedFields) -> Option<Option<&Entrypoint>> {
    match field(fields, "parameters")? {
        FieldValue::Absent => Some(None),
        FieldValue::Record(parameters) => entrypoint(parameters).map(Some),
        _ => None,
    }
}

fn entrypoint(fields: &NamedFields) -> Option<&Entrypoint> {
    match field(fields, "entrypoint")? {
        FieldValue::Entrypoint(entrypoint) => Some(entrypoint),
        _ => None,
    }
}

/// A number; `Some(None)` if it has more than 126 bits.
fn number(fields: &NamedFields, name: &str) -> Option<Option<i128>> {
    match field(fields, name)? {
        FieldValue::Number(number) => Some(number.to_i128()),
        _ => None,
    }
}

/// The account of a public key.
fn key_hash(key: &FieldValue) -> Option<Address> {
    let FieldValue::Hash(prefix, key) = key else { return None };
    let account = match prefix {
        Prefix::Edpk => Prefix::Tz1,
        Prefix::Sppk => Prefix::Tz2,
        Prefix::P2pk => Prefix::Tz3,
        Prefix::Blpk => Prefix::Tz4,
        Prefix::Mdpk => Prefix::Tz5,
        _ => return None,
    };
    Some(Address::of_key(account, key))
}
