//! The table of settings: every flag, environment variable, file key and default of the server, once.
//!
//! The command line is built from this table, the file is checked against it, `config show` prints it and a test compares
//! `docs/reference/configuration.md` with it. A new setting is one entry here and one reader in [`crate::config::Config`].

use super::Kind::{List, Path, Secret, Switch, Value};
use super::Setting;

/// `-c, --config`.
pub static CONFIG: Setting = Setting::new(
    "config.file",
    Path("FILE"),
    "",
    "Read settings from this YAML file. Flags and environment variables win over it.",
)
.flag("config")
.short('c')
.env("JWTIS_CONFIG")
.not_in_file();

/// `--strict-config`.
pub static STRICT_CONFIG: Setting = Setting::new(
    "config.strict",
    Switch,
    "false",
    "Treat every warning about what the file says as an error: unknown keys in Signatory's sections, deprecated words, vaults that this build cannot open, rules that let nobody in.",
)
.flag("strict-config")
.env("JWTIS_STRICT_CONFIG")
.not_in_file();

/// `issuer.enabled`.
pub static ENABLED: Setting =
    Setting::new("issuer.enabled", Switch, "true", "Serve the issuer. `false` leaves a pure signer.");

/// `-l, --listen`.
pub static LISTEN: Setting = Setting::new(
    "issuer.listen",
    Value("IP:PORT"),
    "127.0.0.1:4343",
    "Where the issuer listens. Port 0 takes a free one and prints it; `:4343` means all interfaces, by IPv4 and IPv6.",
)
.flag("listen")
.short('l')
.env("JWTIS_ADDRESS");

/// `-n, --name`.
pub static NAME: Setting = Setting::new(
    "issuer.name",
    Value("NAME"),
    "JWTIS",
    "Name of the service in the greeting. It never goes into a token.",
)
.flag("name")
.short('n')
.env("JWTIS_NAME");

/// `--tls`.
pub static TLS: Setting = Setting::new(
    "issuer.tls",
    Switch,
    "false",
    "Serve HTTPS (TLS 1.2 and 1.3) with the certificate and key below.",
)
.flag("tls")
.env("JWTIS_TLS")
.guards();

/// `--certFile`.
pub static CERT_FILE: Setting =
    Setting::new("issuer.cert_file", Path("FILE"), "", "Certificate chain for TLS, PEM, leaf first.")
        .flag("certFile")
        .alias("cert-file")
        .env("JWTIS_CERT_FILE")
        .guards();

/// `--keyFile`.
pub static KEY_FILE: Setting = Setting::new("issuer.key_file", Path("FILE"), "", "Private key for TLS, PEM.")
    .flag("keyFile")
    .alias("key-file")
    .env("JWTIS_KEY_FILE")
    .guards();

/// `--insecure`.
pub static INSECURE: Setting = Setting::new(
    "issuer.insecure",
    Switch,
    "false",
    "Allow plain HTTP on an address that other machines reach. Only behind a proxy that speaks TLS.",
)
.flag("insecure")
.env("JWTIS_INSECURE");

/// `--open-registration`.
pub static OPEN_REGISTRATION: Setting = Setting::new(
    "issuer.open_registration",
    Switch,
    "false",
    "Let anyone register a client without the admin token, as the Go program did.",
)
.flag("open-registration")
.env("JWTIS_OPEN_REGISTRATION");

/// `--admin-token-file`.
pub static ADMIN_TOKEN_FILE: Setting = Setting::new(
    "issuer.admin_token_file",
    Path("FILE"),
    "",
    "Admin token for the first start, instead of a generated one. On later starts it is compared with the store's, not changed.",
)
.flag("admin-token-file")
.env("JWTIS_ADMIN_TOKEN_FILE");

/// `JWTIS_ADMIN_TOKEN`.
pub static ADMIN_TOKEN: Setting = Setting::new(
    "issuer.admin_token",
    Secret("TOKEN"),
    "",
    "As the file before, with the token itself in the environment. There is no flag for it: other users of a machine can read arguments.",
)
.env("JWTIS_ADMIN_TOKEN")
.not_in_file();

/// `--profile`.
pub static PROFILE: Setting = Setting::new(
    "issuer.profile",
    Value("NAME"),
    "compatible",
    "Defaults of registrations: `compatible` (the Go program's: 72h, 720h, noRefresh) or `strict` (15m, 72h, refreshBoth).",
)
.flag("profile")
.env("JWTIS_PROFILE");

/// `--sigAlg`.
pub static SIG_ALG: Setting = Setting::new(
    "issuer.sig_alg",
    Value("ALG"),
    "ES256",
    "Signature algorithm for clients that ask for none: ES256 ES384 ES512 EdDSA RS256 RS384 RS512 PS256 PS384 PS512.",
)
.flag("sigAlg")
.alias("sig-alg")
.env("JWTIS_SIG_ALG");

/// `--sigBits`.
pub static SIG_BITS: Setting = Setting::new(
    "issuer.sig_bits",
    Value("BITS"),
    "",
    "Size of the signing key. Follows the algorithm unless given.",
)
.flag("sigBits")
.alias("sig-bits")
.env("JWTIS_SIG_BITS");

/// `--encAlg`.
pub static ENC_ALG: Setting = Setting::new(
    "issuer.enc_alg",
    Value("ALG"),
    "ECDH-ES+A256KW",
    "Key management for refresh tokens: ECDH-ES, ECDH-ES+A128KW, ECDH-ES+A192KW, ECDH-ES+A256KW, RSA-OAEP, RSA-OAEP-256 (RSA1_5 with --allow-rsa1_5).",
)
.flag("encAlg")
.alias("enc-alg")
.env("JWTIS_ENC_ALG");

/// `--encBits`.
pub static ENC_BITS: Setting = Setting::new(
    "issuer.enc_bits",
    Value("BITS"),
    "",
    "Size of the encryption key. Follows the algorithm unless given; ECDH-ES takes 256, 384 or 521.",
)
.flag("encBits")
.alias("enc-bits")
.env("JWTIS_ENC_BITS");

/// `--contEnc`.
pub static CONT_ENC: Setting = Setting::new(
    "issuer.cont_enc",
    Value("ENC"),
    "A256GCM",
    "Content encryption of refresh tokens: A128GCM, A192GCM or A256GCM.",
)
.flag("contEnc")
.alias("cont-enc")
.env("JWTIS_CONT_ENC");

/// `-e, --expiry`.
pub static EXPIRY: Setting = Setting::new(
    "issuer.expiry",
    Value("DURATION"),
    "4320h",
    "Life of a key set. No token outlives its key set.",
)
.flag("expiry")
.short('e')
.env("JWTIS_EXPIRY");

/// `-a, --authTTL`.
pub static AUTH_TTL: Setting =
    Setting::new("issuer.auth_ttl", Value("DURATION"), "72h", "Longest life of an access token.")
        .flag("authTTL")
        .alias("auth-ttl")
        .short('a')
        .env("JWTIS_AUTH_TTL");

/// `-r, --refreshTTL`.
pub static REFRESH_TTL: Setting =
    Setting::new("issuer.refresh_ttl", Value("DURATION"), "720h", "Longest life of a refresh token.")
        .flag("refreshTTL")
        .alias("refresh-ttl")
        .short('r')
        .env("JWTIS_REFRESH_TTL");

/// `issuer.max_auth_ttl`.
pub static MAX_AUTH_TTL: Setting = Setting::new(
    "issuer.max_auth_ttl",
    Value("DURATION"),
    "",
    "Longest life of an access token that anybody can ask for, the admin too. Without it there is no such limit.",
)
.flag("max-auth-ttl")
.env("JWTIS_MAX_AUTH_TTL");

/// `issuer.max_refresh_ttl`.
pub static MAX_REFRESH_TTL: Setting = Setting::new(
    "issuer.max_refresh_ttl",
    Value("DURATION"),
    "",
    "Longest life of a refresh token that anybody can ask for.",
)
.flag("max-refresh-ttl")
.env("JWTIS_MAX_REFRESH_TTL");

/// `issuer.max_expiry`.
pub static MAX_EXPIRY: Setting = Setting::new(
    "issuer.max_expiry",
    Value("DURATION"),
    "",
    "Longest life of a key set that anybody can ask for.",
)
.flag("max-expiry")
.env("JWTIS_MAX_EXPIRY");

/// `--refreshStrategy`.
pub static REFRESH_STRATEGY: Setting = Setting::new(
    "issuer.refresh_strategy",
    Value("NAME"),
    "noRefresh",
    "When a renewal makes a new refresh token, for clients that do not say: noRefresh, refreshOnExpire or refreshBoth.",
)
.flag("refreshStrategy")
.alias("refresh-strategy")
.env("JWTIS_REFRESH_STRATEGY");

/// `--renewGrace`.
pub static RENEW_GRACE: Setting = Setting::new(
    "issuer.renew_grace",
    Value("DURATION"),
    "30s",
    "How long the previous refresh token is still accepted while its successor is unused, so that a lost answer, or several browser tabs at once, cost nothing. 0 switches it off.",
)
.flag("renewGrace")
.alias("renew-grace")
.env("JWTIS_RENEW_GRACE");

/// `--allow-rsa1_5`.
pub static ALLOW_RSA1_5: Setting = Setting::new(
    "issuer.allow_rsa1_5",
    Switch,
    "false",
    "Let clients choose RSA1_5. It is unsafe by design; decryption hides failures, but prefer RSA-OAEP-256.",
)
.flag("allow-rsa1_5")
.env("JWTIS_ALLOW_RSA1_5");

/// `-d, --dbPath`.
pub static DB_PATH: Setting = Setting::new(
    "store.path",
    Path("FILE"),
    "./data/keys.db",
    "The store file. It and its folder are made at the first start, readable by the owner only.",
)
.flag("dbPath")
.alias("db-path")
.short('d')
.env("JWTIS_DB_PATH");

/// `--witness`.
pub static WITNESS: Setting = Setting::new(
    "store.witness",
    Path("FILE"),
    "",
    "The witness: a small file with the store's id and its highest commit, by which an older copy of the store is noticed. The store's path and `.witness` unless given.",
)
.flag("witness")
.env("JWTIS_WITNESS");

/// `-p, --pswd`.
pub static PSWD: Setting = Setting::new(
    "store.password",
    Secret("PASSWORD"),
    "",
    "Password of the store. Other users of a machine can read arguments: prefer the file or systemd's credential `jwtis-password`.",
)
.flag("pswd")
.short('p')
.env("JWTIS_PSWD")
.not_in_file();

/// `--pswd-file`.
pub static PSWD_FILE: Setting = Setting::new(
    "store.password_file",
    Path("FILE"),
    "",
    "File whose first line is the password of the store.",
)
.flag("pswd-file")
.env("JWTIS_PSWD_FILE");

/// `--utility-address`.
pub static UTILITY_ADDRESS: Setting = Setting::new(
    "server.utility_address",
    Value("IP:PORT"),
    "127.0.0.1:9583",
    "Where `/metrics` and `/healthz` are served, without authentication. `off` serves neither.",
)
.flag("utility-address")
.env("JWTIS_UTILITY_ADDRESS");

/// `--signer-address`.
pub static SIGNER_ADDRESS: Setting = Setting::new(
    "server.address",
    Value("IP:PORT"),
    "127.0.0.1:6732",
    "Where the signer listens, once the file has a `tezos:` section. `:6732` means all interfaces, by IPv4 and IPv6.",
)
.flag("signer-address")
.env("JWTIS_SIGNER_ADDRESS");

/// `server.tls_cert_file`.
pub static SIGNER_CERT_FILE: Setting = Setting::new(
    "server.tls_cert_file",
    Path("FILE"),
    "",
    "Certificate chain of the signer's listener, PEM, leaf first. With the key it speaks HTTPS.",
)
.guards();

/// `server.tls_key_file`.
pub static SIGNER_KEY_FILE: Setting =
    Setting::new("server.tls_key_file", Path("FILE"), "", "Private key of the signer's listener, PEM.")
        .guards();

/// `server.max_body_bytes`.
pub static MAX_BODY_BYTES: Setting = Setting::new(
    "server.max_body_bytes",
    Value("BYTES"),
    "131072",
    "Longest body of `POST /keys/{pkh}`: the message in hexadecimal and two quotation marks.",
);

/// `server.restrict_public_keys`.
pub static RESTRICT_PUBLIC_KEYS: Setting = Setting::new(
    "server.restrict_public_keys",
    Switch,
    "false",
    "Answer `GET /keys/{pkh}` for keys in `tezos:` only, not for every key that a vault holds.",
)
.guards()
.reloaded();

/// `server.known_keys`.
pub static KNOWN_KEYS: Setting =
    Setting::new("server.known_keys", Switch, "false", "Answer `GET /known_keys` with the keys in `tezos:`.")
        .reloaded();

/// `--base-dir`.
pub static BASE_DIR: Setting = Setting::new(
    "base_dir",
    Path("FOLDER"),
    "/var/lib/signatory",
    "Where the watermark driver `file` keeps its watermarks, and where those of Signatory are looked for.",
)
.flag("base-dir")
.env("JWTIS_BASE_DIR");

/// `watch_config`.
pub static WATCH_CONFIG: Setting = Setting::new(
    "watch_config",
    Switch,
    "false",
    "Apply changed users, keys and policies as soon as the file changes. Without it: at SIGHUP.",
);

/// `strict_vaults`.
pub static STRICT_VAULTS: Setting = Setting::new(
    "strict_vaults",
    Switch,
    "false",
    "Refuse to start when a vault cannot be opened, or when no vault holds a key of `tezos:`.",
)
.guards()
.reloaded();

/// `--new-watermarks`.
pub static NEW_WATERMARKS: Setting = Setting::new(
    "watermark.new",
    Switch,
    "false",
    "Begin anew where the watermarks of the driver `file` are gone or have gone back. What they forbade can be signed again.",
)
.flag("new-watermarks")
.not_in_file();

/// `--allowed-origins`.
pub static ALLOWED_ORIGINS: Setting = Setting::new(
    "http.allowed_origins",
    List("ORIGINS"),
    "",
    "Web pages of these origins may send requests and read the answers, like `https://app.example`. Other pages get 403, except for public keys and the like.",
)
.flag("allowed-origins")
.env("JWTIS_ALLOWED_ORIGINS");

/// `--allowed-hosts`.
pub static ALLOWED_HOSTS: Setting = Setting::new(
    "http.allowed_hosts",
    List("NAMES"),
    "",
    "Names by which clients call this server, beside addresses, `localhost` and those of the certificate. Requests for other names get 421: always on listeners of this machine alone, elsewhere where this is given.",
)
.flag("allowed-hosts")
.env("JWTIS_ALLOWED_HOSTS");

/// `http.trusted_proxies.from`.
pub static PROXIES_FROM: Setting = Setting::new(
    "http.trusted_proxies.from",
    List("NETWORKS"),
    "",
    "Addresses and networks of proxies that are believed when they say for whom they ask, like `10.0.0.0/8`.",
);

/// `http.trusted_proxies.header`.
pub static PROXY_HEADER: Setting = Setting::new(
    "http.trusted_proxies.header",
    Value("HEADER"),
    "",
    "How they say it, and the only form that is read: `x-forwarded-for`, `forwarded` (RFC 7239) or `proxy-protocol` (version 1 or 2).",
);

/// `http.idle_timeout`.
pub static IDLE_TIMEOUT: Setting = Setting::new(
    "http.idle_timeout",
    Value("DURATION"),
    "90s",
    "How long a connection may wait for its next request. Keep it longer than load balancers keep theirs, which is often 60s.",
);

/// `http.max_connections_per_source`.
pub static MAX_CONNECTIONS_PER_SOURCE: Setting = Setting::new(
    "http.max_connections_per_source",
    Value("NUMBER"),
    "",
    "Most connections at once of one IPv4 address or IPv6 /64 network to one listener. Unless given: half of all. Trusted proxies have no such limit.",
);

/// `audit.max_age`.
pub static AUDIT_MAX_AGE: Setting = Setting::new(
    "audit.max_age",
    Value("DURATION"),
    "2160h",
    "How long audit records are kept. Older ones are deleted, but never the newest record.",
);

/// `audit.max_bytes`.
pub static AUDIT_MAX_BYTES: Setting = Setting::new(
    "audit.max_bytes",
    Value("BYTES"),
    "1073741824",
    "How many bytes all audit records take. The oldest above that are deleted, even if they are young.",
);

/// `-v, --verbose`.
pub static VERBOSE: Setting =
    Setting::new("log.verbose", Switch, "false", "Log every request, not only warnings and the audit trail.")
        .flag("verbose")
        .short('v')
        .env("JWTIS_VERBOSE");

/// `--log-format`.
pub static LOG_FORMAT: Setting = Setting::new(
    "log.format",
    Value("FORMAT"),
    "auto",
    "`human`, `json`, or `auto`: human on a terminal, JSON lines otherwise. Logs go to standard error.",
)
.flag("log-format")
.env("JWTIS_LOG_FORMAT");

/// `JWTIS_LOG`.
pub static LOG_FILTER: Setting = Setting::new(
    "log.filter",
    Value("FILTER"),
    "",
    "What to log, by module: `info`, `jwtis=debug,hyper=warn`. Wins over `verbose`.",
)
.env("JWTIS_LOG");

/// Every setting, in the order of the help.
pub static ALL: [&Setting; 53] = [
    &CONFIG,
    &STRICT_CONFIG,
    &ENABLED,
    &LISTEN,
    &NAME,
    &TLS,
    &CERT_FILE,
    &KEY_FILE,
    &INSECURE,
    &OPEN_REGISTRATION,
    &ADMIN_TOKEN_FILE,
    &ADMIN_TOKEN,
    &PROFILE,
    &SIG_ALG,
    &SIG_BITS,
    &ENC_ALG,
    &ENC_BITS,
    &CONT_ENC,
    &EXPIRY,
    &AUTH_TTL,
    &REFRESH_TTL,
    &MAX_AUTH_TTL,
    &MAX_REFRESH_TTL,
    &MAX_EXPIRY,
    &REFRESH_STRATEGY,
    &RENEW_GRACE,
    &ALLOW_RSA1_5,
    &DB_PATH,
    &WITNESS,
    &PSWD,
    &PSWD_FILE,
    &UTILITY_ADDRESS,
    &SIGNER_ADDRESS,
    &SIGNER_CERT_FILE,
    &SIGNER_KEY_FILE,
    &MAX_BODY_BYTES,
    &RESTRICT_PUBLIC_KEYS,
    &KNOWN_KEYS,
    &BASE_DIR,
    &WATCH_CONFIG,
    &STRICT_VAULTS,
    &NEW_WATERMARKS,
    &ALLOWED_ORIGINS,
    &ALLOWED_HOSTS,
    &PROXIES_FROM,
    &PROXY_HEADER,
    &IDLE_TIMEOUT,
    &MAX_CONNECTIONS_PER_SOURCE,
    &AUDIT_MAX_AGE,
    &AUDIT_MAX_BYTES,
    &VERBOSE,
    &LOG_FORMAT,
    &LOG_FILTER,
];
