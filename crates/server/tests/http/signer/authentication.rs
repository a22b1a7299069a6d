//! Requests signed with a client's own key.

use jwtis_tezos::{Policy, PublicKeyHash, SigningVersion};

use super::support::{Call, Setup, TZ1, World, everything, keys, noop, pkh};

/// What the client with this key puts on a request.
fn value(client: usize, key: &PublicKeyHash, message: &[u8]) -> String {
    let signed = [&[4, 1][..], &key.to_tagged(), message].concat();
    keys()[client].sign(&signed, SigningVersion::LATEST).unwrap().to_string()
}

fn ask(world: &World, authentication: &str) -> Call {
    world.sign(TZ1, &noop("abc")).query("authentication", authentication)
}

#[tokio::test]
async fn the_check_value_opens_and_may_come_again() {
    let world = Setup::with_client_keys().build();
    let known =
        "edsigu5N8JHBF1hNVSJRN4xAnr1AXPbmH4bN53PZktJXLSo4MHPK8GHY7oKbazuvNucY22rCYeStu5p47QAZa3CiTX7pqTDoQe2";
    assert_eq!(value(0, &TZ1.parse().unwrap(), &noop("abc")), known);
    for _ in 0..2 {
        ask(&world, known).send().await.ok();
    }
    // The second key of the list, and the form without a curve.
    let key = TZ1.parse().unwrap();
    ask(&world, &value(1, &key, &noop("abc"))).send().await.ok();
    let signed = [&[4, 1][..], &key.to_tagged(), &noop("abc")].concat();
    let generic = keys()[0].sign(&signed, SigningVersion::LATEST).unwrap().to_generic().to_string();
    assert!(generic.starts_with("sig"));
    ask(&world, &generic).send().await.ok();
}

#[tokio::test]
async fn every_failure_has_its_status_and_is_counted() {
    let world = Setup::with_client_keys().build();
    let key: PublicKeyHash = TZ1.parse().unwrap();
    let good = value(0, &key, &noop("abc"));
    for (name, call, status, msg) in [
        ("absent", world.sign(TZ1, &noop("abc")), 401, "missing authentication signature field"),
        ("empty", ask(&world, ""), 401, "missing authentication signature field"),
        ("no signature", ask(&world, TZ1), 400, "base58check, but of no signature"),
        ("not base58", ask(&world, "0"), 400, "not base58: the character at position 0 is '0'"),
        (
            "of another message",
            ask(&world, &value(0, &key, &noop("x"))),
            403,
            "invalid authentication signature",
        ),
        (
            "of another key",
            ask(&world, &value(0, &pkh(&keys()[1]), &noop("abc"))),
            403,
            "invalid authentication signature",
        ),
        (
            "by a stranger",
            ask(&world, &value(2, &key, &noop("abc"))),
            403,
            "invalid authentication signature",
        ),
        (
            "the first one counts",
            ask(&world, "").query("authentication", &good),
            401,
            "missing authentication signature field",
        ),
    ] {
        assert_eq!(call.send().await.failure(status), msg, "{name}");
    }
    for (status, count) in [(401, 3.0), (400, 2.0), (403, 3.0)] {
        let name = format!(
            r#"authentication_failure_total{{status="{status}",auth_method="authentication",client_ip="public"}}"#
        );
        assert_eq!(world.metric(&name), count, "{status}");
    }
    // In the query only: a form in the body is no JSON.
    let form =
        world.post(&format!("/keys/{TZ1}")).header("content-type", "application/x-www-form-urlencoded");
    let said = form.body(format!("authentication={good}")).send().await.failure(400);
    assert!(said.starts_with("the body must be one JSON string"), "{said}");
}

#[tokio::test]
async fn an_empty_list_of_clients_refuses_everybody() {
    let mut setup = Setup::new();
    setup.rules.guard = jwtis_signer::rules::Guard::Keys(Vec::new());
    let world = setup.build();
    assert_eq!(
        world.sign(TZ1, &noop("abc")).send().await.failure(401),
        "missing authentication signature field"
    );
    let signed = value(0, &TZ1.parse().unwrap(), &noop("abc"));
    assert_eq!(ask(&world, &signed).send().await.failure(403), "invalid authentication signature");
}

#[tokio::test]
async fn a_key_may_have_clients_of_its_own() {
    let [tz1, tz2, ..] = keys().map(|key| pkh(&key));
    let policy = Policy { authorized_keys: Some([tz2].into()), ..everything() };
    let world = Setup::with_client_keys().policy(&keys()[0], policy.clone()).build();
    ask(&world, &value(1, &tz1, &noop("abc"))).send().await.ok();
    let said = ask(&world, &value(0, &tz1, &noop("abc"))).send().await.failure(403);
    assert_eq!(said, format!("client `{tz1}' is not allowed"));
    let open = Setup::new().policy(&keys()[0], policy).build();
    assert_eq!(open.sign(tz1, &noop("abc")).send().await.failure(403), "authentication required");
    let counted =
        r#"authentication_failure_total{status="403",auth_method="authorized_keys",client_ip="public"}"#;
    assert_eq!((world.metric(counted), open.metric(counted)), (1.0, 1.0));
}

#[tokio::test]
async fn a_proof_is_asked_for_with_an_empty_message() {
    let world = Setup::with_client_keys().build();
    let tz4 = pkh(&keys()[3]);
    let path = format!("/bls_prove_possession/{tz4}");
    world.get(&path).query("authentication", &value(0, &tz4, &[])).send().await.ok();
    let other = world.get(&path).query("authentication", &value(0, &tz4, b"x"));
    assert_eq!(other.send().await.failure(403), "invalid authentication signature");
}
