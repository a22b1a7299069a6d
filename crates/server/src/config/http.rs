//! `http:`: what all listeners share: which web pages and names are let in, which proxies are believed, and what one source may hold.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use jwtis_base::Ttl;

use super::setting::{self, Setting};
use super::value::{Fault, Values, origin};
use crate::http::door::{HostName, Origin};
use crate::http::proxies::{Network, ProxyHeaderKind, TrustedProxies};

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
            idle_timeout: crate::http::Limits::default().idle_timeout,
            max_connections_per_source: None,
        }
    }
}

/// `None` only where a fault was noted.
pub(super) fn read(values: &Values, faults: &mut Vec<Fault>) -> Option<HttpConfig> {
    let allowed_origins = list(values, &setting::ALLOWED_ORIGINS, faults).into_iter().collect();
    let allowed_hosts = list(values, &setting::ALLOWED_HOSTS, faults).into_iter().collect();
    let trusted_proxies = trusted_proxies(values, faults).map(Arc::new);
    let idle_timeout = values.parse::<Ttl>(&setting::IDLE_TIMEOUT, faults);
    let max_connections_per_source = values.parse::<AtLeastOne>(&setting::MAX_CONNECTIONS_PER_SOURCE, faults);
    Some(HttpConfig {
        allowed_origins,
        allowed_hosts,
        trusted_proxies,
        idle_timeout: idle_timeout?.as_duration(),
        max_connections_per_source: max_connections_per_source.map(|most| most.0),
    })
}

/// Networks without a header, or a header without networks, would be half a wish.
fn trusted_proxies(values: &Values, faults: &mut Vec<Fault>) -> Option<TrustedProxies> {
    let header = values.parse::<ProxyHeaderKind>(&setting::PROXY_HEADER, faults);
    let from: Vec<Network> = list(values, &setting::PROXIES_FROM, faults);
    let given = |setting: &Setting| values.is_given(setting);
    match (given(&setting::PROXIES_FROM), given(&setting::PROXY_HEADER)) {
        (true, false) => missing(&setting::PROXIES_FROM, &setting::PROXY_HEADER, values, faults),
        (false, true) => missing(&setting::PROXY_HEADER, &setting::PROXIES_FROM, values, faults),
        (true, true) | (false, false) => {}
    }
    header.filter(|_| !from.is_empty()).map(|header| TrustedProxies { from, header })
}

fn missing(there: &Setting, absent: &Setting, values: &Values, faults: &mut Vec<Fault>) {
    let at = origin(there, &values.source(there));
    faults.push(Fault::new(at, format!("{} is not given", absent.name)).hint("give both, or leave both out"));
}

/// The items of a list, which stand between commas.
fn list<T: FromStr<Err: Display>>(values: &Values, setting: &Setting, faults: &mut Vec<Fault>) -> Vec<T> {
    let Some(raw) = values.find(setting) else { return Vec::new() };
    let mut items = Vec::new();
    for text in raw.text.split(',').map(str::trim).filter(|text| !text.is_empty()) {
        match text.parse() {
            Ok(item) => items.push(item),
            Err(error) => faults.push(Fault::new(origin(setting, &raw.source), format!("{text}: {error}"))),
        }
    }
    items
}

/// A number of connections.
struct AtLeastOne(usize);

impl FromStr for AtLeastOne {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().ok().filter(|most| *most > 0).map(Self).ok_or("write a number of connections, 1 or more")
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::ConfigFile;

    fn read_file(text: &str) -> Result<HttpConfig, Vec<String>> {
        let file = ConfigFile::parse(Path::new("f"), text);
        let mut faults = file.faults;
        let values = Values::resolve(Vec::new(), &|_| None, file.values, &mut faults);
        let config = read(&values, &mut faults);
        if faults.is_empty() {
            Ok(config.unwrap())
        } else {
            Err(faults.iter().map(Fault::to_string).collect())
        }
    }

    #[test]
    fn lists_are_written_as_lists_or_between_commas() {
        let rows = "http:\n  allowed_origins: [https://a.example, 'http://localhost:3000']\n  allowed_hosts: b.example, c.example\n  trusted_proxies:\n    from: [10.0.0.0/8, '::1']\n    header: X-Forwarded-For\n  idle_timeout: 2m\n  max_connections_per_source: 7\n";
        let config = read_file(rows).unwrap();
        assert_eq!((config.allowed_origins.len(), config.allowed_hosts.len()), (2, 2));
        assert_eq!(
            (config.idle_timeout, config.max_connections_per_source),
            (Duration::from_secs(120), Some(7))
        );
        let proxies = config.trusted_proxies.unwrap();
        assert_eq!(proxies.header, ProxyHeaderKind::XForwardedFor);
        assert!(proxies.trust("10.9.9.9".parse().unwrap()) && !proxies.trust("11.0.0.1".parse().unwrap()));
        assert_eq!(read_file(""), Ok(HttpConfig::default()));
        assert_eq!(read_file("http:\n").unwrap().idle_timeout, Duration::from_secs(90));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, expected) in [
            (
                "http: {allowed_origins: [a.example]}",
                "f:1:25: http.allowed_origins: a.example: this is not an origin",
            ),
            ("http: {allowed_hosts: ['https://a']}", "https://a: this is not a name of a server"),
            (
                "http: {trusted_proxies: {from: [10.0.0.0/33], header: forwarded}}",
                "10.0.0.0/33: this is not a network",
            ),
            (
                "http: {trusted_proxies: {from: [10.0.0.0/8]}}",
                "http.trusted_proxies.header is not given; give both",
            ),
            (
                "http: {trusted_proxies: {header: forwarded}}",
                "http.trusted_proxies.from is not given; give both",
            ),
            (
                "http: {trusted_proxies: {from: [10.0.0.0/8], header: via}}",
                "the header is x-forwarded-for, forwarded",
            ),
            ("http: {trusted_proxies: {form: 1}}", "f:1:26: unknown key `form`; did you mean `from`?"),
            ("http: {trusted_proxy: {}}", "unknown key `trusted_proxy`; did you mean `trusted_proxies`?"),
            ("http: {trusted_proxies: 10.0.0.1}", "`trusted_proxies:` must be a mapping"),
            ("http: {idle_timeout: 0}", "http.idle_timeout"),
            ("http: {idle_timeout: [1s]}", "http.idle_timeout must be one value"),
            ("http: {max_connections_per_source: 0}", "write a number of connections, 1 or more"),
            ("http: {allowed_hosts: [[a]]}", "each item of http.allowed_hosts must be one value"),
        ] {
            let faults = read_file(text).unwrap_err();
            assert!(faults.iter().any(|fault| fault.contains(expected)), "{text}: {faults:?}");
        }
    }
}
