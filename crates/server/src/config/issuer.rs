//! `issuer:`: the defaults of registrations and how the issuer is reached, judged by the rules of the domain.

use jwtis_base::Ttl;
use jwtis_issuer::key::plan::{KeyDefaults, KeyOptions, KeyPlan, OptionsError};
use jwtis_issuer::{IssuerSettings, Maxima};

use super::address::{ListenAddress, TlsFiles};
use super::model::IssuerSection;
use super::placed::Setting;
use super::reading::FileReading;
use super::schema;
use super::secret::SecretSource;
use super::texts::{Bits, Profile};

/// Above this life of access tokens the start warns: until it ends, only a verifier that asks us learns of a revocation.
const LONG_AUTH_TTL_SECONDS: u64 = 3600;

/// The issuer's part.
#[derive(Debug)]
pub struct IssuerConfig {
    /// Where it listens.
    pub listen: ListenAddress,
    /// Certificate and key, where it speaks TLS.
    pub tls: Option<TlsFiles>,
    /// The domain's settings.
    pub settings: IssuerSettings,
    /// Where the first start finds an admin token.
    pub admin_token: Option<SecretSource>,
}

impl IssuerConfig {
    /// `None` only where a fault was noted.
    pub(super) fn of(
        reading: &FileReading<'_>,
        section: &IssuerSection,
        admin_token: Option<SecretSource>,
    ) -> Option<Self> {
        let _: Option<Profile> = reading.get(&section.profile);
        let defaults = key_defaults(reading, section);
        let renew_grace = reading.get(&section.renew_grace);
        let tls = tls_files(reading, section);
        let listen = reading.get(&section.listen);
        let is_plain = !reading.is_on(&section.tls) && !reading.is_on(&section.insecure);
        if let Some(listen) = listen.filter(|listen| !listen.is_loopback() && is_plain) {
            let message = format!(
                "{listen} is reachable from other machines, and tokens would travel there in clear; give --tls with --certFile and --keyFile, listen on 127.0.0.1, or say --insecure behind a proxy that speaks TLS"
            );
            reading.fault(section.listen.at, message);
        }
        let settings = IssuerSettings {
            defaults: defaults?,
            renew_grace: renew_grace?.0,
            open_registration: reading.is_on(&section.open_registration),
        };
        if reading.is_on(&section.enabled) && settings.defaults.auth_ttl.seconds() > LONG_AUTH_TTL_SECONDS {
            let message = format!(
                "access tokens live {}: a verifier that does not ask this server accepts a revoked one until then; use --authTTL 15m or --profile strict",
                settings.defaults.auth_ttl
            );
            reading.advice(section.auth_ttl.at, message);
        }
        Some(Self { listen: listen?, tls, settings, admin_token })
    }
}

fn key_defaults(reading: &FileReading<'_>, section: &IssuerSection) -> Option<KeyDefaults> {
    let bits = |setting: &Setting<Bits>| reading.get(setting).map(|bits| bits.0).filter(|bits| *bits > 0);
    let (sig_alg, sig_bits) = (reading.get(&section.sig_alg), bits(&section.sig_bits));
    let (enc_alg, enc_bits) = (reading.get(&section.enc_alg), bits(&section.enc_bits));
    let (cont_enc, expiry) = (reading.get(&section.cont_enc), reading.get(&section.expiry));
    let (auth_ttl, refresh_ttl) = (reading.get(&section.auth_ttl), reading.get(&section.refresh_ttl));
    let refresh_strategy = reading.get(&section.refresh_strategy);
    let allow_rsa1_5 = reading.is_on(&section.allow_rsa1_5);
    let maxima = Maxima {
        auth_ttl: maximum(reading, "auth_ttl", &section.max_auth_ttl, &section.auth_ttl),
        refresh_ttl: maximum(reading, "refresh_ttl", &section.max_refresh_ttl, &section.refresh_ttl),
        expiry: maximum(reading, "expiry", &section.max_expiry, &section.expiry),
    };
    let defaults = KeyDefaults {
        sig_alg: sig_alg?,
        sig_bits,
        enc_alg: enc_alg?,
        enc_bits,
        cont_enc: cont_enc?,
        expiry: expiry?,
        auth_ttl: auth_ttl?,
        refresh_ttl: refresh_ttl?,
        refresh_strategy: refresh_strategy?,
        allow_rsa1_5,
        maxima,
    };
    check_defaults(reading, section, &defaults);
    Some(defaults)
}

/// The maximum of a life, which its default must not pass where somebody gave it. One that nobody gave is cut.
fn maximum(
    reading: &FileReading<'_>,
    key: &str,
    maximum: &Setting<Ttl>,
    default: &Setting<Ttl>,
) -> Option<Ttl> {
    let most = reading.get(maximum)?;
    let given = schema::setting(&format!("issuer.{key}")).is_some_and(|row| reading.layers.is_given(row));
    if let Some(life) = reading.get(default).filter(|life| given && *life > most) {
        let message = format!(
            "{life} is longer than issuer.max_{key}, which is {most}; lower it, or raise the maximum"
        );
        reading.fault(default.at, message);
    }
    Some(most)
}

/// Checks the defaults by the rules of a registration, so that one without options cannot fail later.
fn check_defaults(reading: &FileReading<'_>, section: &IssuerSection, defaults: &KeyDefaults) {
    let follow = |error| format!("{error}; leave it out to follow the algorithm");
    if let Some(error) = defaults.sig_bits.and_then(|bits| defaults.sig_alg.check_bits(bits).err()) {
        reading.fault(section.sig_bits.at, follow(error));
    }
    if let Some(error) = defaults.enc_bits.and_then(|bits| defaults.enc_alg.check_bits(bits).err()) {
        reading.fault(section.enc_bits.at, follow(error));
    }
    let bits_follow = KeyDefaults { sig_bits: None, enc_bits: None, ..defaults.clone() };
    let Ok(client) = "default".parse() else { return };
    match KeyPlan::for_registration(&client, &KeyOptions::default(), &bits_follow) {
        Ok(_) => {}
        Err(error @ OptionsError::Rsa15NotAllowed) => reading.fault(section.enc_alg.at, error),
        Err(error) => reading.fault(section.auth_ttl.at, error),
    }
    if defaults.expiry < defaults.refresh_ttl {
        let message = format!(
            "key sets live {}, shorter than refresh tokens ({}), and no token outlives its key set; raise --expiry or lower --refreshTTL",
            defaults.expiry, defaults.refresh_ttl
        );
        reading.fault(section.expiry.at, message);
    }
}

fn tls_files(reading: &FileReading<'_>, section: &IssuerSection) -> Option<TlsFiles> {
    let (cert, key) = (reading.get(&section.cert_file), reading.get(&section.key_file));
    match (reading.is_on(&section.tls), cert, key) {
        (true, Some(cert), Some(key)) => return Some(TlsFiles { cert, key }),
        (true, ..) => {
            let message = "TLS needs a certificate and a key; give --certFile and --keyFile";
            reading.fault(section.tls.at, message);
        }
        (false, None, None) => {}
        (false, cert, _) => {
            let at = if cert.is_some() { section.cert_file.at } else { section.key_file.at };
            let message = "certificate and key have no use without TLS; add --tls, or leave them out";
            reading.fault(at, message);
        }
    }
    None
}
