//! Limits on the spending of a key. They are off by default.
//!
//! They bound the batch as a whole: a batch of a hundred small transfers is one large transfer.
//!
//! * `max_amount` bounds the tez that all operations of a request can cost together: transfers, the most that they burn for storage,
//!   originations and new accounts, and bonds ([`crate::operation::Effects`]). `drain_delegate` spends everything there is, so it is
//!   above every limit. Fees are another limit.
//! * `max_fee` bounds the fees of all operations together.
//! * `destinations` are the accounts that may be paid or called, or whose key may become the consensus key. A staking call has no
//!   destination but its own source. An operation that pays or calls somebody whom the message does not name is refused.
//! * `entrypoints` are the names that transactions and ticket transfers may call, `default` for a plain transfer. Staking calls are
//!   allowed by their kind.
//! * `per` bounds all requests within a window: the amount, counted as for `max_amount`, and the number of operations.
//!
//! With `mode: observe` no limit refuses. The verdict names the refusal for the log.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::operation::{Address, Amount, Call, Operation, Payee};
use crate::policy::{AskedAmount, Denial, LimitDenial, Mutez, Unlisted, Usage, Verdict};
use crate::text::named;

/// The most that a key may spend. Absent members limit nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SpendingLimits {
    /// The most that one request spends.
    pub max_amount: Option<Mutez>,
    /// The most that one request pays in fees.
    pub max_fee: Option<Mutez>,
    /// The accounts that may be paid or called.
    pub destinations: Option<BTreeSet<Address>>,
    /// The entrypoints that may be called.
    pub entrypoints: Option<BTreeSet<String>>,
    /// The most that may be spent over time.
    pub per: Option<Rate>,
    /// Whether they are enforced.
    pub mode: LimitsMode,
}

named! {
    /// The fate of a request that is above a limit.
    #[derive(Default)]
    LimitsMode {
        /// It is refused.
        #[default]
        Enforce "enforce",
        /// It is signed, and reported.
        Observe "observe",
    }
}

impl std::str::FromStr for LimitsMode {
    type Err = LimitsModeError;

    fn from_str(text: &str) -> Result<Self, LimitsModeError> {
        Self::from_name(text).ok_or(LimitsModeError)
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

/// The sum of a request's operations.
#[derive(Copy, Clone, Default)]
struct Total {
    fee: Amount,
    spent: Amount,
    /// The burns and bonds in `spent`.
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
    /// Judges the operations of one request, and counts them. A usage in the verdict must be durable before the key is used.
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
            return Err(LimitDenial::MaxAmount(limit, total.asked()));
        }
        if let Some(limit) = self.max_fee.filter(|limit| !within(*limit, total.fee)) {
            return Err(LimitDenial::MaxFee(limit, total.fee.mutez().map(Mutez::new)));
        }
        self.per.as_ref().map_or(Ok(()), |rate| rate.check(total, used, now_ms))
    }

    fn destination(&self, operation: &Operation) -> Result<(), LimitDenial> {
        let Some(listed) = self.destinations.as_ref().filter(|_| !operation.kind().is_staking()) else {
            return Ok(());
        };
        let denied = |asked: &str| Err(LimitDenial::Destination(Unlisted::new(listed, asked, operation)));
        match operation.payee() {
            Payee::Nobody => Ok(()),
            Payee::Account(account) if listed.contains(account) => Ok(()),
            Payee::Account(account) => denied(&account.to_string()),
            Payee::Unnamed(whom) => denied(whom),
        }
    }

    fn entrypoint(&self, operation: &Operation) -> Result<(), LimitDenial> {
        let Some(listed) = self.entrypoints.as_ref().filter(|_| !operation.kind().is_staking()) else {
            return Ok(());
        };
        let denied = |asked: &str| Err(LimitDenial::Entrypoint(Unlisted::new(listed, asked, operation)));
        match operation.call() {
            Call::Nothing => Ok(()),
            Call::Entrypoint(name) if listed.contains(name) => Ok(()),
            Call::Entrypoint(name) => denied(name),
            Call::Unnamed => denied("what the message does not name"),
        }
    }
}

impl Rate {
    fn check(&self, total: &Total, used: &Usage, now_ms: u64) -> Result<(), LimitDenial> {
        let window = self.window;
        let (spent, counted) = used.within(self.window_ms(), now_ms);
        let sum = total.spent.plus(Amount::Mutez(spent));
        if let Some(limit) = self.amount.filter(|limit| !within(*limit, sum)) {
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

    /// The usage with this request. An amount that cannot be counted uses up every limit.
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
