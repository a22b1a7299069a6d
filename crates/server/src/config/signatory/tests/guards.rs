//! Guards that are configured empty or half: each lets nobody in, or is a fault.

use jwtis_tezos::policy::{Circumstances, Usage};
use jwtis_tezos::{Caller, SignRequest, SigningVersion, Verdict};

use super::*;

const USERS: &str = "users: {u: {password: Long-Enough-Pass-1, secret: A-Secret-Of-At-Least-32-Bytes-0001}}";

/// What becomes of a file.
enum Becomes {
    /// It is refused, with this text.
    Fault(&'static str),
    /// It is used with this warning, and the key signs for nobody whom the server does not know.
    Closed(&'static str),
}
use Becomes::{Closed, Fault};

/// A file whose `server:` has these entries, and whose key has those.
fn file(server: &str, key: &str) -> String {
    format!("server: {{{server}}}\ntezos:\n  {PKH}: {{allow: {{attestation: }}{key}}}\n")
}

/// Whether an anonymous caller gets an attestation.
fn signs_for_anybody(config: &Config) -> bool {
    let rules = &config.signer.as_ref().unwrap().rules;
    let key: PublicKeyHash = PKH.parse().unwrap();
    let message = [
        &[0x13][..],
        &[0xb3, 0xd7, 0x9f, 0x99],
        &[0; 32],
        &[21, 0, 7],
        &[0, 0, 0, 120, 0, 0, 0, 0],
        &[1; 32],
    ]
    .concat();
    let request = SignRequest::decode(&message, SigningVersion::LATEST).unwrap();
    let at = Circumstances { key: &key, caller: &Caller::Anonymous, usage: &Usage::default(), now_ms: 1 };
    let allowed = matches!(rules.keys[&key].policy.evaluate(&request, &at), Verdict::Allow(_));
    matches!(rules.guard, GuardConfig::Open) && allowed && rules.hook.is_none()
}

#[test]
fn a_guard_that_is_empty_or_half_is_closed_or_a_fault() {
    let jwt = format!("jwt: {{{USERS}}}");
    let keys = format!("authorized_keys: {PUBLIC}");
    let (jwt, keys) = (jwt.as_str(), keys.as_str());
    assert!(signs_for_anybody(&Place::new().load(&file("", "")).unwrap()), "without any guard");
    for (server, key, becomes) in [
        // The whole signer.
        ("authorized_keys: []", "", Closed("server.authorized_keys lists no key")),
        ("authorized_keys: ", "", Closed("server.authorized_keys lists no key")),
        ("authorized_keys: [[]]", "", Closed("server.authorized_keys lists no key")),
        ("authorized_keys: ''", "", Fault("authorized_keys: ")),
        ("authorized_keys: [~]", "", Fault("authorized_keys must be one value")),
        ("jwt: ", "", Closed("server.jwt has neither users nor issuers")),
        ("jwt: {}", "", Closed("server.jwt has neither users nor issuers")),
        ("jwt: {users: }", "", Closed("server.jwt has neither users nor issuers")),
        ("jwt: {users: {}, issuers: []}", "", Closed("server.jwt has neither users nor issuers")),
        ("jwt: {users: {u: }}", "", Fault("password should be at least 16 characters")),
        ("jwt: {issuers: [~]}", "", Fault("an issuer needs its `client`")),
        ("jwt: {issuers: [{client: }]}", "", Fault("client has no value")),
        ("jwt: {issuers: [{client: a, audience: }]}", "", Fault("audience has no value")),
        ("jwt: {issuers: [{client: a, audiense: b}]}", "", Fault("unknown key `audiense`")),
        ("authorized_keys: , jwt: ", "", Fault("cannot use both")),
        ("tls_cert_file: c.pem", "", Fault("TLS needs server.tls_key_file too")),
        ("tls_key_file: k.pem", "", Fault("TLS needs server.tls_cert_file too")),
        ("tls_cert_file: , tls_key_file: ", "", Fault("server.tls_cert_file has no value")),
        ("restrict_public_keys: ", "", Fault("server.restrict_public_keys has no value")),
        // One key: users and roles.
        ("", ", jwt_users: [alice]", Fault("jwt_users without server.jwt")),
        ("", ", jwt_users: []", Fault("jwt_users without server.jwt")),
        ("", ", jwt_users: ", Fault("jwt_users without server.jwt")),
        ("", ", jwt_roles: [baker]", Fault("jwt_roles without server.jwt")),
        ("", ", jwt_roles: []", Fault("jwt_roles without server.jwt")),
        ("", ", jwt_roles: ", Fault("jwt_roles without server.jwt")),
        (keys, ", jwt_users: [alice]", Fault("jwt_users without server.jwt")),
        (keys, ", jwt_roles: [baker]", Fault("jwt_roles without server.jwt")),
        (jwt, ", jwt_users: []", Closed("jwt_users lists nobody")),
        (jwt, ", jwt_users: ", Closed("jwt_users lists nobody")),
        (jwt, ", jwt_users: [~]", Fault("jwt_users must be one value")),
        (jwt, ", jwt_roles: []", Closed("jwt_roles lists nobody")),
        (jwt, ", jwt_roles: ", Closed("jwt_roles lists nobody")),
        // One key: clients.
        ("", ", authorized_keys: []", Closed("authorized_keys without server.authorized_keys")),
        ("", ", authorized_keys: ", Closed("authorized_keys without server.authorized_keys")),
        (keys, ", authorized_keys: []", Closed("authorized_keys lists nobody")),
        (keys, ", authorized_keys: ", Closed("authorized_keys lists nobody")),
        // One key: chains and limits.
        ("", ", allowed_chains: []", Closed("allowed_chains lists no chain")),
        ("", ", allowed_chains: ", Closed("allowed_chains lists no chain")),
        ("", ", limits: {}", Fault("limits has no limit in it")),
        ("", ", limits: ", Fault("limits has no limit in it")),
        ("", ", limits: {max_amount: }", Fault("max_amount has no value")),
        ("", ", limits: {destinations: }", Fault("destinations has no value")),
        ("", ", limits: {max_amuont: 1}", Fault("unknown key `max_amuont`; did you mean `max_amount`?")),
        ("", ", limits: {per: }", Fault("per has no value")),
        ("", ", limits: {per: {window: 1h, count: }}", Fault("count has no value")),
        ("", ", limits: {per: {window: 1h, cuont: 1}}", Fault("unknown key `cuont`")),
    ] {
        let text = file(server, key);
        match (becomes, Place::new().load(&text)) {
            (Fault(wanted), Err(faults)) => {
                assert!(faults.iter().any(|fault| fault.contains(wanted)), "{text}{faults:#?}");
            }
            (Closed(wanted), Ok(config)) => {
                let warnings = Place::new().warnings(&config);
                assert!(warnings.iter().any(|warning| warning.contains(wanted)), "{text}{warnings:#?}");
                assert!(!signs_for_anybody(&config), "{text}");
            }
            (_, outcome) => panic!("{text}{outcome:#?}"),
        }
    }
}

#[test]
fn a_hook_that_is_empty_or_half_is_closed_or_a_fault() {
    let hook = |hook: &str| format!("policy_hook:{hook}\n{}", file("", ""));
    for empty in ["", " {}", " {address: }", " {address: ''}", " {timeout: 5s}", " {authorized_keys: []}"] {
        let faults = Place::new().load(&hook(empty)).unwrap_err();
        assert!(faults[0].contains("policy_hook has no address"), "{empty}: {faults:?}");
    }
    for nobody in ["[]", ""] {
        let text = hook(&format!(" {{address: 'http://h/', authorized_keys: {nobody}}}"));
        let place = Place::new();
        let config = place.load(&text).unwrap();
        assert!(place.warnings(&config)[0].contains("policy_hook.authorized_keys lists no key"), "{text}");
        let hook = config.signer.unwrap().rules.hook.unwrap();
        assert_eq!(hook.authorized_keys, Some(Vec::new()), "{text}");
    }
}
