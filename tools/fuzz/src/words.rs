//! What people write: the configuration file, secrets, durations, amounts and names.

use std::path::PathBuf;
use std::sync::OnceLock;

use jwtis::config::{Config, ConfigFault, GivenText, ListenAddress, check_text, schema};
use jwtis_base::{BearerSecret, ClientId, SecretKind, Ttl};
use jwtis_issuer::RefreshStrategy;
use jwtis_jose::{ContentEncryption, KeyAlgorithm, KeyManagementAlgorithm, SignatureAlgorithm};

use super::{seeds, tezos};

/// A file of this process to write configurations to.
fn file() -> &'static PathBuf {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| {
        let shared = PathBuf::from("/dev/shm");
        let folder = if shared.is_dir() { shared } else { std::env::temp_dir() };
        folder.join(format!("jwtis-fuzz-{}.yaml", std::process::id()))
    })
}

fn load(strict: bool) -> Result<Config, Vec<ConfigFault>> {
    let flag = |name: &str, text: String| (schema::setting(name).unwrap(), GivenText::new(text, ""));
    let mut flags = vec![flag("config.file", file().display().to_string())];
    if strict {
        flags.push(flag("config.strict", "true".to_owned()));
    }
    Config::load(&flags, &|name: &str| (name == "HOME").then(|| "/nonexistent".into()))
}

/// A fault is one line, and points into the file; a file with faults is not used; one that passes strictly passes anyhow and says
/// the same twice.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // A file that a configuration names is opened: not those that have no end.
    if ["/dev", "/proc", "/sys"].iter().any(|place| text.contains(place)) {
        return;
    }
    let lines = text.split('\n').count().max(text.split('\r').count()) + 1;
    let (faults, warnings) = check_text(file(), text);
    for fault in faults.iter().chain(&warnings) {
        let place = fault.place.expect("a fault from elsewhere");
        assert!((1..=lines).contains(&place.line) && place.column >= 1);
        one_line(fault);
    }
    // Reading files costs a thousand times more than what was looked at above, so only some are.
    let one_in = if faults.is_empty() { 4 } else { 32 };
    if !text.len().is_multiple_of(one_in) {
        return;
    }
    std::fs::write(file(), text).unwrap();
    let config = load(false);
    let strict = load(true);
    match &config {
        Ok(config) => {
            assert!(faults.is_empty(), "a file with faults is used");
            config.warnings.iter().chain(&config.notices).for_each(one_line);
            let again = load(false).unwrap();
            assert_eq!(again.warnings, config.warnings);
            assert!(timeless(&again.notices).eq(timeless(&config.notices)), "{:?}", again.notices);
            assert_eq!(again.signer.is_some(), config.signer.is_some());
        }
        Err(faults) => {
            assert!(!faults.is_empty() && strict.is_err(), "strict is less strict");
            faults.iter().for_each(one_line);
        }
    }
}

/// Without those that say how much time is left.
fn timeless(notices: &[ConfigFault]) -> impl Iterator<Item = &ConfigFault> {
    notices.iter().filter(|notice| !notice.to_string().contains("Scheduled credential rotation"))
}

fn one_line(fault: &ConfigFault) {
    let text = fault.to_string();
    assert!(!text.chars().any(char::is_control), "control characters in {text:?}");
    assert!(text.len() < 100_000, "a message of {} bytes", text.len());
}

pub fn config_seeds() -> Vec<Vec<u8>> {
    let signatory = r#"server:
  address: 127.0.0.1:6732
  utility_address: 127.0.0.1:9583
  jwt:
    users:
      payouts: &user
        password: "Long-Enough-Pass-1"
        secret: "A-Secret-Of-At-Least-32-Bytes-0001"
        jwt_exp: 35
        old_cred_exp: "2126-12-31 00:00:00"
        new_data: {password: "Another-Long-Pass-2", secret: "Another-Secret-Of-32-Bytes-xx-0002", jwt_exp: 20}
      other: {<<: *user, jwt_exp: 5}
vaults:
  local: {driver: file, config: {file: $HOME/.tezos-client/secret_keys}}
  known: {driver: mem, config: {secret_keys: [edsk4FTF78Qf1m2rykGpHqostAiq5gYW4YZEoGUSWBTJr2njsDHSnd]}}
watermark: {driver: file}
base_dir: /var/lib/signatory
policy_hook: {address: "http://127.0.0.1:8080/", authorized_keys: [edpkv45regue1bWtuHnCgLU8xWKLwa9qRqv4gimgJKro4LSc3C5VjV]}
tezos:
  tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q:
  tz4HVR6aty9KwsQFHh81C1G7gBdhxT8kuytm: {allow_proof_of_possession: true, allow: {block: , preattestation: , attestation: }}
"#;
    let limits = r#"tezos:
  tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q:
    jwt_users: [payouts]
    jwt_roles: [a, b]
    log_payloads: true
    allowed_chains: [NetXdQprcVkpaWU]
    allow: {generic: [reveal, transaction, "ballot:yay"], pack: }
    allowed_operations: [generic, block]
    allowed_kinds: [transaction]
    limits: {max_amount: 1.5tz, max_fee: 100000, destinations: [tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q], entrypoints: [default], per: {window: 24h, amount: 10 tz, count: 5}}
"#;
    let ours = "issuer:\n  listen: 127.0.0.1:4343\n  name: jwtis\n  sig_alg: ES256\n  enc_alg: ECDH-ES+A256KW\n  cont_enc: A256GCM\n  expiry: 4320h\n  auth_ttl: 15m\n  refresh_ttl: 72h\n  refresh_strategy: refreshBoth\n  renew_grace: 30s\n  open_registration: true\n  tls: false\nstore:\n  path: ./data/keys.db\nlog:\n  format: json\n  verbose: true\n  filter: \"jwtis=debug\"\n";
    let keys: Vec<String> = schema::settings()
        .iter()
        .map(|setting| format!("{}: {}\n", setting.name.replace('.', ":\n  "), 1))
        .collect();
    let mut found = seeds::bytes([
        signatory,
        limits,
        ours,
        "",
        "---\n...\n",
        "a: &a [1, *a]\n",
        "? [x]\n: |\n  text\n  more\n",
        "!!str a: !t {b: \"\\x41\", 'c': ''}\n",
    ]);
    found.extend(seeds::bytes(keys));
    found
}

macro_rules! prints_back {
    ($text:expr, $($kind:ty),+) => {
        $(if let Ok(value) = $text.parse::<$kind>() {
            assert_eq!(value.to_string(), $text, "another text of the same {}", stringify!($kind));
        })+
    };
}

/// Names have one text each; what has several means the same when it is printed and read again.
pub fn words(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    prints_back!(
        text,
        ClientId,
        RefreshStrategy,
        SignatureAlgorithm,
        KeyManagementAlgorithm,
        ContentEncryption
    );
    if let Ok(alg) = text.parse::<KeyAlgorithm>() {
        assert_eq!(alg.name(), text);
    }
    if let Ok(ttl) = text.parse::<Ttl>() {
        assert_eq!(ttl.to_string().parse(), Ok(ttl));
        assert_eq!(Ttl::from_nanos(ttl.nanos()), Ok(ttl));
        let json = serde_json::to_vec(&ttl).unwrap();
        assert_eq!(serde_json::from_slice::<Ttl>(&json).unwrap(), ttl);
    }
    if let Ok(ttl) = serde_json::from_str::<Ttl>(text) {
        assert_eq!(ttl.to_string().parse(), Ok(ttl));
    }
    if let Ok(address) = text.parse::<ListenAddress>() {
        let again: ListenAddress = address.to_string().parse().unwrap();
        assert_eq!(again, address);
    }
    if let Ok(secret) = BearerSecret::parse(text) {
        assert_eq!(secret.reveal(), text);
        let prefix = if secret.kind() == SecretKind::Admin { "jat_" } else { "jct_" };
        assert!(text.starts_with(prefix) && text.len() == 52 && !format!("{secret:?}").contains(&text[4..]));
        // A checksum finds one changed character.
        for at in 4..text.len() {
            let mut other = text.as_bytes().to_vec();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            assert!(
                BearerSecret::parse(std::str::from_utf8(&other).unwrap()).is_err(),
                "two secrets one character apart"
            );
        }
    }
    tezos::mutez(text);
}

pub fn words_seeds() -> Vec<Vec<u8>> {
    let env = jwtis_base::env::Env::system();
    let secrets = [SecretKind::Admin, SecretKind::Client]
        .map(|kind| BearerSecret::generate(kind, &env).unwrap().reveal().to_owned());
    let mut found = seeds::bytes(secrets);
    found.extend(seeds::bytes([
        "72h",
        "1h30m",
        "1.5h",
        "+4320h0m0s",
        "1000000000ns",
        "100ms900ms",
        "3us1s",
        "1µs1s",
        "1μs1s",
        "9223372036s",
        "\"72h\"",
        "1000000000",
        "1500000",
        "1.5tz",
        " 1.5 tz ",
        ".5tz",
        "9223372036854.775807tz",
        "127.0.0.1:4343",
        ":4343",
        "localhost:0",
        "[::1]:80",
        "shop",
        "a.b_c-d~",
        "refreshBoth",
        "noRefresh",
        "ES256",
        "EdDSA",
        "RSA-OAEP-256",
        "ECDH-ES+A256KW",
        "A256GCM",
    ]));
    found
}
