//! One operation of a generic request: what it is, what it costs, whom it pays (specification 4.4, 6.5, 6.6).

mod address;
mod effects;
mod fields;
mod kind;
mod layout;
mod protocol;
mod reading;
mod shape;
mod value;

use std::ops::Range;

use serde_json::{Map, Value as Json, json};

use self::effects::Effect;
use self::fields::field;
use crate::codec::{Cursor, MAX_OPERATIONS, MessageError, MessageFault};
use crate::policy::Mutez;

pub use self::address::{Address, AddressError};
pub use self::effects::{Amount, Call, Effects, Payee};
pub use self::kind::{Entrypoint, OperationKind, Vote};
pub use self::protocol::Protocol;
pub(crate) use self::value::hex;
pub use self::value::{FieldValue, Number};

/// An operation as the protocol that read it has it.
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
    /// Reads operations to the end of the message, by the layouts of `protocol` (specification 6.5).
    pub(crate) fn decode_batch(
        cursor: &mut Cursor<'_>,
        protocol: Protocol,
    ) -> Result<Vec<Self>, MessageError> {
        let mut operations = Vec::new();
        while !cursor.is_empty() {
            let index = operations.len();
            if index >= MAX_OPERATIONS {
                return Err(cursor
                    .fault(MessageFault::TooMany { most: MAX_OPERATIONS })
                    .within("operations"));
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
        let unknown = MessageError::new(MessageFault::UnknownTag { tag }, start).within("operation");
        let row = layout::row(tag, protocol).ok_or(unknown)?;
        let within = |error: MessageError| error.within(row.kind.name());
        let header = if row.manager { layout::MANAGER } else { &[] };
        let header = reading::record(cursor, protocol, header).map_err(within)?;
        let fields = reading::record(cursor, protocol, row.fields).map_err(within)?;

        let (kind, effect) = Effect::of(row.kind, row.manager, &header, &fields).ok_or_else(|| {
            MessageError::new(MessageFault::Length { had: 0 }, start).within(row.kind.name())
        })?;
        Ok(Self { tag, kind, span: start..cursor.position(), effect, header, fields })
    }

    /// The byte in front.
    #[must_use]
    pub const fn tag(&self) -> u8 {
        self.tag
    }

    /// Its kind: a staking call's is that, and not `transaction`.
    #[must_use]
    pub const fn kind(&self) -> OperationKind {
        self.kind
    }

    /// The name in refusals: `ballot:yay` for a ballot, the kind's name for all others (specification 4.5).
    #[must_use]
    pub fn permission(&self) -> String {
        match self.effect.vote {
            Some(vote) => format!("{}:{}", self.kind, vote.name()),
            None => self.kind.name().to_owned(),
        }
    }

    /// The vote of a ballot.
    #[must_use]
    pub const fn vote(&self) -> Option<Vote> {
        self.effect.vote
    }

    /// Where it stands in the message, with its tag.
    #[must_use]
    pub const fn span(&self) -> &Range<usize> {
        &self.span
    }

    /// Who pays, or votes.
    #[must_use]
    pub const fn source(&self) -> Option<&Address> {
        self.effect.source.as_ref()
    }

    /// The fee in mutez; none but manager operations have one.
    #[must_use]
    pub const fn fee(&self) -> u64 {
        self.effect.fee
    }

    /// What it can cost its source beside the fee.
    #[must_use]
    pub const fn effects(&self) -> &Effects {
        &self.effect.effects
    }

    /// Whom it pays or calls, or gives power over the account. A staking call pays its own source, and nobody else.
    #[must_use]
    pub const fn payee(&self) -> &Payee {
        &self.effect.payee
    }

    /// The account that it pays, calls or gives power, where it names one.
    #[must_use]
    pub const fn destination(&self) -> Option<&Address> {
        match &self.effect.payee {
            Payee::Account(account) => Some(account),
            Payee::Nobody | Payee::Unnamed(_) => None,
        }
    }

    /// What it calls.
    #[must_use]
    pub const fn call(&self) -> &Call {
        &self.effect.call
    }

    /// The entrypoint that it calls, where it names one; `default` for a transfer without parameters.
    #[must_use]
    pub fn entrypoint(&self) -> Option<&str> {
        match &self.effect.call {
            Call::Entrypoint(name) => Some(name),
            Call::Nothing | Call::Unnamed => None,
        }
    }

    /// The staking call that a transaction to its own source makes by the entrypoint's name instead of its tag.
    ///
    /// Signatory calls it a transaction (§4.4) and so do we, but the chain stakes all the same: a policy must allow both.
    #[must_use]
    pub fn staking_by_name(&self) -> Option<OperationKind> {
        let to_itself = self.source().is_some() && self.source() == self.destination();
        if self.kind != OperationKind::Transaction || !to_itself {
            return None;
        }
        self.entrypoint().and_then(OperationKind::from_name).filter(|kind| kind.is_staking())
    }

    /// Its fields behind the manager's.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&FieldValue> {
        field(&self.fields, name)
    }

    /// For `policy explain`: `kind`, the manager's fields, then its own, and what it can cost. `null` is more than can be told.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let mut object = Map::new();
        object.insert("kind".to_owned(), Json::from(self.kind.name()));
        object.insert("tag".to_owned(), Json::from(self.tag));
        for (name, value) in self.header.iter().chain(&self.fields) {
            object.insert((*name).to_owned(), value.to_json());
        }
        let Effects { transferred, burned, bonded } = self.effects();
        let text = |amount: &Amount| amount.mutez().map(|amount| amount.to_string());
        object.insert(
            "effects".to_owned(),
            json!({
                "transferred": text(transferred),
                "burned_at_most": text(burned),
                "bonded": text(bonded),
            }),
        );
        Json::Object(object)
    }

    /// One line for people.
    #[must_use]
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
