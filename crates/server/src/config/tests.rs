use std::ffi::OsString;
use std::path::Path;

use super::value::Position;
use super::*;

fn load(flags: &[(&'static Setting, &str)], environment: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let flags = flags
        .iter()
        .map(|(setting, text)| (*setting, Raw::new(*text, Source::Flag(setting.flag_text().unwrap()))))
        .collect();
    let environment = |name: &str| {
        environment.iter().find(|(candidate, _)| *candidate == name).map(|(_, value)| OsString::from(value))
    };
    Config::load(flags, &environment).map_err(|faults| faults.iter().map(Fault::to_string).collect())
}

fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwtis.yaml");
    std::fs::write(&path, text).unwrap();
    (folder, path.to_str().unwrap().to_owned())
}

#[test]
fn without_anything_the_go_program_s_defaults_hold() {
    let config = load(&[], &[]).unwrap();
    let issuer = config.issuer.unwrap();
    assert_eq!(issuer.listen.to_string(), "127.0.0.1:4343");
    assert_eq!(issuer.settings.defaults.auth_ttl.to_string(), "72h0m0s");
    assert_eq!(issuer.settings.defaults.expiry.to_string(), "4320h0m0s");
    assert_eq!(issuer.settings.renew_grace.as_secs(), 30);
    assert_eq!(config.store.path, Path::new("./data/keys.db"));
    assert_eq!(config.utility.unwrap().to_string(), "127.0.0.1:9583");
    assert_eq!(config.warnings.len(), 1, "{:?}", config.warnings);
    assert!(config.warnings[0].message.contains("access tokens live 72h0m0s"));
}

/// Every setting that is a path, wherever it can be given: what a shell would have replaced is replaced.
#[test]
fn a_path_means_the_same_in_every_setting_from_the_file_a_variable_or_a_flag() {
    let paths: Vec<&Setting> = setting::ALL.into_iter().filter(|setting| setting.is_path()).collect();
    assert!(paths.len() >= 9, "{}", paths.len());
    for setting in paths {
        for (text, wanted) in
            [("~/x", Some("/home/u/x")), ("$HOME/x", Some("/home/u/x")), ("$NOBODY/x", None)]
        {
            let position = Position { file: "f".into(), line: 1, column: 1 };
            let flag = || vec![(setting, Raw::new(text, Source::Flag("--flag".to_owned())))];
            let file = || vec![(setting, Raw::new(text, Source::File(position.clone())))];
            for (place, flags, variable, file) in [
                ("flag", flag(), None, Vec::new()),
                ("variable", Vec::new(), setting.env, Vec::new()),
                ("file", Vec::new(), None, file()),
            ] {
                if place == "variable" && variable.is_none() {
                    continue;
                }
                let environment = |name: &str| match name {
                    "HOME" => Some(OsString::from("/home/u")),
                    _ => (variable == Some(name)).then(|| OsString::from(text)),
                };
                let mut faults = Vec::new();
                let values = Values::resolve(flags, &environment, file, &mut faults);
                match wanted {
                    Some(wanted) => {
                        assert_eq!(
                            values.path(setting).unwrap(),
                            Path::new(wanted),
                            "{} {place}",
                            setting.name
                        );
                        assert_eq!(faults, []);
                    }
                    None => assert!(faults[0].message.contains("`NOBODY`"), "{} {place}", setting.name),
                }
            }
        }
    }
}

#[test]
fn no_setting_that_names_a_file_is_read_as_a_mere_text() {
    for setting in setting::ALL {
        let is_text = matches!(setting.kind, setting::Kind::Value("FILE" | "FOLDER" | "DIR" | "PATH"));
        assert!(!is_text, "{} is a path: give it the kind Path", setting.name);
    }
}

#[test]
fn the_grace_of_renewals_may_be_nothing() {
    for (text, seconds) in [("0", 0), ("0s", 0), ("1m", 60)] {
        let config = load(&[(&setting::RENEW_GRACE, text)], &[]).unwrap();
        assert_eq!(config.issuer.unwrap().settings.renew_grace.as_secs(), seconds, "{text}");
    }
    assert!(load(&[(&setting::RENEW_GRACE, "30")], &[]).is_err(), "nobody means nanoseconds");
}

#[test]
fn all_faults_together_each_with_what_to_do() {
    let (_folder, path) = file("issuer:\n  sigalg: ES256\n  refresh_strategy: always\nlog:\n  format: xml\n");
    let faults = load(
        &[
            (&setting::CONFIG, &path),
            (&setting::SIG_ALG, "ES257"),
            (&setting::AUTH_TTL, "72"),
            (&setting::TLS, "true"),
            (&setting::LISTEN, "0.0.0.0:4343"),
            (&setting::ENC_BITS, "many"),
        ],
        &[("JWTIS_CONT_ENC", "A256CBC"), ("JWTIS_PROFILE", "lax"), ("JWTIS_VERBOSE", "perhaps")],
    )
    .unwrap_err();
    for wanted in [
        "jwtis.yaml:2:3: unknown key `sigalg`; did you mean `sig_alg`?",
        "jwtis.yaml:3:21: issuer.refresh_strategy: the refresh strategy is one of",
        "jwtis.yaml:5:11: log.format: the log format is one of",
        "--sigAlg: ",
        "--authTTL: \"72\" is not a duration",
        "--tls: TLS needs a certificate and a key; give --certFile and --keyFile",
        "--listen: 0.0.0.0:4343 is reachable from other machines",
        "--encBits: write a number of bits",
        "JWTIS_CONT_ENC: ",
        "JWTIS_PROFILE: the profile is",
        "JWTIS_VERBOSE: write true or false",
    ] {
        assert!(faults.iter().any(|fault| fault.contains(wanted)), "{wanted} is not in {faults:#?}");
    }
    assert_eq!(faults.len(), 11, "{faults:#?}");
}

#[test]
fn bits_follow_the_algorithm_unless_given() {
    let config = load(&[(&setting::SIG_ALG, "RS256")], &[]).unwrap();
    assert_eq!(config.issuer.unwrap().settings.defaults.sig_bits, None);
    let faults = load(&[(&setting::SIG_ALG, "ES512"), (&setting::SIG_BITS, "512")], &[]).unwrap_err();
    assert!(faults[0].starts_with("--sigBits: ") && faults[0].contains("521"), "{faults:?}");
    let faults = load(&[(&setting::SIG_ALG, "RS256"), (&setting::SIG_BITS, "1024")], &[]).unwrap_err();
    assert!(faults[0].starts_with("--sigBits: "), "{faults:?}");
}

#[test]
fn rsa1_5_needs_its_flag() {
    let faults = load(&[(&setting::ENC_ALG, "RSA1_5")], &[]).unwrap_err();
    assert!(faults[0].contains("--allow-rsa1_5"), "{faults:?}");
    assert!(load(&[(&setting::ENC_ALG, "RSA1_5"), (&setting::ALLOW_RSA1_5, "true")], &[]).is_ok());
}

#[test]
fn lifetimes_must_nest() {
    let faults = load(&[(&setting::AUTH_TTL, "721h")], &[]).unwrap_err();
    assert!(faults[0].starts_with("--authTTL: "), "{faults:?}");
    let faults = load(&[(&setting::EXPIRY, "1h")], &[]).unwrap_err();
    assert!(faults[0].starts_with("--expiry: "), "{faults:?}");
}

#[test]
fn a_maximum_cuts_a_default_and_refuses_what_was_given_beyond_it() {
    let config = load(&[(&setting::MAX_AUTH_TTL, "1h"), (&setting::MAX_EXPIRY, "1000h")], &[]).unwrap();
    let maxima = config.issuer.unwrap().settings.defaults.maxima;
    assert_eq!(maxima.auth_ttl.unwrap().to_string(), "1h0m0s");
    assert_eq!(maxima.refresh_ttl, None);
    let faults = load(&[(&setting::MAX_AUTH_TTL, "1h"), (&setting::AUTH_TTL, "2h")], &[]).unwrap_err();
    assert!(faults[0].starts_with("--authTTL: 2h0m0s is longer than issuer.max_auth_ttl"), "{faults:?}");
    let faults = load(&[(&setting::MAX_REFRESH_TTL, "soon")], &[]).unwrap_err();
    assert!(faults[0].starts_with("--max-refresh-ttl: "), "{faults:?}");
}

#[test]
fn the_strict_profile_changes_defaults_and_nothing_that_was_given() {
    let config = load(&[(&setting::PROFILE, "strict")], &[("JWTIS_REFRESH_TTL", "10h")]).unwrap();
    assert_eq!(config.values.source(&setting::AUTH_TTL).to_string(), "profile strict");
    let defaults = config.issuer.unwrap().settings.defaults;
    assert_eq!(
        (defaults.auth_ttl.to_string().as_str(), defaults.refresh_ttl.to_string().as_str()),
        ("15m0s", "10h0m0s")
    );
    assert_eq!(defaults.refresh_strategy.name(), "refreshBoth");
    assert_eq!(config.warnings, []);
}

#[test]
fn plain_http_stays_on_this_machine_unless_told() {
    for (flags, accepted) in [
        (vec![(&setting::LISTEN, "127.0.0.1:1")], true),
        (vec![(&setting::LISTEN, ":4343")], false),
        (vec![(&setting::LISTEN, ":4343"), (&setting::INSECURE, "true")], true),
        (
            vec![
                (&setting::LISTEN, ":4343"),
                (&setting::TLS, "true"),
                (&setting::CERT_FILE, "c.pem"),
                (&setting::KEY_FILE, "k.pem"),
            ],
            true,
        ),
    ] {
        assert_eq!(load(&flags, &[]).is_ok(), accepted, "{flags:?}");
    }
}

#[test]
fn strict_config_turns_warnings_about_the_file_into_faults() {
    let (_folder, path) = file("server:\n  adress: x\nwatermark: {driver: mem}\ntezos: {}\n");
    let config = load(&[(&setting::CONFIG, &path)], &[]).unwrap();
    let warnings: Vec<String> = config.warnings.iter().map(Fault::to_string).collect();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(
        warnings[0].ends_with("jwtis.yaml:2:3: unknown key `adress`; did you mean `address`?"),
        "{warnings:?}"
    );
    assert!(warnings[1].contains("the watermark driver `mem` forgets"), "{warnings:?}");
    let faults = load(&[(&setting::CONFIG, &path), (&setting::STRICT_CONFIG, "true")], &[]).unwrap_err();
    assert_eq!(faults.len(), 1, "what is right in some places is no fault: {faults:?}");
}

#[test]
fn a_missing_file_is_a_fault_that_names_it() {
    let faults = load(&[], &[("JWTIS_CONFIG", "/nonexistent/jwtis.yaml")]).unwrap_err();
    assert!(faults[0].starts_with("/nonexistent/jwtis.yaml cannot be read: "), "{faults:?}");
}

#[test]
fn the_issuer_can_be_switched_off() {
    let (_folder, path) = file("issuer: {enabled: false}\n");
    assert!(load(&[(&setting::CONFIG, &path)], &[]).unwrap().issuer.is_none());
}

#[test]
fn a_password_wins_over_a_file_that_holds_one() {
    let config = load(&[(&setting::PSWD, "one")], &[("JWTIS_PSWD_FILE", "/x")]).unwrap();
    assert!(matches!(config.store.password, Some(SecretSource::Given(_))));
    let config = load(&[(&setting::PSWD_FILE, "/x")], &[("JWTIS_PSWD", "one")]).unwrap();
    assert!(matches!(config.store.password, Some(SecretSource::Given(_))));
    let config = load(&[(&setting::PSWD_FILE, "/x")], &[]).unwrap();
    assert!(matches!(config.store.password, Some(SecretSource::File(_))));
    assert!(!format!("{:?}", load(&[(&setting::PSWD, "h0rse")], &[]).unwrap()).contains("h0rse"));
}

#[test]
fn a_password_on_the_command_line_or_in_the_environment_is_warned_of() {
    let said = |config: Config| config.warnings.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n");
    let strict = (&setting::PROFILE, "strict");
    let by_flag = said(load(&[strict, (&setting::PSWD, "x")], &[]).unwrap());
    assert!(by_flag.starts_with("--pswd: every user of this machine can read"), "{by_flag}");
    let variables = [("JWTIS_PSWD", "x"), ("JWTIS_ADMIN_TOKEN", "jat_x")];
    let by_variable = said(load(&[strict], &variables).unwrap());
    assert!(
        by_variable.contains("JWTIS_PSWD: the environment")
            && by_variable.contains("JWTIS_ADMIN_TOKEN: the environment"),
        "{by_variable}"
    );
    assert_eq!(said(load(&[strict, (&setting::PSWD_FILE, "x")], &[]).unwrap()), "");
}

#[test]
fn a_start_leaves_no_secret_in_the_configuration() {
    let mut config = load(&[], &[("JWTIS_PSWD", "s3cret"), ("JWTIS_ADMIN_TOKEN", "jat_x")]).unwrap();
    config.forget_secrets();
    assert!(config.store.password.is_none());
    assert!(config.issuer.as_ref().unwrap().admin_token.is_none());
    assert_eq!(config.values.find(&setting::PSWD).unwrap().text.as_str(), "");
    assert!(config.values.is_given(&setting::PSWD));
}

#[test]
fn a_utility_listener_beyond_this_machine_gets_a_warning() {
    for (address, warned) in [
        ("127.0.0.1:9583", false),
        ("localhost:9583", false),
        (":9583", true),
        ("0.0.0.0:9583", true),
        ("off", false),
    ] {
        let warnings = load(&[(&setting::UTILITY_ADDRESS, address)], &[]).unwrap().warnings;
        let said = warnings.iter().any(|warning| warning.message.contains("/metrics"));
        assert_eq!(said, warned, "{address}: {warnings:?}");
    }
}
