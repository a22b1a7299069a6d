//! The order of checks, which clients see: a request with several faults hears of the first.

use std::sync::Arc;

use jwtis_signer::rules::Guard;
use jwtis_signer::vault::software::SoftwareVault;
use jwtis_tezos::Policy;

use super::support::{
    Answer, Jammed, PASSWORD, Saying, Setup, TZ1, Unplugged, World, attestation, everything, hex, keys, noop,
    pkh,
};

/// A hash of no key here.
const STRANGER: &str = "tz1WGcYos3hL7GXYXjKrMnSFdkT7FyXnFBvf";

async fn post(world: &World, key: &str, body: &str) -> Answer {
    world.post(&format!("/keys/{key}")).body(body.to_owned()).send().await
}

#[tokio::test]
async fn step_0_tokens_come_before_everything() {
    let world = Setup::with_tokens().build();
    assert_eq!(post(&world, "no-key", "no JSON").await.plain(401), "token required");
}

#[tokio::test]
async fn step_1_the_key_is_read_before_the_body() {
    let world = Setup::with_client_keys().build();
    for (key, msg) in [
        ("tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2R", "the checksum is wrong: a character is mistyped or missing"),
        ("tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t20", "not base58: the character at position 35 is '0'"),
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "base58check of no kind that Tezos has"),
        (
            "edpkv45regue1bWtuHnCgLU8xWKLwa9qRqv4gimgJKro4LSc3C5VjV",
            "base58check, but of no public key or its hash",
        ),
    ] {
        assert_eq!(post(&world, key, "no JSON").await.failure(400), msg, "{key}");
        assert_eq!(world.get(&format!("/keys/{key}")).send().await.failure(400), msg, "{key}");
        let proof = world.get(&format!("/bls_prove_possession/{key}")).send().await;
        assert_eq!(proof.failure(400), msg, "{key}");
    }
    // Nothing but a checksum that happens to be right makes "tz1" and friends more than that.
    for key in ["tz1", "x", "%00", "%ff", "tz1%20"] {
        let said = post(&world, key, "").await.failure(400);
        assert!(said.contains("base58"), "{key}: {said}");
    }
}

#[tokio::test]
async fn step_5_and_6_the_body_is_read_before_anybody_is_asked_who_he_is() {
    let world = Setup::with_client_keys().build();
    for body in [
        "",
        "x",
        "{}",
        "1",
        "[]",
        "true",
        "\"03\" x",
        "\"0\"",
        "\"0Z\"",
        "\"0x03\"",
        "\"03 04\"",
        "\"\\ud83d\"",
    ] {
        let said = post(&world, STRANGER, body).await.failure(400);
        assert!(
            said.starts_with("the body must be one JSON string of hexadecimal digits: "),
            "{body}: {said}"
        );
    }
}

#[tokio::test]
async fn step_7_the_client_is_asked_before_the_key_is_looked_up() {
    let world = Setup::with_client_keys().build();
    let answer = post(&world, STRANGER, "\"ff\"").await;
    assert_eq!(answer.failure(401), "missing authentication signature field");
}

#[tokio::test]
async fn trap_4_unlisted_then_decoded_then_found_then_allowed_then_watermarked() {
    let mut setup = Setup::new().policy(&keys()[1], Policy::default());
    // Listed, and in no vault.
    setup.rules.keys.insert(STRANGER.parse().unwrap(), setup.rules.keys[&TZ1.parse().unwrap()].clone());
    let world = setup.build();
    let unlisted = pkh(&keys()[4]).to_string();
    let garbage = "\"ff00\"";
    let good = format!("\"{}\"", hex(&noop("x")));

    // Step 8 before step 10: garbage for an unlisted key.
    let said = post(&world, &unlisted, garbage).await.failure(403);
    assert_eq!(said, format!("{unlisted} is not listed in config"));
    // Step 10 before step 11: garbage for a listed key that no vault has.
    assert!(post(&world, STRANGER, garbage).await.failure(400).starts_with("unknown tag 255"));
    assert!(
        post(&world, STRANGER, "null")
            .await
            .failure(400)
            .starts_with("the message ends too early: at least 1 byte(s) were expected, 0 left")
    );
    assert_eq!(post(&world, STRANGER, &good).await.failure(404), "this key not found in any vault");
    // Step 12: a policy that allows nothing.
    let tz2 = pkh(&keys()[1]).to_string();
    assert_eq!(post(&world, &tz2, &good).await.failure(403), "request kind `generic' is not allowed");
    // Step 14: the watermark.
    world.sign(TZ1, &attestation(10, 1)).send().await.ok();
    let said = world.sign(TZ1, &attestation(10, 0)).send().await.failure(409);
    assert!(said.starts_with("watermark validation failed"), "{said}");
    assert!(said.contains("level 10, round 0") && said.contains("level 10, round 1"), "{said}");
}

#[tokio::test]
async fn step_9_the_user_is_judged_before_the_message_is_decoded() {
    let users = Policy { jwt_users: Some(["other".to_owned()].into()), ..everything() };
    let world = Setup::with_tokens().policy(&keys()[0], users).build();
    let token = world.login("payouts").await;
    let with_token = |key: &str| {
        world
            .post(&format!("/keys/{key}"))
            .body("\"ff\"")
            .header("authorization", &token)
            .header("username", "payouts")
    };
    assert_eq!(with_token(STRANGER).send().await.failure(403), format!("{STRANGER} is not listed in config"));
    let said = with_token(TZ1).send().await.failure(403);
    assert_eq!(said, format!("user `payouts' is not authorized to access {TZ1}"));
}

#[tokio::test]
async fn step_11_a_vault_that_cannot_list_is_a_failure_of_ours() {
    let world = Setup::new().vault(Unplugged).build();
    assert_eq!(world.sign(TZ1, &noop("x")).send().await.failure(500), "(Unplugged): no cable");
    assert_eq!(world.get(&format!("/keys/{TZ1}")).send().await.failure(500), "(Unplugged): no cable");
}

#[tokio::test]
async fn step_13_the_hook_comes_after_the_policy_and_before_the_watermark() {
    let tz2 = pkh(&keys()[1]);
    for (said, status, msg) in [
        (Ok((403, "403 Forbidden")), 403, "policy hook: 403 Forbidden"),
        (Ok((404, "404 Not Found")), 403, "policy hook: 404 Not Found"),
        (Ok((302, "302 Found")), 500, "policy hook: 302 Found"),
        (Ok((503, "503 Service Unavailable")), 500, "policy hook: 503 Service Unavailable"),
        (Err("Post \"http://hook/\": connection refused"), 500, "Post \"http://hook/\": connection refused"),
    ] {
        let world = Setup::new().policy(&keys()[1], Policy::default()).hook(Arc::new(Saying(said))).build();
        assert_eq!(
            world.sign(tz2, &attestation(5, 0)).send().await.failure(403),
            "request kind `attestation' is not allowed"
        );
        assert_eq!(world.sign(TZ1, &attestation(5, 0)).send().await.failure(status), msg);
        // The watermark has not moved: something else may be signed at that level once the hook agrees.
        assert_eq!(
            world.metric(
                r#"watermark_operations_total{result="success",backend="mem",request_type="attestation"}"#
            ),
            0.0
        );
    }
}

#[tokio::test]
async fn step_15_a_vault_that_fails_says_so_and_leaves_the_watermark() {
    let world = Setup::new().vault(Jammed).build();
    let answer = world.sign(TZ1, &attestation(5, 0)).send().await;
    assert_eq!(answer.failure(500), "(Jammed): paper <jam> & smoke");
    // As Go writes it.
    assert!(answer.text().contains(r"paper \u003cjam\u003e \u0026 smoke"), "{}", answer.text());
    let other = jwtis_testkit::forge::consensus(0x13, 23, 5, 0);
    assert!(world.sign(TZ1, &other).send().await.failure(409).starts_with("watermark validation failed"));
    assert_eq!(
        world.sign(TZ1, &attestation(5, 0)).send().await.failure(500),
        "(Jammed): paper <jam> & smoke"
    );
}

#[tokio::test]
async fn proofs_are_checked_in_their_own_order() {
    let [tz1, _, _, tz4, unlisted] = keys().map(|key| pkh(&key));
    let prove =
        |world: &World, key: &dyn ToString| world.get(&format!("/bls_prove_possession/{}", key.to_string()));

    let tokens = Setup::with_tokens().build();
    assert_eq!(prove(&tokens, &"no-key").send().await.plain(401), "token required");
    let clients = Setup::with_client_keys().build();
    assert_eq!(
        prove(&clients, &unlisted).send().await.failure(401),
        "missing authentication signature field"
    );

    let world = Setup::new().build();
    let said = prove(&world, &unlisted).send().await.failure(403);
    assert_eq!(said, format!("{unlisted} is not listed in config"));
    assert_eq!(prove(&world, &tz1).send().await.failure(400), "proof of possession is not supported");
    let proof = prove(&world, &tz4).send().await.ok();
    let proof = proof["bls_prove_possession"].as_str().unwrap().parse().unwrap();
    keys()[3].public_key().verify_possession(&proof).unwrap();

    let forbidden = Policy { allow_proof_of_possession: false, ..everything() };
    let world = Setup::new().policy(&keys()[3], forbidden.clone()).build();
    assert_eq!(prove(&world, &tz4).send().await.failure(400), "proof of possession is not allowed");
    let empty = SoftwareVault::new("Mem", Vec::new());
    let world = Setup::new().policy(&keys()[3], forbidden).vault(empty).build();
    assert_eq!(prove(&world, &tz4).send().await.failure(404), "this key not found in any vault");
    let world = Setup::new().hook(Arc::new(Saying(Ok((403, "403 Forbidden"))))).build();
    assert_eq!(prove(&world, &tz4).send().await.failure(403), "policy hook: 403 Forbidden");
    let world = Setup::new().vault(Jammed).build();
    assert_eq!(prove(&world, &tz4).send().await.failure(500), "(Jammed): paper jam");

    // The key's own list of clients holds for proofs too.
    let clients = Policy { authorized_keys: Some([tz1].into()), ..everything() };
    let world = Setup::new().policy(&keys()[3], clients.clone()).build();
    assert_eq!(prove(&world, &tz4).send().await.failure(403), "authentication required");
    let users = Policy { jwt_users: Some([].into()), ..everything() };
    let mut setup = Setup::with_tokens().policy(&keys()[3], users);
    setup.rules.known_keys = true;
    assert!(matches!(setup.rules.guard, Guard::Tokens(_)));
    let world = setup.build();
    let answer = world.post("/login").header("username", "payouts").header("password", PASSWORD).send().await;
    let call = prove(&world, &tz4).header("authorization", &answer.text()).header("username", "payouts");
    assert_eq!(call.send().await.failure(403), format!("user `payouts' is not authorized to access {tz4}"));
}
