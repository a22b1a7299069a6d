//! What a file, flags and variables become, and what is said of them. `tests/table.txt` has a file for each message.

mod signer;

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use jwtis_tezos::{Curve, PublicKeyHash};

use super::*;
use crate::http::proxies::ProxyHeaderKind;

/// The key of docs/reference/signer-protocol.md, "Check values".
const SECRET: &str = "edsk4FTF78Qf1m2rykGpHqostAiq5gYW4YZEoGUSWBTJr2njsDHSnd";
const PUBLIC: &str = "edpkv45regue1bWtuHnCgLU8xWKLwa9qRqv4gimgJKro4LSc3C5VjV";
const PKH: &str = "tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q";
const USER: &str = "{password: Long-Enough-Pass-1, secret: A-Secret-Of-At-Least-32-Bytes-0001}";

/// A hash of a key that nobody has.
fn pkh(curve: Curve, byte: u8) -> String {
    PublicKeyHash::new(curve, [byte; 20]).to_string()
}

/// The text with the keys, hashes and credentials that its words in capitals stand for.
fn with_keys(text: &str) -> String {
    let text =
        text.replace("PKH", PKH).replace("PUBLIC", PUBLIC).replace("SECRET", SECRET).replace("USER", USER);
    text.replace("TZ2", &pkh(Curve::Secp256k1, 2)).replace("TZ4", &pkh(Curve::Bls12381, 4))
}

/// What is given: a file in a folder of its own, readable by its owner only, flags and variables.
struct Given {
    folder: tempfile::TempDir,
    flags: Vec<(&'static str, String)>,
    variables: Vec<(&'static str, String)>,
}

impl Given {
    fn nothing() -> Self {
        let home = vec![("HOME", "/home/u".to_owned())];
        Self { folder: tempfile::tempdir().unwrap(), flags: Vec::new(), variables: home }
    }

    fn file(text: &str) -> Self {
        let given = Self::nothing();
        let path = given.write("f", &with_keys(text));
        given.flag("config.file", &path)
    }

    fn flag(mut self, name: &'static str, text: &str) -> Self {
        self.flags.push((name, text.to_owned()));
        self
    }

    fn variable(mut self, name: &'static str, text: &str) -> Self {
        self.variables.push((name, text.to_owned()));
        self
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn flags(&self) -> GivenFlags {
        let given = |(name, text): &(&str, String)| {
            let row = schema::setting(name).unwrap();
            (row, GivenText::new(text.clone(), row.flag().unwrap()))
        };
        self.flags.iter().map(given).collect()
    }

    /// The configuration, or its faults without the name of the file.
    fn load(&self) -> Result<Config, Vec<String>> {
        Config::load(&self.flags(), &|name| variable(&self.variables, name))
            .map_err(|faults| self.lines(&faults))
    }

    fn lines(&self, faults: &[ConfigFault]) -> Vec<String> {
        let file = format!("{}/f:", self.folder.path().display());
        faults.iter().map(|fault| fault.to_string().replace(&file, "")).collect()
    }

    /// The warnings, without the one about long-lived tokens.
    fn warnings(&self) -> Vec<String> {
        let lines = self.lines(&self.load().unwrap().warnings);
        lines.into_iter().filter(|line| !line.contains("access tokens live")).collect()
    }
}

fn variable(variables: &[(&str, String)], name: &str) -> Option<OsString> {
    variables.iter().find(|(candidate, _)| *candidate == name).map(|(_, value)| OsString::from(value))
}

fn issuer(given: &Given) -> IssuerConfig {
    given.load().unwrap().issuer.unwrap()
}

/// Whether `said` is what a line of the table wants: its beginning, or the rest behind `…`.
fn fits(said: &str, wanted: &str) -> bool {
    match wanted.split_once('…') {
        Some((start, rest)) if start.is_empty() || start.ends_with(": ") => {
            said.strip_prefix(start).is_some_and(|said| said.contains(rest))
        }
        _ => said.starts_with(wanted),
    }
}

#[test]
fn each_file_of_the_table_is_told_what_stands_there() {
    let mut wrong = Vec::new();
    let table = include_str!("tests/table.txt");
    for block in table.split("\n\n").skip(1) {
        let mut file = String::new();
        let mut wanted = Vec::new();
        for line in block.lines().filter(|line| !line.starts_with("# ")) {
            let kind = ["fault: ", "warning: ", "note: "].into_iter().find(|kind| line.starts_with(kind));
            match kind {
                Some(kind) => wanted.push((kind, with_keys(&line[kind.len()..]))),
                None => file.extend([line, "\n"]),
            }
        }
        let given = Given::file(&file);
        let said: Vec<(&str, String)> = match given.load() {
            Err(faults) => faults.into_iter().map(|fault| ("fault: ", fault)).collect(),
            Ok(config) => {
                let warnings = given.warnings().into_iter().map(|warning| ("warning: ", warning));
                warnings
                    .chain(given.lines(&config.notices).into_iter().map(|note| ("note: ", note)))
                    .collect()
            }
        };
        let is_said = |(kind, wanted): &(&str, String)| {
            said.iter().any(|(said_kind, said)| said_kind == kind && fits(said, wanted))
        };
        let count = |of: &[(&str, String)]| of.iter().filter(|(kind, _)| *kind != "note: ").count();
        let repeats_a_secret = said.iter().any(|(_, said)| {
            [&SECRET[..12], "secret-of", "xbbbb", "hunter2"].iter().any(|secret| said.contains(secret))
        });
        let is_loaded = wanted.iter().all(|(kind, _)| *kind != "fault: ");
        let says_more = count(&said) > count(&wanted) && is_loaded;
        if !wanted.iter().all(is_said) || says_more || repeats_a_secret {
            wrong.push(format!("{file}WANTED {wanted:#?}\nSAID {said:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Values of `issuer.listen` and where they come from, and which of them wins.
#[test]
fn flags_win_over_variables_and_these_over_the_file_and_that_over_the_default() {
    for (flag, variable, file, wanted, origin) in [
        (None, None, "", "127.0.0.1:4343", "default"),
        (None, None, "  listen: 127.0.0.1:1\n", "127.0.0.1:1", "2:11"),
        (None, None, "  listen:\n", "127.0.0.1:4343", "default"),
        (None, Some("127.0.0.1:2"), "  listen: 127.0.0.1:1\n", "127.0.0.1:2", "JWTIS_ADDRESS"),
        (None, Some(""), "  listen: 127.0.0.1:1\n", "127.0.0.1:1", "2:11"),
        (Some("127.0.0.1:3"), Some("127.0.0.1:2"), "  listen: 127.0.0.1:1\n", "127.0.0.1:3", "--listen"),
        (Some("127.0.0.1:3"), None, "", "127.0.0.1:3", "--listen"),
    ] {
        let mut given = Given::file(&format!("issuer:\n{file}"));
        given.flags.extend(flag.map(|flag| ("issuer.listen", flag.to_owned())));
        given.variables.extend(variable.map(|variable| ("JWTIS_ADDRESS", variable.to_owned())));
        let config = given.load().unwrap();
        let shown = config.settings.iter().find(|shown| shown.row.name == "issuer.listen").unwrap();
        let (text, from) = shown.value.clone().unwrap();
        assert_eq!(
            (text.as_deref(), config.issuer.unwrap().listen.to_string().as_str()),
            (Some(wanted), wanted)
        );
        assert!(from.ends_with(origin), "{from}: {origin}");
    }
}

#[test]
fn without_anything_the_go_program_s_defaults_hold_and_those_of_the_domain() {
    let config = Given::nothing().load().unwrap();
    let issuer = config.issuer.unwrap();
    assert_eq!(issuer.listen.to_string(), "127.0.0.1:4343");
    assert_eq!(issuer.settings.defaults.auth_ttl.to_string(), "72h0m0s");
    assert_eq!(issuer.settings.defaults.expiry.to_string(), "4320h0m0s");
    assert_eq!(issuer.settings.renew_grace.as_secs(), 30);
    assert_eq!(config.store.path, Path::new("./data/keys.db"));
    assert_eq!(config.utility.unwrap().to_string(), "127.0.0.1:9583");
    assert_eq!(config.http, HttpConfig::default());
    assert_eq!(config.audit, Retention::default());
    assert_eq!(config.warnings.len(), 1, "{:?}", config.warnings);
    assert!(config.warnings[0].to_string().contains("access tokens live 72h0m0s"));
}

/// Every setting that is a path, wherever it can be given: what a shell would have replaced is replaced.
#[test]
fn a_path_means_the_same_in_every_setting_from_the_file_a_variable_or_a_flag() {
    let paths = schema::settings().iter().filter(|row| row.is_path() && row.name != "config.file");
    for row in paths {
        let in_file =
            row.name.rsplit('.').fold(String::from("VALUE"), |value, key| format!("{{{key}: {value}}}"));
        for (text, wanted) in
            [("~/x", Some("/home/u/x")), ("$HOME/x", Some("/home/u/x")), ("$NOBODY/x", None)]
        {
            let file = in_file.replace("VALUE", text);
            let mut ways = vec![Given::file(&file)];
            ways.extend(row.flag().map(|_| Given::nothing().flag(&row.name, text)));
            ways.extend(row.env.map(|env| Given::nothing().variable(env, text)));
            for given in ways {
                let given = given.flag("issuer.insecure", "true");
                match (given.load(), wanted) {
                    (Ok(config), Some(wanted)) => {
                        let shown = config.settings.iter().find(|shown| shown.row.name == row.name).unwrap();
                        assert_eq!(shown.value.clone().unwrap().0.unwrap(), wanted, "{}", row.name);
                    }
                    // Half of a pair of files for TLS.
                    (Err(faults), Some(_)) => {
                        assert!(faults.iter().all(|fault| fault.contains("TLS")), "{} {faults:?}", row.name)
                    }
                    (Err(faults), None) => assert!(
                        faults.iter().any(|fault| fault.contains("`NOBODY`")),
                        "{} {faults:?}",
                        row.name
                    ),
                    (Ok(_), None) => panic!("{} {text}", row.name),
                }
            }
        }
    }
}

#[test]
fn faults_of_the_file_flags_and_variables_come_together() {
    let faults = Given::file("issuer:\n  sigalg: ES256\n  refresh_strategy: always\nlog:\n  format: xml\n")
        .flag("issuer.sig_alg", "ES257")
        .flag("issuer.auth_ttl", "72")
        .flag("issuer.tls", "true")
        .flag("issuer.listen", "0.0.0.0:4343")
        .flag("issuer.enc_bits", "many")
        .variable("JWTIS_CONT_ENC", "A256CBC")
        .variable("JWTIS_PROFILE", "lax")
        .variable("JWTIS_VERBOSE", "perhaps")
        .load()
        .unwrap_err();
    for wanted in [
        "2:3: unknown key `sigalg`; did you mean `sig_alg`?",
        "3:21: issuer.refresh_strategy: the refresh strategy is one of",
        "5:11: log.format: the log format is one of",
        "--sigAlg: ",
        "--authTTL: \"72\" is not a duration",
        "--tls: TLS needs a certificate and a key; give --certFile and --keyFile",
        "--encBits: write a number of bits",
        "JWTIS_CONT_ENC: ",
        "JWTIS_PROFILE: the profile is",
        "JWTIS_VERBOSE: write true or false",
    ] {
        assert!(faults.iter().any(|fault| fault.starts_with(wanted)), "{wanted} is not in {faults:#?}");
    }
    assert_eq!(faults.len(), 10, "{faults:#?}");
    let missing = Given::nothing().variable("JWTIS_CONFIG", "/nonexistent/jwtis.yaml").load().unwrap_err();
    assert!(missing[0].starts_with("/nonexistent/jwtis.yaml cannot be read: "), "{missing:?}");
}

#[test]
fn what_was_given_for_keys_and_their_lives_is_used() {
    let given = Given::nothing().flag("issuer.sig_alg", "RS256").flag("issuer.renew_grace", "0s");
    let settings =
        issuer(&given.flag("issuer.max_auth_ttl", "1h").flag("issuer.max_expiry", "1000h")).settings;
    assert_eq!((settings.defaults.sig_bits, settings.renew_grace), (None, Duration::ZERO));
    let maxima = settings.defaults.maxima;
    assert_eq!(maxima.auth_ttl.unwrap().to_string(), "1h0m0s", "a default that nobody gave is cut");
    assert_eq!(maxima.refresh_ttl, None);
    let rsa = Given::nothing().flag("issuer.enc_alg", "RSA1_5").flag("issuer.allow_rsa1_5", "true");
    assert!(rsa.load().is_ok());
    assert!(Given::file("issuer: {enabled: false}").load().unwrap().issuer.is_none());
}

#[test]
fn the_strict_profile_changes_defaults_and_nothing_that_was_given() {
    let given = Given::nothing().flag("issuer.profile", "strict").variable("JWTIS_REFRESH_TTL", "10h");
    let config = given.load().unwrap();
    let shown = config.settings.iter().find(|shown| shown.row.name == "issuer.auth_ttl").unwrap();
    assert_eq!(shown.value.clone().unwrap().1, "profile strict");
    let defaults = config.issuer.unwrap().settings.defaults;
    assert_eq!(
        (defaults.auth_ttl.to_string().as_str(), defaults.refresh_ttl.to_string().as_str()),
        ("15m0s", "10h0m0s")
    );
    assert_eq!(defaults.refresh_strategy.name(), "refreshBoth");
    assert_eq!(config.warnings, []);
}

/// A command that went on with the default would change another store.
#[test]
fn the_store_of_a_command_is_that_of_the_file_or_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwtis.yaml");
    for (value, name) in [("path: {a: /x}", "path"), ("path: [/x]", "path"), ("witness: {a: /x}", "witness")]
    {
        std::fs::write(&file, format!("store: {{{value}}}")).unwrap();
        let faults = path_in_file(&file, "store.path", &|_| None).unwrap_err();
        let wanted = format!("store.{name} must be one value");
        assert!(faults.iter().any(|fault| fault.to_string().contains(&wanted)), "{value}");
    }
    std::fs::write(&file, "store: {path: /x}").unwrap();
    assert_eq!(path_in_file(&file, "store.path", &|_| None).unwrap().unwrap(), Path::new("/x"));
}

#[test]
fn a_log_filter_that_drops_the_audit_trail_gets_a_warning() {
    let warnings = Given::nothing().variable("JWTIS_LOG", "warn").warnings();
    let wanted = "JWTIS_LOG: this log filter drops the audit trail";
    assert!(warnings.iter().any(|warning| warning.starts_with(wanted)), "{warnings:?}");
    assert!(Given::nothing().variable("JWTIS_LOG", "infoo").load().is_err());
}

#[test]
fn plain_http_stays_on_this_machine_unless_told() {
    let reachable = || Given::nothing().flag("issuer.listen", ":4343");
    let with_tls = reachable().flag("issuer.tls", "true").flag("issuer.cert_file", "c.pem");
    assert!(reachable().load().is_err());
    assert!(reachable().flag("issuer.insecure", "true").load().is_ok());
    assert!(with_tls.flag("issuer.key_file", "k.pem").load().is_ok());
}

#[test]
fn strict_config_turns_warnings_about_the_file_into_faults_and_no_advice() {
    let file = "server:\n  adress: x\nwatermark: {driver: mem}\ntezos: {}\n";
    assert_eq!(Given::file(file).warnings().len(), 2);
    let faults = Given::file(file).flag("config.strict", "true").load().unwrap_err();
    assert_eq!(faults, ["2:3: unknown key `adress`; did you mean `address`?"]);
}

#[test]
fn lists_are_written_as_lists_or_between_commas() {
    let rows = "http:\n  allowed_origins: [https://a.example, 'http://localhost:3000']\n  allowed_hosts: b.example, c.example\n  trusted_proxies:\n    from: [10.0.0.0/8, '::1']\n    header: X-Forwarded-For\n  idle_timeout: 2m\n  max_connections_per_source: 7\n";
    let config = Given::file(rows).load().unwrap();
    let shown = config.settings.iter().find(|shown| shown.row.name == "http.allowed_origins").unwrap();
    assert_eq!(shown.value.clone().unwrap().0.unwrap(), "https://a.example, http://localhost:3000");
    let http = config.http;
    assert_eq!((http.allowed_origins.len(), http.allowed_hosts.len()), (2, 2));
    assert_eq!((http.idle_timeout, http.max_connections_per_source), (Duration::from_secs(120), Some(7)));
    let proxies = http.trusted_proxies.unwrap();
    assert_eq!(proxies.header, ProxyHeaderKind::XForwardedFor);
    assert!(proxies.trust("10.9.9.9".parse().unwrap()) && !proxies.trust("11.0.0.1".parse().unwrap()));
    let faults = Given::file(rows).flag("http.allowed_hosts", "").load().unwrap_err();
    assert_eq!(faults, ["--allowed-hosts: it names nobody; name the server, or leave it out"]);
}

#[test]
fn a_password_wins_over_a_file_that_holds_one_and_is_warned_of_and_never_kept_or_shown() {
    let strict = || Given::nothing().flag("issuer.profile", "strict");
    for given in [
        strict().flag("store.password", "h0rse").variable("JWTIS_PSWD_FILE", "/x"),
        strict().flag("store.password_file", "/x").variable("JWTIS_PSWD", "h0rse"),
    ] {
        let mut config = given.load().unwrap();
        assert!(matches!(config.store.password, Some(SecretSource::Given(_))));
        assert!(!format!("{config:?}").contains("h0rse"));
        config.forget_secrets();
        assert!(config.store.password.is_none());
    }
    let file = strict().flag("store.password_file", "/x").load().unwrap();
    assert!(matches!(file.store.password, Some(SecretSource::File(_))) && file.warnings.is_empty());
    let by_flag = strict().flag("store.password", "x").warnings();
    assert!(by_flag[0].starts_with("--pswd: every user of this machine can read"), "{by_flag:?}");
    let by_variable = strict().variable("JWTIS_PSWD", "x").variable("JWTIS_ADMIN_TOKEN", "jat_x").warnings();
    assert!(by_variable[0].starts_with("JWTIS_PSWD: the environment"), "{by_variable:?}");
    assert!(by_variable[1].starts_with("JWTIS_ADMIN_TOKEN: the environment"), "{by_variable:?}");
}

#[test]
fn a_reload_reads_the_same_file_with_the_same_flags_and_environment() {
    let given = Given::file("tezos:\n").variable("JWTIS_SIGNER_ADDRESS", "127.0.0.1:7");
    let variables = given.variables.clone();
    let reloader = Reloader::new(given.flags(), move |name| variable(&variables, name));
    assert_eq!(reloader.path().unwrap(), given.folder.path().join("f"));
    let keys = || {
        let signer = reloader.load().unwrap().signer.unwrap();
        assert_eq!(signer.listen.to_string(), "127.0.0.1:7");
        signer.rules.keys.len()
    };
    assert_eq!(keys(), 0);
    given.write("f", &format!("server: {{address: 127.0.0.1:8}}\ntezos: {{{PKH}: }}\n"));
    assert_eq!(keys(), 1);
    given.write("f", "tezos: [\n");
    assert!(reloader.load().is_err(), "a broken file is refused whole");
}

#[test]
fn a_file_with_secrets_that_others_can_read_is_warned_of() {
    let given = Given::file("server: {jwt: {users: {u: USER}}}\ntezos:\n");
    let warnings = |mode| {
        fs::set_permissions(given.folder.path().join("f"), fs::Permissions::from_mode(mode)).unwrap();
        given.warnings().iter().filter(|line| line.contains("holds secrets")).count()
    };
    assert_eq!([0o600, 0o640, 0o604].map(warnings), [0, 1, 1]);

    let folder = Given::nothing();
    let secret = folder.write("secret", "A-Secret-Of-At-Least-32-Bytes-0001\n");
    let text =
        format!("server: {{jwt: {{users: {{u: {{password: $PW, secret_file: {secret}}}}}}}}}\ntezos:\n");
    let given = Given::file(&text).variable("PW", "Long-Enough-Pass-1");
    assert_eq!(given.warnings(), Vec::<String>::new());
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(given.warnings()[0].contains("everybody on this machine can read"), "{:?}", given.warnings());
}
