//! The policy hook on its way: when it is asked, what its replies do, and whom a slow one holds up.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use jwtis_base::{BearerSecret, ClientId, Inactive, RegistrationId};
use jwtis_jose::ClaimsSet;
use jwtis_signer::login::{TokenGuard, TrustedIssuer};
use jwtis_signer::rules::Guard;
use jwtis_signer::{NotSigned, Presented, Rules, SignCommand, Signer, SignerParts, TrustedTokens};
use jwtis_store::{BoxError, BoxFuture};
use jwtis_testkit::clock::env;
use jwtis_testkit::signer::tokens::{forge, ip};
use jwtis_testkit::signer::{
    Calls, Gate, ScriptedHook, ScriptedVault, Setup, allowing, attestation, code, new_key, pkh, reply, sign,
    sign_as, text, transaction,
};
use jwtis_tezos::policy::User;
use jwtis_tezos::{Caller, Curve, Policy, RequestKind, SigningVersion};

fn status<T>(decided: &jwtis_signer::Decided<T>) -> Option<u16> {
    match &decided.outcome {
        Err(NotSigned::Hook(error)) => Some(error.status()),
        _ => None,
    }
}

#[tokio::test]
async fn each_question_has_a_nonce_of_its_own_and_a_reply_decides_for_it_alone() {
    let (key, service) = (new_key(Curve::Ed25519), new_key(Curve::Secp256k1));
    let calls = Calls::default();
    let first_nonce = std::sync::OnceLock::new();
    // Signs its replies as Signatory's reference service does, and plays the first nonce again.
    let signs = Arc::clone(&service);
    let replay = ScriptedHook::new(&calls, move |question| {
        let nonce = first_nonce.get_or_init(|| question["nonce"].as_str().unwrap().to_owned());
        let key_hash = pkh(&signs);
        let payload = format!(r#"{{ "status": 200, "public_key_hash": "{key_hash}", "nonce": "{nonce}" }}"#);
        let signature = signs.sign(payload.as_bytes(), SigningVersion::LATEST).unwrap();
        Ok(reply(200, "200 OK", &format!(r#"{{"payload":{payload},"signature":"{signature}"}}"#)))
    });
    let setup = Setup::new().list(&key, Policy::baker()).vault("v", ScriptedVault::new(&calls, &[&key]));
    let signer = setup.hook(replay, Some(vec![service.public_key().clone()])).build();
    assert_eq!(code(&sign(&signer, &key, &attestation(7, 0)).await), "signed");
    assert_eq!(calls.take(), ["list", "hook", "sign"]);
    let replayed = sign(&signer, &key, &attestation(8, 0)).await;
    assert_eq!((text(&replayed).as_str(), status(&replayed)), ("nonce mismatch", Some(403)));
    assert_eq!(calls.take(), ["hook"]);
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

/// An issuer with one client, which says of every token what it was told last.
struct OneClient {
    says: Mutex<Says>,
    asked: AtomicUsize,
}

#[derive(Copy, Clone, Debug)]
enum Says {
    Valid,
    Inactive(Inactive),
    NoClient,
    Fails,
}

impl TrustedTokens for OneClient {
    fn claims<'a>(
        &'a self,
        _client: &'a ClientId,
        _registration: Option<RegistrationId>,
        _access_token: &'a str,
    ) -> BoxFuture<'a, Result<Option<Result<ClaimsSet, Inactive>>, BoxError>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let says = *self.says.lock().unwrap();
        Box::pin(async move {
            match says {
                Says::Valid => Ok(Some(Ok(ClaimsSet::parse(br#"{"sub":"alice"}"#).unwrap()))),
                Says::Inactive(reason) => Ok(Some(Err(reason))),
                Says::NoClient => Ok(None),
                Says::Fails => Err("no".into()),
            }
        })
    }

    fn registration<'a>(
        &'a self,
        _client: &'a ClientId,
    ) -> BoxFuture<'a, Result<Option<RegistrationId>, BoxError>> {
        Box::pin(async { Ok(None) })
    }

    fn is_admin<'a>(&'a self, _token: &'a BearerSecret) -> BoxFuture<'a, Result<bool, BoxError>> {
        Box::pin(async { Ok(false) })
    }
}

/// The signer of `setup`, opened by tokens of an issuer.
fn behind_an_issuer(setup: Setup) -> (Signer, Arc<OneClient>) {
    let issuer = Arc::new(OneClient { says: Mutex::new(Says::Valid), asked: AtomicUsize::new(0) });
    let Setup { mut rules, vaults, watermarks, store, clock } = setup;
    let env = env(&clock);
    let trusted = TrustedIssuer { client: "shop".parse().unwrap(), registration: None, audience: None };
    rules.guard = Guard::Tokens(TokenGuard::new(Vec::new(), vec![trusted], &env).unwrap().0);
    let parts = SignerParts { env, rules, vaults, watermarks, store, issuer: Some(issuer.clone()) };
    (Signer::new(parts), issuer)
}

/// The code of a request with a token of the issuer.
async fn asked_with_a_token(
    signer: &Signer,
    key: jwtis_tezos::PublicKeyHash,
    message: &[u8],
) -> &'static str {
    let token = forge(r#"{"alg":"ES256"}"#, r#"{"sub":"alice"}"#, "any secret of at least 32 bytes");
    let presented = Presented { token: Some(&token), username: None };
    let checked = signer.authenticate(presented).await.unwrap();
    let caller = signer.authenticate_client(checked, &key, message, None).unwrap();
    code(
        &signer
            .sign(SignCommand { caller, key, message, version: SigningVersion::LATEST, source: ip(7) })
            .await,
    )
}

#[tokio::test]
async fn a_token_that_is_revoked_while_the_hook_is_asked_signs_nothing() {
    let key = new_key(Curve::Ed25519);
    for (says, wanted) in [
        (Says::Valid, "signed"),
        (Says::Inactive(Inactive::Revoked), "token_revoked"),
        (Says::Inactive(Inactive::ClientDisabled), "token_revoked"),
        (Says::NoClient, "token_revoked"),
        (Says::Fails, "token_unchecked"),
    ] {
        let (calls, gate) = (Calls::default(), Gate::new());
        let hook = ScriptedHook::saying(&calls, 200, "200 OK");
        *hook.gate.lock().unwrap() = Some((pkh(&key).to_string(), Arc::clone(&gate)));
        let setup = Setup::new().list(&key, allowing(&[RequestKind::Generic]));
        let (signer, issuer) =
            behind_an_issuer(setup.vault("v", ScriptedVault::new(&calls, &[&key])).hook(hook, None));
        let waiting = {
            let (signer, key) = (signer.clone(), pkh(&key));
            tokio::spawn(async move { asked_with_a_token(&signer, key, &transaction(1)).await })
        };
        gate.arrival().await;
        *issuer.says.lock().unwrap() = says;
        gate.release();
        assert_eq!(waiting.await.unwrap(), wanted, "{says:?}");
        assert_eq!(calls.take().contains(&"sign".to_owned()), wanted == "signed", "{says:?}");
    }
}

#[tokio::test]
async fn a_token_is_checked_again_only_where_something_was_waited_for() {
    let key = new_key(Curve::Ed25519);
    let setup = Setup::new().list(&key, allowing(&[RequestKind::Generic, RequestKind::Attestation]));
    let (signer, issuer) = behind_an_issuer(setup.vault("v", ScriptedVault::new(&Calls::default(), &[&key])));
    for (message, checks) in [(transaction(1), 1), (attestation(7, 0), 2)] {
        assert_eq!(asked_with_a_token(&signer, pkh(&key), &message).await, "signed");
        assert_eq!(issuer.asked.swap(0, Ordering::Relaxed), checks);
    }
}
