//! Which limit a request does not keep.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::policy::Mutez;

/// A limit that a request does not keep: which one, its value, and what was asked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LimitDenial {
    /// `max_amount`.
    #[error("limit max_amount is {limit}, {asked}")]
    MaxAmount {
        /// Its value.
        limit: Mutez,
        /// What all operations spend.
        asked: AskedAmount,
    },
    /// `max_fee`.
    #[error("limit max_fee is {limit}, {} was asked", amount(*asked))]
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
        listed: ListedNames,
        /// The account.
        asked: String,
        /// What would pay it.
        operation: String,
    },
    /// `entrypoints`.
    #[error("limit entrypoints is {listed}, a {operation} that calls {asked} was asked")]
    Entrypoint {
        /// Its value.
        listed: ListedNames,
        /// The entrypoint.
        asked: String,
        /// What would call it.
        operation: String,
    },
    /// `per.amount`.
    #[error(
        "limit per.amount is {limit} in {} s, of which {spent} is used, {asked}",
        window.as_secs()
    )]
    Amount {
        /// The window.
        window: Duration,
        /// Its value.
        limit: Mutez,
        /// What is used up of it.
        spent: Mutez,
        /// What all operations spend.
        asked: AskedAmount,
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

impl LimitDenial {
    /// The limit's name in the configuration.
    #[must_use]
    pub const fn limit(&self) -> &'static str {
        match self {
            Self::MaxAmount { .. } => "max_amount",
            Self::MaxFee { .. } => "max_fee",
            Self::Destination { .. } => "destinations",
            Self::Entrypoint { .. } => "entrypoints",
            Self::Amount { .. } => "per.amount",
            Self::Count { .. } => "per.count",
        }
    }
}

fn amount(asked: Option<Mutez>) -> String {
    asked.map_or_else(|| "more than can be told".to_owned(), |asked| asked.to_string())
}

/// What a request spends, for a refusal. `None` is more than can be told.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct AskedAmount {
    /// All of it.
    pub amount: Option<Mutez>,
    /// The burns and bonds in it.
    pub unsent: Option<Mutez>,
}

impl std::fmt::Display for AskedAmount {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} was asked", amount(self.amount))?;
        match (self.amount, self.unsent) {
            (Some(_), Some(unsent)) if unsent > Mutez::default() => {
                write!(formatter, ", with burns and bonds of at most {unsent}")
            }
            _ => Ok(()),
        }
    }
}

/// The value of a limit that is a list, cut to a length that fits into a sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedNames(String);

impl ListedNames {
    /// Members that are named before the rest is only counted.
    const SHOWN: usize = 4;

    pub(super) fn of<T: ToString>(list: &BTreeSet<T>) -> Self {
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

impl std::fmt::Display for ListedNames {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}
