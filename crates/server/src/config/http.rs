//! `http:`: what all listeners share: which web pages and names are let in, which proxies are believed, and what one source may hold.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jwtis_base::Ttl;

use super::model::{HttpSection, ProxiesSection};
use super::reading::FileReading;
use crate::http::Limits;
use crate::http::door::{HostName, Origin};
use crate::http::proxies::TrustedProxies;

/// What all listeners share.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpConfig {
    /// `http.allowed_origins`.
    pub allowed_origins: BTreeSet<Origin>,
    /// `http.allowed_hosts`.
    pub allowed_hosts: BTreeSet<HostName>,
    /// `http.trusted_proxies`.
    pub trusted_proxies: Option<Arc<TrustedProxies>>,
    /// `http.idle_timeout`.
    pub idle_timeout: Duration,
    /// `http.max_connections_per_source`.
    pub max_connections_per_source: Option<usize>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            allowed_origins: BTreeSet::new(),
            allowed_hosts: BTreeSet::new(),
            trusted_proxies: None,
            idle_timeout: Limits::default().idle_timeout,
            max_connections_per_source: None,
        }
    }
}

impl HttpConfig {
    pub(super) fn of(reading: &FileReading<'_>, section: &HttpSection) -> Self {
        let most = reading.get(&section.max_connections_per_source);
        let before = reading.faults();
        let allowed_hosts: BTreeSet<_> = reading.commas(&section.allowed_hosts).into_iter().collect();
        // Without a name the server would answer to any.
        let names_nobody = allowed_hosts.is_empty() && reading.is_given(&section.allowed_hosts);
        if names_nobody && reading.faults() == before {
            reading.fault(section.allowed_hosts.at, "it names nobody; name the server, or leave it out");
        }
        Self {
            allowed_origins: reading.commas(&section.allowed_origins).into_iter().collect(),
            allowed_hosts,
            trusted_proxies: trusted_proxies(reading, &section.trusted_proxies).map(Arc::new),
            idle_timeout: reading.get(&section.idle_timeout).map(Ttl::as_duration).unwrap_or_default(),
            max_connections_per_source: most.map(|most| most.0),
        }
    }
}

/// Networks without a header, or a header without networks, would be half a wish.
fn trusted_proxies(reading: &FileReading<'_>, section: &ProxiesSection) -> Option<TrustedProxies> {
    let (networks, header) = (&section.from, &section.header);
    let missing = match (reading.is_given(networks), reading.is_given(header)) {
        (true, false) => Some((networks.at, "header")),
        (false, true) => Some((header.at, "from")),
        (true, true) | (false, false) => None,
    };
    if let Some((at, name)) = missing {
        let message = format!("http.trusted_proxies.{name} is not given; give both, or leave both out");
        reading.fault(at, message);
    }
    let (header, from) = (reading.get(header), reading.commas(networks));
    header.filter(|_| !from.is_empty()).map(|header| TrustedProxies { from, header })
}
