//! Rules that are replaced while the server runs: a request meets the old ones or the new ones.

use jwtis_signer::rules::Guard;

use super::support::{Setup, TZ1, noop};

#[tokio::test]
async fn login_and_known_keys_come_and_go_with_the_rules() {
    let world = Setup::new().build();
    assert_eq!(world.post("/login").send().await.status, 404);
    assert_eq!(world.get("/known_keys").send().await.status, 404);

    let mut rules = Setup::with_tokens().rules;
    rules.known_keys = true;
    world.signer.apply(rules, None);
    let token = world.login("payouts").await;
    assert_eq!(world.get("/known_keys").send().await.plain(401), "token required");
    assert_eq!(world.sign(TZ1, &noop("x")).send().await.plain(401), "token required");
    let call = world.get("/known_keys").header("authorization", &token).header("username", "payouts");
    call.send().await.ok();

    world.signer.apply(Setup::new().rules, None);
    assert_eq!(world.post("/login").send().await.status, 404);
    world.sign(TZ1, &noop("x")).send().await.ok();
}

#[tokio::test]
async fn a_user_and_a_key_that_are_gone_are_refused_at_once() {
    let world = Setup::with_tokens().build();
    let token = world.login("payouts").await;
    let ask = || world.sign(TZ1, &noop("x")).header("authorization", &token).header("username", "payouts");
    ask().send().await.ok();
    let mut rules = Setup::with_tokens().rules;
    rules.keys.clear();
    world.signer.apply(rules, None);
    assert_eq!(ask().send().await.failure(403), format!("{TZ1} is not listed in config"));
    let mut rules = Setup::new().rules;
    rules.guard = super::support::tokens(&["another"]);
    world.signer.apply(rules, None);
    assert_eq!(ask().send().await.plain(401), "the token is not valid");
    assert!(matches!(world.signer.rules().guard, Guard::Tokens(_)));
}
