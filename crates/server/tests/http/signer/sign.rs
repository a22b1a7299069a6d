//! `POST /keys/{pkh}`: what is signed, and how the request may be written.

use jwtis_testkit::forge;
use jwtis_tezos::{Signature, SigningVersion};
use serde_json::json;

use super::support::{Setup, TZ1, attestation, hex, keys, noop, pkh};

#[tokio::test]
async fn the_signature_is_the_check_value() {
    let world = Setup::new().build();
    let answer = world.sign(TZ1, &noop("abc")).send().await;
    let signature =
        "edsigtendgcUcFnp2YNtrCSLoZdpztnZjfKvHqUH8SaQxZFbQeoNroc3yafZVmaP5LJ8rNpu9Q2kBYZ2JQvUyGiTfM6iYAoP8Pg";
    assert_eq!(answer.text(), format!("{{\"signature\":\"{signature}\"}}\n"));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.header("x-request-id").is_some());
}

#[tokio::test]
async fn every_curve_answers_in_its_own_form_and_repeats_itself() {
    let world = Setup::new().build();
    for (key, prefix) in keys().iter().zip(["edsig", "spsig1", "p2sig", "BLsig"]) {
        let answer = world.sign(pkh(key), &noop("x")).send().await.ok();
        let text = answer["signature"].as_str().unwrap();
        assert!(text.starts_with(prefix), "{text}");
        let signature: Signature = text.parse().unwrap();
        key.public_key().verify(&noop("x"), &signature, SigningVersion::LATEST).unwrap();
        assert_eq!(world.sign(pkh(key), &noop("x")).send().await.ok(), answer);
    }
}

#[tokio::test]
async fn a_body_may_be_written_in_many_ways() {
    let world = Setup::new().build();
    let (lower, upper) = (hex(&noop("abc")), hex(&noop("abc")).to_uppercase());
    let expected = world.sign(TZ1, &noop("abc")).send().await.ok();
    for body in [
        format!("\"{lower}\""),
        format!("\"{upper}\""),
        format!(" \r\n\t\"{lower}\"\n "),
        format!("\"\\u0030{}\"", &lower[1..]),
    ] {
        let call = world.post(&format!("/keys/{TZ1}")).body(body.clone());
        assert_eq!(call.send().await.ok(), expected, "{body}");
    }
    // The type is not looked at.
    for content_type in ["text/plain", "application/xml", "application/x-www-form-urlencoded", "nonsense"] {
        let call = world.sign(TZ1, &noop("abc")).header("content-type", content_type);
        assert_eq!(call.send().await.ok(), expected, "{content_type}");
    }
}

#[tokio::test]
async fn the_version_is_one_exact_character_and_the_first_one_counts() {
    let world = Setup::new().build();
    let tz4 = keys()[3].clone();
    let verify = |answer: &serde_json::Value, version| {
        let signature = answer["signature"].as_str().unwrap().parse().unwrap();
        tz4.public_key().verify(&noop("v"), &signature, version).is_ok()
    };
    for (query, augmented) in [
        ("", false),
        ("?version=", false),
        ("?version=2", false),
        ("?version=3", false),
        ("?version=abc", false),
        ("?version=01", false),
        ("?version=1%20", false),
        ("?Version=1", false),
        ("?version=1", true),
        ("?version=%31", true),
        ("?x=y&version=1", true),
        ("?version=1&version=2", true),
        ("?version=2&version=1", false),
    ] {
        let path = format!("/keys/{}{query}", pkh(&tz4));
        let answer = world.post(&path).body(json!(hex(&noop("v"))).to_string()).send().await.ok();
        assert_eq!(verify(&answer, SigningVersion::V1), augmented, "{query}");
        assert_eq!(verify(&answer, SigningVersion::V2), !augmented, "{query}");
    }
}

#[tokio::test]
async fn version_0_signs_with_all_keys_but_those_of_tz4() {
    let world = Setup::new().build();
    for key in &keys()[..3] {
        world.sign(pkh(key), &noop("v")).query("version", "0").send().await.ok();
    }
    let refused = world.sign(pkh(&keys()[3]), &noop("v")).query("version", "0").send().await;
    assert_eq!(refused.failure(500), "(Mem): SigningVersion0 is not supported for BLS keys");
}

#[tokio::test]
async fn version_1_reads_with_the_tables_of_rio() {
    let world = Setup::new().build();
    let tz4 = pkh(&keys()[3]);
    let latest = forge::consensus(0x13, 41, 7, 0);
    assert!(world.sign(tz4, &latest).query("version", "1").send().await.failure(400).contains("tag 41"));
    world.sign(tz4, &latest).send().await.ok();
}

#[tokio::test]
async fn every_kind_of_request_is_signed() {
    let world = Setup::new().build();
    for (name, message) in [
        ("block", forge::block(10, 1, 0)),
        ("preattestation", forge::consensus(0x12, 20, 10, 1)),
        ("attestation", attestation(10, 1)),
        ("attestation_with_dal", forge::consensus(0x13, 23, 11, 0)),
        ("generic", forge::transaction(1, 0xbb, None).generic()),
        ("pack", vec![5, 3, 0x0b]),
    ] {
        let answer = world.sign(TZ1, &message).send().await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    }
}
