//! The configuration of the server: one table of settings, three places to give them, one typed result.
//!
//! Flags, variables and the file all deliver text for the same [`setting::ALL`] table; precedence is decided once, in
//! [`value::Values`], and each text is read once, here. All faults are found together.

mod address;
mod audit;
pub(crate) mod concealed;
pub mod environment;
mod file;
mod http;
pub(crate) mod limited;
pub(crate) mod path;
pub mod reload;
pub mod schema;
pub(crate) mod secret;
pub mod setting;
mod signatory;
pub mod signer;
mod text;
pub mod value;
mod yaml;

pub use address::{Host, ListenAddress};
pub use file::ConfigFile;
pub use http::HttpConfig;
pub use reload::Reloader;
pub use secret::{SecretSource, read_secret_file};
pub(crate) use signatory::permission_hint;
pub use text::FileText;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use jwtis_base::audit::Retention;
use jwtis_base::{Ttl, TtlError};
use jwtis_issuer::key::plan::{KeyDefaults, KeyOptions, KeyPlan};
use jwtis_issuer::{IssuerSettings, Maxima};
use jwtis_store::{check_witness_place, witness_beside};

use crate::telemetry::{LogFormat, LogSettings};
use crate::tls;
use environment::Environment;
use setting::Setting;
use signer::SignerConfig;
use value::{Fault, Raw, Source, Values, origin};

/// Above this life of access tokens the start warns: until it ends, only a verifier that asks us learns of a revocation.
const LONG_AUTH_TTL_SECONDS: u64 = 3600;

/// The configuration, checked.
#[derive(Debug)]
pub struct Config {
    /// The issuer, unless it is switched off.
    pub issuer: Option<IssuerConfig>,
    /// Name of the service.
    pub name: String,
    /// The store.
    pub store: StoreConfig,
    /// The signer, where the file asks for it.
    pub signer: Option<SignerConfig>,
    /// Where `/metrics` and `/healthz` are served.
    pub utility: Option<ListenAddress>,
    /// What all listeners share.
    pub http: HttpConfig,
    /// How long audit records are kept.
    pub audit: Retention,
    /// Logs.
    pub log: LogSettings,
    /// What is odd, or unsafe in some places.
    pub warnings: Vec<Fault>,
    /// What is good to know about the signer's part.
    pub notices: Vec<Fault>,
    /// Every value with its source, for `config show`.
    pub values: Values,
    /// The text of the file, to be compared with that of a reload.
    pub text: FileText,
}

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

/// Files for TLS.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// Certificate chain, PEM.
    pub cert: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
}

impl TlsFiles {
    /// Reads the files.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn acceptor(&self) -> Result<tls::Acceptor, tls::TlsError> {
        tls::Acceptor::from_pem_files(&self.cert, &self.key)
    }
}

/// The store's part.
#[derive(Debug)]
pub struct StoreConfig {
    /// The store file.
    pub path: PathBuf,
    /// Its witness.
    pub witness: PathBuf,
    /// The password, where a flag, a variable or a file gives it.
    pub password: Option<SecretSource>,
}

impl Config {
    /// Wipes the secrets that a start needs and a running server does not.
    pub fn forget_secrets(&mut self) {
        self.store.password = None;
        if let Some(issuer) = &mut self.issuer {
            issuer.admin_token = None;
        }
        self.values.forget_secrets();
        self.text = FileText::default();
    }

    /// Puts the configuration together from the flags, the environment and the file that one of them names.
    ///
    /// # Errors
    /// All faults that were found.
    pub fn load(
        flags: Vec<(&'static Setting, Raw)>,
        environment: Environment<'_>,
    ) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let named = Values::resolve(flags.clone(), environment, Vec::new(), &mut Vec::new());
        let path = named.path(&setting::CONFIG);
        let file = path.as_deref().map(ConfigFile::read).unwrap_or_default();
        faults.extend(file.faults);
        let mut values = Values::resolve(flags, environment, file.values, &mut faults);
        apply_profile(&mut values, &mut faults);

        let path = path.unwrap_or_default();
        let (signer, found) = signatory::read(&path, &file.sections, &values, environment);
        faults.extend(found.faults);
        let mut warnings = file.warnings;
        warnings.extend(found.warnings);
        let strict = values.switch(&setting::STRICT_CONFIG, &mut faults);
        if strict {
            faults.append(&mut warnings);
        }
        warnings.extend(found.advice);
        if values.find(&setting::NAME).is_some_and(|raw| raw.text.chars().any(char::is_control)) {
            let at = origin(&setting::NAME, &values.source(&setting::NAME));
            faults.push(Fault::new(at, "the name has control characters").hint("write it with visible ones"));
        }
        let enabled = values.switch(&setting::ENABLED, &mut faults);
        let issuer = issuer(&values, &mut faults);
        let utility = utility(&values, &mut faults);
        let http = http::read(&values, &mut faults);
        let audit = audit::read(&values, &mut faults);
        let log = log(&values, &mut faults);
        let issues = issuer.as_ref().filter(|_| enabled);
        warnings.extend(issues.and_then(|issuer| long_lived_tokens(issuer, &values)));
        warnings.extend(exposed_secrets(&values));
        warnings.extend(utility.and_then(|utility| exposed_utility(utility, &values)));

        let store = values.path(&setting::DB_PATH);
        let witness = values.path(&setting::WITNESS).or_else(|| store.as_deref().map(witness_beside));
        if let Some((path, witness)) = store.as_deref().zip(witness.as_deref()) {
            faults.extend(misplaced_witness(&values, witness, path));
        }
        match (issuer, store.zip(witness), http.zip(audit)) {
            (Some(issuer), Some((path, witness)), Some((http, audit))) if faults.is_empty() => Ok(Self {
                issuer: enabled.then_some(issuer),
                name: values.find(&setting::NAME).map(|raw| raw.text.to_string()).unwrap_or_default(),
                store: StoreConfig {
                    witness,
                    path,
                    password: secret(&values, &setting::PSWD, &setting::PSWD_FILE),
                },
                signer,
                utility,
                http,
                audit,
                log,
                warnings,
                notices: found.notices,
                values,
                text: file.text,
            }),
            _ => Err(faults),
        }
    }
}

impl Config {
    /// Whether anything needs the store (decisions.md section 1).
    #[must_use]
    pub fn needs_store(&self) -> bool {
        self.issuer.is_some() || self.signer.as_ref().is_some_and(SignerConfig::needs_store)
    }
}

/// A witness at the place of the store or of what belongs to it.
fn misplaced_witness(values: &Values, witness: &Path, store: &Path) -> Option<Fault> {
    let error = check_witness_place(witness, store).err()?;
    let at = origin(&setting::WITNESS, &values.source(&setting::WITNESS));
    Some(Fault::new(at, error.to_string()).hint(MISPLACED_WITNESS_HINT))
}

/// What to do about a witness at a place that is taken.
pub(crate) const MISPLACED_WITNESS_HINT: &str = "nothing was written; name a file of its own by --witness or `store.witness`. If a damaged witness is there, move it away";

/// Secrets that came by a way on which others can see them.
fn exposed_secrets(values: &Values) -> impl Iterator<Item = Fault> {
    [
        (&setting::PSWD, "--pswd-file or systemd's credential jwtis-password"),
        (&setting::ADMIN_TOKEN, "--admin-token-file"),
    ]
    .into_iter()
    .filter_map(|(setting, better)| {
        let source = values.source(setting);
        let who = match source {
            Source::Flag(_) => "every user of this machine can read the arguments of a process",
            Source::Environment(_) => {
                "the environment of a process is seen by its children and by who inspects a container"
            }
            Source::Default | Source::Profile(_) | Source::File(_) => return None,
        };
        Some(Fault::new(origin(setting, &source), who).hint(format!("prefer {better}")))
    })
}

/// `--profile strict` changes defaults; whatever somebody gave stays.
fn apply_profile(values: &mut Values, faults: &mut Vec<Fault>) {
    let Some(profile) = values.find(&setting::PROFILE).cloned() else { return };
    match profile.text.as_str() {
        "compatible" => {}
        "strict" => {
            values.set_default(&setting::AUTH_TTL, "15m", Source::Profile("strict"));
            values.set_default(&setting::REFRESH_TTL, "72h", Source::Profile("strict"));
            values.set_default(&setting::REFRESH_STRATEGY, "refreshBoth", Source::Profile("strict"));
        }
        _ => faults.push(Fault::new(
            origin(&setting::PROFILE, &profile.source),
            "the profile is `compatible` or `strict`",
        )),
    }
}

/// `None` only where a fault was noted.
fn issuer(values: &Values, faults: &mut Vec<Fault>) -> Option<IssuerConfig> {
    let before = faults.len();
    let defaults = key_defaults(values, faults);
    let renew_grace = values.parse::<Grace>(&setting::RENEW_GRACE, faults);
    let open_registration = values.switch(&setting::OPEN_REGISTRATION, faults);
    let listen = values.parse::<ListenAddress>(&setting::LISTEN, faults);
    let tls = tls_files(values, faults);
    let insecure = values.switch(&setting::INSECURE, faults);
    if let Some(listen) = listen.filter(|listen| !listen.is_loopback() && tls.is_none() && !insecure) {
        faults.push(
            Fault::new(
                origin(&setting::LISTEN, &values.source(&setting::LISTEN)),
                format!("{listen} is reachable from other machines, and tokens would travel there in clear"),
            )
            .hint("give --tls with --certFile and --keyFile, listen on 127.0.0.1, or say --insecure behind a proxy that speaks TLS"),
        );
    }
    let (defaults, renew_grace, listen) = (defaults?, renew_grace?, listen?);
    (faults.len() == before).then_some(IssuerConfig {
        listen,
        tls,
        settings: IssuerSettings { defaults, renew_grace: renew_grace.0, open_registration },
        admin_token: secret(values, &setting::ADMIN_TOKEN, &setting::ADMIN_TOKEN_FILE),
    })
}

fn key_defaults(values: &Values, faults: &mut Vec<Fault>) -> Option<KeyDefaults> {
    let sig_alg = values.parse(&setting::SIG_ALG, faults);
    let sig_bits = bits(values, &setting::SIG_BITS, faults);
    let enc_alg = values.parse(&setting::ENC_ALG, faults);
    let enc_bits = bits(values, &setting::ENC_BITS, faults);
    let cont_enc = values.parse(&setting::CONT_ENC, faults);
    let expiry = values.parse(&setting::EXPIRY, faults);
    let auth_ttl = values.parse(&setting::AUTH_TTL, faults);
    let refresh_ttl = values.parse(&setting::REFRESH_TTL, faults);
    let refresh_strategy = values.parse(&setting::REFRESH_STRATEGY, faults);
    let allow_rsa1_5 = values.switch(&setting::ALLOW_RSA1_5, faults);
    let maxima = Maxima {
        auth_ttl: maximum(values, (&setting::MAX_AUTH_TTL, &setting::AUTH_TTL), auth_ttl, faults),
        refresh_ttl: maximum(values, (&setting::MAX_REFRESH_TTL, &setting::REFRESH_TTL), refresh_ttl, faults),
        expiry: maximum(values, (&setting::MAX_EXPIRY, &setting::EXPIRY), expiry, faults),
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
    check_defaults(&defaults, values, faults);
    Some(defaults)
}

/// The maximum of a life, which its default must not pass where somebody gave it. One that nobody gave is cut.
fn maximum(
    values: &Values,
    (maximum, default): (&Setting, &Setting),
    life: Option<Ttl>,
    faults: &mut Vec<Fault>,
) -> Option<Ttl> {
    values.find(maximum)?;
    let most: Ttl = values.parse(maximum, faults)?;
    let given = match values.source(default) {
        Source::Default | Source::Profile(_) => false,
        Source::File(_) | Source::Environment(_) | Source::Flag(_) => true,
    };
    if let Some(life) = life.filter(|life| given && *life > most) {
        let at = origin(default, &values.source(default));
        faults.push(
            Fault::new(at, format!("{life} is longer than {}, which is {most}", maximum.name))
                .hint("lower it, or raise the maximum"),
        );
    }
    Some(most)
}

/// Checks the defaults by the rules of a registration, so that one without options cannot fail later.
fn check_defaults(defaults: &KeyDefaults, values: &Values, faults: &mut Vec<Fault>) {
    let at = |setting: &Setting| origin(setting, &values.source(setting));
    if let Some(error) = defaults.sig_bits.and_then(|bits| defaults.sig_alg.check_bits(bits).err()) {
        faults.push(Fault::new(at(&setting::SIG_BITS), error).hint("leave it out to follow the algorithm"));
    }
    if let Some(error) = defaults.enc_bits.and_then(|bits| defaults.enc_alg.check_bits(bits).err()) {
        faults.push(Fault::new(at(&setting::ENC_BITS), error).hint("leave it out to follow the algorithm"));
    }
    let bits_follow = KeyDefaults { sig_bits: None, enc_bits: None, ..defaults.clone() };
    let Ok(client) = "default".parse() else { return };
    if let Err(error) = KeyPlan::for_registration(&client, &KeyOptions::default(), &bits_follow) {
        let setting = match error {
            jwtis_issuer::key::plan::OptionsError::Rsa15NotAllowed => &setting::ENC_ALG,
            _ => &setting::AUTH_TTL,
        };
        faults.push(Fault::new(at(setting), error));
    }
    if defaults.expiry < defaults.refresh_ttl {
        let message = format!(
            "key sets live {}, shorter than refresh tokens ({}), and no token outlives its key set",
            defaults.expiry, defaults.refresh_ttl
        );
        faults.push(Fault::new(at(&setting::EXPIRY), message).hint("raise --expiry or lower --refreshTTL"));
    }
}

/// Bits; 0 and nothing follow the algorithm.
fn bits(values: &Values, setting: &Setting, faults: &mut Vec<Fault>) -> Option<u32> {
    let raw = values.find(setting)?;
    match raw.text.parse() {
        Ok(0) => None,
        Ok(bits) => Some(bits),
        Err(_) => {
            faults.push(Fault::new(origin(setting, &raw.source), "write a number of bits, like 2048"));
            None
        }
    }
}

fn tls_files(values: &Values, faults: &mut Vec<Fault>) -> Option<TlsFiles> {
    let wanted = values.switch(&setting::TLS, faults);
    let (cert, key) = (values.path(&setting::CERT_FILE), values.path(&setting::KEY_FILE));
    match (wanted, cert, key) {
        (true, Some(cert), Some(key)) => Some(TlsFiles { cert, key }),
        (true, ..) => {
            let at = origin(&setting::TLS, &values.source(&setting::TLS));
            faults.push(
                Fault::new(at, "TLS needs a certificate and a key").hint("give --certFile and --keyFile"),
            );
            None
        }
        (false, None, None) => None,
        (false, cert, _) => {
            let setting = if cert.is_some() { &setting::CERT_FILE } else { &setting::KEY_FILE };
            let at = origin(setting, &values.source(setting));
            faults.push(
                Fault::new(at, "certificate and key have no use without TLS")
                    .hint("add --tls, or leave them out"),
            );
            None
        }
    }
}

fn utility(values: &Values, faults: &mut Vec<Fault>) -> Option<ListenAddress> {
    match values.find(&setting::UTILITY_ADDRESS) {
        Some(raw) if raw.text.as_str() == "off" => None,
        _ => values.parse(&setting::UTILITY_ADDRESS, faults),
    }
}

fn log(values: &Values, faults: &mut Vec<Fault>) -> LogSettings {
    LogSettings {
        verbose: values.switch(&setting::VERBOSE, faults),
        format: values.parse::<LogFormat>(&setting::LOG_FORMAT, faults).unwrap_or_default(),
        filter: values.parse(&setting::LOG_FILTER, faults),
    }
}

/// The secret itself wins over a file that holds it, wherever the two come from (decisions.md section 2).
fn secret(values: &Values, direct: &Setting, file: &Setting) -> Option<SecretSource> {
    match values.find(direct) {
        Some(raw) => Some(SecretSource::Given(raw.clone())),
        None => values.path(file).map(SecretSource::File),
    }
}

fn long_lived_tokens(issuer: &IssuerConfig, values: &Values) -> Option<Fault> {
    let auth_ttl = issuer.settings.defaults.auth_ttl;
    (auth_ttl.seconds() > LONG_AUTH_TTL_SECONDS).then(|| {
        Fault::new(
            origin(&setting::AUTH_TTL, &values.source(&setting::AUTH_TTL)),
            format!("access tokens live {auth_ttl}: a verifier that does not ask this server accepts a revoked one until then"),
        )
        .hint("use --authTTL 15m or --profile strict")
    })
}

/// Counts and the state of the server are nobody's secret on one machine; beyond it an operator should know.
fn exposed_utility(utility: ListenAddress, values: &Values) -> Option<Fault> {
    (!utility.is_loopback()).then(|| {
        let at = origin(&setting::UTILITY_ADDRESS, &values.source(&setting::UTILITY_ADDRESS));
        let message =
            format!("{utility} is reachable from other machines, and `/metrics` is for whoever asks there");
        Fault::new(at, message)
            .hint("listen on 127.0.0.1, or let a firewall admit only the machines that scrape it")
    })
}

/// A duration that may be zero: no grace at all.
struct Grace(Duration);

impl FromStr for Grace {
    type Err = TtlError;

    fn from_str(text: &str) -> Result<Self, TtlError> {
        match text.parse::<Ttl>() {
            Ok(grace) => Ok(Self(grace.as_duration())),
            Err(TtlError::Zero) => Ok(Self(Duration::ZERO)),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
