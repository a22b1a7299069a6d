//! `POST /login`, and the pauses after wrong passwords.

use serde_json::Value;

use super::support::{Answer, Call, PASSWORD, START, Setup, World, at};

fn login(world: &World, user: &str, password: &str) -> Call {
    world.post("/login").header("username", user).header("password", password)
}

/// Names and values.
type Headers = [(&'static str, &'static str)];

#[track_caller]
fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64_simd::URL_SAFE_NO_PAD.decode_to_vec(payload).unwrap()).unwrap()
}

#[tokio::test]
async fn a_login_gives_the_bare_token() {
    let world = Setup::with_tokens().build();
    let answer = login(&world, "payouts", PASSWORD).body("ignored {").send().await;
    let token = answer.plain(201);
    let claims = claims(&token);
    assert_eq!((&claims["user"], &claims["exp"]), (&"payouts".into(), &(START + 3600).into()));
    assert_eq!(
        world
            .get("/authorized_keys")
            .header("authorization", &token)
            .header("username", "payouts")
            .send()
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_said_in_plain_text() {
    let world = Setup::with_tokens().build();
    let required = "username and password required";
    let rows: &[(&str, &Headers, &str)] = &[
        ("nothing", &[], required),
        ("no password", &[("username", "payouts")], required),
        ("no name", &[("password", PASSWORD)], required),
        ("empty password", &[("username", "payouts"), ("password", "")], required),
        ("empty name", &[("username", ""), ("password", PASSWORD)], required),
        ("wrong password", &[("username", "payouts"), ("password", "Wrong-Long-Pass-99")], "Access denied"),
        (
            "prefix of the password",
            &[("username", "payouts"), ("password", &PASSWORD[..17])],
            "Access denied",
        ),
        ("unknown user", &[("username", "nobody"), ("password", PASSWORD)], "Access denied"),
    ];
    for (name, headers, said) in rows {
        let call = headers.iter().fold(world.post("/login"), |call, &(name, value)| call.header(name, value));
        // Pauses are another test.
        let source = format!("198.51.100.{}:1", name.len());
        assert_eq!(call.extension(at(&source)).send().await.plain(401), *said, "{name}");
    }
}

#[tokio::test]
async fn of_repeated_headers_the_first_counts_and_either_name_of_the_user_does() {
    let world = Setup::with_tokens().build();
    assert_eq!(login(&world, "payouts", PASSWORD).header("password", "other").send().await.status, 201);
    assert_eq!(login(&world, "payouts", "other").header("password", PASSWORD).send().await.status, 401);
    let second = || world.post("/login").header("x-signatory-user", "payouts").header("password", PASSWORD);
    assert_eq!(second().send().await.status, 201);
    assert_eq!(second().header("username", "").send().await.status, 201, "an empty one is none");
    assert_eq!(second().header("username", "nobody").send().await.status, 401, "the first name goes first");
}

#[tokio::test]
async fn bytes_that_are_no_text_are_the_password_of_nobody() {
    let world = Setup::with_tokens().build();
    let call =
        world.post("/login").header("username", "payouts").header("password", b"Long-Enough-Pass-1\xff");
    assert_eq!(call.send().await.plain(401), "Access denied");
    let call = world.post("/login").header("username", b"payouts\xff").header("password", PASSWORD);
    assert_eq!(call.send().await.plain(401), "Access denied");
}

#[tokio::test]
async fn after_five_wrong_passwords_there_is_a_pause_with_retry_after() {
    let world = Setup::with_tokens().build();
    let wrong = || login(&world, "payouts", "Wrong-Long-Pass-99");
    let mut answers: Vec<Answer> = Vec::new();
    for _ in 0..6 {
        answers.push(wrong().send().await);
    }
    for answer in &answers[..5] {
        assert_eq!(answer.plain(401), "Access denied");
    }
    let paused = &answers[5];
    assert!(paused.plain(429).starts_with("too many failed logins"), "{}", paused.text());
    let seconds: u64 = paused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3600).contains(&seconds), "{seconds}");
    // The right password does not help before that, from elsewhere neither.
    assert_eq!(login(&world, "payouts", PASSWORD).extension(at("198.51.100.7:1")).send().await.status, 429);
    world.pass(seconds);
    assert_eq!(login(&world, "payouts", PASSWORD).send().await.status, 201);
    let failed = |status| {
        world.metric(&format!(
            r#"authentication_failure_total{{status="{status}",auth_method="jwt",client_ip="public"}}"#
        ))
    };
    assert_eq!((failed(401), failed(429)), (5.0, 2.0));
}
