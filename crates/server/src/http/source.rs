//! Where a request comes from, as far as this server can tell: what lockouts, audit lines, logs, the policy hook and limits count by.

use std::net::{IpAddr, Ipv4Addr};

use axum::extract::FromRequestParts;
use axum::http::Extensions;
use axum::http::request::Parts;

/// The source of a request, an extension of each. IPv4 addresses are never written as IPv6.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub struct Source(pub(super) IpAddr);

impl Source {
    /// The source at `address`.
    #[must_use]
    pub const fn new(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }

    /// Its address.
    #[must_use]
    pub const fn address(self) -> IpAddr {
        self.0
    }

    /// The source of the request with these extensions; every connection has one, a router in a test may have none.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<Self> {
        extensions.get().copied()
    }
}

impl<S: Sync> FromRequestParts<S> for Source {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.extensions).unwrap_or(Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED))))
    }
}
