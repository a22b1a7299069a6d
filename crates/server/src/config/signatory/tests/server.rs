//! `server:`: the guard, its credentials and what reaches them.

use super::*;

const USER: &str = "{password: Long-Enough-Pass-1, secret: A-Secret-Of-At-Least-32-Bytes-0001}";

/// The id of a registration.
const REGISTRATION: &str = "6f1e2d3c-4b5a-8978-a6b5-c4d3e2f1a0b9";

#[test]
fn with_open_registration_trust_is_pinned_to_a_registration() {
    let file = |issuer: &str, rest: &str| {
        format!("issuer: {{{issuer}}}\nserver: {{jwt: {{issuers: [{{client: baker-app{rest}}}]}}}}\ntezos:\n")
    };
    let pinned = format!(", registration: {REGISTRATION}");
    for (issuer, rest, wanted) in [
        (
            "open_registration: true",
            "",
            Some(
                "2:26: registration is open, so anybody who takes the name baker-app would sign as any user; add `registration`",
            ),
        ),
        ("open_registration: true", pinned.as_str(), None),
        ("open_registration: true, enabled: false", "", None),
        ("", "", None),
        ("", ", registration: baker-app", Some("registration: a registration is a UUID of version 8")),
    ] {
        let outcome = Place::new().load(&file(issuer, rest));
        match wanted {
            Some(wanted) => {
                let faults = outcome.unwrap_err();
                assert!(faults.iter().any(|fault| fault.contains(wanted)), "{issuer} {rest}: {faults:?}");
            }
            None => assert!(outcome.is_ok(), "{issuer} {rest}: {outcome:?}"),
        }
    }
}

#[test]
fn static_keys_are_one_a_list_or_lists_in_lists() {
    for (value, wanted) in [
        (PUBLIC.to_owned(), 1),
        (format!("[{PUBLIC}, {PUBLIC}]"), 2),
        (format!("[[{PUBLIC}], [[{PUBLIC}], {PUBLIC}]]"), 3),
        ("[]".to_owned(), 0),
    ] {
        let signer = signer(&format!("server: {{authorized_keys: {value}}}\ntezos:\n"));
        let GuardConfig::Keys(keys) = &signer.rules.guard else { panic!("{value}") };
        assert_eq!(keys.len(), wanted, "{value}: order and duplicates are kept");
    }
    let (warnings, _) = findings("server:\n  authorized_keys: []\ntezos:\n");
    assert_eq!(warnings, ["2:3: server.authorized_keys lists no key, so nobody can sign"]);
}

#[test]
fn credentials_come_from_the_file_the_environment_or_files_of_their_own() {
    let mut place = Place::new();
    place.variables.push(("PW", "Long-Enough-Pass-1"));
    place.variables.push(("KEY", "A-Secret-Of-At-Least-32-Bytes-0001"));
    let password = place.write("password", "Long-Enough-Pass-1\nsecond line\n");
    let secret = place.write("secret", "A-Secret-Of-At-Least-32-Bytes-0001\n");
    for user in [
        USER.to_owned(),
        "{password: $PW, secret: \"${KEY}\"}".to_owned(),
        format!("{{password_file: {password}, secret_file: {secret}}}"),
        format!("{{password: , password_file: {password}, secret: $KEY}}"),
    ] {
        let config = place.load(&format!("server: {{jwt: {{users: {{u: {user}}}}}}}\ntezos:\n")).unwrap();
        let GuardConfig::Tokens { users, .. } = config.signer.unwrap().rules.guard else { panic!("{user}") };
        let [user] = users.as_slice() else { panic!("one user") };
        assert_eq!(user.current.password.as_str(), "Long-Enough-Pass-1");
        assert_eq!(user.current.secret.as_str(), "A-Secret-Of-At-Least-32-Bytes-0001");
        assert_eq!((user.current.jwt_exp, user.new.is_none()), (0, true));
    }
}

#[test]
fn trap_6_an_unquoted_timestamp_is_taken_as_written() {
    let new = "{password: Another-Long-Pass-2, secret: Another-Secret-Of-32-Bytes-xx-0002}";
    for (time, wanted) in
        [("2126-12-31 00:00:00", "2126-12-31 00:00:00"), ("'2126-01-02 03:04:05'", "2126-01-02 03:04:05")]
    {
        let text = format!(
            "server:\n  jwt:\n    users:\n      u:\n        password: Long-Enough-Pass-1\n        secret: A-Secret-Of-At-Least-32-Bytes-0001\n        old_cred_exp: {time}\n        new_data: {new}\ntezos:\n"
        );
        let GuardConfig::Tokens { users, .. } = signer(&text).rules.guard else { panic!("{time}") };
        assert_eq!(users[0].old_cred_exp.as_deref(), Some(wanted));
    }
}

#[test]
fn issuers_of_ours_open_the_signer_and_then_users_need_not_be_listed() {
    let text = format!(
        "server:\n  jwt:\n    issuers: [{{client: shop, registration: {REGISTRATION}, audience: signer}}, {{client: other}}]\ntezos:\n  {PKH}: {{jwt_users: [alice], jwt_roles: [ops], allow: {{pack: }}}}\n"
    );
    assert_eq!(
        findings(&text).0,
        [
            "3:101: whoever is registered as other signs as any user; add `registration`, which `jwtis client show other` prints"
        ]
    );
    let GuardConfig::Tokens { issuers, .. } = signer(&text).rules.guard else { panic!("no tokens") };
    assert_eq!(
        (issuers[0].client.to_string().as_str(), issuers[0].audience.as_deref()),
        ("shop", Some("signer"))
    );
    assert_eq!(issuers[0].registration.unwrap().to_string(), REGISTRATION);
    assert_eq!((issuers[1].registration, issuers[1].audience.as_deref()), (None, None));
    let text = format!(
        "server: {{jwt: {{users: {{u: {USER}}}}}}}\ntezos:\n  {PKH}:\n    allow: {{pack: }}\n    jwt_users: [u, alice]\n    jwt_roles: [ops]\n"
    );
    assert_eq!(
        findings(&text).0,
        [
            "5:20: server.jwt has no user `alice`",
            "6:5: jwt_roles without server.jwt.issuers: tokens of a login have no roles, so nobody can sign with this key",
        ]
    );
    let (warnings, _) = findings("server:\n  jwt: {}\ntezos:\n");
    assert_eq!(warnings, ["2:3: server.jwt has neither users nor issuers, so nobody can sign"]);
}

#[test]
fn what_other_machines_reach_is_warned_of_and_not_refused() {
    let tls = "tls_cert_file: c.pem, tls_key_file: k.pem";
    for (server, wanted) in [
        ("address: 127.0.0.1:6732".to_owned(), None),
        (format!("jwt: {{users: {{u: {USER}}}}}"), None),
        (format!("address: '[::1]:6732', jwt: {{users: {{u: {USER}}}}}"), None),
        ("address: ':6732'".to_owned(), Some("whoever reaches it may sign with 1 key(s)")),
        (format!("address: ':6732', {tls}"), Some("whoever reaches it may sign with 1 key(s)")),
        (format!("address: ':6732', jwt: {{users: {{u: {USER}}}}}"), Some("tokens travel there in clear")),
        (format!("address: ':6732', {tls}, jwt: {{users: {{u: {USER}}}}}"), None),
        (format!("address: ':6732', authorized_keys: {PUBLIC}"), None),
    ] {
        let mut place = Place::new();
        place.strict = true;
        let config = place.load(&format!("server: {{{server}}}\ntezos: {{{PKH}: }}\n")).unwrap();
        let warnings = place.warnings(&config);
        match wanted {
            Some(wanted) => {
                assert!(warnings.len() == 1 && warnings[0].contains(wanted), "{server}: {warnings:?}")
            }
            None => assert_eq!(warnings, Vec::<String>::new(), "{server}"),
        }
    }
}

#[test]
fn a_file_with_secrets_that_others_can_read_is_warned_of() {
    let place = Place::new();
    let text = format!("server: {{jwt: {{users: {{u: {USER}}}}}}}\ntezos:\n");
    let path = place.write("signatory.yaml", &text);
    let warnings = |mode| {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        // Written again by `load`, which keeps neither: so through the reloader's own path.
        let flags = vec![(&setting::CONFIG, Raw::new(path.clone(), Source::Flag("--config".to_owned())))];
        let config = Config::load(flags, &|_| None).unwrap();
        place.warnings(&config).iter().filter(|line| line.contains("holds secrets")).count()
    };
    assert_eq!([0o600, 0o640, 0o604].map(warnings), [0, 1, 1]);

    let secret = place.write("secret", "A-Secret-Of-At-Least-32-Bytes-0001\n");
    let text =
        format!("server: {{jwt: {{users: {{u: {{password: $PW, secret_file: {secret}}}}}}}}}\ntezos:\n");
    let mut place = place;
    place.variables.push(("PW", "Long-Enough-Pass-1"));
    assert_eq!(place.warnings(&place.load(&text).unwrap()), Vec::<String>::new());
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    let warnings = place.warnings(&place.load(&text).unwrap());
    assert!(
        warnings.len() == 1 && warnings[0].contains("everybody on this machine can read"),
        "{warnings:?}"
    );
}
