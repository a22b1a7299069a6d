//! How far levels may rise, as a table of named cases, and what an attacker can obtain in one moment.

use std::num::NonZeroU32;
use std::time::Duration;

use jwtis_tezos::watermark::jump::{
    ALLOWANCE, Basis, BlockTime, ChainJumps, Limit, MAINNET_GENESIS_MS, MaxJump,
};
use jwtis_tezos::watermark::{Judgement, JumpRule, JumpRules, Pace, Refusal, Watermark, judge};
use proptest::prelude::*;

use crate::rule::watermark;

/// A moment in 2027.
const NOW: u64 = 1_800_000_000_000;
const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;
const DAY: u64 = 24 * HOUR;
/// Mainnet's block time.
const BLOCK: u64 = 6 * SECOND;
/// What the whole allowance is as time.
const WHOLE: u64 = 120 * BLOCK;

fn mainnet() -> JumpRule {
    JumpRules::default().on(&"NetXdQprcVkpaWU".parse().unwrap())
}

fn at(level: i32, pace: Pace) -> Watermark {
    watermark(level, 0, 1).with_pace(Some(pace))
}

/// The watermark after a signature, or the limit.
fn ask(stored: Option<Watermark>, level: i32, now_ms: u64) -> Result<Watermark, Limit> {
    ask_on(&mainnet(), stored, level, now_ms)
}

fn ask_on(jump: &JumpRule, stored: Option<Watermark>, level: i32, now_ms: u64) -> Result<Watermark, Limit> {
    match judge(stored.as_ref(), &watermark(level, 0, 2), jump, now_ms) {
        Judgement::Advance(watermark) => Ok(watermark),
        Judgement::Refuse(Refusal::Jump { limit, .. }) => Err(limit),
        other => panic!("{other:?}"),
    }
}

/// The highest level that is signed now: one more is refused, and the refusal names it.
fn highest(name: &str, jump: &JumpRule, stored: Option<Watermark>, now_ms: u64, wanted: i32) {
    if stored.is_none_or(|stored| stored.level() < wanted) {
        assert!(ask_on(jump, stored, wanted, now_ms).is_ok(), "{name}: {wanted}");
    }
    if let Some(above) = wanted.checked_add(1) {
        let limit = ask_on(jump, stored, above, now_ms).expect_err(name);
        assert_eq!(limit.highest, wanted, "{name}");
    }
}

#[test]
fn every_row_of_the_rule_about_jumps() {
    let fresh = Pace::at(NOW);
    let used = |used_ms| Pace::kept(NOW, NOW, used_ms);
    let ahead = Pace::kept(NOW, NOW + 10 * 365 * DAY, 0);
    for (name, stored, now, wanted) in [
        ("the_allowance_alone", Some(at(1_000, fresh)), NOW, 1_120),
        ("one_block_later", Some(at(1_000, fresh)), NOW + BLOCK, 1_122),
        ("half_a_block_later", Some(at(1_000, fresh)), NOW + BLOCK / 2, 1_121),
        ("a_part_of_a_block_is_no_level", Some(at(1_000, fresh)), NOW + BLOCK / 2 - 1, 1_120),
        ("a_baker_that_was_offline_for_a_day", Some(at(1_000, fresh)), NOW + DAY, 1_000 + 28_800 + 120),
        ("a_month_offline", Some(at(1_000, fresh)), NOW + 30 * DAY, 1_000 + 864_000 + 120),
        ("a_used_allowance", Some(at(1_000, used(WHOLE))), NOW, 1_000),
        ("a_used_allowance_and_a_block", Some(at(1_000, used(WHOLE))), NOW + BLOCK, 1_002),
        ("half_an_allowance", Some(at(1_000, used(WHOLE / 2))), NOW, 1_060),
        ("time_gives_it_back", Some(at(1_000, used(WHOLE))), NOW + WHOLE / 2, 1_120),
        ("no_debt_beyond_the_allowance", Some(at(1_000, used(u64::MAX))), NOW + BLOCK, 1_002),
        ("a_clock_set_back_counts_as_no_time", Some(at(1_000, fresh)), NOW - DAY, 1_120),
        ("after_a_glimpse_of_a_far_future", Some(at(1_000, ahead)), NOW + BLOCK, 1_122),
        ("after_a_glimpse_of_a_far_past", Some(at(1_000, Pace::kept(0, NOW, 0))), NOW + BLOCK, 1_122),
        ("at_the_moment_of_a_glimpse", Some(at(1_000, Pace::kept(NOW - DAY, NOW, WHOLE))), NOW, 1_000),
        ("a_clock_at_its_beginning", Some(at(1_000, fresh)), 0, 1_120),
        ("a_clock_at_its_end", Some(at(1_000, fresh)), u64::MAX, i32::MAX),
        ("imported_and_of_unknown_time", Some(watermark(1_000, 0, 1)), NOW, 1_000 + 100_800),
        ("no_level_overflows", Some(at(i32::MAX - 1, fresh)), NOW, i32::MAX),
        ("the_first_signature", None, NOW, 44_937_524),
        ("the_first_at_genesis", None, MAINNET_GENESIS_MS, 0),
        ("the_first_with_a_clock_before_genesis", None, 0, 0),
        ("the_first_at_the_end_of_time", None, u64::MAX, i32::MAX),
    ] {
        highest(name, &mainnet(), stored, now, wanted);
    }
}

#[test]
fn settings_of_a_chain_count_before_those_of_all_chains() {
    let chain = "NetXo5iVw1vBoxM".parse().unwrap();
    let levels = |levels| Some(MaxJump::Levels(NonZeroU32::new(levels).unwrap()));
    let second = BlockTime::new(Duration::from_secs(1));
    let unknown = Some(watermark(1_000, 0, 1));
    for (name, all, block_time, max_jump, wanted) in [
        ("nothing_said", None, None, None, Some(1_000 + 100_800)),
        ("a_number_for_all", levels(7), None, None, Some(1_007)),
        ("a_number_for_one", levels(7), None, levels(9), Some(1_009)),
        ("a_week_at_its_block_time", None, second, None, Some(1_000 + 604_800)),
        ("off", levels(7), second, Some(MaxJump::Off), None),
    ] {
        let chains = [(chain, ChainJumps { block_time, max_jump })].into();
        let rule = JumpRules { max_jump: all, chains }.on(&chain);
        match wanted {
            Some(wanted) => highest(name, &rule, unknown, NOW, wanted),
            None => highest(name, &rule, unknown, NOW, i32::MAX),
        }
    }
    highest("off, first", &JumpRules::off().on(&chain), None, 0, i32::MAX);
}

#[test]
fn block_times_that_would_divide_by_nothing_are_none() {
    for (milliseconds, wanted) in
        [(0, false), (99, false), (100, true), (3_600_000, true), (3_600_001, false)]
    {
        assert_eq!(BlockTime::new(Duration::from_millis(milliseconds)).is_some(), wanted, "{milliseconds}");
    }
    assert_eq!(BlockTime::MAINNET.as_duration(), Duration::from_secs(6));
}

#[test]
fn a_thousand_requests_of_one_moment_rise_by_120_in_all() {
    for step in [1, 7, 50, 120] {
        let mut stored = at(1_000, Pace::at(NOW - DAY));
        // The day pays for its own levels, and they leave the allowance as it is.
        stored = ask(Some(stored), 1_000 + 14_400, NOW).unwrap();
        let from = stored.level();
        for _ in 0..1_000 {
            if let Ok(risen) = ask(Some(stored), stored.level() + step, NOW) {
                stored = risen;
            }
        }
        assert_eq!(stored.level() - from, 120 / step * step, "step {step}");
    }
    assert_eq!(ALLOWANCE, 120);
}

#[test]
fn a_day_away_leaves_no_more_than_the_allowance() {
    let mut stored = at(1_000, Pace::at(NOW));
    stored = ask(Some(stored), 1_001, NOW + DAY).unwrap();
    highest("after a day with one signature", &mainnet(), Some(stored), NOW + DAY, 1_121);
}

#[test]
fn rounds_of_one_level_cost_nothing_and_lose_no_time() {
    let mut stored = at(1_000, Pace::kept(NOW, NOW, WHOLE));
    for round in 1..=60_i32 {
        let now = NOW + u64::from(round.unsigned_abs()) * SECOND;
        match judge(Some(&stored), &watermark(1_000, round, 2 + round.unsigned_abs() as u8), &mainnet(), now)
        {
            Judgement::Advance(next) => stored = next,
            other => panic!("{other:?}"),
        }
    }
    highest("a minute of rounds", &mainnet(), Some(stored), NOW + 60 * SECOND, 1_020);
}

#[test]
fn a_repetition_changes_neither_time_nor_allowance() {
    let stored = at(1_000, Pace::kept(NOW, NOW, 5));
    let same = watermark(1_000, 0, 1);
    assert_eq!(judge(Some(&stored), &same, &mainnet(), NOW + HOUR), Judgement::Repeat(stored));
    // A digest is no way past the bound: the message of the watermark does not stand at a higher level.
    let far = judge(Some(&stored), &watermark(i32::MAX, 0, 1), &mainnet(), NOW);
    assert!(matches!(far, Judgement::Refuse(Refusal::Jump { .. })), "{far:?}");
}

#[test]
fn a_clock_that_was_behind_or_ahead_lends_nothing_that_lasts() {
    // Behind by decades for one signature, then right again: a block's time is a block's time.
    let behind = ask(Some(at(1_000, Pace::at(NOW))), 1_001, 5).unwrap();
    highest("right again", &mainnet(), Some(behind), NOW + BLOCK, 1_122);
    // Ahead by decades for one signature, then right again: the baker goes on at the chain's pace, for ever.
    let mut stored = ask(Some(behind), 1_002, NOW + 20 * 365 * DAY).unwrap();
    for block in 1..=1_000_u64 {
        stored = ask(Some(stored), stored.level() + 1, NOW + block * BLOCK).unwrap();
    }
    let now = NOW + 1_000 * BLOCK;
    highest("and no faster", &mainnet(), Some(stored), now, stored.level() + 120);
}

#[test]
fn a_jump_from_an_unknown_time_uses_the_allowance_up() {
    let unknown = watermark(1_000, 0, 1);
    let risen = ask(Some(unknown), 1_050, NOW).unwrap();
    highest("a small one", &mainnet(), Some(risen), NOW, 1_120);
    let risen = ask(Some(unknown), 1_000 + 100_800, NOW).unwrap();
    highest("a large one", &mainnet(), Some(risen), NOW, risen.level());
    highest("and its baker goes on", &mainnet(), Some(risen), NOW + BLOCK, risen.level() + 2);
}

#[test]
fn refusals_name_both_levels_and_what_is_allowed() {
    let detail =
        |stored: Option<Watermark>| match judge(stored.as_ref(), &watermark(i32::MAX, 0, 2), &mainnet(), NOW)
        {
            Judgement::Refuse(refusal) => refusal.detail(),
            other => panic!("{other:?}"),
        };
    let asked = "watermark validation failed: level 2147483647, round 0 was asked, and";
    for (stored, wanted) in [
        (
            Some(at(1_000, Pace::at(NOW))),
            "level 1000, round 0 has been signed; the time since then allows level 1120 at most",
        ),
        (
            Some(watermark(1_000, 0, 1)),
            "level 1000, round 0 has been signed; nobody knows when, and `watermark.max_jump` allows level 101800 at most",
        ),
        (
            None,
            "nothing has been signed; the age of mainnet by the clock of this machine allows level 44937524 at most",
        ),
    ] {
        assert_eq!(detail(stored), format!("{asked} {wanted}"));
    }
    assert_eq!(ask(None, i32::MAX, NOW).unwrap_err().basis, Basis::First);
}

#[test]
fn joined_times_are_the_stricter_ones() {
    let pace = Pace::kept;
    let (early, late) = (at(5, pace(1, 9, 3)), at(5, pace(2, 8, 4)));
    for (name, one, two, wanted) in [
        ("later_and_more_used_up", early, late, at(5, pace(2, 9, 4))),
        ("known_before_unknown", early, watermark(5, 0, 1), early),
        ("the_time_of_the_higher_place", at(6, pace(1, 1, 0)), late, at(6, pace(1, 1, 0))),
        ("an_imported_higher_place", watermark(6, 0, 1), late, watermark(6, 0, 1)),
    ] {
        assert_eq!(one.join(two), wanted, "{name}");
        assert_eq!(two.join(one), wanted, "{name}, the other way");
    }
}

proptest! {
    /// In whatever order and at whatever times a caller asks: no run of requests gets further than the time of the chain, and no request
    /// that follows the chain is refused.
    #[test]
    fn levels_never_outrun_time_and_a_chain_is_never_held_up(
        asks in prop::collection::vec((0..20_u64 * BLOCK, 0..200_i32), 1..200),
    ) {
        let (mut stored, mut now) = (at(1_000, Pace::at(NOW)), NOW);
        for (wait, rise) in asks {
            now += wait;
            if let Ok(risen) = ask(Some(stored), stored.level() + rise.max(1), now) {
                stored = risen;
            }
            let most = 1_000 + 120 + 2 * (now - NOW) / BLOCK;
            prop_assert!(u64::from(stored.level().unsigned_abs()) <= most);
        }
        // The head of a chain that makes its blocks in time.
        for _ in 0..10 {
            now += BLOCK;
            let next = ask(Some(stored), stored.level() + 1, now);
            prop_assert!(next.is_ok(), "{stored:?} {next:?}");
            stored = next.unwrap();
        }
    }
}
