//! The configuration as the file has it: one field for each setting, with what it means, what it takes and where else it can be given.
//!
//! A new setting is one field here, and its use. `setting` is what it takes as help names it, `default` its text, `flag` its flags and
//! `env` its variable. `elsewhere`: the file does not give it. `guard`: written without a value it is a fault, since it keeps somebody
//! out. `reload`: a reload applies it. Keys of Signatory's sections have `takes` instead of `setting`; a change of theirs waits for a
//! restart where `restart` says so.

use std::path::PathBuf;

use jwtis_base::Ttl;
use jwtis_issuer::RefreshStrategy;
use jwtis_jose::{ContentEncryption, KeyManagementAlgorithm, SignatureAlgorithm};
use jwtis_tezos::PublicKey;
use schemars::JsonSchema;
use serde::Deserialize;

use super::address::ListenAddress;
use super::placed::{CommaList, FlatList, NamedMap, OnOff, Placed, PrivateText, Setting};
use super::sections::{HookSection, JwtSection, KeySection, VaultSection, WatermarkSection};
use super::texts::{AddressOrOff, AuditBytes, Bits, BodyBytes, Connections, Grace, Profile, ServiceName};
use crate::http::door::{HostName, Origin};
use crate::http::proxies::{Network, ProxyHeaderKind};
use crate::telemetry::{LogFilter, LogFormat};

/// The file, and what a flag or a variable gives beside it.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Model {
    pub(super) config: Invocation,
    pub(super) issuer: IssuerSection,
    pub(super) store: StoreSection,
    /// The signer's listener and who may ask.
    #[schemars(extend("takes" = "mapping"))]
    pub(super) server: ServerSection,
    /// Where the watermark driver `file` keeps its watermarks, and where those of Signatory are looked for.
    #[schemars(extend("setting" = "FOLDER", "default" = "/var/lib/signatory", "flag" = "--base-dir", "env" = "JWTIS_BASE_DIR"))]
    pub(super) base_dir: Setting<PathBuf>,
    /// Apply changed users, keys and policies as soon as the file changes. Without it: at SIGHUP.
    #[schemars(extend("setting" = "true or false"))]
    pub(super) watch_config: Setting<OnOff>,
    /// Refuse to start when a vault cannot be opened, or when no vault holds a key of `tezos:`.
    #[schemars(extend("setting" = "true or false", "reload" = true, "guard" = true))]
    pub(super) strict_vaults: Setting<OnOff>,
    /// Who holds the keys, by name, asked in this order. A reload reads their files again.
    #[schemars(extend("takes" = "mapping", "default" = "none"))]
    pub(super) vaults: Placed<NamedMap<VaultSection>>,
    /// Where watermarks are kept. They stop double signing.
    #[schemars(extend("takes" = "mapping", "restart" = true))]
    pub(super) watermark: WatermarkSection,
    /// A service that is asked before each signature.
    #[schemars(extend("takes" = "mapping", "default" = "nobody"))]
    pub(super) policy_hook: Placed<HookSection>,
    /// The keys that sign, by their hash. This section starts the signer, even empty.
    #[schemars(extend("takes" = "mapping", "default" = "no signer"))]
    pub(super) tezos: Placed<NamedMap<KeySection>>,
    pub(super) http: HttpSection,
    pub(super) audit: AuditSection,
    pub(super) log: LogSection,
}

/// What only a flag or a variable gives.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Invocation {
    /// Read settings from this YAML file. Flags and environment variables win over it.
    #[schemars(extend("setting" = "FILE", "flag" = "-c --config", "env" = "JWTIS_CONFIG", "elsewhere" = true))]
    pub(super) file: Setting<PathBuf>,
    /// Treat every warning about what the file says as an error: unknown keys in Signatory's sections, deprecated words, vaults that this build cannot open, rules that let nobody in.
    #[schemars(extend("setting" = "true or false", "flag" = "--strict-config", "env" = "JWTIS_STRICT_CONFIG", "elsewhere" = true))]
    pub(super) strict: Setting<OnOff>,
}

/// `issuer:`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct IssuerSection {
    /// Serve the issuer. `false` leaves a pure signer.
    #[schemars(extend("setting" = "true or false", "default" = "true"))]
    pub(super) enabled: Setting<OnOff>,
    /// Where the issuer listens. Port 0 takes a free one and prints it; `:4343` means all interfaces, by IPv4 and IPv6.
    #[schemars(extend("setting" = "IP:PORT", "default" = "127.0.0.1:4343", "flag" = "-l --listen", "env" = "JWTIS_ADDRESS"))]
    pub(super) listen: Setting<ListenAddress>,
    /// Name of the service in the greeting. It never goes into a token.
    #[schemars(extend("setting" = "NAME", "default" = "JWTIS", "flag" = "-n --name", "env" = "JWTIS_NAME"))]
    pub(super) name: Setting<ServiceName>,
    /// Serve HTTPS (TLS 1.2 and 1.3) with the certificate and key below.
    #[schemars(extend("setting" = "true or false", "flag" = "--tls", "env" = "JWTIS_TLS", "guard" = true))]
    pub(super) tls: Setting<OnOff>,
    /// Certificate chain for TLS, PEM, leaf first.
    #[schemars(extend("setting" = "FILE", "flag" = "--certFile --cert-file", "env" = "JWTIS_CERT_FILE", "guard" = true))]
    pub(super) cert_file: Setting<PathBuf>,
    /// Private key for TLS, PEM.
    #[schemars(extend("setting" = "FILE", "flag" = "--keyFile --key-file", "env" = "JWTIS_KEY_FILE", "guard" = true))]
    pub(super) key_file: Setting<PathBuf>,
    /// Allow plain HTTP on an address that other machines reach. Only behind a proxy that speaks TLS.
    #[schemars(extend("setting" = "true or false", "flag" = "--insecure", "env" = "JWTIS_INSECURE"))]
    pub(super) insecure: Setting<OnOff>,
    /// Let anyone register a client without the admin token, as the Go program did.
    #[schemars(extend("setting" = "true or false", "flag" = "--open-registration", "env" = "JWTIS_OPEN_REGISTRATION"))]
    pub(super) open_registration: Setting<OnOff>,
    /// Admin token for the first start, instead of a generated one. On later starts it is compared with the store's, not changed.
    #[schemars(extend("setting" = "FILE", "flag" = "--admin-token-file", "env" = "JWTIS_ADMIN_TOKEN_FILE"))]
    pub(super) admin_token_file: Setting<PathBuf>,
    /// As the file before, with the token itself in the environment. There is no flag for it: other users of a machine can read arguments.
    #[schemars(extend("setting" = "TOKEN", "env" = "JWTIS_ADMIN_TOKEN", "secret" = true, "elsewhere" = true))]
    pub(super) admin_token: Setting<PrivateText>,
    /// Defaults of registrations: `compatible` (the Go program's: 72h, 720h, noRefresh) or `strict` (15m, 72h, refreshBoth).
    #[schemars(extend("setting" = "NAME", "default" = "compatible", "flag" = "--profile", "env" = "JWTIS_PROFILE"))]
    pub(super) profile: Setting<Profile>,
    /// Signature algorithm for clients that ask for none: ES256 ES384 ES512 EdDSA RS256 RS384 RS512 PS256 PS384 PS512.
    #[schemars(extend("setting" = "ALG", "default" = "ES256", "flag" = "--sigAlg --sig-alg", "env" = "JWTIS_SIG_ALG"))]
    pub(super) sig_alg: Setting<SignatureAlgorithm>,
    /// Size of the signing key. Follows the algorithm unless given.
    #[schemars(extend("setting" = "BITS", "flag" = "--sigBits --sig-bits", "env" = "JWTIS_SIG_BITS"))]
    pub(super) sig_bits: Setting<Bits>,
    /// Key management for refresh tokens: ECDH-ES, ECDH-ES+A128KW, ECDH-ES+A192KW, ECDH-ES+A256KW, RSA-OAEP, RSA-OAEP-256 (RSA1_5 with --allow-rsa1_5).
    #[schemars(extend("setting" = "ALG", "default" = "ECDH-ES+A256KW", "flag" = "--encAlg --enc-alg", "env" = "JWTIS_ENC_ALG"))]
    pub(super) enc_alg: Setting<KeyManagementAlgorithm>,
    /// Size of the encryption key. Follows the algorithm unless given; ECDH-ES takes 256, 384 or 521.
    #[schemars(extend("setting" = "BITS", "flag" = "--encBits --enc-bits", "env" = "JWTIS_ENC_BITS"))]
    pub(super) enc_bits: Setting<Bits>,
    /// Content encryption of refresh tokens: A128GCM, A192GCM or A256GCM.
    #[schemars(extend("setting" = "ENC", "default" = "A256GCM", "flag" = "--contEnc --cont-enc", "env" = "JWTIS_CONT_ENC"))]
    pub(super) cont_enc: Setting<ContentEncryption>,
    /// Life of a key set. No token outlives its key set.
    #[schemars(extend("setting" = "DURATION", "default" = "4320h", "flag" = "-e --expiry", "env" = "JWTIS_EXPIRY"))]
    pub(super) expiry: Setting<Ttl>,
    /// Longest life of an access token.
    #[schemars(extend("setting" = "DURATION", "default" = "72h", "flag" = "-a --authTTL --auth-ttl", "env" = "JWTIS_AUTH_TTL"))]
    pub(super) auth_ttl: Setting<Ttl>,
    /// Longest life of a refresh token.
    #[schemars(extend("setting" = "DURATION", "default" = "720h", "flag" = "-r --refreshTTL --refresh-ttl", "env" = "JWTIS_REFRESH_TTL"))]
    pub(super) refresh_ttl: Setting<Ttl>,
    /// Longest life of an access token that anybody can ask for, the admin too. Without it there is no such limit.
    #[schemars(extend("setting" = "DURATION", "flag" = "--max-auth-ttl", "env" = "JWTIS_MAX_AUTH_TTL", "guard" = true))]
    pub(super) max_auth_ttl: Setting<Ttl>,
    /// Longest life of a refresh token that anybody can ask for.
    #[schemars(extend("setting" = "DURATION", "flag" = "--max-refresh-ttl", "env" = "JWTIS_MAX_REFRESH_TTL", "guard" = true))]
    pub(super) max_refresh_ttl: Setting<Ttl>,
    /// Longest life of a key set that anybody can ask for.
    #[schemars(extend("setting" = "DURATION", "flag" = "--max-expiry", "env" = "JWTIS_MAX_EXPIRY", "guard" = true))]
    pub(super) max_expiry: Setting<Ttl>,
    /// When a renewal makes a new refresh token, for clients that do not say: noRefresh, refreshOnExpire or refreshBoth.
    #[schemars(extend("setting" = "NAME", "default" = "noRefresh", "flag" = "--refreshStrategy --refresh-strategy", "env" = "JWTIS_REFRESH_STRATEGY"))]
    pub(super) refresh_strategy: Setting<RefreshStrategy>,
    /// How long the previous refresh token is still accepted while its successor is unused, so that a lost answer, or several browser tabs at once, cost nothing. 0 switches it off.
    #[schemars(extend("setting" = "DURATION", "default" = "30s", "flag" = "--renewGrace --renew-grace", "env" = "JWTIS_RENEW_GRACE"))]
    pub(super) renew_grace: Setting<Grace>,
    /// Let clients choose RSA1_5. It is unsafe by design; decryption hides failures, but prefer RSA-OAEP-256.
    #[schemars(extend("setting" = "true or false", "flag" = "--allow-rsa1_5", "env" = "JWTIS_ALLOW_RSA1_5"))]
    pub(super) allow_rsa1_5: Setting<OnOff>,
}

/// `store:`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct StoreSection {
    /// The store file. It and its folder are made at the first start, readable by the owner only.
    #[schemars(extend("setting" = "FILE", "default" = "./data/keys.db", "flag" = "-d --dbPath --db-path", "env" = "JWTIS_DB_PATH"))]
    pub(super) path: Setting<PathBuf>,
    /// The witness: a small file with the store's id and its highest commit, by which an older copy of the store is noticed. The store's path and `.witness` unless given.
    #[schemars(extend("setting" = "FILE", "flag" = "--witness", "env" = "JWTIS_WITNESS"))]
    pub(super) witness: Setting<PathBuf>,
    /// Password of the store. Other users of a machine can read arguments: prefer the file or systemd's credential `jwtis-password`.
    #[schemars(extend("setting" = "PASSWORD", "flag" = "-p --pswd", "env" = "JWTIS_PSWD", "secret" = true, "elsewhere" = true))]
    pub(super) password: Setting<PrivateText>,
    /// File whose first line is the password of the store.
    #[schemars(extend("setting" = "FILE", "flag" = "--pswd-file", "env" = "JWTIS_PSWD_FILE"))]
    pub(super) password_file: Setting<PathBuf>,
}

/// `server:`: settings of ours beside who may ask the signer.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct ServerSection {
    /// Where `/metrics` and `/healthz` are served, without authentication. `off` serves neither.
    #[schemars(extend("setting" = "IP:PORT", "default" = "127.0.0.1:9583", "flag" = "--utility-address", "env" = "JWTIS_UTILITY_ADDRESS"))]
    pub(super) utility_address: Setting<AddressOrOff>,
    /// Where the signer listens, once the file has a `tezos:` section. `:6732` means all interfaces, by IPv4 and IPv6.
    #[schemars(extend("setting" = "IP:PORT", "default" = "127.0.0.1:6732", "flag" = "--signer-address", "env" = "JWTIS_SIGNER_ADDRESS"))]
    pub(super) address: Setting<ListenAddress>,
    /// Certificate chain of the signer's listener, PEM, leaf first. With the key it speaks HTTPS.
    #[schemars(extend("setting" = "FILE", "guard" = true))]
    pub(super) tls_cert_file: Setting<PathBuf>,
    /// Private key of the signer's listener, PEM.
    #[schemars(extend("setting" = "FILE", "guard" = true))]
    pub(super) tls_key_file: Setting<PathBuf>,
    /// Longest body of `POST /keys/{pkh}`: the message in hexadecimal and two quotation marks.
    #[schemars(extend("setting" = "BYTES", "default" = "131072"))]
    pub(super) max_body_bytes: Setting<BodyBytes>,
    /// Answer `GET /keys/{pkh}` for keys in `tezos:` only, not for every key that a vault holds.
    #[schemars(extend("setting" = "true or false", "reload" = true, "guard" = true))]
    pub(super) restrict_public_keys: Setting<OnOff>,
    /// Answer `GET /known_keys` with the keys in `tezos:`.
    #[schemars(extend("setting" = "true or false", "reload" = true))]
    pub(super) known_keys: Setting<OnOff>,
    /// Requests for signatures must be signed by one of these keys (octez-client's `authentication`). Not together with `jwt`. An empty list, or none behind the name, refuses everybody.
    #[schemars(extend("takes" = "public key, or list", "default" = "anybody may ask"))]
    pub(super) authorized_keys: Placed<FlatList<PublicKey>>,
    /// Every request carries a token. Not together with `authorized_keys`. Without users and issuers, nobody can sign.
    #[schemars(extend("takes" = "mapping", "default" = "no tokens"))]
    pub(super) jwt: Placed<JwtSection>,
}

/// `http:`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct HttpSection {
    /// Web pages of these origins may send requests and read the answers, like `https://app.example`. Other pages get 403, except for public keys and the like.
    #[schemars(extend("setting" = "ORIGINS", "flag" = "--allowed-origins", "env" = "JWTIS_ALLOWED_ORIGINS"))]
    pub(super) allowed_origins: Placed<CommaList<Origin>>,
    /// Names by which clients call this server, beside addresses, `localhost` and those of the certificate. Requests for other names get 421: always on listeners of this machine alone, elsewhere where this is given.
    #[schemars(extend("setting" = "NAMES", "flag" = "--allowed-hosts", "env" = "JWTIS_ALLOWED_HOSTS", "guard" = true))]
    pub(super) allowed_hosts: Placed<CommaList<HostName>>,
    pub(super) trusted_proxies: ProxiesSection,
    /// How long a connection may wait for its next request. Keep it longer than load balancers keep theirs, which is often 60s.
    #[schemars(extend("setting" = "DURATION", "default" = "90s"))]
    pub(super) idle_timeout: Setting<Ttl>,
    /// Most connections at once of one IPv4 address or IPv6 /64 network to one listener. Unless given: half of all. Trusted proxies have no such limit.
    #[schemars(extend("setting" = "NUMBER", "guard" = true))]
    pub(super) max_connections_per_source: Setting<Connections>,
}

/// `http.trusted_proxies`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ProxiesSection {
    /// Addresses and networks of proxies that are believed when they say for whom they ask, like `10.0.0.0/8`.
    #[schemars(extend("setting" = "NETWORKS"))]
    pub(super) from: Placed<CommaList<Network>>,
    /// How they say it, and the only form that is read: `x-forwarded-for`, `forwarded` (RFC 7239) or `proxy-protocol` (version 1 or 2).
    #[schemars(extend("setting" = "HEADER"))]
    pub(super) header: Setting<ProxyHeaderKind>,
}

/// `audit:`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AuditSection {
    /// How long audit records are kept. Older ones are deleted, but never the newest record.
    #[schemars(extend("setting" = "DURATION", "default" = "2160h"))]
    pub(super) max_age: Setting<Ttl>,
    /// How many bytes all audit records take. The oldest above that are deleted, even if they are young.
    #[schemars(extend("setting" = "BYTES", "default" = "1073741824"))]
    pub(super) max_bytes: Setting<AuditBytes>,
}

/// `log:`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LogSection {
    /// Log every request, not only warnings and the audit trail.
    #[schemars(extend("setting" = "true or false", "flag" = "-v --verbose", "env" = "JWTIS_VERBOSE"))]
    pub(super) verbose: Setting<OnOff>,
    /// `human`, `json`, or `auto`: human on a terminal, JSON lines otherwise. Logs go to standard error.
    #[schemars(extend("setting" = "FORMAT", "default" = "auto", "flag" = "--log-format", "env" = "JWTIS_LOG_FORMAT"))]
    pub(super) format: Setting<LogFormat>,
    /// What to log, by module: `info`, `jwtis=debug,hyper=warn`. Wins over `verbose`.
    #[schemars(extend("setting" = "FILTER", "env" = "JWTIS_LOG"))]
    pub(super) filter: Setting<LogFilter>,
}
