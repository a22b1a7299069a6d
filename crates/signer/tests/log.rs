//! The log of decisions: what an event says, and what never gets into the log.

use std::sync::Arc;
use std::time::Duration;

use jwtis_signer::Signer;
use jwtis_signer::vault::software::SoftwareVault;
use jwtis_signer::{KeyRules, Rules};
use jwtis_testkit::log::Log;
use jwtis_testkit::signer::{
    Act, Calls, Gate, ScriptedHook, ScriptedVault, Setup, allowing, attestation, forge, new_key, pkh,
    prove_as, reply, sign, sign_as, transaction,
};
use jwtis_tezos::policy::{LimitsMode, Mutez, SpendingLimits, User};
use jwtis_tezos::{Caller, Curve, Policy, RequestKind, SecretKey};
use serde_json::Value;

/// The decision, which is all there is.
fn decision(log: &Log) -> Value {
    let mut decisions = log.lines();
    assert_eq!(decisions.len(), 1, "{decisions:?}");
    drop(log.take());
    decisions.remove(0)
}

/// What operators get unless they say otherwise.
const DEFAULT: &str = "warn,jwtis::audit=info";

fn signer(key: &Arc<SecretKey>, policy: Policy) -> Signer {
    let vault = SoftwareVault::new("File", vec![Arc::clone(key)]);
    Setup::new().list(key, policy).vault("disk", Arc::new(vault)).build()
}

/// Members that are there, without those that every event has.
fn fields(event: &Value) -> Value {
    let mut fields = event["fields"].clone();
    fields.as_object_mut().unwrap().remove("message");
    fields
}

#[tokio::test]
async fn every_decision_is_one_event_with_all_that_is_known() {
    let log = Log::default();
    let _listening = log.listen(DEFAULT);
    let key = new_key(Curve::Ed25519);
    let hash = pkh(&key).to_string();
    let limits = SpendingLimits { max_amount: Some(Mutez::new(5)), ..SpendingLimits::default() };
    let policy = Policy { limits, ..allowing(&[RequestKind::Attestation, RequestKind::Generic]) };
    let signer = signer(&key, policy);
    let user = || Caller::User(User::named("alice"));

    sign_as(&signer, user(), pkh(&key), &attestation(7, 2)).await;
    let event = decision(&log);
    assert_eq!((event["target"].as_str(), event["level"].as_str()), (Some("jwtis::audit"), Some("INFO")));
    assert_eq!(
        fields(&event),
        serde_json::json!({
            "event": "signed", "verdict": "allowed", "key": hash, "user": "alice", "kind": "attestation",
            "ops": "attestation=1", "chain": "NetXo5iVw1vBoxM", "lvl": 7, "round": 2,
            "vault": "File", "vault_name": "disk", "version": 2,
        })
    );

    for own in ["timestamp", "level", "target", "span"] {
        assert!(fields(&event).get(own).is_none(), "in a flat line this would hide the line's own {own}");
    }

    let client = pkh(&new_key(Curve::P256));
    let batch = [transaction(3), forge::transaction(4, 2, None).0].concat();
    sign_as(&signer, Caller::Client(client), pkh(&key), &batch).await;
    let event = decision(&log);
    assert_eq!(event["level"], "WARN");
    assert_eq!(
        fields(&event),
        serde_json::json!({
            "event": "refused", "verdict": "refused", "key": hash, "client_key": client.to_string(),
            "kind": "generic", "ops": "transaction=2", "reason": "limit",
            "detail": format!("limit max_amount is {}, {} was asked", Mutez::new(5), Mutez::new(7)),
            "vault": "File", "vault_name": "disk", "version": 2,
        })
    );

    sign(&signer, &key, &attestation(6, 0)).await;
    let event = fields(&decision(&log));
    assert_eq!(event["reason"], "watermark");
    assert_eq!(
        event["detail"],
        "watermark validation failed: level 6, round 0 was asked, and level 7, round 2 has been signed"
    );

    sign(&signer, &key, &[0x42]).await;
    let event = fields(&decision(&log));
    assert_eq!((event["reason"].as_str(), event["kind"].as_str()), (Some("not_understood"), Some("unknown")));
    assert!(event["detail"].as_str().unwrap().starts_with("unknown tag 66"), "{event}");

    let stranger = new_key(Curve::Ed25519);
    sign(&signer, &stranger, &[0x42]).await;
    let event = fields(&decision(&log));
    assert_eq!(
        (event["reason"].as_str(), event["key"].as_str().unwrap()),
        (Some("not_listed"), &*pkh(&stranger).to_string())
    );
}

#[tokio::test]
async fn what_observed_limits_would_refuse_is_in_the_event_of_the_signature() {
    let log = Log::default();
    let _listening = log.listen(DEFAULT);
    let key = new_key(Curve::Ed25519);
    let limits = SpendingLimits {
        max_amount: Some(Mutez::new(5)),
        mode: LimitsMode::Observe,
        ..SpendingLimits::default()
    };
    let signer = signer(&key, Policy { limits, ..allowing(&[RequestKind::Generic]) });
    for (amount, level, wanted) in [(5, "INFO", None), (6, "WARN", Some("limit max_amount is "))] {
        sign(&signer, &key, &transaction(amount)).await;
        let event = decision(&log);
        let said = fields(&event);
        assert_eq!((event["level"].as_str(), said["event"].as_str()), (Some(level), Some("signed")));
        assert_eq!(said["would_refuse"].as_str().map(|text| text.get(..20).unwrap()), wanted);
    }
}

#[tokio::test]
async fn proofs_and_failures_are_decisions_too() {
    let log = Log::default();
    let _listening = log.listen("jwtis::audit=info");
    let key = new_key(Curve::Bls12381);
    let policy = Policy { allow_proof_of_possession: true, ..allowing(&[RequestKind::Generic]) };
    let vault = ScriptedVault::new(&Calls::default(), &[&key]);
    let signer = Setup::new().list(&key, policy).vault("v", vault.clone()).build();
    prove_as(&signer, Caller::Anonymous, &key).await;
    let event = fields(&decision(&log));
    assert_eq!(
        (event["event"].as_str(), event["kind"].as_str()),
        (Some("proved"), Some("proof_of_possession"))
    );

    vault.will(Act::Fail);
    sign(&signer, &key, &transaction(1)).await;
    let event = fields(&decision(&log));
    assert_eq!(
        (event["reason"].as_str(), event["detail"].as_str()),
        (Some("vault"), Some("(Scripted): on fire"))
    );

    // The caller goes away while the vault works.
    let gate = Gate::new();
    vault.will(Act::Wait(Arc::clone(&gate)));
    {
        let message = transaction(1);
        let request = sign(&signer, &key, &message);
        tokio::select! {
            biased;
            _ = request => panic!("the gate is shut"),
            () = gate.arrival() => {}
        }
    }
    let event = fields(&decision(&log));
    assert_eq!((event["event"].as_str(), event["vault"].as_str()), (Some("abandoned"), Some("Scripted")));
}

#[tokio::test]
async fn what_callers_and_hooks_send_cannot_forge_a_line() {
    let log = Log::default();
    let _listening = log.listen_in_text();
    let key = new_key(Curve::Ed25519);
    let evil = "x\r\n2026 INFO jwtis::audit: event=\"signed\"\u{1b}[2K\u{202e}";
    let hook = ScriptedHook::new(&Calls::default(), move |_| Ok(reply(403, evil, "")));
    let signer = Setup::new()
        .list(&key, Policy { jwt_users: Some([evil.to_owned()].into()), ..Policy::baker() })
        .vault("v", ScriptedVault::new(&Calls::default(), &[&key]))
        .hook(hook, None)
        .build();
    for name in [evil.to_owned(), evil.repeat(1000)] {
        sign_as(&signer, Caller::User(User::named(&name)), pkh(&key), &attestation(7, 0)).await;
    }
    let log = log.take();
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(!log.contains(['\r', '\u{1b}', '\u{202e}']), "{log}");
    assert!(log.lines().all(|line| line.len() < 4000), "{log}");
}

#[tokio::test]
async fn messages_are_logged_only_where_the_key_says_so_or_at_debug() {
    let key = new_key(Curve::Ed25519);
    let secret = key.danger_to_base58().unwrap();
    let message = attestation(7, 0);
    let raw: String = message.iter().map(|byte| format!("{byte:02x}")).collect();
    for (filter, log_payloads, wanted) in [
        (DEFAULT, false, false),
        (DEFAULT, true, true),
        ("info", false, false),
        ("debug", false, true),
        ("trace", false, true),
    ] {
        let log = Log::default();
        let _listening = log.listen(filter);
        let signer = signer(&key, Policy::baker());
        let rule = KeyRules { policy: Policy::baker(), log_payloads, ..KeyRules::default() };
        let rules = Rules { keys: [(pkh(&key), rule)].into(), ..Rules::default() };
        signer.apply(rules, None);
        sign(&signer, &key, &message).await.outcome.unwrap();
        let text = log.take();
        assert_eq!(text.contains(&raw), wanted, "{filter} {log_payloads}: {text}");
        assert_eq!(text.contains("About to sign raw bytes"), wanted);
        assert!(!text.contains(secret.as_str()));
        if filter == "debug" {
            for line in
                ["Signing version: 2", "Requesting signing operation", "Signed attestation successfully"]
            {
                assert!(text.contains(line), "{line}: {text}");
            }
        }
        // Nothing that is refused shows its bytes above debug.
        let refused = attestation(6, 0);
        let raw: String = refused.iter().map(|byte| format!("{byte:02x}")).collect();
        sign(&signer, &new_key(Curve::Ed25519), &refused).await;
        let text = log.take();
        assert!(!text.contains(&raw), "{text}");
    }
}

#[tokio::test]
async fn operators_hear_once_of_empty_vaults_and_of_keys_in_two() {
    let log = Log::default();
    let _listening = log.listen(DEFAULT);
    let key = new_key(Curve::Ed25519);
    let calls = Calls::default();
    let broken = ScriptedVault::new(&calls, &[]);
    broken.listing_fails(true);
    let setup = Setup::new()
        .vault("one", ScriptedVault::new(&calls, &[&key]))
        .vault("none", ScriptedVault::new(&calls, &[]))
        .vault("two", ScriptedVault::new(&calls, &[&key]))
        .vault("broken", broken);
    let clock = setup.clock.clone();
    let signer = setup.build();
    for _ in 0..3 {
        assert!(signer.snapshot().public_key(&pkh(&new_key(Curve::P256))).await.is_err());
        clock.advance(Duration::from_secs(1));
    }
    let text = log.take();
    let count = |needle: &str| text.lines().filter(|line| line.contains(needle)).count();
    assert_eq!(count("No valid keys found in the vault none"), 1, "{text}");
    assert_eq!(count("a key is in two vaults"), 1, "{text}");
    assert_eq!(count("a vault cannot list its keys"), 3, "{text}");
    assert_eq!(count("unplugged"), 3, "{text}");
}
