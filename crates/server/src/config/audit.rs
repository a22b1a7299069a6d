//! `audit:`: how long audit records are kept.

use std::str::FromStr;

use jwtis_base::Ttl;
use jwtis_base::audit::Retention;

use super::setting;
use super::value::{Fault, Values};

/// `None` only where a fault was noted.
pub(super) fn read(values: &Values, faults: &mut Vec<Fault>) -> Option<Retention> {
    let max_age = values.parse::<Ttl>(&setting::AUDIT_MAX_AGE, faults);
    let max_bytes = values.parse::<Bytes>(&setting::AUDIT_MAX_BYTES, faults);
    Some(Retention { max_age: max_age?.as_duration(), max_bytes: max_bytes?.0 })
}

/// A number of bytes.
struct Bytes(u64);

/// Fewer are hardly a trail: a few hundred records.
const FEWEST: u64 = 65_536;

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = text.parse().ok().filter(|bytes| *bytes >= FEWEST);
        bytes.map(Self).ok_or_else(|| format!("write a number of bytes, {FEWEST} or more"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_the_table_are_those_of_the_domain() {
        let default = Retention::default();
        let max_age: Ttl = setting::AUDIT_MAX_AGE.default.parse().unwrap();
        let max_bytes: Bytes = setting::AUDIT_MAX_BYTES.default.parse().unwrap();
        assert_eq!((max_age.as_duration(), max_bytes.0), (default.max_age, default.max_bytes));
        assert!("65535".parse::<Bytes>().is_err() && "1 GiB".parse::<Bytes>().is_err());
    }
}
