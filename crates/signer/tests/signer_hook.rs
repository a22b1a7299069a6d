//! The policy hook (§4.7) on its way: when it is asked, what its replies do, and whom a slow one holds up.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod signer_support;

use std::collections::BTreeSet;
use std::sync::Arc;

use jwtis_signer::{Rules, SignError};
use jwtis_tezos::policy::User;
use jwtis_tezos::{Caller, Curve, Policy, RequestKind, SecretKey, SigningVersion};
use signer_support::{
    Calls, Gate, ScriptedHook, ScriptedVault, Setup, allowing, attestation, code, new_key, pkh, reply, sign,
    sign_as, text, transaction,
};

fn status<T>(decided: &jwtis_signer::Decided<T>) -> Option<u16> {
    match &decided.outcome {
        Err(SignError::Hook(error)) => Some(error.status()),
        _ => None,
    }
}

#[tokio::test]
async fn unsigned_replies_decide() {
    let key = new_key(Curve::Ed25519);
    for (http, line, wanted, code_wanted) in [
        (200, "200 OK", "signed", None),
        (204, "204 No Content", "signed", None),
        (403, "403 Forbidden", "policy hook: 403 Forbidden", Some(403)),
        (302, "302 Found", "policy hook: 302 Found", Some(500)),
        (503, "503 Service Unavailable", "policy hook: 503 Service Unavailable", Some(500)),
    ] {
        let calls = Calls::default();
        let signer = Setup::new()
            .list(&key, Policy::baker())
            .vault("v", ScriptedVault::new(&calls, &[&key]))
            .hook(ScriptedHook::saying(&calls, http, line), None)
            .build();
        let decided = sign(&signer, &key, &attestation(7, 0)).await;
        assert_eq!((text(&decided).as_str(), status(&decided)), (wanted, code_wanted));
        assert_eq!(calls.take().contains(&"sign".to_owned()), code_wanted.is_none());
    }
}

/// A hook that signs its replies, as Signatory's reference service does.
fn signing(calls: &Calls, key: Arc<SecretKey>) -> Arc<ScriptedHook> {
    ScriptedHook::new(calls, move |question| {
        let nonce = question["nonce"].as_str().unwrap();
        let key_hash = pkh(&key);
        let payload = format!(r#"{{ "status": 200, "public_key_hash": "{key_hash}", "nonce": "{nonce}" }}"#);
        let signature = key.sign(payload.as_bytes(), SigningVersion::LATEST).unwrap();
        Ok(reply(200, "200 OK", &format!(r#"{{"payload":{payload},"signature":"{signature}"}}"#)))
    })
}

#[tokio::test]
async fn signed_replies_answer_their_own_question_only() {
    let key = new_key(Curve::Ed25519);
    let service = new_key(Curve::Secp256k1);
    let calls = Calls::default();
    let keys = Some(vec![service.public_key().clone()]);
    let setup = || Setup::new().list(&key, Policy::baker()).vault("v", ScriptedVault::new(&calls, &[&key]));
    let hook = signing(&calls, Arc::clone(&service));
    let signer = setup().hook(hook.clone(), keys.clone()).build();
    assert_eq!(code(&sign(&signer, &key, &attestation(7, 0)).await), "signed");
    assert_eq!(code(&sign(&signer, &key, &attestation(8, 0)).await), "signed");
    let questions = hook.questions.lock().unwrap().clone();
    assert_ne!(questions[0]["nonce"], questions[1]["nonce"]);

    // A recorded yes, played again.
    let recorded = std::sync::Mutex::new(None);
    let honest = Arc::clone(&service);
    let replay = ScriptedHook::new(&calls, move |question| {
        let mut recorded = recorded.lock().unwrap();
        let nonce = recorded.get_or_insert_with(|| question["nonce"].as_str().unwrap().to_owned());
        let payload = format!(r#"{{"status":200,"public_key_hash":"{}","nonce":"{nonce}"}}"#, pkh(&honest));
        let signature = honest.sign(payload.as_bytes(), SigningVersion::LATEST).unwrap();
        Ok(reply(200, "200 OK", &format!(r#"{{"payload":{payload},"signature":"{signature}"}}"#)))
    });
    let signer = setup().hook(replay, keys.clone()).build();
    assert_eq!(code(&sign(&signer, &key, &attestation(9, 0)).await), "signed");
    let replayed = sign(&signer, &key, &attestation(10, 0)).await;
    assert_eq!((text(&replayed).as_str(), status(&replayed)), ("nonce mismatch", Some(403)));

    // Unsigned, or signed by somebody else.
    let signer = setup().hook(ScriptedHook::saying(&calls, 200, "200 OK"), keys.clone()).build();
    assert_eq!(status(&sign(&signer, &key, &attestation(11, 0)).await), Some(500));
    let signer = setup().hook(signing(&calls, new_key(Curve::Ed25519)), keys).build();
    let stranger = sign(&signer, &key, &attestation(11, 0)).await;
    assert_eq!((text(&stranger).as_str(), status(&stranger)), ("public key not found", Some(401)));
}

#[tokio::test]
async fn the_hook_hears_who_asks_what_and_nothing_that_the_policy_refuses() {
    let key = new_key(Curve::Ed25519);
    let client = pkh(&new_key(Curve::P256));
    let calls = Calls::default();
    let hook = ScriptedHook::saying(&calls, 200, "200 OK");
    let policy = Policy { authorized_keys: Some(BTreeSet::from([client])), ..Policy::baker() };
    let signer = Setup::new()
        .list(&key, policy)
        .vault("v", ScriptedVault::new(&calls, &[&key]))
        .hook(hook.clone(), None)
        .build();
    let user = Caller::User(User::named("alice"));
    assert_eq!(code(&sign_as(&signer, user, pkh(&key), &attestation(7, 0)).await), "authentication_required");
    assert_eq!(
        code(&sign_as(&signer, Caller::Client(client), pkh(&key), &transaction(1)).await),
        "request_kind"
    );
    assert!(hook.questions.lock().unwrap().is_empty());
    assert_eq!(
        code(&sign_as(&signer, Caller::Client(client), pkh(&key), &attestation(7, 0)).await),
        "signed"
    );
    let question = hook.questions.lock().unwrap()[0].clone();
    let names: Vec<&String> = question.as_object().unwrap().keys().collect();
    assert_eq!(names, ["request", "source", "client_key_hash", "public_key_hash", "nonce"]);
    assert_eq!(question["source"], "192.0.2.7");
    assert_eq!(question["client_key_hash"], client.to_string());
    assert_eq!(question["public_key_hash"], pkh(&key).to_string());
}

#[tokio::test]
async fn a_hook_that_is_down_fails_the_requests_that_need_it_and_nothing_else() {
    let key = new_key(Curve::Ed25519);
    let calls = Calls::default();
    let hook = ScriptedHook::new(&calls, |_| Err("connection refused".into()));
    let mut setup = Setup::new()
        .list(&key, allowing(&[RequestKind::Generic, RequestKind::Attestation]))
        .vault("v", ScriptedVault::new(&calls, &[&key]))
        .hook(hook, None);
    setup.rules.known_keys = true;
    let signer = setup.build();
    let down = sign(&signer, &key, &attestation(7, 0)).await;
    assert_eq!((text(&down).as_str(), status(&down)), ("connection refused", Some(500)));
    signer.snapshot().public_key(&pkh(&key)).await.unwrap();
    assert_eq!(signer.snapshot().known_keys().await.unwrap().len(), 1);
    assert!(signer.snapshot().ready().await);
    // No watermark rose: once the hook is gone, another message of that place may be signed.
    let rules = Rules { keys: signer.rules().keys.clone(), ..Rules::default() };
    signer.apply(rules, None);
    let mut other = attestation(7, 0);
    *other.last_mut().unwrap() ^= 1;
    assert_eq!(code(&sign(&signer, &key, &other).await), "signed");
}

#[tokio::test]
async fn a_slow_hook_holds_up_its_own_request_only_and_rules_may_change_meanwhile() {
    let (slow, quick) = (new_key(Curve::Ed25519), new_key(Curve::Ed25519));
    let calls = Calls::default();
    let gate = Gate::new();
    let hook = ScriptedHook::saying(&calls, 200, "200 OK");
    *hook.gate.lock().unwrap() = Some((pkh(&slow).to_string(), Arc::clone(&gate)));
    let signer = Setup::new()
        .list(&slow, Policy::baker())
        .list(&quick, Policy::baker())
        .vault("v", ScriptedVault::new(&calls, &[&slow, &quick]))
        .hook(hook, None)
        .build();
    let waiting = {
        let (signer, slow) = (signer.clone(), Arc::clone(&slow));
        tokio::spawn(async move { code(&sign(&signer, &slow, &attestation(7, 0)).await) })
    };
    gate.arrival().await;
    assert_eq!(code(&sign(&signer, &quick, &attestation(7, 0)).await), "signed");
    // A request keeps the rules that it began with.
    signer.apply(Rules::default(), None);
    assert_eq!(code(&sign(&signer, &quick, &attestation(8, 0)).await), "not_listed");
    gate.release();
    assert_eq!(waiting.await.unwrap(), "signed");
}
