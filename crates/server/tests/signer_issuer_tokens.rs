//! Tokens of our own issuer (decisions, section 6): what opens the signer, what narrows, and attacks by name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

use std::sync::Arc;

use jwtis::app::trusted::OwnIssuer;
use jwtis_base::Timestamp;
use jwtis_issuer::{ClientAccess, IssuerSettings, KeyOptions, RevokeTarget};
use jwtis_jose::{SignatureAlgorithm, jws};
use jwtis_signer::login::TrustedIssuer;
use jwtis_signer::{ClientRefusal, Presented, TokenRefusal};
use jwtis_signer::{Signer, TrustedTokens};
use jwtis_store::MemoryBackend;
use jwtis_store::testing::{Fault, Faulty, store_over};
use jwtis_testkit::clock::env;
use jwtis_testkit::issuer::{START, World, id, jwks, with_alg};
use jwtis_testkit::log::Log;
use jwtis_testkit::signer::tokens::{
    PASSWORD, SECRET, forge, login, rules, signer_with, user, user_of, whose,
};
use jwtis_tezos::policy::{Allow, Usage};
use jwtis_tezos::{Caller, Circumstances, Denial, Policy, RequestKind, SignRequest, SigningVersion, Verdict};

const EXPIRED: &str = "the token has expired";

/// A signer that trusts the client `bakery` for the audience `signer`, and knows the user alice.
async fn trusting() -> (World, ClientAccess, Signer) {
    let world = World::new().await;
    let access = world.client("bakery", KeyOptions::default()).await;
    let signer = trusting_in(&world, &[("bakery", Some("signer"))]);
    (world, access, signer)
}

fn trusting_in(world: &World, issuers: &[(&str, Option<&str>)]) -> Signer {
    let issuers = issuers
        .iter()
        .map(|(client, audience)| TrustedIssuer {
            client: id(client),
            registration: None,
            audience: audience.map(str::to_owned),
        })
        .collect();
    let env = env(&world.clock);
    signer_with(rules(vec![user("alice")], issuers, &env), Some(own_issuer(world)), env)
}

fn own_issuer(world: &World) -> Arc<dyn TrustedTokens> {
    Arc::new(OwnIssuer(world.issuer.clone()))
}

#[tokio::test]
async fn a_token_of_a_trusted_client_opens_with_its_narrowing_claims() {
    let (world, access, signer) = trusting().await;
    let token = world.issue(
        &access,
        r#"{"sub":"carol","aud":["other","signer"],"keys":["tz1a","tz1b","tz1a"],"roles":["baker"],"permissions":["block","generic:transaction"]}"#,
    );
    for username in [None, Some("carol")] {
        for presented in [token.access_token.clone(), format!("Bearer {}", token.access_token)] {
            let user = user_of(&signer, &presented, username).await.unwrap();
            assert_eq!(user.name, "carol");
            assert_eq!(user.keys.unwrap().into_iter().collect::<Vec<_>>(), ["tz1a", "tz1b"]);
            assert_eq!(user.roles.into_iter().collect::<Vec<_>>(), ["baker"]);
            assert!(user.permissions.unwrap().unknown().is_empty());
        }
    }
    let plain = world.issue(&access, r#"{"sub":"carol","aud":"signer"}"#);
    let user = user_of(&signer, &plain.access_token, None).await.unwrap();
    assert_eq!(user, jwtis_tezos::policy::User::named("carol"), "absent claims narrow nothing");
    let login = login(&signer, "alice", PASSWORD).await.unwrap();
    assert_eq!(whose(&signer, &login, None).await, Ok("alice".to_owned()), "logins go on beside it");
}

#[tokio::test]
async fn empty_lists_permit_nothing_rather_than_everything() {
    let (world, access, signer) = trusting().await;
    let claims = r#"{"sub":"carol","aud":"signer","keys":[],"permissions":[]}"#;
    let user = user_of(&signer, &world.issue(&access, claims).access_token, None).await.unwrap();
    assert!(user.keys.unwrap().is_empty());
    assert!(user.permissions.is_some());
}

#[tokio::test]
async fn refuses_issuer_tokens_by_what_is_wrong_with_them() {
    const AUDIENCE: &str = "the token is for another audience";
    const INVALID: &str = "the token is not valid";
    let (world, access, signer) = trusting().await;
    for (name, claims, username, wanted) in [
        ("no_aud", r#"{"sub":"carol"}"#, None, AUDIENCE),
        ("wrong_aud", r#"{"sub":"carol","aud":"signer2"}"#, None, AUDIENCE),
        ("wrong_auds", r#"{"sub":"carol","aud":["a","b"]}"#, None, AUDIENCE),
        ("no_sub", r#"{"aud":"signer"}"#, None, INVALID),
        ("empty_sub", r#"{"aud":"signer","sub":""}"#, None, INVALID),
        ("another_username", r#"{"aud":"signer","sub":"carol"}"#, Some("dave"), INVALID),
        ("username_of_a_login", r#"{"aud":"signer","sub":"carol"}"#, Some("alice"), INVALID),
        ("user_instead_of_sub", r#"{"aud":"signer","user":"alice"}"#, Some("alice"), INVALID),
        ("keys_text", r#"{"aud":"signer","sub":"carol","keys":"tz1a"}"#, None, INVALID),
        ("keys_null", r#"{"aud":"signer","sub":"carol","keys":null}"#, None, INVALID),
        ("keys_object", r#"{"aud":"signer","sub":"carol","keys":{"tz1a":true}}"#, None, INVALID),
        ("keys_numbers", r#"{"aud":"signer","sub":"carol","keys":["tz1a",1]}"#, None, INVALID),
        ("roles_text", r#"{"aud":"signer","sub":"carol","roles":"baker"}"#, None, INVALID),
        ("permissions_null", r#"{"aud":"signer","sub":"carol","permissions":null}"#, None, INVALID),
        ("permissions_nested", r#"{"aud":"signer","sub":"carol","permissions":[["block"]]}"#, None, INVALID),
        ("permissions_bool", r#"{"aud":"signer","sub":"carol","permissions":true}"#, None, INVALID),
    ] {
        let token = world.issue(&access, claims).access_token;
        assert_eq!(whose(&signer, &token, username).await, Err(wanted.to_owned()), "{name}");
    }
}

#[tokio::test]
async fn point_07_attack_a_revoked_issuer_token_is_refused_at_once() {
    let (world, access, signer) = trusting().await;
    let issue = || world.issue(&access, r#"{"sub":"carol","aud":"signer"}"#);
    let revoked = "the token has been revoked".to_owned();
    let token = issue();
    assert!(whose(&signer, &token.access_token, None).await.is_ok());
    world.issuer.revoke(&access, RevokeTarget::Token(&token.access_token)).await.unwrap();
    assert_eq!(whose(&signer, &token.access_token, None).await, Err(revoked.clone()));
    for target in [RevokeTarget::Subject("carol"), RevokeTarget::All] {
        let token = issue();
        world.seconds_pass(1);
        world.issuer.revoke(&access, target).await.unwrap();
        assert_eq!(whose(&signer, &token.access_token, None).await, Err(revoked.clone()));
    }
}

#[tokio::test]
async fn refuses_issuer_tokens_that_are_expired_foreign_refreshing_or_of_a_deleted_client() {
    const NO_KEY: &str = "the token is not valid";
    let (world, access, signer) = trusting().await;
    let other = world.client("stranger", KeyOptions::default()).await;
    let claims = r#"{"sub":"carol","aud":"signer"}"#;
    let foreign = world.issue(&other, claims).access_token;
    assert_eq!(
        whose(&signer, &foreign, None).await,
        Err(NO_KEY.to_owned()),
        "of a client that nobody trusts"
    );

    let tokens = world.issue(&access, claims);
    let refresh = whose(&signer, &tokens.refresh_token, None).await;
    assert_eq!(refresh, Err(NO_KEY.to_owned()));

    let changed = format!("{}A", &tokens.access_token[..tokens.access_token.len() - 1]);
    assert!(changed == tokens.access_token || whose(&signer, &changed, None).await.is_err());

    world.clock.set(Timestamp::from_seconds(tokens.expires_at));
    assert_eq!(whose(&signer, &tokens.access_token, None).await, Err(EXPIRED.to_owned()));
    world.clock.set(START);
    assert!(whose(&signer, &tokens.access_token, None).await.is_ok());

    let admin = world.issuer.admin(Some(&world.admin)).await.unwrap();
    world.issuer.delete_client(&admin, &id("bakery")).await.unwrap();
    assert_eq!(whose(&signer, &tokens.access_token, None).await, Err(NO_KEY.to_owned()));
    world.client("bakery", KeyOptions::default()).await;
    assert_eq!(
        whose(&signer, &tokens.access_token, None).await,
        Err(NO_KEY.to_owned()),
        "a new one of that name"
    );
}

#[tokio::test]
async fn trust_that_is_pinned_to_a_registration_ends_with_it() {
    const NO_KEY: &str = "the token is not valid";
    let world = World::new().await;
    let old = world.client("bakery", KeyOptions::default()).await;
    let claims = r#"{"sub":"carol"}"#;
    let pinned = |registration| {
        let env = env(&world.clock);
        let trusted = TrustedIssuer { client: id("bakery"), registration, audience: None };
        signer_with(rules(Vec::new(), vec![trusted], &env), Some(own_issuer(&world)), env)
    };
    let (first, any) = (pinned(Some(old.client().registration())), pinned(None));
    let token = world.issue(&old, claims).access_token;
    assert!(whose(&first, &token, None).await.is_ok());
    assert_eq!(first.remarks_on_issuers().await, [""; 0]);

    // New keys are no new registration.
    world.issuer.renew_keys(&old, KeyOptions::default()).await.unwrap();
    assert!(whose(&first, &token, None).await.is_ok());

    let admin = world.issuer.admin(Some(&world.admin)).await.unwrap();
    world.issuer.delete_client(&admin, &id("bakery")).await.unwrap();
    assert!(first.remarks_on_issuers().await[0].contains("no such client is registered"));
    let new = world.client("bakery", KeyOptions::default()).await;
    let token = world.issue(&new, claims).access_token;
    assert_eq!(whose(&first, &token, None).await, Err(NO_KEY.to_owned()), "somebody else took the name");
    assert!(whose(&any, &token, None).await.is_ok(), "trust in a name is trust in whoever has it");
    assert!(first.remarks_on_issuers().await[0].contains("its tokens are refused"));
    assert_eq!(any.remarks_on_issuers().await, [""; 0]);
}

#[tokio::test]
async fn a_store_that_cannot_be_read_opens_nothing() {
    let backend = Faulty::new(MemoryBackend::new());
    let world = World::with(store_over(backend.clone()), IssuerSettings::default()).await;
    let access = world.client("bakery", KeyOptions::default()).await;
    let signer = trusting_in(&world, &[("bakery", Some("signer"))]);
    let token = world.issue(&access, r#"{"sub":"carol","aud":"signer"}"#).access_token;
    for read in 1..=2 {
        backend.fail_read(read, Fault::Unavailable);
        let refusal = user_of(&signer, &token, None).await.unwrap_err();
        assert_eq!(refusal, TokenRefusal::Unavailable, "read {read}");
        assert!(user_of(&signer, &token, None).await.is_ok(), "and recovers");
    }
    let env = env(&world.clock);
    let trusted =
        vec![TrustedIssuer { client: id("bakery"), registration: None, audience: Some("signer".to_owned()) }];
    let without_issuer = signer_with(rules(Vec::new(), trusted, &env), None, env);
    assert_eq!(user_of(&without_issuer, &token, None).await.unwrap_err(), TokenRefusal::Unavailable);
}

#[tokio::test]
async fn a_token_of_one_kind_never_passes_for_the_other() {
    let (world, access, signer) = trusting().await;
    let issued = world.issue(&access, r#"{"sub":"alice","user":"alice","aud":"signer"}"#).access_token;
    // Right for both rules: it is the issuer's, whatever else it says. Its claims and its revocation count.
    world.issuer.revoke(&access, RevokeTarget::Token(&issued)).await.unwrap();
    assert_eq!(user_of(&signer, &issued, Some("alice")).await.unwrap_err(), TokenRefusal::Revoked);

    // A public key of the issuer is no secret of a user, and a user's secret signs for no client.
    let parsed = jws::Unverified::parse(&issued).unwrap();
    let kid = parsed.header().kid().unwrap();
    let claims = r#"{"sub":"carol","user":"carol","aud":"signer","iss":"bakery","exp":1900000000}"#;
    for alg in ["HS256", "HS384", "EdDSA", "ES256", "RS256", "none"] {
        let header = format!(r#"{{"alg":"{alg}","typ":"JWT","kid":"{kid}"}}"#);
        for secret in [SECRET, &jwks(&access, START)] {
            let token = forge(&header, claims, secret);
            for username in [None, Some("carol"), Some("alice")] {
                assert!(user_of(&signer, &token, username).await.is_err(), "{alg} {username:?}");
            }
        }
    }
}

#[tokio::test]
async fn several_trusted_clients_are_told_apart_by_their_keys() {
    let world = World::new().await;
    let bakery = world.client("bakery", KeyOptions::default()).await;
    let mill = world.client("mill", with_alg(SignatureAlgorithm::Es256)).await;
    let signer =
        trusting_in(&world, &[("gone", None), ("bakery", Some("a")), ("mill", Some("b")), ("mill", None)]);
    for (name, access, claims, opens) in [
        ("first", &bakery, r#"{"sub":"u","aud":"a"}"#, true),
        ("second", &mill, r#"{"sub":"u","aud":"b"}"#, true),
        ("audience_of_the_other", &mill, r#"{"sub":"u","aud":"a"}"#, false),
        ("a_client_listed_twice_without_audience", &mill, r#"{"sub":"u"}"#, true),
        ("needs_its_audience", &bakery, r#"{"sub":"u"}"#, false),
    ] {
        let token = world.issue(access, claims).access_token;
        assert_eq!(user_of(&signer, &token, None).await.is_ok(), opens, "{name}");
    }
}

#[tokio::test]
async fn without_a_configured_audience_a_token_for_somebody_else_is_refused() {
    let world = World::new().await;
    let access = world.client("bakery", KeyOptions::default()).await;
    let signer = trusting_in(&world, &[("bakery", None)]);
    let of = |claims: &str| world.issue(&access, claims).access_token;
    assert!(user_of(&signer, &of(r#"{"sub":"carol"}"#), None).await.is_ok());
    assert!(user_of(&signer, &of(r#"{"sub":"carol","aud":"shop"}"#), None).await.is_err());
}

#[tokio::test]
async fn point_07_attack_a_token_whose_permissions_lack_the_kind() {
    let (world, access, signer) = trusting().await;
    let claims = r#"{"sub":"carol","aud":"signer","permissions":["block","make_coffee"]}"#;
    let token = world.issue(&access, claims).access_token;
    let log = Log::default();
    let logging = log.listen("trace");
    let caller = signer.authenticate(Presented { token: Some(&token), username: None }).await.unwrap();
    signer.authenticate(Presented { token: Some(&token), username: None }).await.unwrap();
    drop(logging);
    assert_eq!(log.text().matches("make_coffee").count(), 1, "warned of once: {}", log.text());

    let request = SignRequest::decode(b"\x05\x00\x00", SigningVersion::LATEST).unwrap();
    let key = "tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q".parse().unwrap();
    let policy = Policy { allow: Allow::new([RequestKind::Pack], []), ..Policy::default() };
    let judge = |caller: &Caller| {
        policy.evaluate(&request, &Circumstances { key: &key, caller, usage: &Usage::default(), now_ms: 0 })
    };
    assert!(matches!(judge(caller.caller()), Verdict::Deny(Denial::TokenPermission(_))));
    assert_eq!(judge(&Caller::Anonymous), Verdict::Allow(None), "the policy alone would allow it");
}

#[tokio::test]
async fn a_caller_whose_issuer_is_trusted_no_more_is_out_though_his_token_was_checked_before() {
    let (world, access, signer) = trusting().await;
    let token = world.issue(&access, r#"{"sub":"carol","aud":"signer"}"#).access_token;
    let key = "tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q".parse().unwrap();
    let carol = signer.authenticate(Presented { token: Some(&token), username: None }).await.unwrap();
    let stays = signer.authenticate_client(carol.clone(), &key, &[3], None).unwrap();
    assert_eq!(stays.caller(), carol.caller());
    signer.apply(rules(vec![user("carol")], Vec::new(), signer.env()), None);
    let outcome = signer.authenticate_client(carol, &key, &[3], None);
    assert_eq!(outcome.err(), Some(ClientRefusal::Invalid), "a login user of the same name is another");
}
