//! `tezos:`: every row of §3.2, down to the verdict.

use jwtis_signer::AllowSource;
use jwtis_tezos::policy::{Circumstances, LimitsMode, Usage};
use jwtis_tezos::{Caller, Curve, Policy, SignRequest, SigningVersion, Verdict};

use super::*;

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

fn policy(entry: &str) -> Policy {
    let signer = signer(&format!("tezos:\n  {PKH}: {entry}\n"));
    signer.rules.keys[&PKH.parse().unwrap()].policy.clone()
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
        let signer = signer(&format!("server: {{jwt: {{}}}}\ntezos:\n  {PKH}: {entry}\n"));
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
    let mut place = Place::new();
    place.strict = true;
    let signer = place.load(&text).unwrap().signer.unwrap();
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
        let signer = signer(&format!("tezos:\n  {PKH}: {entry}\n"));
        assert_eq!(rules_of(&signer).allow_source, wanted, "{entry}");
    }
}

fn rules_of(signer: &SignerConfig) -> &jwtis_signer::KeyRules {
    &signer.rules.keys[&PKH.parse().unwrap()]
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

#[test]
fn observed_limits_are_said_at_the_start() {
    for (mode, wanted, said) in [
        ("enforce", LimitsMode::Enforce, vec![]),
        (
            "observe",
            LimitsMode::Observe,
            vec![format!("2:59: {PKH}: limits are only observed, and refuse nothing")],
        ),
    ] {
        let entry = format!("{{allow: {{pack: }}, limits: {{mode: {mode}, max_fee: 1}}}}");
        assert_eq!(policy(&entry).limits.mode, wanted);
        assert_eq!(findings(&format!("tezos:\n  {PKH}: {entry}\n")), (vec![], said), "{mode}");
    }
}

#[test]
fn what_a_policy_makes_one_wonder_is_said_with_its_line() {
    let tz4 = pkh(Curve::Bls12381, 4);
    for (text, warnings, notices) in [
        (format!("tezos: {{{tz4}: }}\n"), vec![], vec![]),
        (format!("tezos:\n  {PKH}:\n    allow: {{block: , attestation: , attestation_with_dal: }}\n"), vec![], vec![]),
        (
            format!("tezos:\n  {PKH}: {{}}\n"),
            vec![],
            vec![format!("2:3: {PKH} allows nothing: a mapping needs `allow`")],
        ),
        (
            format!("tezos:\n  {PKH}:\n    allow_proof_of_possession: true\n    allow: {{block: [reveal]}}\n"),
            vec![
                "4:20: a list under `block` means nothing".to_owned(),
                format!("2:3: proof of possession is not supported for {PKH}"),
            ],
            vec![],
        ),
        (
            format!("tezos:\n  {PKH}:\n    allowed_operations:\n    - generic\n    - preendorsement\n    allowed_kinds: [ballot:yay, double_endorsement_evidence]\n"),
            vec![
                "5:7: Deprecated configuration detected: 'preendorsement' should be replaced with 'preattestation'".to_owned(),
                "6:33: Deprecated configuration detected: 'double_endorsement_evidence' should be replaced with 'double_consensus_operation_evidence'".to_owned(),
                "4:7: Deprecated configuration detected: 'allowed_operations' and 'allowed_kinds' should be replaced by `allow: {generic: [\"ballot:yay\", double_consensus_operation_evidence], preattestation: }`".to_owned(),
            ],
            vec![],
        ),
        (
            format!("tezos:\n  {PKH}:\n    allowed_operations: [block]\n    allowed_kinds: []\n    allow: {{pack: }}\n"),
            vec![
                "3:26: 'allowed_operations' counts for nothing beside `allow`: remove it".to_owned(),
                "2:3: 'allowed_kinds' counts for nothing beside `allow`: remove it".to_owned(),
            ],
            vec![],
        ),
        (
            format!("tezos:\n  {PKH}:\n    alow: {{block: }}\n    allow: {{pack: }}\n    allowed_chains: [mainnet]\n"),
            vec![
                "3:5: unknown key `alow`; did you mean `allow`?".to_owned(),
                "5:22: `mainnet` is no chain id (Net…), so it allows nothing".to_owned(),
            ],
            vec![],
        ),
        (
            format!("tezos:\n  {PKH}: {{allow: {{pack: }}, authorized_keys: {PUBLIC}}}\n"),
            vec!["2:59: authorized_keys without server.authorized_keys: nobody can sign with this key".to_owned()],
            vec![],
        ),
        (
            format!("server: {{authorized_keys: [[{PUBLIC}]]}}\ntezos:\n  {PKH}:\n    authorized_keys: [{PKH}, {tz4}]\n    allow: {{pack: }}\n"),
            vec![format!("4:5: {tz4} is not one of server.authorized_keys, so it cannot sign")],
            vec![],
        ),
    ] {
        assert_eq!(findings(&text), (warnings, notices), "{text}");
    }
}
