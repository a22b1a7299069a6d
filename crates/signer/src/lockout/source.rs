//! Whom an address belongs to: of IPv6 a network of 64 bits, since every host has one of its own and can choose the rest.

use std::net::{IpAddr, Ipv6Addr};

/// Most sources that are remembered.
pub const MAX_SOURCES: usize = 10_000;

/// One IPv4 address, or one network of IPv6.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Source(IpAddr);

impl Source {
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) => Self(IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)))),
            v4 @ IpAddr::V4(_) => Self(v4),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_64_bit_network_of_ipv6_and_one_address_of_ipv4_however_written() {
        let of = |text: &str| Source::of(text.parse().unwrap());
        for (one, other, same) in [
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff::9", true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
        ] {
            assert_eq!(of(one) == of(other), same, "{one} {other}");
        }
    }
}
