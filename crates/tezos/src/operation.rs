//! One operation of a generic request: its kind, its cost, and whom it pays (docs/reference/signer-protocol.md).

mod address;
mod effects;
mod kind;
mod layout;
mod protocol;
mod reading;
mod shape;
mod value;

use std::ops::Range;

use serde_json::{Map, Value as Json, json};

use self::effects::Effect;
use self::value::field;
use crate::codec::{Cursor, MAX_OPERATIONS, MessageError, MessageFault};
use crate::policy::Mutez;

pub use self::address::{Address, AddressError};
pub use self::effects::{Amount, Call, Effects, Payee};
pub use self::kind::{Entrypoint, OperationKind, Vote};
pub use self::protocol::Protocol;
pub use self::value::{FieldValue, Number};
pub(crate) use self::value::{fields_to_json, hex};

/// An operation, as the protocol that read it understands it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operation {
    tag: u8,
    kind: OperationKind,
    span: Range<usize>,
    effect: Effect,
    header: Vec<(&'static str, FieldValue)>,
    fields: Vec<(&'static str, FieldValue)>,
}

impl Operation {
    /// Reads operations to the end of the message, by the layouts of `protocol`.
    pub(crate) fn decode_batch(
        cursor: &mut Cursor<'_>,
        protocol: Protocol,
    ) -> Result<Vec<Self>, MessageError> {
        let mut operations = Vec::new();
        while !cursor.is_empty() {
            let index = operations.len();
            if index >= MAX_OPERATIONS {
                return Err(cursor.fault(MessageFault::TooMany(MAX_OPERATIONS)).within("operations"));
            }
            let operation = Self::decode(cursor, protocol).map_err(|error| error.of_operation(index))?;
            operations.push(operation);
        }
        if operations.is_empty() {
            return Err(cursor.fault(MessageFault::EmptyBatch));
        }
        Ok(operations)
    }

    fn decode(cursor: &mut Cursor<'_>, protocol: Protocol) -> Result<Self, MessageError> {
        let start = cursor.position();
        let tag = cursor.u8()?;
        let unknown = MessageError::new(MessageFault::UnknownTag(tag), start).within("operation");
        let row = layout::row(tag, protocol).ok_or(unknown)?;
        let within = |error: MessageError| error.within(row.kind.name());
        let header = if row.manager { layout::MANAGER } else { &[] };
        let header = reading::record(cursor, protocol, header).map_err(within)?;
        let fields = reading::record(cursor, protocol, row.fields).map_err(within)?;

        let (kind, effect) = Effect::of(row.kind, row.manager, &header, &fields)
            .ok_or_else(|| MessageError::new(MessageFault::Length(0), start).within(row.kind.name()))?;
        Ok(Self { tag, kind, span: start..cursor.position(), effect, header, fields })
    }

    /// The byte in front of the operation.
    pub const fn tag(&self) -> u8 {
        self.tag
    }

    /// Its kind. A staking call has its own kind, not `transaction`.
    pub const fn kind(&self) -> OperationKind {
        self.kind
    }

    /// The name in refusals: `ballot:yay` for a ballot, the kind's name for all others.
    pub fn permission(&self) -> String {
        match self.effect.vote {
            Some(vote) => format!("{}:{}", self.kind, vote.name()),
            None => self.kind.name().to_owned(),
        }
    }

    /// The vote of a ballot.
    pub const fn vote(&self) -> Option<Vote> {
        self.effect.vote
    }

    /// Its place in the message, with its tag.
    pub const fn span(&self) -> &Range<usize> {
        &self.span
    }

    /// The account that pays or votes.
    pub const fn source(&self) -> Option<&Address> {
        self.effect.source.as_ref()
    }

    /// The fee in mutez. Only manager operations have one.
    pub const fn fee(&self) -> u64 {
        self.effect.fee
    }

    /// Its cost beside the fee.
    pub const fn effects(&self) -> &Effects {
        &self.effect.effects
    }

    /// The party that it pays or calls, or gives power over the account. A staking call pays its own source.
    pub const fn payee(&self) -> &Payee {
        &self.effect.payee
    }

    /// The account that it pays, calls or gives power, if it names one.
    pub const fn destination(&self) -> Option<&Address> {
        match &self.effect.payee {
            Payee::Account(account) => Some(account),
            Payee::Nobody | Payee::Unnamed(_) => None,
        }
    }

    /// The entrypoint that it calls, named or not.
    pub const fn call(&self) -> &Call {
        &self.effect.call
    }

    /// The name of the entrypoint that it calls, if it names one. A transfer without parameters calls `default`.
    pub fn entrypoint(&self) -> Option<&str> {
        match &self.effect.call {
            Call::Entrypoint(name) => Some(name),
            Call::Nothing | Call::Unnamed => None,
        }
    }

    /// The staking call that a transaction to its own source makes by the entrypoint's name instead of its tag.
    ///
    /// Signatory calls it a transaction and so do we, but the chain stakes all the same. A policy must allow both.
    pub fn staking_by_name(&self) -> Option<OperationKind> {
        let to_itself = self.source().is_some() && self.source() == self.destination();
        if self.kind != OperationKind::Transaction || !to_itself {
            return None;
        }
        self.entrypoint().and_then(OperationKind::from_name).filter(|kind| kind.is_staking())
    }

    /// A field behind the manager's.
    pub fn field(&self, name: &str) -> Option<&FieldValue> {
        field(&self.fields, name)
    }

    /// For `policy explain`: the kind, the manager's fields, its own, and its cost. `null` is an amount that nobody can tell.
    pub fn to_json(&self) -> Json {
        let mut object = Map::new();
        object.insert("kind".to_owned(), Json::from(self.kind.name()));
        object.insert("tag".to_owned(), Json::from(self.tag));
        object.extend(fields_to_json(&self.header));
        object.extend(fields_to_json(&self.fields));
        let Effects { transferred, burned, bonded } = self.effects();
        let text = |amount: &Amount| amount.mutez().map(|amount| amount.to_string());
        let effects = json!({ "transferred": text(transferred), "burned_at_most": text(burned), "bonded": text(bonded) });
        object.insert("effects".to_owned(), effects);
        Json::Object(object)
    }

    /// One line for people.
    pub fn in_words(&self) -> String {
        let Effects { transferred, burned, bonded } = self.effects();
        let mut text = self.permission();
        match transferred {
            Amount::Mutez(0) => {}
            Amount::Mutez(amount) => text.push_str(&format!(" of {}", Mutez::new(*amount))),
            Amount::Unbounded => text.push_str(" of everything there is"),
        }
        if let Some(source) = &self.effect.source {
            text.push_str(&format!(" from {source}"));
        }
        match self.payee() {
            Payee::Nobody => {}
            Payee::Account(account) => text.push_str(&format!(" to {account}")),
            Payee::Unnamed(whom) => text.push_str(&format!(" to {whom}")),
        }
        match self.call() {
            Call::Entrypoint(name) if name != "default" => text.push_str(&format!(", calling {name}")),
            Call::Nothing | Call::Entrypoint(_) | Call::Unnamed => {}
        }
        for (what, amount) in [("burns at most", burned), ("bonds", bonded)] {
            match amount {
                Amount::Mutez(0) => {}
                Amount::Mutez(amount) => text.push_str(&format!(", {what} {}", Mutez::new(*amount))),
                Amount::Unbounded => text.push_str(&format!(", {what} more than can be told")),
            }
        }
        if self.effect.fee > 0 {
            text.push_str(&format!(", fee {}", Mutez::new(self.effect.fee)));
        }
        text
    }
}
