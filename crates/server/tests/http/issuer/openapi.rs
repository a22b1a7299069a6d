//! `GET /openapi.json`: the document is about the routes that there are, and about all of them. That it promises what the server does is
//! shown by every other test here: each answer is compared with it (`support.rs`).

use std::collections::BTreeSet;

use jwtis::http::issuer::problem::Code;
use serde_json::Value;

use super::support::{World, document};

#[tokio::test]
async fn every_operation_of_the_document_is_served() {
    let world = World::new().await;
    for (path, methods) in document()["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let method = &method.to_uppercase();
            let answer = world.call(method, &path.replace("{kid}", "shop")).send().await;
            let problem = answer.header("content-type") == Some("application/problem+json");
            let code = if problem { answer.json()["code"].clone() } else { Value::Null };
            assert!(code != "unknown_route" && code != "method_not_allowed", "{path}: {code}");
        }
    }
}

#[tokio::test]
async fn every_method_beside_the_document_is_refused() {
    let world = World::new().await;
    for (path, methods) in document()["paths"].as_object().unwrap() {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"] {
            if methods.get(method.to_lowercase()).is_some() {
                continue;
            }
            let path = path.replace("{kid}", "shop");
            let answer = world.call(method, &path).send().await;
            answer.problem(405, "method_not_allowed");
            let allowed = answer.header("allow").unwrap().split(',').filter(|name| *name != "HEAD");
            let allowed: BTreeSet<String> = allowed.map(str::to_lowercase).collect();
            assert_eq!(allowed, methods.as_object().unwrap().keys().cloned().collect(), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn it_is_served_as_it_is() {
    let world = World::new().await;
    let answer = world.get("/openapi.json").send().await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("application/json")));
    assert_eq!(answer.json(), *document());
    assert_eq!(document()["openapi"], "3.1.0");
}

#[test]
fn every_code_is_promised_by_some_operation() {
    let text = document()["paths"].to_string();
    // What is on no path, or another method of one, is no operation's answer.
    let outside = [Code::MethodNotAllowed];
    for code in Code::ALL.iter().filter(|code| !outside.contains(code)) {
        assert!(text.contains(&format!("\"{}\"", code.name())), "{}", code.name());
    }
}

#[test]
fn names_of_operations_are_unique() {
    let mut seen = BTreeSet::new();
    for methods in document()["paths"].as_object().unwrap().values() {
        for operation in methods.as_object().unwrap().values() {
            let Value::String(id) = &operation["operationId"] else { panic!("{operation}") };
            assert!(seen.insert(id.clone()), "{id}");
        }
    }
}
