//! Bodies that never end, many at once: the memory for them has an end, and small requests still get through.

use jwtis::http::{Budget, Limits};
use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::support::{PATIENCE, Server};

const BUDGET: usize = 1024 * 1024;
/// A quarter of the budget is in reserve, and one source gets half of the rest.
const SHARE: usize = BUDGET * 3 / 4 / 2;
const DECLARED: usize = 64 * 1024;
/// More than the reserve takes.
const SENT: usize = 40_000;
const PEERS: usize = 40;

#[tokio::test]
async fn half_sent_bodies_fill_their_share_and_small_requests_pass() {
    let bodies = Budget::of(BUDGET);
    let server = Server::issuer(Limits { bodies: bodies.clone(), ..Limits::default() }).await;
    let mut refused = JoinSet::new();
    for _ in 0..PEERS {
        let mut peer = server.connect().await;
        refused.spawn(async move {
            let head =
                format!("POST /register/shop HTTP/1.1\r\nhost: x\r\ncontent-length: {DECLARED}\r\n\r\n");
            peer.say(&head).await;
            // The server may have refused it before it has all of this.
            let _ = peer.0.write_all(&[b' '; SENT]).await;
            peer.hear().await
        });
    }
    for _ in 0..PEERS - SHARE / SENT {
        let heard = timeout(PATIENCE, refused.join_next()).await.expect("an answer").unwrap().unwrap();
        assert!(heard.starts_with("HTTP/1.1 503 ") && heard.contains("overloaded"), "{heard}");
        assert!(heard.contains("retry-after: 1\r\n"), "{heard}");
    }
    let held = bodies.held();
    assert!((SENT..=SHARE).contains(&held), "{held}");

    let mut peer = server.connect().await;
    peer.say("POST /register/small HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}").await;
    assert!(peer.hear().await.starts_with("HTTP/1.1 201 "));

    refused.shutdown().await;
    let given_back = async {
        while bodies.held() > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, given_back).await.expect("the memory is given back when the connections are gone");
}
