//! Limits on what a key spends, off by default (specification 10, wish 6).
//!
//! They are about the batch as a whole, for a batch of a hundred small transfers is one large one:
//!
//! * `max_amount` bounds the tez that all operations of a request can cost together: what they transfer, the most that they burn
//!   for storage, originations and new accounts, and what they freeze as bonds ([`crate::operation::Effects`]). An operation
//!   that spends as much as there is, `drain_delegate`, is above every limit. Fees are another limit.
//! * `max_fee` bounds the fees of all operations together.
//! * `destinations` are the accounts that may be paid or called, or whose key may become the consensus key. A staking call has
//!   none but its own source. An operation that pays or calls somebody whom the message does not name is refused.
//! * `entrypoints` are the names that transactions and ticket transfers may call, `default` for a plain transfer. Staking
//!   calls are allowed by their kind.
//! * `per` bounds what all requests within a window ask for together: the amount, counted as for `max_amount`, and the number of
//!   operations.
//!
//! With `mode: observe` nothing is refused: what would have been is answered beside the permission, for the log.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::operation::{Address, Amount, Call, Operation, Payee};
use crate::policy::{AskedAmount, Denial, LimitDenial, ListedNames, Mutez, Usage, Verdict};

/// What a key may spend. Absent members limit nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SpendingLimits {
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
    /// Whether they are enforced.
    pub mode: LimitsMode,
}

/// What happens to a request that a limit does not allow.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub enum LimitsMode {
    /// It is refused.
    #[default]
    Enforce,
    /// It is signed, and reported.
    Observe,
}

impl LimitsMode {
    /// Every mode, as the configuration calls it.
    pub const ALL: [Self; 2] = [Self::Enforce, Self::Observe];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Observe => "observe",
        }
    }
}

impl std::str::FromStr for LimitsMode {
    type Err = LimitsModeError;

    fn from_str(text: &str) -> Result<Self, LimitsModeError> {
        Self::ALL.into_iter().find(|mode| mode.name() == text).ok_or(LimitsModeError)
    }
}

/// A text that is no mode of limits.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("write `enforce` to refuse what is above a limit, or `observe` to sign and report it")]
pub struct LimitsModeError;

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

/// What the operations of a request spend together.
#[derive(Copy, Clone, Default)]
struct Total {
    fee: Amount,
    spent: Amount,
    /// Burns and bonds, of what is spent.
    unsent: Amount,
    count: u64,
}

impl Total {
    fn of(operations: &[Operation]) -> Self {
        operations.iter().fold(Self::default(), |total, operation| Self {
            fee: total.fee.plus(Amount::Mutez(operation.fee())),
            spent: total.spent.plus(operation.effects().spent()),
            unsent: total.unsent.plus(operation.effects().unsent()),
            count: total.count.saturating_add(1),
        })
    }

    fn asked(&self) -> AskedAmount {
        AskedAmount {
            amount: self.spent.mutez().map(Mutez::new),
            unsent: self.unsent.mutez().map(Mutez::new),
        }
    }
}

impl SpendingLimits {
    /// Judges the operations of one request, and counts them. A usage in the verdict is what must be remembered before the key
    /// is used.
    pub(super) fn judge(&self, operations: &[Operation], used: &Usage, now_ms: u64) -> Verdict {
        let total = Total::of(operations);
        let denial = self.exceeded(operations, &total, used, now_ms).err();
        let counted = || self.per.as_ref().map(|rate| rate.count(&total, used, now_ms));
        match (denial, self.mode) {
            (None, LimitsMode::Enforce | LimitsMode::Observe) => Verdict::Allow(counted()),
            (Some(denial), LimitsMode::Enforce) => Verdict::Deny(Denial::Limit(denial)),
            (Some(denial), LimitsMode::Observe) => Verdict::Observe { denial, usage: counted() },
        }
    }

    /// The first limit that does not hold.
    fn exceeded(
        &self,
        operations: &[Operation],
        total: &Total,
        used: &Usage,
        now_ms: u64,
    ) -> Result<(), LimitDenial> {
        for operation in operations {
            self.destination(operation)?;
            self.entrypoint(operation)?;
        }
        if let Some(limit) = self.max_amount.filter(|limit| !within(*limit, total.spent)) {
            return Err(LimitDenial::MaxAmount { limit, asked: total.asked() });
        }
        if let Some(limit) = self.max_fee.filter(|limit| !within(*limit, total.fee)) {
            return Err(LimitDenial::MaxFee { limit, asked: total.fee.mutez().map(Mutez::new) });
        }
        self.per.as_ref().map_or(Ok(()), |rate| rate.check(total, used, now_ms))
    }

    fn destination(&self, operation: &Operation) -> Result<(), LimitDenial> {
        let Some(listed) = &self.destinations else { return Ok(()) };
        let denied = |asked: &str| LimitDenial::Destination {
            listed: ListedNames::of(listed),
            asked: asked.to_owned(),
            operation: operation.permission(),
        };
        if operation.kind().is_staking() {
            return Ok(());
        }
        match operation.payee() {
            Payee::Nobody => Ok(()),
            Payee::Account(account) if listed.contains(account) => Ok(()),
            Payee::Account(account) => Err(denied(&account.to_string())),
            Payee::Unnamed(whom) => Err(denied(whom)),
        }
    }

    fn entrypoint(&self, operation: &Operation) -> Result<(), LimitDenial> {
        let Some(listed) = &self.entrypoints else { return Ok(()) };
        let denied = |asked: &str| LimitDenial::Entrypoint {
            listed: ListedNames::of(listed),
            asked: asked.to_owned(),
            operation: operation.permission(),
        };
        if operation.kind().is_staking() {
            return Ok(());
        }
        match operation.call() {
            Call::Nothing => Ok(()),
            Call::Entrypoint(name) if listed.contains(name) => Ok(()),
            Call::Entrypoint(name) => Err(denied(name)),
            Call::Unnamed => Err(denied("what the message does not name")),
        }
    }
}

impl Rate {
    fn check(&self, total: &Total, used: &Usage, now_ms: u64) -> Result<(), LimitDenial> {
        let window = self.window;
        let (spent, counted) = used.within(self.window_ms(), now_ms);
        if let Some(limit) =
            self.amount.filter(|limit| !within(*limit, total.spent.plus(Amount::Mutez(spent))))
        {
            let spent = Mutez::new(spent);
            return Err(LimitDenial::Amount { window, limit, spent, asked: total.asked() });
        }
        if let Some(limit) = self.count
            && counted.checked_add(total.count).is_none_or(|sum| sum > limit)
        {
            return Err(LimitDenial::Count { window, limit, counted, asked: total.count });
        }
        Ok(())
    }

    /// What is used with this request. What cannot be counted uses up every limit.
    fn count(&self, total: &Total, used: &Usage, now_ms: u64) -> Usage {
        used.and(total.spent.mutez().unwrap_or(u64::MAX), total.count, self.window_ms(), now_ms)
    }

    fn window_ms(&self) -> u64 {
        u64::try_from(self.window.as_millis()).unwrap_or(u64::MAX)
    }
}

fn within(limit: Mutez, asked: Amount) -> bool {
    asked.mutez().is_some_and(|asked| asked <= limit.get())
}
