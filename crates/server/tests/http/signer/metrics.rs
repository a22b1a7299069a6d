//! Metrics under Signatory's names, and that no caller can make label values.

use std::sync::Arc;
use std::time::Duration;

use jwtis_signer::watermark::{WatermarkIo, WatermarkObserver as _};
use jwtis_testkit::forge;
use jwtis_tezos::Policy;

use super::support::{Jammed, Saying, Setup, TZ1, World, at, attestation, keys, noop, pkh};

/// The chain of `forge`'s messages.
const CHAIN: &str = "NetXo5iVw1vBoxM";

#[track_caller]
fn assert_lines(world: &World, lines: &[String]) {
    let page = world.metrics.render();
    for line in lines {
        assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
    }
}

#[tokio::test]
async fn a_signature_counts_under_all_its_names() {
    let world = Setup::new().build();
    world.sign(TZ1, &attestation(10, 1)).send().await.ok();
    let batch = forge::transaction(1, 0xbb, None).raw(&forge::transaction(2, 0xbb, None).0).generic();
    world.sign(TZ1, &batch).send().await.ok();
    let a = format!(r#"address="{TZ1}""#);
    assert_lines(
        &world,
        &[
            format!(r#"sign_handler_requests_total{{{a},status="200"}} 2"#),
            format!(r#"sign_handler_request_duration_milliseconds_count{{{a},status="200"}} 2"#),
            format!(
                r#"sign_handler_request_duration_milliseconds_bucket{{le="100000.0",{a},status="200"}} 2"#
            ),
            format!(
                r#"signing_ops_total{{{a},vault="Mem",op="attestation",kind="attestation",chain_id="{CHAIN}"}} 1"#
            ),
            format!(r#"signing_ops_total{{{a},vault="Mem",op="generic",kind="transaction",chain_id=""}} 2"#),
            format!(
                r#"vault_sign_request_duration_milliseconds_count{{vault="Mem",{a},op="attestation",chain_id="{CHAIN}"}} 1"#
            ),
            format!(
                r#"vault_sign_request_duration_milliseconds_count{{vault="Mem",{a},op="generic",chain_id=""}} 1"#
            ),
            format!(
                r#"consensus_round_total{{{a},operation_type="attestation",chain_id="{CHAIN}",round="1"}} 1"#
            ),
            r#"watermark_operations_total{result="success",backend="mem",request_type="attestation"} 1"#
                .to_owned(),
            r#"watermark_operations_total{result="success",backend="mem",request_type="generic"} 1"#
                .to_owned(),
            r#"watermark_operation_duration_seconds_count{backend="mem"} 1"#.to_owned(),
            r#"watermark_operation_duration_seconds_bucket{le="0.512",backend="mem"} 1"#.to_owned(),
            r#"jwtis_signer_decisions_total{verdict="allow",reason="signed"} 2"#.to_owned(),
            r#"jwtis_http_requests_total{route="/keys/{pkh}",method="POST",status="200"} 2"#.to_owned(),
        ],
    );
}

#[tokio::test]
async fn refusals_count_by_their_kind() {
    let only_pack = Policy {
        allow: jwtis_tezos::policy::Allow::new([jwtis_tezos::RequestKind::Generic], []),
        ..Policy::default()
    };
    let world = Setup::new().policy(&keys()[1], only_pack).build();
    let tz2 = pkh(&keys()[1]);
    world.sign(tz2, &attestation(1, 0)).send().await.failure(403);
    world.sign(tz2, &noop("x")).send().await.failure(403);
    world.sign(TZ1, &attestation(5, 0)).send().await.ok();
    world.sign(TZ1, &attestation(4, 0)).send().await.failure(409);
    world.sign(pkh(&keys()[4]), &noop("x")).send().await.failure(403);
    world.sign(TZ1, b"\xff").send().await.failure(400);
    let rejection = format!(
        r#"watermark_rejection_total{{address="{TZ1}",operation_type="attestation",chain_id="{CHAIN}",reason="watermark validation failed"}} 1"#
    );
    assert_lines(
        &world,
        &[
            format!(
                r#"policy_violation_total{{violation_type="attestation",address="{tz2}",operation_type="request"}} 1"#
            ),
            format!(
                r#"policy_violation_total{{violation_type="failing_noop",address="{tz2}",operation_type="request"}} 1"#
            ),
            rejection,
            format!(r#"vault_sign_request_error_total{{vault="Mem",code="409",chain_id="{CHAIN}"}} 1"#),
            r#"watermark_operations_total{result="rejected",backend="mem",request_type="attestation"} 1"#
                .to_owned(),
            format!(r#"sign_handler_requests_total{{address="{TZ1}",status="409"}} 1"#),
            r#"sign_handler_requests_total{address="unknown",status="403"} 1"#.to_owned(),
            r#"jwtis_signer_decisions_total{verdict="deny",reason="not_listed"} 1"#.to_owned(),
            r#"jwtis_signer_decisions_total{verdict="deny",reason="not_understood"} 1"#.to_owned(),
            r#"jwtis_signer_decisions_total{verdict="deny",reason="watermark"} 1"#.to_owned(),
            r#"jwtis_signer_decisions_total{verdict="deny",reason="request_kind"} 1"#.to_owned(),
        ],
    );

    let world = Setup::new().vault(Jammed).build();
    world.sign(TZ1, &attestation(1, 0)).send().await.failure(500);
    assert_lines(
        &world,
        &[format!(r#"vault_sign_request_error_total{{vault="Jammed",code="n/a",chain_id="{CHAIN}"}} 1"#)],
    );
    let world = Setup::new().hook(Arc::new(Saying(Ok((403, "403 Forbidden"))))).build();
    world.sign(TZ1, &noop("x")).send().await.failure(403);
    assert_lines(
        &world,
        &[format!(
            r#"policy_violation_total{{violation_type="policy_hook",address="{TZ1}",operation_type="request"}} 1"#
        )],
    );
}

#[tokio::test]
async fn observed_limits_count_by_the_first_that_would_refuse() {
    let limits = jwtis_tezos::policy::SpendingLimits {
        max_fee: Some(jwtis_tezos::policy::Mutez::new(999)),
        mode: jwtis_tezos::policy::LimitsMode::Observe,
        ..Default::default()
    };
    let delegation = jwtis_tezos::policy::OperationPermission::kind(jwtis_tezos::OperationKind::Delegation);
    let allow = jwtis_tezos::policy::Allow::new([jwtis_tezos::RequestKind::Generic], [delegation]);
    let world = Setup::new().policy(&keys()[1], Policy { allow, limits, ..Policy::default() }).build();
    let tz2 = pkh(&keys()[1]);
    // A delegation with a fee of 1000 mutez.
    let message = [&[3][..], &[0; 32], &[110, 0], &[0xaa; 20], &[0xe8, 0x07, 1, 1, 0, 0]].concat();
    world.sign(tz2, &message).send().await.ok();
    assert_lines(
        &world,
        &[
            format!(r#"jwtis_signer_limits_observed_total{{address="{tz2}",limit="max_fee"}} 1"#),
            r#"jwtis_signer_decisions_total{verdict="allow",reason="signed"} 1"#.to_owned(),
        ],
    );
}

#[tokio::test]
async fn callers_cannot_make_label_values() {
    let world = Setup::with_tokens().build();
    let open = Setup::new().build();
    for number in 0..50_u8 {
        let peer = format!("203.0.113.{number}:1");
        world.get(&format!("/keys/made-up-{number}")).extension(at(&peer)).send().await;
        world
            .post("/login")
            .header("username", &format!("made-up-{number}"))
            .header("password", "x")
            .extension(at(&peer))
            .send()
            .await;
        let stranger = jwtis_tezos::PublicKeyHash::new(jwtis_tezos::Curve::Ed25519, [number; 20]);
        open.sign(stranger, &noop("x")).extension(at(&peer)).send().await.failure(403);
        open.post("/keys/made-up").extension(at(&peer)).send().await.failure(400);
        open.get(&format!("/made-up-{number}")).send().await;
    }
    for world in [&world, &open] {
        let page = world.metrics.render();
        for made_up in ["made-up", "203.0.113", "tz1"] {
            assert!(!page.contains(made_up), "{made_up} is in\n{page}");
        }
        let lines = |name: &str| page.lines().filter(|line| line.starts_with(name)).count();
        assert!(lines("authentication_failure_total{") <= 2);
        assert!(lines("sign_handler_requests_total{") <= 2);
    }
    assert_eq!(open.metric(r#"sign_handler_requests_total{address="unknown",status="403"}"#), 50.0);
    assert_eq!(open.metric(r#"sign_handler_requests_total{address="unknown",status="400"}"#), 50.0);
}

#[tokio::test]
async fn the_page_is_one_page_with_names_that_dashboards_know() {
    let world = Setup::new().build();
    let page = world.metrics.render();
    assert_eq!(page.matches("# EOF").count(), 1);
    assert!(page.ends_with("# EOF\n"));
    for name in
        ["signatory_build_info{path=", "process_cpu_seconds_total ", "process_open_fds ", "jwtis_build_info{"]
    {
        assert!(page.lines().any(|line| line.starts_with(name)), "{name}\n{page}");
    }
    let build = page.lines().find(|line| line.starts_with("signatory_build_info{")).unwrap();
    assert!(
        build.ends_with(r#",checksum="(unknown)",revision="(unknown)",branch="(unknown)"} 1"#),
        "{build}"
    );
    let families: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let mut unique = families.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), families.len(), "a family is there twice");
}

#[tokio::test]
async fn the_storage_of_watermarks_is_counted_and_timed() {
    let world = Setup::new().build();
    for (operation, ok) in [
        (WatermarkIo::Read, true),
        (WatermarkIo::Write, true),
        (WatermarkIo::Write, false),
        (WatermarkIo::Create, true),
    ] {
        world.metrics.io("file", operation, ok, Duration::from_micros(300));
    }
    let line = |operation: &str, result: &str| {
        format!(
            r#"watermark_io_operations_total{{backend="file",operation="{operation}",table_name="",result="{result}"}} 1"#
        )
    };
    assert_lines(
        &world,
        &[
            line("read", "success"),
            line("write", "success"),
            line("write", "error"),
            line("create", "success"),
            r#"watermark_io_latency_seconds_count{backend="file",operation="write",table_name=""} 2"#.to_owned(),
            r#"watermark_io_latency_seconds_bucket{le="0.0002",backend="file",operation="write",table_name=""} 0"#.to_owned(),
            r#"watermark_io_latency_seconds_bucket{le="0.0004",backend="file",operation="write",table_name=""} 2"#.to_owned(),
            r#"watermark_io_latency_seconds_bucket{le="0.8192",backend="file",operation="write",table_name=""} 2"#.to_owned(),
        ],
    );
}
