//! Limits on what a key spends, off by default (specification 10, wish 6).
//!
//! They are about the batch as a whole, for a batch of a hundred small transfers is one large one:
//!
//! * `max_amount` bounds the tez that all operations of a request spend together: amounts of transactions, staking calls
//!   included, and balances of originated contracts. An operation that spends as much as there is, `drain_delegate`, is above
//!   every limit. Fees are another limit, burns for storage are not counted.
//! * `max_fee` bounds the fees of all operations together.
//! * `destinations` are the accounts that may be paid or called. A staking call has none but its own source. A contract that
//!   is originated has no address yet, so none may be given a balance.
//! * `entrypoints` are the names that transactions and ticket transfers may call, `default` for a plain transfer. Staking
//!   calls are allowed by their kind.
//! * `per` bounds what all requests within a window ask for together: the amount, and the number of operations.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::operation::{Address, Operation, Spending};
use crate::policy::{Mutez, Usage};

/// What a key may spend. Absent members limit nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Limits {
    /// The most that one request spends.
    pub max_amount: Option<Mutez>,
    /// The most that one request pays in fees.
    pub max_fee: Option<Mutez>,
    /// Who may be paid or called.
    pub destinations: Option<BTreeSet<Address>>,
    /// What may be called.
    pub entrypoints: Option<BTreeSet<String>>,
    /// What may be spent over time.
    pub per: Option<Rate>,
}

/// The most within any stretch of time as long as the window.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rate {
    /// The length of the stretch.
    pub window: Duration,
    /// The most that is spent.
    pub amount: Option<Mutez>,
    /// The most operations.
    pub count: Option<u64>,
}

impl Limits {
    /// Checks the operations of one request, and counts them.
    ///
    /// The answer is what must be remembered before the key is used; `None` when nothing is counted.
    ///
    /// # Errors
    /// The first limit that does not hold.
    pub fn check(
        &self,
        operations: &[Operation],
        used: &Usage,
        now_ms: u64,
    ) -> Result<Option<Usage>, LimitDenial> {
        for operation in operations {
            self.destination(operation)?;
            self.entrypoint(operation)?;
        }
        let fee = sum(operations.iter().map(|operation| Some(operation.fee())));
        let amount = sum(operations.iter().map(|operation| match operation.spends() {
            Spending::Nothing => Some(0),
            Spending::Mutez(amount) => Some(amount),
            Spending::Unbounded => None,
        }));
        if let Some(limit) = self.max_amount {
            within(limit, amount).map_err(|asked| LimitDenial::MaxAmount { limit, asked })?;
        }
        if let Some(limit) = self.max_fee {
            within(limit, fee).map_err(|asked| LimitDenial::MaxFee { limit, asked })?;
        }
        match &self.per {
            Some(rate) => rate.check(amount, operations.len(), used, now_ms).map(Some),
            None => Ok(None),
        }
    }

    fn destination(&self, operation: &Operation) -> Result<(), LimitDenial> {
        let Some(listed) = &self.destinations else { return Ok(()) };
        let denied = |asked: &str| LimitDenial::Destination {
            listed: Listed::of(listed),
            asked: asked.to_owned(),
            operation: operation.permission(),
        };
        if operation.kind().is_staking() {
            return Ok(());
        }
        match (operation.destination(), operation.spends()) {
            (Some(destination), _) if listed.contains(destination) => Ok(()),
            (Some(destination), _) => Err(denied(&destination.to_string())),
            (None, Spending::Nothing | Spending::Mutez(0)) => Ok(()),
            (None, Spending::Mutez(_) | Spending::Unbounded) => Err(denied("an account without an address")),
        }
    }

    fn entrypoint(&self, operation: &Operation) -> Result<(), LimitDenial> {
        let Some(listed) = &self.entrypoints else { return Ok(()) };
        match operation.entrypoint() {
            Some(asked) if !operation.kind().is_staking() && !listed.contains(asked) => {
                Err(LimitDenial::Entrypoint {
                    listed: Listed::of(listed),
                    asked: asked.to_owned(),
                    operation: operation.permission(),
                })
            }
            _ => Ok(()),
        }
    }
}

impl Rate {
    fn check(
        &self,
        amount: Option<u64>,
        operations: usize,
        used: &Usage,
        now_ms: u64,
    ) -> Result<Usage, LimitDenial> {
        let window_ms = u64::try_from(self.window.as_millis()).unwrap_or(u64::MAX);
        let (spent, counted) = used.within(window_ms, now_ms);
        if let Some(limit) = self.amount {
            let total = amount.and_then(|amount| amount.checked_add(spent));
            if total.is_none_or(|total| total > limit.get()) {
                let asked = amount.map(Mutez::new);
                let (window, spent) = (self.window, Mutez::new(spent));
                return Err(LimitDenial::Amount { window, limit, spent, asked });
            }
        }
        let operations = u64::try_from(operations).unwrap_or(u64::MAX);
        if let Some(limit) = self.count
            && counted.checked_add(operations).is_none_or(|total| total > limit)
        {
            let (window, asked) = (self.window, operations);
            return Err(LimitDenial::Count { window, limit, counted, asked });
        }
        Ok(used.and(amount.unwrap_or(u64::MAX), operations, window_ms, now_ms))
    }
}

/// `None` when a part is unbounded or the sum is.
fn sum(parts: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    let mut parts = parts;
    parts.try_fold(0_u64, |sum, part| part.and_then(|part| sum.checked_add(part)))
}

fn within(limit: Mutez, asked: Option<u64>) -> Result<(), Option<Mutez>> {
    match asked {
        Some(asked) if asked <= limit.get() => Ok(()),
        asked => Err(asked.map(Mutez::new)),
    }
}

/// A limit that a request does not keep: which one, its value, and what was asked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LimitDenial {
    /// `max_amount`.
    #[error("limit max_amount is {limit}, {} was asked", amount(asked))]
    MaxAmount {
        /// Its value.
        limit: Mutez,
        /// What all operations spend; `None` is more than can be said.
        asked: Option<Mutez>,
    },
    /// `max_fee`.
    #[error("limit max_fee is {limit}, {} was asked", amount(asked))]
    MaxFee {
        /// Its value.
        limit: Mutez,
        /// The fees of all operations.
        asked: Option<Mutez>,
    },
    /// `destinations`.
    #[error("limit destinations is {listed}, a {operation} to {asked} was asked")]
    Destination {
        /// Its value.
        listed: Listed,
        /// The account.
        asked: String,
        /// What would pay it.
        operation: String,
    },
    /// `entrypoints`.
    #[error("limit entrypoints is {listed}, a {operation} that calls {asked} was asked")]
    Entrypoint {
        /// Its value.
        listed: Listed,
        /// The entrypoint.
        asked: String,
        /// What would call it.
        operation: String,
    },
    /// `per.amount`.
    #[error(
        "limit per.amount is {limit} in {} s, of which {spent} is used, {} was asked",
        window.as_secs(),
        amount(asked)
    )]
    Amount {
        /// The window.
        window: Duration,
        /// Its value.
        limit: Mutez,
        /// What is used up of it.
        spent: Mutez,
        /// What all operations spend; `None` is more than can be said.
        asked: Option<Mutez>,
    },
    /// `per.count`.
    #[error(
        "limit per.count is {limit} operation(s) in {} s, of which {counted} are used, {asked} more were asked",
        window.as_secs()
    )]
    Count {
        /// The window.
        window: Duration,
        /// Its value.
        limit: u64,
        /// What is used up of it.
        counted: u64,
        /// The operations of the request.
        asked: u64,
    },
}

fn amount(asked: &Option<Mutez>) -> String {
    asked.map_or_else(|| "more than can be told".to_owned(), |asked| asked.to_string())
}

/// The value of a limit that is a list, cut to a length that fits into a sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed(String);

impl Listed {
    /// Members that are named before the rest is only counted.
    const SHOWN: usize = 4;

    fn of<T: ToString>(list: &BTreeSet<T>) -> Self {
        let shown: Vec<String> = list.iter().take(Self::SHOWN).map(ToString::to_string).collect();
        let mut text = format!("[{}", shown.join(", "));
        match list.len().checked_sub(Self::SHOWN) {
            None | Some(0) => {}
            Some(more) => text.push_str(&format!(" and {more} more")),
        }
        text.push(']');
        Self(text)
    }
}

impl std::fmt::Display for Listed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}
