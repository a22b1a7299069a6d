//! The order of checks, seen from outside: what fails first is what the client hears, and nothing later happens.

use std::collections::BTreeSet;
use std::sync::Arc;

use jwtis_signer::{NotHeld, NotSigned};
use jwtis_testkit::signer::{
    Act, Calls, NotedWatermarks, ScriptedHook, ScriptedVault, Setup, allowing, attestation, code, forge,
    new_key, pkh, prove_as, sign, sign_as, text, transaction,
};
use jwtis_tezos::policy::{Allow, User};
use jwtis_tezos::{Caller, Curve, Policy, RequestKind};

/// What can be wrong with a request, in the order in which it is noticed, and the code of the refusal.
const CHECKS: [(&str, &str); 8] = [
    ("the key is not listed", "not_listed"),
    ("the user may not use the key", "user"),
    ("the message is garbage", "not_understood"),
    ("no vault holds the key", "key_not_found"),
    ("the policy forbids it", "request_kind"),
    ("the hook says no", "policy_hook"),
    ("the watermark is higher", "watermark"),
    ("the vault fails", "vault"),
];

#[tokio::test]
async fn trap_4_check_order_of_every_combination_of_faults() {
    let key = new_key(Curve::Ed25519);
    for combination in 0_u32..1 << CHECKS.len() {
        let wrong = |check: usize| combination >> check & 1 == 1;
        let calls = Calls::default();
        let vault = ScriptedVault::new(&calls, &[&key]);
        let watermarks = NotedWatermarks::new(&calls);
        let hook = match wrong(5) {
            true => ScriptedHook::saying(&calls, 403, "403 Forbidden"),
            false => ScriptedHook::saying(&calls, 200, "200 OK"),
        };
        let mut policy = if wrong(4) { allowing(&[RequestKind::Block]) } else { Policy::baker() };
        policy.jwt_users = Some(BTreeSet::from(["alice".to_owned()]));
        let caller = Caller::User(User::named(if wrong(1) { "mallory" } else { "alice" }));

        // The watermark, from a signer that differs in nothing but that it lets this one pass.
        let before = Setup::new()
            .list(&key, Policy::baker())
            .vault("v", vault.clone())
            .watermarks(watermarks.clone())
            .build();
        if wrong(6) {
            assert_eq!(code(&sign(&before, &key, &attestation(9, 0)).await), "signed");
        }
        let mut setup = Setup::new().watermarks(watermarks).hook(hook, None);
        if !wrong(0) {
            setup = setup.list(&key, policy);
        }
        if !wrong(3) {
            setup = setup.vault("v", vault.clone());
        }
        if wrong(7) {
            vault.will(Act::Fail);
        }
        let signer = setup.build();
        calls.take();
        let message = if wrong(2) { vec![0x42, 1, 2] } else { attestation(5, 0) };
        let decided = sign_as(&signer, caller, pkh(&key), &message).await;

        let first = (0..CHECKS.len()).find(|&check| wrong(check));
        let names: Vec<&str> =
            (0..CHECKS.len()).filter(|&check| wrong(check)).map(|check| CHECKS[check].0).collect();
        assert_eq!(code(&decided), first.map_or("signed", |check| CHECKS[check].1), "{names:?}");
        let reached = first.unwrap_or(CHECKS.len());
        let wanted: Vec<&str> = [(4, "list"), (5, "hook"), (6, "watermark"), (7, "sign")]
            .iter()
            .filter(|(check, _)| reached >= *check)
            .map(|(_, call)| *call)
            .collect();
        assert_eq!(calls.take(), wanted, "{names:?}");
        assert_eq!(decided.about.listed_key.is_some(), reached > 0, "{names:?}");
        assert_eq!(decided.about.kind.is_some(), reached > 2, "{names:?}");
        assert_eq!(decided.about.vault.is_some(), reached > 3, "{names:?}");
    }
}

#[tokio::test]
async fn refusals_have_the_texts_of_signatory() {
    let (key, other) = (new_key(Curve::Ed25519), new_key(Curve::Ed25519));
    let calls = Calls::default();
    let mut policy = allowing(&[RequestKind::Generic, RequestKind::Attestation]);
    policy.allowed_chains = Some(BTreeSet::from(["NetXdQprcVkpaWU".to_owned()]));
    let signer = Setup::new()
        .list(&key, policy)
        .list(&other, Policy::baker())
        .vault("v", ScriptedVault::new(&calls, &[&key]))
        .build();
    for (name, message, wanted) in [
        ("another_magic_byte", vec![23], "unknown tag 23"),
        ("no_message", vec![], "the message ends too early: at least 1 byte(s) were expected, 0 left"),
        ("another_chain", attestation(1, 0), "chain `NetXo5iVw1vBoxM' is not allowed"),
        ("another_kind", vec![5, 0, 0], "request kind `pack' is not allowed"),
        (
            "another_operation",
            forge::tag(110).manager().u8(0).generic(),
            "operation `delegation' is not allowed",
        ),
    ] {
        assert_eq!(text(&sign(&signer, &key, &message).await), wanted, "{name}");
    }
    let unlisted = new_key(Curve::P256);
    let wanted = format!("{} is not listed in config", pkh(&unlisted));
    assert_eq!(text(&sign(&signer, &unlisted, &[]).await), wanted);
    let missing = sign(&signer, &other, &attestation(1, 0)).await;
    assert_eq!(text(&missing), "this key not found in any vault");
    assert!(matches!(missing.outcome, Err(NotSigned::NotHeld(NotHeld::Nowhere))));
}

#[tokio::test]
async fn trap_1_and_2_null_empty_and_lists_of_permissions_at_the_signer() {
    use RequestKind::{Attestation, Block, Generic};
    let key = new_key(Curve::Ed25519);
    let only = |requests: &[RequestKind]| Policy {
        allow: Allow::new(requests.iter().copied(), []),
        ..Policy::default()
    };
    let nobody = Policy { jwt_users: Some(BTreeSet::new()), ..Policy::baker() };
    let user = || Caller::User(User::named("alice"));
    let (block, attest, pay) = (forge::block(5, 0, 0), attestation(5, 0), transaction(1));
    let with_dal = forge::consensus(0x13, 23, 5, 0);
    for (name, policy, caller, message, wanted) in [
        ("null_bakes_blocks", Policy::baker(), Caller::Anonymous, &block, "signed"),
        ("null_attests", Policy::baker(), Caller::Anonymous, &attest, "signed"),
        ("null_has_no_dal", Policy::baker(), Caller::Anonymous, &with_dal, "request_kind"),
        ("null_pays_nothing", Policy::baker(), Caller::Anonymous, &pay, "request_kind"),
        ("empty_bakes_nothing", Policy::default(), Caller::Anonymous, &block, "request_kind"),
        ("empty_attests_nothing", Policy::default(), Caller::Anonymous, &attest, "request_kind"),
        ("allow_block_bakes", only(&[Block]), Caller::Anonymous, &block, "signed"),
        ("allow_block_attests_nothing", only(&[Block]), Caller::Anonymous, &attest, "request_kind"),
        ("allow_generic_without_a_list_pays_nothing", only(&[Generic]), Caller::Anonymous, &pay, "operation"),
        ("allow_transactions_pays", allowing(&[Generic]), Caller::Anonymous, &pay, "signed"),
        (
            "a_list_without_generic_pays_nothing",
            allowing(&[Attestation]),
            Caller::Anonymous,
            &pay,
            "request_kind",
        ),
        ("without_users_every_user_may", Policy::baker(), user(), &attest, "signed"),
        ("an_empty_list_of_users_is_nobody", nobody.clone(), user(), &attest, "user"),
        ("users_keep_out_who_is_none", nobody, Caller::Anonymous, &attest, "user_required"),
    ] {
        let signer = Setup::new()
            .list(&key, policy)
            .vault("v", ScriptedVault::new(&Calls::default(), &[&key]))
            .build();
        assert_eq!(code(&sign_as(&signer, caller, pkh(&key), message).await), wanted, "{name}");
    }
}

#[tokio::test]
async fn proofs_are_checked_in_order() {
    let tz4 = new_key(Curve::Bls12381);
    let tz1 = new_key(Curve::Ed25519);
    let client = Caller::Client(pkh(&new_key(Curve::Ed25519)));
    let may = Policy { allow_proof_of_possession: true, ..Policy::default() };
    let users = Policy { jwt_users: Some(BTreeSet::new()), ..may.clone() };
    let clients = Policy { authorized_keys: Some(BTreeSet::new()), ..may.clone() };
    let user = || Caller::User(User::named("alice"));
    for (name, key, policy, caller, held, proves, hook, wanted) in [
        ("yes", &tz4, Some(&may), Caller::Anonymous, true, true, 200, "signed"),
        ("not_listed_before_all", &tz1, None, user(), false, false, 403, "not_listed"),
        ("users_before_vaults", &tz4, Some(&users), user(), false, true, 200, "user"),
        ("vaults_before_clients", &tz4, Some(&clients), client.clone(), false, true, 200, "key_not_found"),
        ("clients_of_the_key_are_enforced", &tz4, Some(&clients), client, true, true, 200, "client"),
        ("tz1_has_no_proofs", &tz1, Some(&may), Caller::Anonymous, true, true, 403, "proof_not_supported"),
        (
            "nor_has_a_vault_without_them",
            &tz4,
            Some(&may),
            Caller::Anonymous,
            true,
            false,
            403,
            "proof_not_supported",
        ),
        (
            "what_cannot_be_before_what_may_not_be",
            &tz4,
            Some(&Policy::default()),
            Caller::Anonymous,
            true,
            false,
            403,
            "proof_not_supported",
        ),
        (
            "must_be_allowed",
            &tz4,
            Some(&Policy::baker()),
            Caller::Anonymous,
            true,
            true,
            403,
            "proof_not_allowed",
        ),
        ("the_hook_is_last", &tz4, Some(&may), Caller::Anonymous, true, true, 403, "policy_hook"),
    ] {
        let calls = Calls::default();
        let hook = ScriptedHook::saying(&calls, hook, "403 Forbidden");
        let mut setup = Setup::new().hook(hook.clone(), None);
        if let Some(policy) = policy {
            setup = setup.list(key, policy.clone());
        }
        if held {
            let mut vault = ScriptedVault::bare(&calls, &[key]);
            vault.proves = proves;
            setup = setup.vault("v", Arc::new(vault));
        }
        let decided = prove_as(&setup.build(), caller, key).await;
        assert_eq!(code(&decided), wanted, "{name}");
        assert_eq!(calls.take().contains(&"prove".to_owned()), wanted == "signed", "{name}");
        if let Ok(proof) = decided.outcome {
            key.public_key().verify_possession(&proof).unwrap();
            let questions = hook.questions.lock().unwrap();
            assert!(questions[0].as_object().unwrap()["request"].is_null());
        }
    }
}
