//! Signatory's sections, from YAML text to what is configured.

mod faults;
mod guards;
mod policies;
mod server;

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use jwtis_tezos::watermark::jump::BlockTime;
use jwtis_tezos::watermark::{JumpRule, JumpRules};
use jwtis_tezos::{Curve, PublicKeyHash};

use super::super::signer::{GuardConfig, SignerConfig, VaultDriver, WatermarkDriver};
use super::super::value::{Raw, Source};
use super::super::{Config, Reloader, setting};
use super::*;

/// The key triple of the specification, section 11.
const SECRET: &str = "edsk4FTF78Qf1m2rykGpHqostAiq5gYW4YZEoGUSWBTJr2njsDHSnd";
const PUBLIC: &str = "edpkv45regue1bWtuHnCgLU8xWKLwa9qRqv4gimgJKro4LSc3C5VjV";
const PKH: &str = "tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q";

/// A hash of a key that nobody has.
fn pkh(curve: Curve, byte: u8) -> String {
    PublicKeyHash::new(curve, [byte; 20]).to_string()
}

/// A configuration file in a folder of its own, readable by its owner only.
struct Place {
    folder: tempfile::TempDir,
    variables: Vec<(&'static str, &'static str)>,
    strict: bool,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), variables: vec![("HOME", "/home/u")], strict: false }
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn reloader(&self, text: &str) -> Reloader {
        let path = self.write("signatory.yaml", text);
        let mut flags = vec![(&setting::CONFIG, Raw::new(path, Source::Flag("--config".to_owned())))];
        if self.strict {
            flags.push((
                &setting::STRICT_CONFIG,
                Raw::new("true", Source::Flag("--strict-config".to_owned())),
            ));
        }
        let variables = self.variables.clone();
        Reloader::new(flags, move |name| {
            variables.iter().find(|(candidate, _)| *candidate == name).map(|(_, value)| OsString::from(value))
        })
    }

    /// The configuration, or its faults without the folder's name.
    fn load(&self, text: &str) -> Result<Config, Vec<String>> {
        self.reloader(text).load().map_err(|faults| self.lines(&faults))
    }

    fn lines(&self, faults: &[Fault]) -> Vec<String> {
        let folder = format!("{}/signatory.yaml:", self.folder.path().display());
        faults.iter().map(|fault| fault.to_string().replace(&folder, "")).collect()
    }

    /// The warnings that come from the file, without the issuer's.
    fn warnings(&self, config: &Config) -> Vec<String> {
        let lines = self.lines(&config.warnings);
        lines.into_iter().filter(|line| !line.contains("access tokens live")).collect()
    }
}

fn signer(text: &str) -> SignerConfig {
    Place::new().load(text).unwrap().signer.unwrap()
}

/// The warnings, then the notices.
fn findings(text: &str) -> (Vec<String>, Vec<String>) {
    let place = Place::new();
    let config = place.load(text).unwrap();
    (place.warnings(&config), place.lines(&config.notices))
}

/// The sample of §3.4 with keys in the places of the dots.
fn sample() -> String {
    let (baker, payout, consensus) = (PKH, pkh(Curve::Secp256k1, 2), pkh(Curve::Bls12381, 4));
    format!(
        r#"server:
  address: 127.0.0.1:6732
  utility_address: 127.0.0.1:9583
  # authorized_keys: [edpk…]        # not together with jwt
  jwt:
    users:
      payouts:
        password: "Long-Enough-Pass-1"
        secret: "A-Secret-Of-At-Least-32-Bytes-0001"
        jwt_exp: 35
        old_cred_exp: "2126-12-31 00:00:00"
        new_data: {{password: "Another-Long-Pass-2", secret: "Another-Secret-Of-32-Bytes-xx-0002", jwt_exp: 20}}
vaults:
  local: {{driver: file, config: {{file: $HOME/.tezos-client/secret_keys}}}}
watermark: {{driver: file}}
base_dir: /var/lib/signatory
policy_hook: {{address: "http://127.0.0.1:8080/", authorized_keys: [{PUBLIC}]}}
tezos:
  {baker}:                        # null = default policy
  {payout}:
    jwt_users: [payouts]
    log_payloads: true
    allowed_chains: [NetXdQprcVkpaWU]
    allow: {{generic: [reveal, transaction, "ballot:yay"]}}
  {consensus}:
    allow_proof_of_possession: true
    allow: {{block: , preattestation: , attestation: }}
"#
    )
}

#[test]
fn the_sample_of_section_3_4_works() {
    let place = Place::new();
    let config = place.load(&sample()).unwrap();
    assert_eq!(place.warnings(&config), Vec::<String>::new());
    let notices = place.lines(&config.notices);
    assert_eq!(notices.len(), 2, "{notices:?}");
    assert!(notices[0].contains("Scheduled credential rotation for user payouts"), "{notices:?}");
    assert!(notices[1].starts_with(&format!("19:3: {PKH}: `attestation` does not include")), "{notices:?}");

    assert!(config.needs_store(), "the issuer does");
    assert_eq!(config.utility.unwrap().to_string(), "127.0.0.1:9583");
    let signer = config.signer.unwrap();
    assert!(!signer.needs_store());
    assert_eq!(signer.listen.to_string(), "127.0.0.1:6732");
    assert_eq!(
        (signer.watermark, signer.base_dir.as_path()),
        (WatermarkDriver::File, Path::new("/var/lib/signatory"))
    );
    assert!(signer.tls.is_none() && !signer.strict_vaults && !signer.watch_config);
    assert_eq!(signer.max_body_bytes, 131_072);
    let [vault] = signer.vaults.as_slice() else { panic!("{:?}", signer.vaults) };
    assert_eq!(vault.name, "local");
    assert!(matches!(&vault.driver, VaultDriver::File { path, password_file: None }
        if path == Path::new("/home/u/.tezos-client/secret_keys")));
    let rules = &signer.rules;
    let hook = rules.hook.as_ref().unwrap();
    assert_eq!((hook.url.as_str(), hook.timeout), ("http://127.0.0.1:8080/", Duration::from_secs(5)));
    assert_eq!(hook.authorized_keys.as_ref().unwrap()[0].to_string(), PUBLIC);
    let GuardConfig::Tokens { users, issuers } = &rules.guard else { panic!("{:?}", rules.guard) };
    let [user] = users.as_slice() else { panic!("{:?}", rules.guard) };
    let new = user.new.as_ref().unwrap();
    assert_eq!(
        (user.name.as_str(), user.current.jwt_exp, new.jwt_exp, issuers.len()),
        ("payouts", 35, 20, 0)
    );
    assert_eq!(
        (user.current.password.as_str(), new.secret.as_str()),
        ("Long-Enough-Pass-1", "Another-Secret-Of-32-Bytes-xx-0002")
    );
    assert_eq!(user.old_cred_exp.as_deref(), Some("2126-12-31 00:00:00"));
    assert_eq!(rules.keys.len(), 3);
    let payout = &rules.keys[&PublicKeyHash::new(Curve::Secp256k1, [2; 20])];
    assert!(payout.log_payloads);
    assert!(rules.keys[&PublicKeyHash::new(Curve::Bls12381, [4; 20])].policy.allow_proof_of_possession);
}

#[test]
fn what_is_shown_has_every_key_and_no_secret() {
    let config = Place::new().load(&sample()).unwrap();
    let rows = config.signer.as_ref().unwrap().rows();
    let row = |name: &str| rows.iter().find(|(row, _)| row == name).unwrap().1.as_str();
    assert_eq!(row("server.jwt.users"), "[payouts (rotating)]");
    assert_eq!(row("vaults.local"), "file /home/u/.tezos-client/secret_keys");
    assert_eq!(row("watermark.driver"), "file");
    assert_eq!(row("policy_hook"), format!("http://127.0.0.1:8080/, replies signed by [{PKH}], 5 s"));
    assert_eq!(row(&format!("tezos.{PKH}")), "allow: {attestation: , block: , preattestation: }");
    assert_eq!(
        row(&format!("tezos.{}", pkh(Curve::Secp256k1, 2))),
        "allow: {generic: [\"ballot:yay\", reveal, transaction]}; allowed_chains: [NetXdQprcVkpaWU]; jwt_users: [payouts]; payloads are logged"
    );
    let everything = format!("{rows:?} {config:?}");
    for secret in ["Long-Enough", "A-Secret", "Another"] {
        assert!(!everything.contains(secret), "{everything}");
    }
    let mem = signer(&format!("vaults: {{m: {{driver: mem, config: [{SECRET}]}}}}\ntezos:\n"));
    let everything = format!("{mem:?} {:?}", mem.rows());
    assert!(everything.contains("1 key(s)") && !everything.contains("edsk4"), "{everything}");
}

#[test]
fn jumps_of_levels_are_configured_for_all_chains_and_for_one() {
    let text = "watermark:\n  max_jump: 500\n  chains:\n    NetXdQprcVkpaWU: {block_time: 8s}\n    NetXo5iVw1vBoxM: {max_jump: off}\ntezos:\n";
    let config = signer(text);
    let on = |chain: &str| config.rules.jumps.on(&chain.parse().unwrap());
    let bounded = |seconds, max_jump| {
        let block_time = BlockTime::new(Duration::from_secs(seconds)).unwrap();
        JumpRule::Bounded { block_time, max_jump }
    };
    assert_eq!(on("NetXdQprcVkpaWU"), bounded(8, 500));
    assert_eq!(on("NetXo5iVw1vBoxM"), JumpRule::Off);
    assert_eq!(on(&jwtis_tezos::ChainId::new([1; 4]).to_string()), bounded(6, 500));
    assert_eq!(signer("tezos:\n").rules.jumps, JumpRules::default());
    let rows = config.rows();
    for (name, value) in [
        ("watermark.max_jump", "500"),
        ("watermark.chains.NetXdQprcVkpaWU", "block_time: 8s"),
        ("watermark.chains.NetXo5iVw1vBoxM", "max_jump: off"),
    ] {
        assert!(rows.iter().any(|(row, text)| row == name && text == value), "{name}: {rows:?}");
    }
}

#[test]
fn the_signer_starts_where_there_is_a_tezos_section_even_an_empty_one() {
    for (text, wanted) in [
        ("", false),
        ("server: {address: 127.0.0.1:1}\nvaults:\n", false),
        ("tezos:\n", true),
        ("tezos: {}\n", true),
        ("tezos: null\nserver:\nvaults:\nwatermark:\n", true),
    ] {
        let config = Place::new().load(text).unwrap();
        assert_eq!(config.signer.is_some(), wanted, "{text:?}");
        if let Some(signer) = config.signer {
            assert_eq!(signer.listen.to_string(), "127.0.0.1:6732");
            assert_eq!((signer.watermark, signer.vaults.len()), (WatermarkDriver::Store, 0), "{text:?}");
            assert!(matches!(signer.rules.guard, GuardConfig::Open) && signer.rules.hook.is_none());
        }
    }
    let (_, notices) = findings("vaults: {s: {driver: store}}\n");
    assert_eq!(notices, ["1:1: there is no `tezos:` section, so the signer is not started"]);
}

#[test]
fn the_store_is_needed_by_what_is_kept_in_it() {
    let marks = "watermark: {driver: mem}\n";
    for (text, wanted) in [
        ("tezos:\n".to_owned(), true),
        (format!("{marks}tezos:\n"), false),
        (format!("{marks}vaults: {{s: {{driver: store}}}}\ntezos:\n"), true),
        (format!("{marks}tezos: {{{PKH}: {{limits: {{max_fee: 1}}}}}}\n"), false),
        (format!("{marks}tezos: {{{PKH}: {{limits: {{per: {{window: 24h, count: 1}}}}}}}}\n"), true),
        (format!("{marks}server: {{jwt: {{issuers: [{{client: shop}}]}}}}\ntezos:\n"), true),
    ] {
        let text = format!("issuer: {{enabled: false}}\n{text}");
        assert_eq!(Place::new().load(&text).unwrap().needs_store(), wanted, "{text}");
    }
    assert!(!Place::new().load("issuer: {enabled: false}\n").unwrap().needs_store());
}

#[test]
fn a_reload_reads_the_same_file_with_the_same_flags_and_environment() {
    let mut place = Place::new();
    place.variables.push(("JWTIS_SIGNER_ADDRESS", "127.0.0.1:7"));
    let reloader = place.reloader("tezos:\n");
    assert_eq!(reloader.path().unwrap(), place.folder.path().join("signatory.yaml"));
    let keys = || {
        let signer = reloader.load().unwrap().signer.unwrap();
        assert_eq!(signer.listen.to_string(), "127.0.0.1:7");
        signer.rules.keys.len()
    };
    assert_eq!(keys(), 0);
    place.write("signatory.yaml", &format!("server: {{address: 127.0.0.1:8}}\ntezos: {{{PKH}: }}\n"));
    assert_eq!(keys(), 1);
    place.write("signatory.yaml", "tezos: [\n");
    assert!(reloader.load().is_err(), "a broken file is refused whole");
}
