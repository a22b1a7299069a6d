//! What Signatory's sections become: the signer's configuration, down to the verdicts of its policies.

use jwtis_signer::AllowSource;
use jwtis_tezos::policy::{Circumstances, LimitsMode, Usage};
use jwtis_tezos::watermark::jump::BlockTime;
use jwtis_tezos::watermark::{JumpRule, JumpRules};
use jwtis_tezos::{Caller, Policy, SignRequest, SigningVersion, Verdict};

use super::super::signer::{GuardConfig, SignerConfig, VaultDriver, WatermarkDriver};
use super::*;

fn signer(text: &str) -> SignerConfig {
    Given::file(text).load().unwrap().signer.unwrap()
}

fn rules_of(signer: &SignerConfig) -> &jwtis_signer::KeyRules {
    &signer.rules.keys[&PKH.parse().unwrap()]
}

/// The policy of an entry.
fn policy(entry: &str) -> Policy {
    rules_of(&signer(&format!("tezos:\n  PKH: {entry}\n"))).policy.clone()
}

/// Every key of Signatory's sections.
const SAMPLE: &str = r#"server:
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
        new_data: {password: "Another-Long-Pass-2", secret: "Another-Secret-Of-32-Bytes-xx-0002", jwt_exp: 20}
vaults:
  local: {driver: file, config: {file: $HOME/.tezos-client/secret_keys}}
watermark: {driver: file}
base_dir: /var/lib/signatory
policy_hook: {address: "http://127.0.0.1:8080/", authorized_keys: [PUBLIC]}
tezos:
  PKH:                        # null = default policy
  TZ2:
    jwt_users: [payouts]
    log_payloads: true
    allowed_chains: [NetXdQprcVkpaWU]
    allow: {generic: [reveal, transaction, "ballot:yay"]}
  TZ4:
    allow_proof_of_possession: true
    allow: {block: , preattestation: , attestation: }
"#;

#[test]
fn the_sample_of_section_3_4_works() {
    let given = Given::file(SAMPLE);
    assert_eq!(given.warnings(), Vec::<String>::new());
    let config = given.load().unwrap();
    let notices = given.lines(&config.notices);
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
    let config = Given::file(SAMPLE).load().unwrap();
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
    let mem = signer("vaults: {m: {driver: mem, config: [SECRET]}}\ntezos:\n");
    let everything = format!("{mem:?} {:?}", mem.rows());
    assert!(everything.contains("1 key(s)") && !everything.contains("edsk4"), "{everything}");
    let shown = signer("vaults: {f: {driver: file, config: SECRET}}\ntezos:\n").rows();
    assert!(shown.contains(&("vaults.f".to_owned(), "file edsk…".to_owned())), "{shown:?}");
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
        let config = Given::file(text).load().unwrap();
        assert_eq!(config.signer.is_some(), wanted, "{text:?}");
        if let Some(signer) = config.signer {
            assert_eq!(signer.listen.to_string(), "127.0.0.1:6732");
            assert_eq!((signer.watermark, signer.vaults.len()), (WatermarkDriver::Store, 0), "{text:?}");
            assert!(matches!(signer.rules.guard, GuardConfig::Open) && signer.rules.hook.is_none());
        }
    }
}

#[test]
fn the_store_is_needed_by_what_is_kept_in_it() {
    let memory = "watermark: {driver: mem}\n";
    for (text, wanted) in [
        ("tezos:\n".to_owned(), true),
        (format!("{memory}tezos:\n"), false),
        (format!("{memory}vaults: {{s: {{driver: store}}}}\ntezos:\n"), true),
        (format!("{memory}tezos: {{{PKH}: {{limits: {{max_fee: 1}}}}}}\n"), false),
        (format!("{memory}tezos: {{{PKH}: {{limits: {{per: {{window: 24h, count: 1}}}}}}}}\n"), true),
        (format!("{memory}server: {{jwt: {{issuers: [{{client: shop}}]}}}}\ntezos:\n"), true),
    ] {
        let text = format!("issuer: {{enabled: false}}\n{text}");
        assert_eq!(Given::file(&text).load().unwrap().needs_store(), wanted, "{text}");
    }
    assert!(!Given::file("issuer: {enabled: false}\n").load().unwrap().needs_store());
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
}

#[test]
fn credentials_come_from_the_file_the_environment_or_files_of_their_own() {
    let place = Given::nothing();
    let password = place.write("password", "Long-Enough-Pass-1\nsecond line\n");
    let secret = place.write("secret", "A-Secret-Of-At-Least-32-Bytes-0001\n");
    for user in [
        USER.to_owned(),
        "{password: $PW, secret: \"${KEY}\"}".to_owned(),
        format!("{{password_file: {password}, secret_file: {secret}}}"),
        format!("{{password: , password_file: {password}, secret: $KEY}}"),
    ] {
        let given = Given::file(&format!("server: {{jwt: {{users: {{u: {user}}}}}}}\ntezos:\n"));
        let given =
            given.variable("PW", "Long-Enough-Pass-1").variable("KEY", "A-Secret-Of-At-Least-32-Bytes-0001");
        let config = given.load().unwrap();
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
fn issuers_of_ours_open_the_signer() {
    let id = "6f1e2d3c-4b5a-8978-a6b5-c4d3e2f1a0b9";
    let text = format!(
        "server: {{jwt: {{issuers: [{{client: shop, registration: {id}, audience: signer}}, {{client: other}}]}}}}\ntezos:\n"
    );
    let GuardConfig::Tokens { issuers, .. } = signer(&text).rules.guard else { panic!("no tokens") };
    assert_eq!(
        (issuers[0].client.to_string().as_str(), issuers[0].audience.as_deref()),
        ("shop", Some("signer"))
    );
    assert_eq!(issuers[0].registration.unwrap().to_string(), id);
    assert_eq!((issuers[1].registration, issuers[1].audience.as_deref()), (None, None));
}

#[test]
fn vaults_keep_the_order_of_the_file_and_their_passwords() {
    let signer = signer(&format!(
        "vaults:\n  z: {{driver: mem, config: {{keys: [{SECRET}, 'unencrypted:{SECRET}'], password_file: $HOME/pw}}}}\n  a: {{driver: file, config: {{file: /x, password_file: /y}}}}\n  m: {{driver: store, config: }}\ntezos:\n"
    ));
    let names: Vec<&str> = signer.vaults.iter().map(|vault| vault.name.as_str()).collect();
    assert_eq!(names, ["z", "a", "m"]);
    assert!(matches!(&signer.vaults[0].driver, VaultDriver::Mem { keys, password_file: Some(path) }
        if keys.len() == 2 && path == Path::new("/home/u/pw")));
    assert!(matches!(&signer.vaults[1].driver, VaultDriver::File { password_file: Some(path), .. }
        if path == Path::new("/y")));
}

/// A message of every kind, by name.
fn messages() -> [(&'static str, Vec<u8>); 6] {
    let chain = [0xb3, 0xd7, 0x9f, 0x99];
    let consensus = |magic: u8, tag: u8, dal: &[u8]| {
        let level_and_round = [0, 0, 0, 120, 0, 0, 0, 0];
        [&[magic][..], &chain, &[0; 32], &[tag, 0, 7], &level_and_round, &[0x11; 32], dal].concat()
    };
    let framed = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
    let fitness =
        [framed(&[2]), framed(&[0, 0, 0, 120]), framed(&[]), framed(&[0xff; 4]), framed(&[0; 4])].concat();
    let header =
        [&[0, 0, 0, 120, 24][..], &[0x20; 32], &[0; 8], &[4], &[0x21; 32], &framed(&fitness)].concat();
    let block = [&[0x11][..], &chain, &header, &[0x22; 64], &[0; 4], &[0x24; 8], &[0, 2]].concat();
    let transaction = [&[108, 0][..], &[0xaa; 20], &[1, 1, 1, 0, 1, 0, 0], &[0xbb; 20], &[0]].concat();
    [
        ("attestation", consensus(0x13, 21, &[])),
        ("attestation_with_dal", consensus(0x13, 23, &[5])),
        ("block", block),
        ("generic", [&[3][..], &[0; 32], &transaction].concat()),
        ("pack", vec![5, 3, 11]),
        ("preattestation", consensus(0x12, 20, &[])),
    ]
}

fn verdict(policy: &Policy, message: &[u8]) -> Result<(), String> {
    let request = SignRequest::decode(message, SigningVersion::LATEST).unwrap();
    let key = PublicKeyHash::new(Curve::Ed25519, [1; 20]);
    let usage = Usage::default();
    let at = Circumstances { key: &key, caller: &Caller::Anonymous, usage: &usage, now_ms: 1 };
    match policy.evaluate(&request, &at) {
        Verdict::Allow(_) | Verdict::Observe { .. } => Ok(()),
        Verdict::Deny(denial) => Err(denial.to_string()),
    }
}

/// The kinds of messages that the policy of an entry lets pass.
fn passes(entry: &str) -> Vec<&'static str> {
    let policy = policy(entry);
    let passing = messages().into_iter().filter(|(_, message)| verdict(&policy, message).is_ok());
    passing.map(|(name, _)| name).collect()
}

#[test]
fn trap_1_null_policy_is_the_baker_default_and_a_mapping_without_allow_denies_everything() {
    let baker = ["attestation", "block", "preattestation"];
    for (entry, wanted) in [
        ("", &baker[..]),
        ("null", &baker),
        ("~", &baker),
        ("{}", &[]),
        ("{log_payloads: true}", &[]),
        ("{allow: {}}", &[]),
        ("{allow: null}", &[]),
        ("{allow: {}, allowed_operations: [block]}", &[]),
        ("{allow: {block: }}", &["block"]),
        ("{allow: {block: null, pack: []}}", &["block", "pack"]),
        ("{allow: {generic: }}", &[]),
        ("{allow: {generic: []}}", &[]),
        ("{allow: {generic: [transaction]}}", &["generic"]),
        ("{allow: {generic: [delegation]}}", &[]),
        ("{allow: {block: [transaction]}}", &["block"]),
        ("{allow: {attestation: }}", &["attestation"]),
        ("{allow: {endorsement: }}", &["attestation"]),
        ("{allow: {attestation_with_dal: }}", &["attestation_with_dal"]),
        ("{allowed_kinds: [transaction]}", &[]),
        ("{allowed_operations: [generic], allowed_kinds: [transaction]}", &["generic"]),
    ] {
        assert_eq!(passes(entry), wanted, "{entry}");
    }
}

#[test]
fn trap_2_an_empty_list_of_operations_or_users_denies_and_a_missing_one_of_users_allows() {
    let generic = &messages()[3].1;
    for entry in ["{allow: {generic: }}", "{allow: {generic: []}}"] {
        assert_eq!(verdict(&policy(entry), generic).unwrap_err(), "operation `transaction' is not allowed");
    }
    let with_tokens = |entry: &str| {
        let signer = signer(&format!("server: {{jwt: {{}}}}\ntezos:\n  PKH: {entry}\n"));
        rules_of(&signer).policy.clone()
    };
    for nobody in ["[]", "", "null"] {
        assert_eq!(with_tokens(&format!("{{jwt_users: {nobody}}}")).jwt_users.unwrap().len(), 0, "{nobody}");
        assert_eq!(with_tokens(&format!("{{jwt_roles: {nobody}}}")).jwt_roles.unwrap().len(), 0, "{nobody}");
        let clients = policy(&format!("{{authorized_keys: {nobody}}}")).authorized_keys;
        assert_eq!(clients.unwrap().len(), 0, "{nobody}");
    }
    for entry in ["{}", ""] {
        assert_eq!(with_tokens(entry).jwt_users, None, "{entry}");
    }
}

#[test]
fn anchors_and_merge_keys_share_a_policy() {
    let other = pkh(Curve::P256, 3);
    let third = pkh(Curve::P256, 5);
    let signer = signer(&format!(
        "tezos:\n  {PKH}: &p {{allow: {{generic: [reveal]}}}}\n  {other}: *p\n  {third}: {{<<: *p, log_payloads: true}}\n"
    ));
    let rules: Vec<_> = signer.rules.keys.values().collect();
    assert_eq!(rules.len(), 3);
    assert!(rules.iter().all(|rules| rules.policy == rules_of(&signer).policy));
    assert_eq!(rules.iter().filter(|rules| rules.log_payloads).count(), 1);
}

/// Signatory ignores sections that it does not know, so operators keep shared policies there.
#[test]
fn case_10_policies_below_an_extension_section_are_taken_by_alias_and_by_merge_key() {
    let other = pkh(Curve::P256, 3);
    let text = format!(
        "x-policy: &payer\n  log_payloads: true\n  allow: {{generic: [reveal]}}\ntezos:\n  {PKH}: *payer\n  {other}:\n    <<: *payer\n    log_payloads: false\n"
    );
    let signer = Given::file(&text).flag("config.strict", "true").load().unwrap().signer.unwrap();
    let rules: Vec<_> = signer.rules.keys.values().collect();
    assert!(rules.iter().all(|rules| rules.policy == rules_of(&signer).policy));
    assert_eq!(rules.iter().filter(|rules| rules.log_payloads).count(), 1);
    assert_eq!(signer.rules.keys.len(), 2);
}

#[test]
fn it_is_known_what_the_permissions_of_a_key_were_made_of() {
    for (entry, wanted) in [
        ("", AllowSource::Default),
        ("{}", AllowSource::Default),
        ("{allow: }", AllowSource::Default),
        ("{allow: {}}", AllowSource::Allow),
        ("{allow: {block: }, allowed_operations: [generic]}", AllowSource::Allow),
        ("{allowed_operations: [block]}", AllowSource::DeprecatedLists),
        ("{allowed_kinds: [reveal]}", AllowSource::DeprecatedLists),
    ] {
        let signer = signer(&format!("tezos:\n  PKH: {entry}\n"));
        assert_eq!(rules_of(&signer).allow_source, wanted, "{entry}");
    }
}

#[test]
fn limits_are_read_in_mutez_tez_and_durations() {
    let policy = policy(&format!(
        "{{limits: {{max_amount: 1.5tz, max_fee: 10000, destinations: [{PKH}, KT1PWx2mnDueood7fEmfbBDKx1D9BAnnXitn], entrypoints: [default, transfer], per: {{window: 1h30m, amount: 10 tz, count: 5}}}}}}"
    ));
    let limits = policy.limits;
    assert_eq!(limits.max_amount.unwrap().get(), 1_500_000);
    assert_eq!(limits.max_fee.unwrap().get(), 10_000);
    assert_eq!((limits.destinations.unwrap().len(), limits.entrypoints.unwrap().len()), (2, 2));
    let rate = limits.per.unwrap();
    assert_eq!(
        (rate.window, rate.amount.unwrap().get(), rate.count),
        (Duration::from_secs(5400), 10_000_000, Some(5))
    );
    assert_eq!(limits.mode, LimitsMode::Enforce);
}

/// A guard that is configured empty lets nobody in: a warning says so, and an anonymous caller gets nothing.
#[test]
fn a_guard_that_is_empty_is_closed() {
    let jwt = "jwt: {users: {u: USER}}";
    let keys = "authorized_keys: PUBLIC";
    for (server, key, wanted) in [
        ("", "", None),
        ("authorized_keys: []", "", Some("server.authorized_keys lists no key")),
        ("authorized_keys: ", "", Some("server.authorized_keys lists no key")),
        ("authorized_keys: [[]]", "", Some("server.authorized_keys lists no key")),
        ("jwt: ", "", Some("server.jwt has neither users nor issuers")),
        ("jwt: {}", "", Some("server.jwt has neither users nor issuers")),
        ("jwt: {users: }", "", Some("server.jwt has neither users nor issuers")),
        ("jwt: {users: {}, issuers: []}", "", Some("server.jwt has neither users nor issuers")),
        (jwt, ", jwt_users: []", Some("jwt_users lists nobody")),
        (jwt, ", jwt_users: ", Some("jwt_users lists nobody")),
        (jwt, ", jwt_roles: []", Some("jwt_roles lists nobody")),
        (jwt, ", jwt_roles: ", Some("jwt_roles lists nobody")),
        ("", ", authorized_keys: []", Some("authorized_keys without server.authorized_keys")),
        ("", ", authorized_keys: ", Some("authorized_keys without server.authorized_keys")),
        (keys, ", authorized_keys: []", Some("authorized_keys lists nobody")),
        (keys, ", authorized_keys: ", Some("authorized_keys lists nobody")),
        ("", ", allowed_chains: []", Some("allowed_chains lists no chain")),
        ("", ", allowed_chains: ", Some("allowed_chains lists no chain")),
    ] {
        let text = format!("server: {{{server}}}\ntezos:\n  PKH: {{allow: {{attestation: }}{key}}}\n");
        let given = Given::file(&text);
        let rules = given.load().unwrap().signer.unwrap().rules;
        let policy = &rules.keys[&PKH.parse().unwrap()].policy;
        let is_open = matches!(rules.guard, GuardConfig::Open) && verdict(policy, &messages()[0].1).is_ok();
        assert_eq!(is_open, wanted.is_none(), "{text}");
        let warnings = given.warnings().join("\n");
        assert!(wanted.is_none_or(|wanted| warnings.contains(wanted)), "{text}{warnings}");
    }
    let hook = signer("policy_hook: {address: 'http://h/', authorized_keys: }\ntezos:\n").rules.hook;
    assert_eq!(hook.unwrap().authorized_keys, Some(Vec::new()));
}

/// The sample cut off anywhere, and with one character of it exchanged: faults or a configuration, never a panic.
#[test]
fn broken_and_hostile_files_never_panic() {
    let sample = with_keys(SAMPLE);
    let mut refused = 0_usize;
    for (at, _) in sample.char_indices() {
        refused += usize::from(faults_of(&sample[..at]) > 0);
    }
    for (number, (at, old)) in sample.char_indices().enumerate().filter(|(_, (_, old))| !old.is_whitespace())
    {
        let hostile = ['[', '{', '*', '&', ':', '\t', '!', '\'', '"', '-', '|', '\0'][number % 12];
        let text = format!("{}{hostile}{}", &sample[..at], &sample[at + old.len_utf8()..]);
        refused += usize::from(faults_of(&text) > 0);
    }
    assert!(refused > 500, "{refused}");
    let many: String = (0..5_000).map(|number| format!("  tz{number}: {{}}\n")).collect();
    assert_eq!(faults_of(&format!("tezos:\n{many}")), 5_000);
    for text in ["a: &a [*a]", &"- ".repeat(100_000), &"tezos: {a: ".repeat(50_000)] {
        assert_eq!(faults_of(text), 1);
    }
}

/// How many faults a file with this text has; without the detour through a file, whose buffer is wiped each time.
fn faults_of(text: &str) -> usize {
    let home = |name: &str| (name == "HOME").then(|| OsString::from("/home/u"));
    let mut layers = Layers::of_text(Path::new("f"), text);
    layers.settle(&GivenFlags::new(), &home);
    let reading = FileReading::new(&layers, &home);
    let model: Model = reading.model();
    signatory::signer(&reading, &model);
    reading.findings().faults.len() + layers.findings.faults.len()
}
