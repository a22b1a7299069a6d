//! `GET /audit`

use serde_json::json;

use super::support::{START, World};

#[tokio::test]
async fn records_come_by_number_and_a_reader_goes_on_behind_the_last() {
    let world = World::new().await;
    for kid in ["a", "b", "c"] {
        world.register(kid, json!({})).await;
    }
    let first = world.get("/audit?limit=3").bearer(&world.admin).send().await.json();
    let record = |number: u64, kid: &str| json!({ "number": number, "at_ms": START * 1000, "event": "client_registered", "by": "admin", "client": kid });
    assert_eq!(first["records"][1], record(2, "a"));
    assert_eq!((first["records"].as_array().unwrap().len(), &first["last"]), (3, &json!(4)));
    let rest = world.get("/audit?after=3").bearer(&world.admin).send().await.json();
    assert_eq!(rest, json!({ "records": [record(4, "c")], "last": 4 }));
    let none = world.get("/audit?after=4").bearer(&world.admin).send().await.json();
    assert_eq!(none, json!({ "records": [], "last": 4 }));
}

#[tokio::test]
async fn a_client_reads_no_audit_records() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    for answer in [world.get("/audit").bearer(&token).send().await, world.get("/audit").send().await] {
        assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (401, &json!("unauthorized")));
    }
}

#[tokio::test]
async fn a_query_that_cannot_be_is_refused() {
    let world = World::new().await;
    for query in
        ["limit=0", "limit=1001", "limit=x", "after=-1", "after=1&after=2", "after=99999999999999999999"]
    {
        let answer = world.get(&format!("/audit?{query}")).bearer(&world.admin).send().await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["code"]),
            (400, &json!("invalid_query")),
            "{query}"
        );
    }
}
