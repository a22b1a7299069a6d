//! `http:`: what all listeners share: which web pages and names are let in, which proxies are believed, and what one source may hold.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jwtis_base::Ttl;

use super::model::{HttpSection, ProxiesSection};
use super::placed::{CommaList, Placed};
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
    pub(super) fn of(reading: &FileReading<'_>, section: HttpSection) -> Self {
        Self {
            allowed_origins: items(section.allowed_origins).into_iter().collect(),
            allowed_hosts: items(section.allowed_hosts).into_iter().collect(),
            trusted_proxies: trusted_proxies(reading, section.trusted_proxies).map(Arc::new),
            idle_timeout: section.idle_timeout.get().copied().map(Ttl::as_duration).unwrap_or_default(),
            max_connections_per_source: section.max_connections_per_source.get().map(|most| most.0),
        }
    }
}

fn items<T>(list: Placed<CommaList<T>>) -> Vec<T> {
    list.value.map(|list| list.0).unwrap_or_default()
}

/// Networks without a header, or a header without networks, would be half a wish.
fn trusted_proxies(reading: &FileReading<'_>, section: ProxiesSection) -> Option<TrustedProxies> {
    let (from, header) = (&section.from, &section.header);
    let missing = match (from.value.is_some() || from.failed, header.value.is_some() || header.failed) {
        (true, false) => Some((from.at, "header")),
        (false, true) => Some((header.at, "from")),
        (true, true) | (false, false) => None,
    };
    if let Some((at, name)) = missing {
        let message = format!("http.trusted_proxies.{name} is not given; give both, or leave both out");
        reading.fault(at, message);
    }
    let header = section.header.get().copied()?;
    let from = items(section.from);
    (!from.is_empty()).then_some(TrustedProxies { from, header })
}
