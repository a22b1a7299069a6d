//! Graceful stop.

use std::time::Duration;

use jwtis::http::Limits;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::support::{PATIENCE, Server, slow_router};

#[tokio::test]
async fn a_running_request_is_finished_and_nothing_new_accepted() {
    let (router, entered, go_on) = slow_router();
    let Server { address, stop, mut stopped } = Server::start(router, None, Limits::default()).await;
    let mut peer = super::support::Peer(TcpStream::connect(address).await.unwrap());
    peer.say("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    entered.notified().await;

    stop.send(()).unwrap();
    assert!(timeout(Duration::from_millis(100), &mut stopped).await.is_err(), "waits for the request");
    assert!(TcpStream::connect(address).await.is_err(), "the port is closed");
    go_on.notify_one();
    let heard = peer.hear_all().await;
    assert!(heard.starts_with("HTTP/1.1 200 OK") && heard.ends_with("slow"), "{heard}");
    timeout(PATIENCE, stopped).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn idle_connections_do_not_hold_up_the_stop() {
    let (router, ..) = slow_router();
    let server = Server::start(router, None, Limits::default()).await;
    let silent = server.connect().await;
    let mut idle = server.connect().await;
    idle.say("GET /fast HTTP/1.1\r\nhost: x\r\n\r\n").await;
    idle.hear().await;
    server.stop.send(()).unwrap();
    timeout(Duration::from_secs(5), server.stopped)
        .await
        .expect("before the grace is over")
        .unwrap()
        .unwrap();
    drop(silent);
}

#[tokio::test]
async fn a_request_that_does_not_finish_in_the_grace_is_cut_off() {
    let (router, entered, _go_on) = slow_router();
    let limits = Limits { shutdown_grace: Duration::from_millis(50), ..Limits::default() };
    let server = Server::start(router, None, limits).await;
    let mut peer = server.connect().await;
    peer.say("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    entered.notified().await;
    server.stop.send(()).unwrap();
    timeout(PATIENCE, server.stopped).await.unwrap().unwrap().unwrap();
    assert_eq!(peer.hear_all().await, "");
}
