//! `POST /revoke_token`

use jwtis_base::BearerSecret;
use jwtis_issuer::{Credentials, RevokeTarget};
use serde_json::{Value, json};

use super::support::{Tokens, World};

async fn revoke(world: &World, token: &str, body: Value) {
    let answer = world.post("/revoke_token", body).bearer(token).send().await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "{}".to_owned()));
}

#[tokio::test]
async fn revoke_ends_one_session_however_it_is_named() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let name: [fn(&Tokens) -> Value; 4] = [
        |tokens| json!({"kid": "shop", "id": tokens.id}),
        |tokens| json!({"kid": "shop", "refresh_token": tokens.refresh}),
        |tokens| json!({"kid": "shop", "auth_token": tokens.auth}),
        |tokens| json!({"kid": "shop", "access_token": tokens.auth}),
    ];
    for name in name {
        let ended = world.issue("shop", &token, json!({"sub": "u1"})).await;
        let other = world.issue("shop", &token, json!({"sub": "u1"})).await;
        revoke(&world, &token, name(&ended)).await;
        assert_eq!(
            world.verify("shop", &token, &ended.auth).await,
            json!({"active": false, "reason": "revoked"})
        );
        assert!(world.is_active("shop", &token, &other.auth).await);
        // Again, and from the admin.
        revoke(&world, &world.admin, name(&ended)).await;
    }
}

#[tokio::test]
async fn revoke_by_subject_leaves_other_subjects_and_later_sessions() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let ended = world.issue("shop", &token, json!({"sub": "u1"})).await;
    let other = world.issue("shop", &token, json!({"sub": "u2"})).await;
    revoke(&world, &token, json!({"kid": "shop", "sub": "u1"})).await;
    let later = world.issue("shop", &token, json!({"sub": "u1"})).await;
    assert!(!world.is_active("shop", &token, &ended.auth).await);
    assert!(world.is_active("shop", &token, &other.auth).await);
    assert!(world.is_active("shop", &token, &later.auth).await);
}

#[tokio::test]
async fn revoke_by_the_empty_subject_wants_nothing_else_beside_it() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let ended = world.issue("shop", &token, json!({"sub": ""})).await;
    let other = world.issue("shop", &token, json!({})).await;
    let by_id = world.issue("shop", &token, json!({"sub": ""})).await;
    revoke(&world, &token, json!({"kid": "shop", "sub": "", "id": by_id.id})).await;
    assert!(world.is_active("shop", &token, &ended.auth).await);
    revoke(&world, &token, json!({"kid": "shop", "sub": "", "id": null, "all": false})).await;
    assert!(!world.is_active("shop", &token, &ended.auth).await);
    assert!(world.is_active("shop", &token, &other.auth).await);
}

#[tokio::test]
async fn revoke_all_ends_every_session_of_this_client_only() {
    let world = World::new().await;
    let shop = world.register("shop", json!({})).await;
    let bank = world.register("bank", json!({})).await;
    let ended = world.issue("shop", &shop, json!({})).await;
    let other = world.issue("bank", &bank, json!({})).await;
    revoke(&world, &shop, json!({"kid": "shop", "all": true})).await;
    let later = world.issue("shop", &shop, json!({})).await;
    assert!(!world.is_active("shop", &shop, &ended.auth).await);
    assert!(world.is_active("bank", &bank, &other.auth).await);
    assert!(world.is_active("shop", &shop, &later.auth).await);
}

#[tokio::test]
async fn revoke_takes_either_kind_of_token_under_every_name_and_as_people_copy_it() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    for member in ["auth_token", "access_token", "refresh_token"] {
        for (before, after) in
            [("", ""), ("", "\n"), ("", " "), ("Bearer ", ""), ("bearer  ", "\r\n"), ("\"", "\"")]
        {
            let kinds: [fn(&Tokens) -> &str; 2] = [|tokens| &tokens.auth, |tokens| &tokens.refresh];
            for kind in kinds {
                let tokens = world.issue("shop", &token, json!({"sub": "u1"})).await;
                let text = format!("{before}{}{after}", kind(&tokens));
                revoke(&world, &token, json!({"kid": "shop", member: text})).await;
                assert!(
                    !world.is_active("shop", &token, &tokens.auth).await,
                    "{member}: {before:?} {after:?}"
                );
                world.renew("shop", &token, &tokens.refresh).await.problem(403, "token_revoked");
            }
        }
    }
}

#[tokio::test]
async fn revoke_of_what_is_no_token_says_so_and_ends_nothing() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let tokens = world.issue("shop", &token, json!({})).await;
    let cut = &tokens.auth[..tokens.auth.len() - 1];
    for text in ["garbage", "a.b.c", "a.b.c.d.e", "Bearer", &tokens.id, &token, cut, &tokens.auth[2..]] {
        for member in ["auth_token", "access_token", "refresh_token"] {
            let body = json!({"kid": "shop", member: text});
            let refused = world.post("/revoke_token", body).bearer(&token).send().await;
            refused.problem(400, "not_a_token");
        }
    }
    assert!(world.is_active("shop", &token, &tokens.auth).await);
    // A session that nobody can have opened yet.
    let body = json!({"kid": "shop", "id": "7fffffff-1234-7abc-8def-0123456789ab"});
    world.post("/revoke_token", body).bearer(&token).send().await.problem(409, "session_from_future");
}

#[tokio::test]
async fn revoke_of_unknown_and_expired_tokens_succeeds() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let bank = world.register("bank", json!({})).await;
    let foreign = world.issue("bank", &bank, json!({})).await;
    let expired = world.issue("shop", &token, json!({})).await;
    world.pass(721 * 3600);
    for body in [
        json!({"kid": "shop", "refresh_token": foreign.refresh}),
        json!({"kid": "shop", "auth_token": foreign.auth}),
        json!({"kid": "shop", "refresh_token": expired.refresh}),
        json!({"kid": "shop", "auth_token": expired.auth}),
        json!({"kid": "shop", "id": "019a9730-1234-7abc-8def-0123456789ab"}),
        json!({"kid": "shop", "sub": "nobody"}),
    ] {
        revoke(&world, &token, body).await;
    }
}

#[tokio::test]
async fn revoke_wants_exactly_one_target() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let issued = world.issue("shop", &token, json!({"sub": "u1"})).await;
    for (body, code) in [
        (json!({"kid": "shop"}), "missing_member"),
        (json!({"kid": "shop", "all": false}), "missing_member"),
        (json!({"kid": "shop", "sub": null, "id": ""}), "missing_member"),
        (json!({"kid": "shop", "id": issued.id, "sub": "u1"}), "conflicting_members"),
        (json!({"kid": "shop", "sub": "u1", "all": true}), "conflicting_members"),
        (json!({"kid": "shop", "auth_token": "a", "access_token": "b"}), "conflicting_members"),
        (json!({"kid": "shop", "id": "42"}), "invalid_member"),
        (json!({"kid": "shop", "all": "yes"}), "invalid_member"),
        (json!({"kid": "shop", "sub": 1}), "invalid_member"),
        (json!({"kid": "shop", "refresh_tokn": "x"}), "unknown_member"),
    ] {
        world.post("/revoke_token", body).bearer(&token).send().await.problem(400, code);
    }
    assert!(world.is_active("shop", &token, &issued.auth).await);
}

#[tokio::test]
async fn revoke_is_not_acknowledged_where_a_clock_that_is_behind_could_miss_a_session() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let issued = world.issue("shop", &token, json!({"sub": "u1"})).await;
    let behind = world.elsewhere(super::support::START - 3600).await;
    for target in [json!({"id": issued.id}), json!({"sub": "u1"}), json!({"all": true})] {
        let mut body = json!({"kid": "shop"});
        body.as_object_mut().unwrap().append(&mut target.as_object().unwrap().clone());
        behind.post("/revoke_token", body).bearer(&token).send().await.problem(503, "clock_behind");
    }
    revoke(&behind, &token, json!({"kid": "shop", "auth_token": issued.auth})).await;
    assert!(!world.is_active("shop", &token, &issued.auth).await);
}

#[tokio::test]
async fn revoke_of_invented_subjects_has_a_quota() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let issued = world.issue("shop", &token, json!({"sub": "u1"})).await;
    let credentials = Credentials { secret: BearerSecret::parse(&token).unwrap(), user: None };
    let access = world.issuer.client_access(Some(&credentials), &"shop".parse().unwrap()).await.unwrap();
    for number in 0..jwtis_issuer::MAX_UNPROVED_REVOCATIONS {
        let subject = format!("nobody-{number}");
        world.issuer.revoke(&access, RevokeTarget::Subject(&subject)).await.unwrap();
    }
    let body = json!({"kid": "shop", "sub": "one-more"});
    let refused = world.post("/revoke_token", body.clone()).bearer(&token).send().await;
    refused.problem(429, "too_many_revocations");
    revoke(&world, &token, json!({"kid": "shop", "refresh_token": issued.refresh})).await;
    revoke(&world, &world.admin, body).await;
}
