//! The signer's OpenAPI document is about the routes that there are. That it promises what the signer does is shown by every other test
//! here: each answer is compared with it (`support.rs`).

use std::collections::BTreeSet;

use super::routes::{ROUTES, world};
use super::support::{TZ1, document};

#[test]
fn the_document_has_every_route_and_method_and_no_other() {
    let paths = document()["paths"].as_object().unwrap();
    let described: BTreeSet<(String, Vec<String>)> = paths
        .iter()
        .map(|(path, methods)| {
            let mut methods: Vec<String> =
                methods.as_object().unwrap().keys().map(|name| name.to_uppercase()).collect();
            methods.sort();
            (path.replace("{pkh}", TZ1), methods)
        })
        .collect();
    let served =
        ROUTES.map(|(path, methods)| (path.to_owned(), methods.iter().map(ToString::to_string).collect()));
    assert_eq!(described, served.into());
}

#[tokio::test]
async fn every_operation_of_the_document_is_served() {
    let world = world();
    for (path, methods) in document()["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let answer = world.call(&method.to_uppercase(), &path.replace("{pkh}", TZ1)).send().await;
            assert_eq!(answer.status, 401, "{method} {path}");
        }
    }
}
