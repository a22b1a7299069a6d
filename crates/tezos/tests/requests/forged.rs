//! Operations that Taquito and pytezos forged decode to what went in.

use jwtis_tezos::operation::Protocol;
use jwtis_tezos::request::Body;
use jwtis_tezos::{SignRequest, SigningVersion};
use serde_json::Value;

use crate::vectors::{self, Vector};

fn decode(vector: &Vector) -> SignRequest {
    SignRequest::decode(&vector.message, SigningVersion::LATEST)
        .unwrap_or_else(|error| panic!("{}: {}", vector.name, error.detail()))
}

#[test]
fn every_vector_decodes_to_the_kinds_that_were_forged() {
    let vectors = vectors::all();
    assert!(vectors.len() > 100);
    for vector in &vectors {
        let request = decode(vector);
        let kinds: Vec<&str> = request.operations().iter().map(|operation| operation.kind().name()).collect();
        assert_eq!(kinds, vector.kinds, "{}", vector.name);
        let Body::Generic { protocol, .. } = request.body() else { panic!("{}", vector.name) };
        assert_eq!(*protocol, Protocol::Tallinn, "{}", vector.name);
    }
}

#[test]
fn every_byte_belongs_to_exactly_one_operation() {
    for vector in vectors::all() {
        let request = decode(&vector);
        let mut end = 33;
        for operation in request.operations() {
            assert_eq!(operation.span().start, end, "{}", vector.name);
            end = operation.span().end;
        }
        assert_eq!(end, vector.message.len(), "{}", vector.name);
    }
}

#[test]
fn every_field_says_what_was_forged() {
    let mut compared = 0;
    for vector in vectors::all() {
        let request = decode(&vector);
        for (operation, content) in request.operations().iter().zip(&vector.contents) {
            let shown = operation.to_json();
            for (name, given) in content.as_object().unwrap() {
                if let Some(wanted) = comparable(&vector.name, name, given) {
                    assert_eq!(as_text(&shown[name]), wanted, "{}: {name}", vector.name);
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 600, "{compared}");
}

/// The text of a given field, where both sides write it in the same way.
fn comparable(vector: &str, name: &str, given: &Value) -> Option<String> {
    match name {
        "kind" | "tag" => None,
        // pytezos takes text here and Taquito hexadecimal.
        "arbitrary" if vector.starts_with("pytezos") => {
            Some(given.as_str()?.bytes().map(|byte| format!("{byte:02x}")).collect())
        }
        "pvm_kind" => Some(format!(r#"{{"{}":null}}"#, given.as_str()?)),
        "message" | "proposals" | "whitelist" => Some(given.to_string()),
        _ if given.is_string() || given.is_number() => Some(as_text(given)),
        _ => None,
    }
}

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[test]
fn effects_are_those_of_the_contents() {
    for vector in vectors::all() {
        let request = decode(&vector);
        for (operation, content) in request.operations().iter().zip(&vector.contents) {
            let text = |name: &str| content[name].as_str().map(str::to_owned);
            if let Some(fee) = text("fee") {
                assert_eq!(operation.fee().to_string(), fee, "{}", vector.name);
                assert_eq!(operation.source().map(ToString::to_string), text("source"), "{}", vector.name);
            }
            if content["kind"] == "transaction" {
                assert_eq!(operation.destination().map(ToString::to_string), text("destination"));
                let entrypoint = content["parameters"]["entrypoint"].as_str().unwrap_or("default");
                assert_eq!(operation.entrypoint(), Some(entrypoint), "{}", vector.name);
            }
        }
    }
}

#[test]
fn batches_of_200_are_there() {
    let vectors = vectors::all();
    let large: Vec<&Vector> = vectors.iter().filter(|vector| vector.kinds.len() == 200).collect();
    assert_eq!(large.len(), 4);
    for vector in large {
        assert_eq!(decode(vector).operations().len(), 200);
    }
}
