//! One suite for every keeper of watermarks: `mem`, `store` over memory and over redb, `file`.

use std::collections::BTreeMap;
use std::time::Duration;

use jwtis_signer::watermark::{Clearance, MAX_CHAINS_PER_KEY, Terms, WatermarkError};
use jwtis_testkit::signer::watermark::{
    JOINED, TERMS, World, asked, attestations, chain, key, watermark, word,
};
use jwtis_tezos::watermark::jump::ALLOWANCE;
use jwtis_tezos::watermark::{
    Asked, ChainWatermarks, JumpRules, KeyWatermarks, Pace, Refusal, WatermarkKind,
};

/// Runs the cases against every driver.
macro_rules! suite {
    ($($case:ident)+) => {
        suite!(@ mem, World::mem(), $($case)+);
        suite!(@ store_in_memory, World::memory_store(), $($case)+);
        suite!(@ store_on_redb, World::redb_store(), $($case)+);
        suite!(@ file, World::file(), $($case)+);
    };
    (@ $driver:ident, $world:expr, $($case:ident)+) => {
        mod $driver {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    use super::*;
                    super::$case($world).await;
                }
            )+
        }
    };
}

suite! {
    the_rule_row_by_row_before_and_after_a_restart
    each_kind_network_and_key_has_its_own_watermark
    trap_9_tags_21_23_and_41_share_one_watermark
    trap_8_the_last_message_is_cleared_again_and_an_older_one_is_not
    a_raise_never_lowers_and_forbids_what_is_below
    raised_watermarks_at_one_place_with_other_digests_let_nothing_through
    watermarks_lists_all_there_are
    of_sixty_four_messages_that_race_for_one_place_one_is_cleared
    sixty_four_keys_at_once_are_all_cleared
    rising_levels_in_any_order_leave_the_highest
    a_caller_that_goes_away_leaves_no_half_watermark
    a_thousand_requests_of_one_moment_rise_by_the_allowance_in_all
    time_gives_the_allowance_back_and_a_raised_watermark_lets_the_next_one_pass
    a_watermark_of_unknown_time_rises_by_a_week_of_blocks_at_most
    a_key_has_watermarks_on_so_many_chains_and_on_those_that_are_named
}

/// Level and round of the watermark, then what is asked: level, round, whether it is the message of the watermark; and the answer.
type Row = ((i32, i32), i32, i32, bool, &'static str);

#[rustfmt::skip]
const ROWS: [Row; 12] = [
    ((10, 2), 10, 2, true,  "repeated"),
    ((10, 2), 10, 2, false, "refused"),
    ((10, 2), 10, 3, false, "advanced"),
    ((10, 2), 10, 1, false, "refused"),
    ((10, 2), 11, 0, false, "advanced"),
    ((10, 2), 9,  9, false, "refused"),
    ((10, 2), 0,  0, false, "refused"),
    ((0, 0),  0,  0, true,  "repeated"),
    ((0, 0),  0,  0, false, "refused"),
    ((0, 0),  0,  1, false, "advanced"),
    ((10, 2), i32::MAX, i32::MAX, false, "advanced"),
    ((i32::MAX, i32::MAX), 0, 0, false, "refused"),
];

async fn the_rule_row_by_row_before_and_after_a_restart(mut world: World) {
    for restart in [false, true] {
        for (n, (stored, level, round, same, wanted)) in ROWS.into_iter().enumerate() {
            let key = key(2 * n + usize::from(restart));
            for kind in WatermarkKind::ALL {
                let first = asked(kind, stored.0, stored.1, 1);
                assert_eq!(
                    world.watermarks().clear(&key, &first, &TERMS, None).await.unwrap(),
                    Clearance::Advanced
                );
            }
            if restart {
                world.restart();
            }
            for kind in WatermarkKind::ALL {
                let then = asked(kind, level, round, if same { 1 } else { 2 });
                let answer = world.watermarks().clear(&key, &then, &TERMS, None).await;
                assert_eq!(word(&answer), wanted, "row {n}, {kind}, restart: {restart}");
                if let Err(WatermarkError::Refused(refused)) = answer {
                    let Refusal::NotAbove { stored: watermark, asked } = refused.refusal else {
                        panic!("{refused}")
                    };
                    assert_eq!((watermark.level(), watermark.round()), stored);
                    assert_eq!(asked, then.watermark);
                }
            }
        }
    }
}

async fn each_kind_network_and_key_has_its_own_watermark(mut world: World) {
    let (here, there) = (chain(0), chain(1));
    for restart in [false, true] {
        if restart {
            world.restart();
        }
        for chain in [here, there] {
            for key in [key(0), key(1)] {
                for kind in WatermarkKind::ALL {
                    let asked = Asked { chain, ..asked(kind, 5, 0, 1) };
                    let answer = world.clear(key, asked).await;
                    assert_eq!(answer, if restart { "repeated" } else { "advanced" });
                }
            }
        }
    }
}

async fn trap_9_tags_21_23_and_41_share_one_watermark(mut world: World) {
    let key = key(0);
    let requests = attestations();
    let (first, others) = requests.split_first().unwrap();
    assert_eq!(world.clear(key, *first).await, "advanced");
    for restart in [false, true] {
        if restart {
            world.restart();
        }
        for other in others {
            assert_eq!(world.clear(key, *other).await, "refused");
        }
        assert_eq!(world.clear(key, *first).await, "repeated");
    }
}

async fn trap_8_the_last_message_is_cleared_again_and_an_older_one_is_not(mut world: World) {
    let key = key(0);
    let (old, last) = (asked(WatermarkKind::Block, 7, 0, 1), asked(WatermarkKind::Block, 8, 0, 2));
    world.watermarks().clear(&key, &old, &TERMS, None).await.unwrap();
    assert_eq!(world.clear(key, old).await, "repeated");
    world.watermarks().clear(&key, &last, &TERMS, None).await.unwrap();
    for _ in 0..2 {
        assert_eq!(world.clear(key, old).await, "refused");
        assert_eq!(world.clear(key, last).await, "repeated");
        world.restart();
    }
}

async fn a_raise_never_lowers_and_forbids_what_is_below(mut world: World) {
    let block = |level| {
        ChainWatermarks::from_iter([(
            key(0),
            KeyWatermarks { block: Some(watermark(level, 0, 9)), ..KeyWatermarks::default() },
        )])
    };
    for (level, standing) in [(5, 5), (9, 9), (3, 9), (9, 9)] {
        world.watermarks().raise(chain(0), &block(level), JOINED).await.unwrap();
        world.restart();
        let watermarks = world.watermarks().all().await.unwrap();
        assert_eq!(watermarks[&chain(0)], block(standing));
    }
    for (level, n, wanted) in [(8, 1, "refused"), (9, 1, "refused"), (9, 9, "repeated"), (10, 1, "advanced")]
    {
        let asked = asked(WatermarkKind::Block, level, 0, n);
        assert_eq!(world.clear(key(0), asked).await, wanted, "level {level}");
    }
    assert_eq!(world.clear(key(0), asked(WatermarkKind::Attestation, 1, 0, 1)).await, "advanced");
}

async fn raised_watermarks_at_one_place_with_other_digests_let_nothing_through(mut world: World) {
    // Each start joins the same file once more.
    for n in [1, 2, 2, 1, 2] {
        let watermarks =
            KeyWatermarks { preattestation: Some(watermark(4, 1, n)), ..KeyWatermarks::default() };
        world
            .watermarks()
            .raise(chain(0), &ChainWatermarks::from_iter([(key(0), watermarks)]), JOINED)
            .await
            .unwrap();
    }
    world.restart();
    for n in [1, 2, 3] {
        let asked = asked(WatermarkKind::Preattestation, 4, 1, n);
        assert_eq!(world.clear(key(0), asked).await, "refused", "message {n}");
    }
}

async fn watermarks_lists_all_there_are(mut world: World) {
    assert!(world.watermarks().all().await.unwrap().is_empty());
    let mut wanted = BTreeMap::new();
    for (n, kind) in (0..300).zip(WatermarkKind::ALL.into_iter().cycle()) {
        let asked = Asked { chain: chain(n % 2), ..asked(kind, 5, 1, n) };
        wanted
            .entry(asked.chain)
            .or_insert_with(ChainWatermarks::default)
            .entry(key(n))
            .set(kind, asked.watermark);
    }
    for (chain, watermarks) in &wanted {
        world.watermarks().raise(*chain, watermarks, JOINED).await.unwrap();
    }
    assert_eq!(world.watermarks().all().await.unwrap(), wanted);
    world.restart();
    assert_eq!(world.watermarks().all().await.unwrap(), wanted);
}

async fn of_sixty_four_messages_that_race_for_one_place_one_is_cleared(world: World) {
    for round in 0..4 {
        let asks: Vec<_> =
            (0..64).map(|n| (key(0), asked(WatermarkKind::Attestation, 3, round, n))).collect();
        let answers = world.all_at_once(&asks).await;
        assert_eq!(answers.iter().filter(|answer| **answer == "advanced").count(), 1, "{answers:?}");
        assert_eq!(answers.iter().filter(|answer| **answer == "refused").count(), 63, "{answers:?}");
        let cleared = answers.iter().position(|answer| *answer == "advanced").unwrap();
        let watermarks = world.watermarks().all().await.unwrap();
        assert_eq!(
            watermarks[&chain(0)].get(&key(0)).unwrap().attestation,
            Some(asks[cleared].1.watermark.with_pace(Some(Pace::at(TERMS.now_ms))))
        );
    }
}

async fn sixty_four_keys_at_once_are_all_cleared(mut world: World) {
    for level in 1..4 {
        let asks: Vec<_> =
            (0..64).map(|n| (key(n), asked(WatermarkKind::Attestation, level, 0, n))).collect();
        assert_eq!(world.all_at_once(&asks).await, ["advanced"; 64]);
        world.restart();
        assert_eq!(world.all_at_once(&asks).await, ["repeated"; 64]);
    }
}

async fn rising_levels_in_any_order_leave_the_highest(mut world: World) {
    let asks: Vec<_> = (0..64)
        .map(|n| (key(0), asked(WatermarkKind::Block, i32::try_from(n * 37 % 64).unwrap(), 0, n)))
        .collect();
    let answers = world.all_at_once(&asks).await;
    assert!(answers.iter().all(|answer| ["advanced", "refused"].contains(answer)), "{answers:?}");
    world.restart();
    assert_eq!(
        world.watermarks().all().await.unwrap()[&chain(0)].get(&key(0)).unwrap().block.unwrap().level(),
        63
    );
}

/// A call is polled once and dropped, as when a time limit strikes.
async fn a_caller_that_goes_away_leaves_no_half_watermark(mut world: World) {
    for level in 1..20 {
        let given_up = asked(WatermarkKind::Block, level, 0, 1);
        let _ =
            tokio::time::timeout(Duration::ZERO, world.watermarks().clear(&key(0), &given_up, &TERMS, None))
                .await;
        let other = asked(WatermarkKind::Block, level, 0, 2);
        let same = world.clear(key(0), given_up).await;
        assert!(["advanced", "repeated"].contains(&same), "level {level}: {same}");
        assert_eq!(world.clear(key(0), other).await, "refused", "level {level}");
    }
    world.restart();
    assert_eq!(world.clear(key(0), asked(WatermarkKind::Block, 19, 0, 1)).await, "repeated");
}

/// Mainnet at a moment in 2027, so many seconds later.
fn mainnet(seconds: u64) -> Terms {
    let jump = JumpRules::default().on(&chain(0));
    Terms { now_ms: TERMS.now_ms + 1_000 * seconds, jump, named: false }
}

async fn a_thousand_requests_of_one_moment_rise_by_the_allowance_in_all(mut world: World) {
    let block = |level| asked(WatermarkKind::Block, level, 0, 1);
    assert_eq!(world.on(mainnet(0), block(i32::MAX)).await, "jump");
    assert_eq!(world.on(mainnet(0), block(1_000)).await, "advanced");
    assert_eq!(world.on(mainnet(0), block(i32::MAX)).await, "jump");
    let mut level = 1_000;
    for n in 0..1_000 {
        if world.on(mainnet(0), block(level + 1)).await == "advanced" {
            level += 1;
        }
        if n % 50 == 0 {
            // What is used up stays used up.
            world.restart();
        }
    }
    assert_eq!(level, 1_000 + i32::try_from(ALLOWANCE).unwrap());
    // Kinds have an allowance each, as they have a watermark each.
    assert_eq!(world.on(mainnet(0), asked(WatermarkKind::Attestation, 5, 0, 1)).await, "advanced");
    assert_eq!(world.on(mainnet(0), asked(WatermarkKind::Attestation, 125, 0, 1)).await, "advanced");
}

async fn time_gives_the_allowance_back_and_a_raised_watermark_lets_the_next_one_pass(mut world: World) {
    let block = |level| asked(WatermarkKind::Block, level, 0, 1);
    for (seconds, level, wanted) in [
        (0, 1_000, "advanced"),
        (0, 1_120, "advanced"),
        (0, 1_121, "jump"),
        (6, 1_122, "advanced"),
        (6, 1_123, "jump"),
        (366, 1_242, "advanced"),
        (366, 1_243, "jump"),
        // A day offline, at the pace of the chain.
        (86_766, 1_242 + 14_400, "advanced"),
    ] {
        assert_eq!(world.on(mainnet(seconds), block(level)).await, wanted, "{seconds} s, {level}");
        world.restart();
    }
    assert_eq!(world.on(mainnet(86_766), block(5_000_000)).await, "jump");
    let raised = watermark(4_999_999, 0, 9).with_pace(Some(Pace::at(mainnet(86_766).now_ms)));
    let raised = ChainWatermarks::from_iter([(
        key(0),
        KeyWatermarks { block: Some(raised), ..KeyWatermarks::default() },
    )]);
    world.watermarks().raise(chain(0), &raised, JOINED).await.unwrap();
    world.restart();
    assert_eq!(world.on(mainnet(86_766), block(5_000_000)).await, "advanced");
}

async fn a_watermark_of_unknown_time_rises_by_a_week_of_blocks_at_most(world: World) {
    let old = KeyWatermarks { block: Some(watermark(1_000, 0, 9)), ..KeyWatermarks::default() };
    world.watermarks().raise(chain(0), &ChainWatermarks::from_iter([(key(0), old)]), JOINED).await.unwrap();
    let block = |level| asked(WatermarkKind::Block, level, 0, 1);
    for (level, wanted) in [(101_801, "jump"), (101_800, "advanced"), (101_801, "jump")] {
        assert_eq!(world.on(mainnet(0), block(level)).await, wanted, "{level}");
    }
}

async fn a_key_has_watermarks_on_so_many_chains_and_on_those_that_are_named(mut world: World) {
    let on = |n| Asked { chain: chain(n), ..asked(WatermarkKind::Block, 1, 0, 1) };
    let all: Vec<_> = (0..64).map(|n| (key(0), on(n))).collect();
    let answers = world.all_at_once(&all).await;
    let cleared = answers.iter().filter(|answer| **answer == "advanced").count();
    assert_eq!((cleared, answers.len() - cleared), (MAX_CHAINS_PER_KEY, 64 - MAX_CHAINS_PER_KEY));
    assert!(answers.iter().all(|answer| ["advanced", "no room"].contains(answer)), "{answers:?}");
    world.restart();
    let known = answers.iter().position(|answer| *answer == "advanced").unwrap();
    let kinds = Asked { kind: WatermarkKind::Attestation, ..on(known) };
    assert_eq!(world.clear(key(0), kinds).await, "advanced", "another kind on a known chain");
    assert_eq!(world.clear(key(0), on(100)).await, "no room");
    assert_eq!(world.clear(key(1), on(100)).await, "advanced", "another key");
    let named = Terms { named: true, ..TERMS };
    assert_eq!(world.on(named, on(100)).await, "advanced");
    assert_eq!(world.watermarks().all().await.unwrap().len(), MAX_CHAINS_PER_KEY + 1);
    let error = world.watermarks().clear(&key(0), &on(101), &TERMS, None).await.unwrap_err().to_string();
    assert!(error.contains("allowed_chains") && error.contains("watermark.chains"), "{error}");
}
