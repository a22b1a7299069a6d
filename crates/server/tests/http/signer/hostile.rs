//! Hostile input by name. Whatever is sent, the answer is a refusal in the right shape, and nothing of it comes back raw.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::Frame;
use jwtis::http::Budget;
use serde_json::json;

use super::support::{Setup, TZ1, hex, noop};

/// A body that comes in pieces, and perhaps never ends.
struct Pieces {
    left: usize,
    ends: bool,
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return if self.ends { Poll::Ready(None) } else { Poll::Pending };
        }
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b' '; 1024])))))
    }
}

fn path() -> String {
    format!("/keys/{TZ1}")
}

#[tokio::test]
async fn a_huge_body_is_refused_by_its_declared_length() {
    let world = Setup::new().build();
    // Nothing of it ever arrives.
    let call = world
        .post(&path())
        .header("content-length", "1000000000")
        .body(Body::new(Pieces { left: 0, ends: false }));
    assert_eq!(call.send().await.failure(413), "the request body is too large: at most 4096 bytes are read");
    let call = world.post(&path()).header("content-length", "99999999999999999999999999").body("\"\"");
    assert_eq!(
        call.send().await.status,
        400,
        "a length that is no number is left to hyper, which refuses it first"
    );
}

#[tokio::test]
async fn a_huge_body_without_a_length_is_refused_when_the_limit_is_passed() {
    let world = Setup::new().build();
    for ends in [true, false] {
        let call = world.post(&path()).body(Body::new(Pieces { left: 5, ends }));
        assert_eq!(
            call.send().await.failure(413),
            "the request body is too large: at most 4096 bytes are read"
        );
    }
    let exactly = world.post(&path()).body(Body::new(Pieces { left: 4, ends: true }));
    assert!(exactly.send().await.failure(400).starts_with("the body must be one JSON string"));
    assert_eq!(world.metric(&format!(r#"sign_handler_requests_total{{address="{TZ1}",status="413"}}"#)), 2.0);
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_is_given_up() {
    let world = Setup::new().build();
    let call = world.post(&path()).body(Body::new(Pieces { left: 1, ends: false }));
    assert_eq!(call.send().await.failure(408), "the request body took too long to arrive");
}

#[tokio::test]
async fn a_body_without_room_is_503_and_is_worth_a_retry() {
    let mut setup = Setup::new();
    setup.limits.bodies = Budget::of(0);
    let answer = setup.build().sign(TZ1, &noop("abc")).send().await;
    assert_eq!(
        answer.failure(503),
        "too many request bodies are on their way at once: try again in a second"
    );
    assert_eq!(answer.headers["retry-after"], "1");
}

#[tokio::test]
async fn the_body_of_a_caller_without_a_token_is_not_waited_for() {
    let world = Setup::with_tokens().build();
    let stalled = || Body::new(Pieces { left: 0, ends: false });
    assert_eq!(world.post(&path()).body(stalled()).send().await.status, 401);
    assert_eq!(world.post("/keys/nonsense").body(stalled()).send().await.status, 401);
    let open = Setup::new().build();
    assert_eq!(open.post("/keys/nonsense").body(stalled()).send().await.status, 400);
}

#[tokio::test]
async fn deep_json_is_read_without_a_deep_stack() {
    let mut setup = Setup::new();
    setup.max_body_bytes = 1 << 20;
    let world = setup.build();
    for opening in ["[", "{\"a\":"] {
        world.post(&path()).body(opening.repeat(100_000)).send().await.failure(400);
    }
}

#[tokio::test]
async fn bodies_that_are_no_text_are_refused_and_not_repeated() {
    let world = Setup::new().build();
    for body in [
        &b"\x1b[2J"[..],
        b"\"\xff\xfe\"",
        b"\xff",
        b"\"\\u0000\"",
        b"\"\r\nSet-Cookie: x\"",
        b"\xef\xbb\xbf\"03\"",
        b"<script>",
        b"\"<script>\"",
    ] {
        let answer = world.post(&path()).body(body.to_vec()).send().await;
        let said = answer.failure(400);
        assert!(!said.contains(|c: char| c.is_control() || c == '<') && !said.contains("Cookie"), "{said}");
    }
}

#[tokio::test]
async fn what_stands_in_a_path_comes_back_only_as_json() {
    let world = Setup::new().build();
    for (segment, status) in [
        ("tz1%0d%0aSet-Cookie:%20x", 400),
        ("%3Cscript%3E", 400),
        ("%00", 400),
        ("%1b%5b31m", 400),
        ("%e2%80%ae", 400),
        ("%ff%fe", 400),
        ("..%2f..%2fetc%2fpasswd", 400),
        ("a%2fb", 400),
        ("%2f", 400),
        ("%", 400),
    ] {
        let answer = world.get(&format!("/keys/{segment}")).send().await;
        assert_eq!(answer.status, status, "{segment}: {}", answer.text());
        if status == 400 {
            answer.failure(400);
            assert!(
                !answer.body.iter().any(|byte| matches!(byte, ..0x20 | b'<' | 0x7f) && *byte != b'\n'),
                "{answer:?}"
            );
        }
        assert!(answer.headers.get("set-cookie").is_none());
    }
    let long = world.get(&format!("/keys/{}", "z".repeat(6000))).send().await;
    assert!(long.failure(400).len() < 200, "a long key is not repeated");
}

#[tokio::test]
async fn nothing_behind_a_message_or_cut_from_it_is_signed() {
    let world = Setup::new().build();
    let good = super::support::attestation(10, 0);
    for length in 0..good.len() {
        world.sign(TZ1, &good[..length]).send().await.failure(400);
    }
    world.sign(TZ1, &[&good[..], b"\0"].concat()).send().await.failure(400);
    world.sign(TZ1, &[noop("x"), vec![0xff]].concat()).send().await.failure(400);
    world.sign(TZ1, &good).send().await.ok();
}

#[tokio::test]
async fn queries_without_end_or_sense_change_nothing() {
    let world = Setup::new().build();
    let expected = world.sign(TZ1, &noop("x")).send().await.ok();
    for query in
        ["&&&", "=", "%", "%ff=%ff", "version", "a;b", &"x=y&".repeat(1000), "version=%", "version[]=0"]
    {
        let call = world.post(&format!("/keys/{TZ1}?{query}")).body(json!(hex(&noop("x"))).to_string());
        assert_eq!(call.send().await.ok(), expected, "{query}");
    }
}

#[tokio::test]
async fn headers_that_are_no_text_are_no_token() {
    let world = Setup::with_tokens().build();
    let token = world.login("payouts").await;
    let mut bytes = token.clone().into_bytes();
    bytes.push(0xff);
    let call = world.get("/authorized_keys").header("authorization", &bytes).header("username", "payouts");
    assert_eq!(call.send().await.status, 401);
    let call =
        world.get("/authorized_keys").header("authorization", &token).header("username", b"payouts\xff");
    assert_eq!(call.send().await.status, 401);
    // Of two, the first counts, whichever is right.
    let call = world.get("/authorized_keys").header("username", "payouts").header("authorization", &token);
    assert_eq!(call.header("authorization", "x").send().await.status, 200);
    let call = world.get("/authorized_keys").header("username", "payouts").header("authorization", "x");
    assert_eq!(call.header("authorization", &token).send().await.status, 401);
}
