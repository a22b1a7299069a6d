//! Bodies that are too large, too deep, too slow, or not what they should be; methods that are not there.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header;
use hyper::body::{Body as HttpBody, Frame};
use jwtis::http::{Budget, Limits};
use jwtis_issuer::IssuerSettings;
use serde_json::json;

use super::support::{Answer, World};

async fn send(world: &World, body: impl Into<Body>) -> Answer {
    world.call("POST", "/issue_token").body(body).bearer(&world.admin).send().await
}

/// A body without a declared length: `chunk`, over and over, or silence.
pub(crate) struct Endless(pub(crate) Option<Bytes>);

impl HttpBody for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match &self.0 {
            Some(chunk) => Poll::Ready(Some(Ok(Frame::data(chunk.clone())))),
            None => Poll::Pending,
        }
    }
}

#[tokio::test]
async fn a_body_of_64_kib_is_read_and_one_byte_more_is_not() {
    let world = World::new().await;
    world.register("shop", json!({})).await;
    let body = |bytes: usize| {
        let frame = r#"{"kid":"shop","comment":""}"#;
        format!(r#"{{"kid":"shop","comment":"{}"}}"#, "x".repeat(bytes - frame.len()))
    };
    assert_eq!(body(65_536).len(), 65_536);
    assert_eq!(send(&world, body(65_536)).await.status, 201);
    send(&world, body(65_537)).await.problem(413, "body_too_large");
    let declared = world.call("POST", "/issue_token").body("{}").header(header::CONTENT_LENGTH, "65537");
    declared.bearer(&world.admin).send().await.problem(413, "body_too_large");
}

#[tokio::test]
async fn an_endless_body_is_cut() {
    let world = World::new().await;
    let endless = Endless(Some(Bytes::from_static(&[b' '; 1000])));
    send(&world, Body::new(endless)).await.problem(413, "body_too_large");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let limits = Limits { body_read_timeout: Duration::from_millis(20), ..Limits::default() };
    let world = World::with_limits(IssuerSettings::default(), &limits).await;
    send(&world, Body::new(Endless(None))).await.problem(408, "body_timeout");
}

#[tokio::test]
async fn a_body_without_room_is_503_and_changes_nothing() {
    let limits = Limits { bodies: Budget::of(0), ..Limits::default() };
    let world = World::with_limits(IssuerSettings::default(), &limits).await;
    let answer = world.post("/register/shop", json!({})).bearer(&world.admin).send().await;
    answer.problem(503, "overloaded");
    assert_eq!(answer.header("retry-after"), Some("1"));
    world.get("/keys/shop").send().await.problem(404, "unknown_kid");
}

#[tokio::test]
async fn what_is_not_one_json_object_is_refused_by_name() {
    let world = World::new().await;
    let deep = "[".repeat(60_000);
    for (body, code) in [
        (&b""[..], "empty_body"),
        (b" ", "malformed_body"),
        (b"{", "malformed_body"),
        (b"{}{}", "malformed_body"),
        (b"[]", "malformed_body"),
        (b"\"kid\"", "malformed_body"),
        (b"null", "malformed_body"),
        (b"kid=shop", "malformed_body"),
        (b"{\"kid\":\"\xff\xfe\"}", "malformed_body"),
        (b"\xef\xbb\xbf{}", "malformed_body"),
        (b"{\"kid\":\"a\",\"kid\":\"b\"}", "duplicate_member"),
        (b"{\"kid\":\"a\",\"k\\u0069d\":\"b\"}", "duplicate_member"),
        (deep.as_bytes(), "body_too_deep"),
    ] {
        send(&world, body.to_vec()).await.problem(400, code);
    }
}

#[tokio::test]
async fn the_content_type_is_json_or_not_given() {
    let world = World::new().await;
    world.register("shop", json!({})).await;
    for (content_type, status) in [
        (None, 201),
        (Some("application/json"), 201),
        (Some("Application/JSON; charset=utf-8"), 201),
        (Some("application/vnd.shop+json"), 201),
        (Some("text/plain"), 415),
        (Some("application/x-www-form-urlencoded"), 201),
        (Some("multipart/form-data"), 415),
        (Some("application/jsonp"), 415),
        (Some("+json"), 415),
        (Some(""), 415),
    ] {
        let mut call = world.call("POST", "/issue_token").body(r#"{"kid":"shop"}"#).bearer(&world.admin);
        if let Some(content_type) = content_type {
            call = call.header(header::CONTENT_TYPE, content_type);
        }
        let answer = call.send().await;
        assert_eq!(answer.status.as_u16(), status, "{content_type:?}");
        if status == 415 {
            answer.problem(415, "unsupported_media_type");
        }
    }
}

#[tokio::test]
async fn an_encoded_body_is_refused() {
    let world = World::new().await;
    for (coding, status) in [("identity", 404), ("gzip", 415), ("br, gzip", 415)] {
        let call = world.call("POST", "/issue_token").body(r#"{"kid":"shop"}"#).bearer(&world.admin);
        let answer = call.header(header::CONTENT_ENCODING, coding).send().await;
        assert_eq!(answer.status.as_u16(), status, "{coding}");
    }
}

#[tokio::test]
async fn other_methods_are_refused_with_the_ones_there_are() {
    let world = World::new().await;
    for (method, path, allowed) in [
        ("GET", "/issue_token", "POST"),
        ("PUT", "/register/shop", "POST"),
        ("POST", "/keys/shop", "GET,HEAD"),
        ("DELETE", "/clients", "GET,HEAD"),
        ("POST", "/clients/shop", "GET,HEAD,DELETE"),
        ("OPTIONS", "/verify_token", "POST"),
        ("TRACE", "/ping", "GET,HEAD"),
        ("BREW", "/ping", "GET,HEAD"),
        ("POST", "/store/backup", "GET,HEAD"),
    ] {
        let answer = world.call(method, path).send().await;
        answer.problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
    }
    // No method override.
    let call = world.get("/issue_token").header("x-http-method-override", "POST");
    call.bearer(&world.admin).send().await.problem(405, "method_not_allowed");
}
