//! Who may act for whom.

use jwtis_base::{BearerSecret, SecretKind};
use jwtis_issuer::{AccessError, Credentials, Issuer, IssuerSettings, KeyOptions, RegisterError};
use jwtis_store::open_memory;
use jwtis_testkit::issuer::{World, bearer, id};

#[tokio::test]
async fn a_client_token_opens_only_its_own_kid() {
    let world = World::new().await;
    let shop = world.register("shop", KeyOptions::default()).await;
    let bank = world.register("bank", KeyOptions::default()).await;
    let wrong = BearerSecret::generate(SecretKind::Client, world.issuer.env()).unwrap();

    let opens = async |credentials: Option<Credentials>, kid: &str| match world
        .issuer
        .client_access(credentials.as_ref(), &id(kid))
        .await
    {
        Ok(_) => "open",
        Err(AccessError::Denied) => "denied",
        Err(AccessError::UnknownClient) => "unknown",
        Err(error) => panic!("{error}"),
    };
    let named = |secret: &BearerSecret, user: &str| {
        Some(Credentials { user: Some(user.to_owned()), ..bearer(secret) })
    };
    for (name, credentials, kid, wanted) in [
        ("own_token", Some(bearer(&shop)), "shop", "open"),
        ("own_token_by_basic", named(&shop, "shop"), "shop", "open"),
        ("own_token_under_another_name", named(&shop, "bank"), "shop", "denied"),
        ("own_token_for_another_client", Some(bearer(&shop)), "bank", "denied"),
        ("own_token_for_an_unknown_client", Some(bearer(&shop)), "none", "denied"),
        ("other_token", Some(bearer(&bank)), "shop", "denied"),
        ("wrong_token", Some(bearer(&wrong)), "shop", "denied"),
        ("wrong_token_for_an_unknown_client", Some(bearer(&wrong)), "none", "denied"),
        ("no_token", None, "shop", "denied"),
        ("no_token_for_an_unknown_client", None, "none", "denied"),
        ("admin", Some(bearer(&world.admin.secret)), "shop", "open"),
        ("admin_for_an_unknown_client", Some(bearer(&world.admin.secret)), "none", "unknown"),
    ] {
        assert_eq!(opens(credentials, kid).await, wanted, "{name}");
    }
    assert!(world.issuer.admin(Some(&bearer(&shop))).await.is_err());
    assert!(world.issuer.registration(Some(&bearer(&shop))).await.is_err());
    assert!(world.issuer.registration(None).await.is_err());
}

#[tokio::test]
async fn registration_is_open_only_where_the_operator_says_so() {
    let settings = IssuerSettings { open_registration: true, ..IssuerSettings::default() };
    let world = World::with(open_memory(), settings).await;
    let anybody = world.issuer.registration(None).await.unwrap();
    world.issuer.register(&anybody, id("shop"), KeyOptions::default()).await.unwrap();
    assert!(world.issuer.admin(None).await.is_err(), "all else stays closed");
    let again = world.issuer.register(&anybody, id("shop"), KeyOptions::default()).await;
    assert!(matches!(again, Err(RegisterError::Taken)), "and nobody takes over a name");
}

#[tokio::test]
async fn a_new_admin_token_replaces_the_one_before_and_a_client_token_does_not() {
    let world = World::new().await;
    let generate = |kind| BearerSecret::generate(kind, world.issuer.env()).unwrap();
    assert!(world.issuer.set_admin_token(&generate(SecretKind::Client)).await.is_err());
    world.admin().await;
    let next = generate(SecretKind::Admin);
    world.issuer.set_admin_token(&next).await.unwrap();
    assert!(world.issuer.admin(Some(&world.admin)).await.is_err());
    assert!(world.issuer.admin(Some(&bearer(&next))).await.is_ok());
}

#[tokio::test]
async fn a_deleted_client_is_gone_at_once_and_its_name_is_free() {
    let world = World::new().await;
    let access = world.client("shop", KeyOptions::default()).await;
    let tokens = world.issue(&access, "{}");
    let admin = world.admin().await;
    world.issuer.delete_client(&admin, &id("shop")).await.unwrap();
    assert!(world.issuer.delete_client(&admin, &id("shop")).await.is_err());
    let gone = world.issuer.client_access(Some(&world.admin), &id("shop")).await;
    assert!(matches!(gone, Err(AccessError::UnknownClient)));
    let again = world.client("shop", KeyOptions::default()).await;
    assert_eq!(world.status(&again, &tokens.access_token).await, "unknown_key");
}

#[tokio::test]
async fn clients_are_listed_page_by_page_each_once() {
    let world = World::new().await;
    for number in 0..7 {
        world.client(&format!("client-{number}"), KeyOptions::default()).await;
    }
    let admin = world.admin().await;
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = world.issuer.clients(&admin, after.as_deref(), 3).await.unwrap();
        assert!(page.clients.len() <= 3);
        seen.extend(page.clients.iter().map(|client| client.id.to_string()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    seen.sort();
    assert_eq!(seen, (0..7).map(|number| format!("client-{number}")).collect::<Vec<_>>());
    assert!(world.issuer.clients(&admin, Some("garbage"), 3).await.is_err());
}

/// Two servers over one store, as several nodes will be.
#[tokio::test]
async fn what_another_server_over_the_store_sets_counts_here_at_once() {
    let here = World::new().await;
    let client = here.client("shop", KeyOptions::default()).await;
    let tokens = here.issue(&client, "{}");
    let store = here.issuer.store().clone();
    let there =
        Issuer::open(store.clone(), here.issuer.env().clone(), IssuerSettings::default()).await.unwrap();
    let secret = BearerSecret::generate(SecretKind::Admin, there.env()).unwrap();
    there.set_admin_token(&secret).await.unwrap();
    assert!(here.issuer.admin(Some(&here.admin)).await.is_err(), "the other server has set another token");
    assert!(here.issuer.admin(Some(&bearer(&secret))).await.is_ok());

    assert_eq!(here.status(&client, &tokens.access_token).await, "active");
    jwtis_base::rollback::begin(&store, jwtis_store::RollbackCause::Restored).await.unwrap();
    here.seconds_pass(1);
    Issuer::open(store, here.issuer.env().clone(), IssuerSettings::default()).await.unwrap();
    assert_eq!(here.status(&client, &tokens.access_token).await, "revoked");
}
