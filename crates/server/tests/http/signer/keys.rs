//! `GET /keys/{pkh}`, `GET /authorized_keys` and `GET /known_keys`.

use jwtis_signer::rules::Guard;
use jwtis_tezos::Policy;

use super::support::{Setup, TZ1, keys, pkh};

#[tokio::test]
async fn public_keys_are_shown_in_the_form_of_their_curve() {
    let world = Setup::new().build();
    for (key, prefix) in keys().iter().zip(["edpk", "sppk", "p2pk", "BLpk"]) {
        let answer = world.get(&format!("/keys/{}", pkh(key))).send().await;
        let expected = key.public_key().to_string();
        assert!(expected.starts_with(prefix));
        assert_eq!(answer.text(), format!("{{\"public_key\":\"{expected}\"}}\n"));
        answer.ok();
    }
    let nowhere = world.get("/keys/tz1WGcYos3hL7GXYXjKrMnSFdkT7FyXnFBvf").send().await;
    assert_eq!(nowhere.failure(404), "this key not found in any vault");
}

#[tokio::test]
async fn trap_14_public_keys_and_authorized_keys_ignore_policies_and_clients() {
    let unlisted = pkh(&keys()[4]);
    let nothing =
        Policy { authorized_keys: Some([].into()), jwt_users: Some([].into()), ..Policy::default() };
    let world = Setup::with_client_keys().policy(&keys()[0], nothing).build();
    for key in [TZ1.to_owned(), unlisted.to_string()] {
        world.get(&format!("/keys/{key}")).send().await.ok();
    }
    // Hashes, though the name says keys, in the order of the configuration.
    let answer = world.get("/authorized_keys").send().await;
    let [first, second] = [&keys()[0], &keys()[1]].map(|key| pkh(key).to_string());
    assert_eq!(answer.text(), format!("{{\"authorized_keys\":[\"{first}\",\"{second}\"]}}\n"));
    answer.ok();
}

#[tokio::test]
async fn trap_14_authorized_keys_is_an_empty_object_where_there_are_none() {
    for guard in [Guard::Open, Guard::Keys(Vec::new())] {
        let mut setup = Setup::new();
        setup.rules.guard = guard;
        let answer = setup.build().get("/authorized_keys").send().await;
        assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, "{}\n"));
        assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    }
    let mut setup = Setup::new();
    let key = keys()[2].public_key().clone();
    setup.rules.guard = Guard::Keys(vec![key.clone(), key.clone()]);
    let answer = setup.build().get("/authorized_keys").send().await.ok();
    assert_eq!(
        answer["authorized_keys"],
        serde_json::json!([key.hash().to_string(), key.hash().to_string()])
    );
}

#[tokio::test]
async fn public_keys_can_be_kept_to_listed_ones() {
    let mut setup = Setup::new();
    setup.rules.restrict_public_keys = Some(true);
    let world = setup.build();
    world.get(&format!("/keys/{TZ1}")).send().await.ok();
    let unlisted = world.get(&format!("/keys/{}", pkh(&keys()[4]))).send().await;
    assert_eq!(unlisted.failure(404), "this key not found in any vault");
}

#[tokio::test]
async fn known_keys_are_behind_a_switch_and_a_token() {
    let world = Setup::with_tokens().build();
    for method in ["GET", "POST", "HEAD"] {
        let answer = world.call(method, "/known_keys").send().await;
        assert_eq!(answer.status, 404, "{method}");
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    }

    let mut setup = Setup::new();
    setup.rules.known_keys = true;
    // Listed and in no vault: not known.
    setup.rules.keys.insert("tz1WGcYos3hL7GXYXjKrMnSFdkT7FyXnFBvf".parse().unwrap(), Default::default());
    let world = setup.build();
    let answer = world.get("/known_keys").send().await.ok();
    let mut expected: Vec<_> = keys()[..4].iter().map(|key| pkh(key)).collect();
    expected.sort_unstable();
    let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
    assert_eq!(answer, serde_json::json!({"known_keys": expected}));
    for method in ["POST", "DELETE"] {
        let answer = world.call(method, "/known_keys").send().await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (405, 0), "{method}");
    }

    let mut setup = Setup::with_tokens();
    setup.rules.known_keys = true;
    assert_eq!(setup.build().get("/known_keys").send().await.plain(401), "token required");
}
