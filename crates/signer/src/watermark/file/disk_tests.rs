//! Power cuts, kills and failing disks, below the marks in files: whatever was cleared, and may have been signed, is at or below the
//! mark that the next start finds, and nothing else is cleared at its place.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jwtis_tezos::watermark::{JumpRule, KeyMarks, Mark, WatermarkKind};
use jwtis_tezos::{ChainId, Curve, PublicKeyHash};
use proptest::prelude::*;
use tokio::sync::oneshot;

use super::model::{Failure, ModelDisk, State, Tree};
use super::*;

const BASE: &str = "/base";

/// Possibilities that are tried of one power cut, at most.
const SURVIVORS: usize = 96;

/// A message: network, key, kind, level, round, and which message of that place.
type Message = (u8, u8, WatermarkKind, i32, i32, u8);

use WatermarkKind::{Attestation, Block};

fn key(n: u8) -> PublicKeyHash {
    PublicKeyHash::new(Curve::Ed25519, [n; 20])
}

fn chain(n: u8) -> ChainId {
    ChainId::new([n; 4])
}

fn mark(level: i32, round: i32, message: u8) -> Mark {
    let mut digest = [message; 32];
    digest[..4].copy_from_slice(&level.to_be_bytes());
    digest[4..8].copy_from_slice(&round.to_be_bytes());
    Mark::new(level, round, Some(digest)).unwrap()
}

fn asked((network, _, kind, level, round, message): Message) -> Asked {
    Asked { chain: chain(network), kind, mark: mark(level, round, message) }
}

/// Nothing bounds levels here: the rule about them has tests of its own.
const TERMS: Terms = Terms { now_ms: 1_800_000_000_000, jump: JumpRule::Off, named: false };

/// A base folder with a mark of Signatory's older version: level 50 of key 9.
fn installed() -> State {
    let file = format!("{BASE}/watermark_v1/{}.json", chain(0));
    State::new(&[(&file, &format!(r#"{{"{}":{{"level":50,"round":0,"order":0}}}}"#, key(9)))])
}

/// One process, without its thread: groups are what the test says.
struct Life {
    writer: Writer<ModelDisk>,
    durable: Durable,
}

impl Life {
    fn begin(disk: &ModelDisk) -> Result<Self, FileError> {
        let (writer, durable, _) = begin(disk.clone(), Path::new(BASE), Lost::Refuse, Arc::new(()))?;
        Ok(Self { writer, durable })
    }

    /// Messages that ask at the same time.
    fn clear(&mut self, messages: &[Message]) -> Vec<Result<Clearance, WatermarkError>> {
        let mut answers: Vec<_> = messages.iter().map(|message| self.known(*message)).collect();
        let mut group = Vec::new();
        let mut waiting = Vec::new();
        for (n, message) in messages.iter().enumerate().filter(|(n, _)| answers[*n].is_none()) {
            let (answer, answered) = oneshot::channel();
            let (key, asked) = (key(message.1), asked(*message));
            group.push(Request::Clear { key, asked, terms: TERMS, answer });
            waiting.push((n, answered));
        }
        self.writer.work(group);
        for (n, mut answered) in waiting {
            answers[n] = Some(answered.try_recv().unwrap());
        }
        answers.into_iter().map(Option::unwrap).collect()
    }

    fn known(&self, message: Message) -> Option<Result<Clearance, WatermarkError>> {
        known(&self.durable, &key(message.1), &asked(message), &TERMS)
    }

    fn raise(&mut self, network: u8, marks: ChainMarks) -> Result<(), WatermarkError> {
        self.writer.raise(chain(network), marks)
    }
}

/// What was cleared, and after how many operations of the disk.
type Signed = Vec<(usize, Message)>;

fn work(disk: &ModelDisk, groups: &[&[Message]], signed: &mut Signed) {
    // A start that fails is tried again once.
    let Ok(mut life) = Life::begin(disk).or_else(|_| Life::begin(disk)) else { return };
    for group in groups {
        // Clients try again what failed.
        for _ in 0..2 {
            let answers = life.clear(group);
            let cleared = group.iter().zip(&answers).filter(|(_, answer)| answer.is_ok());
            signed.extend(cleared.map(|(message, _)| (disk.operations(), *message)));
        }
    }
}

/// What clients ask for, in groups. Each has rivals of one place.
const GROUPS: [&[Message]; 6] = [
    &[(0, 1, Attestation, 1, 0, 1)],
    &[(0, 1, Attestation, 2, 0, 1), (0, 2, Attestation, 2, 0, 1), (0, 1, Block, 2, 0, 1)],
    &[(0, 1, Attestation, 2, 0, 2)],
    &[(0, 1, Attestation, 3, 0, 1), (0, 1, Attestation, 3, 0, 2), (0, 1, Attestation, 3, 0, 1)],
    &[(1, 1, Attestation, 1, 0, 1), (0, 1, Attestation, 3, 1, 1)],
    &[(1, 1, Attestation, 1, 0, 2), (0, 1, Attestation, 3, 1, 2), (0, 2, Block, 9, 0, 1)],
];

/// Checks the invariant on everything that a power cut may leave of a disk.
#[derive(Default)]
struct Judge {
    /// What was looked at already.
    seen: BTreeSet<(Tree, Vec<Message>)>,
    restarts: usize,
}

impl Judge {
    fn power_cut(&mut self, state: &State, signed: &Signed, until: usize, about: &str) {
        let signed: Vec<Message> =
            signed.iter().filter(|(after, _)| *after <= until).map(|(_, message)| *message).collect();
        for survivor in state.survivors(SURVIVORS) {
            if !self.seen.insert((survivor.tree(), signed.clone())) {
                continue;
            }
            self.restarts += 1;
            let disk = ModelDisk::with(survivor);
            let mut life = Life::begin(&disk)
                .unwrap_or_else(|error| panic!("{about}: no start: {error:?}; {:?}", disk.after(0).tree()));
            let taken_over = life.clear(&[(0, 9, Block, 50, 0, 1)]);
            assert!(
                matches!(taken_over[0], Err(WatermarkError::Refused(_))),
                "{about}: the older mark is forgotten"
            );
            for &(network, key, kind, level, round, message) in &signed {
                let rival = (network, key, kind, level, round, message + 100);
                let below = (network, key, kind, level - 1, i32::MAX, message);
                for other in [rival, below] {
                    let answer = life.clear(&[other]).remove(0);
                    assert!(
                        matches!(answer, Err(WatermarkError::Refused(_))),
                        "{about}: {:?} was signed, and {other:?} is {answer:?}",
                        (network, key, kind, level, round, message)
                    );
                }
            }
        }
    }
}

#[test]
fn a_power_cut_at_any_operation_forgets_nothing_that_was_cleared() {
    let disk = ModelDisk::with(installed());
    let mut signed = Signed::new();
    work(&disk, &GROUPS, &mut signed);
    assert_eq!(signed.len(), 2 + 6 + 4 + 4 + 2, "{signed:?}");

    let mut judge = Judge::default();
    for cut in 0..=disk.operations() {
        judge.power_cut(&disk.after(cut), &signed, cut, &format!("cut after {cut}"));
    }
    assert!(judge.restarts > 40, "only {} restarts", judge.restarts);
}

/// Memory of the first process is gone, the machine's caches are not: what the second process reads may not be durable yet.
#[test]
fn a_kill_at_any_operation_and_then_a_power_cut_at_any_other_forget_nothing() {
    let first = ModelDisk::with(installed());
    let mut signed = Signed::new();
    work(&first, &GROUPS, &mut signed);

    let mut judge = Judge::default();
    for kill in 0..=first.operations() {
        let disk = ModelDisk::with(first.after(kill));
        let mut then: Signed =
            signed.iter().filter(|(after, _)| *after <= kill).map(|(_, message)| (0, *message)).collect();
        work(&disk, &[GROUPS[1], GROUPS[3], GROUPS[4]], &mut then);
        for cut in 0..=disk.operations() {
            judge.power_cut(&disk.after(cut), &then, cut, &format!("kill after {kill}, cut after {cut}"));
        }
    }
    assert!(judge.restarts > 100, "only {} restarts", judge.restarts);
}

#[test]
fn any_operation_that_fails_and_then_a_power_cut_at_any_other_forget_nothing() {
    let whole = ModelDisk::with(installed());
    work(&whole, &GROUPS, &mut Signed::new());

    let mut judge = Judge::default();
    for failing in 0..=whole.operations() {
        for (failure, times) in
            [(Failure::Undone, 1), (Failure::Done, 1), (Failure::Undone, 4), (Failure::Done, 9)]
        {
            let disk = ModelDisk::with(installed());
            (failing..failing + times).for_each(|n| disk.fail(n, failure));
            let mut signed = Signed::new();
            work(&disk, &GROUPS, &mut signed);
            // Soon after, while it matters, and at the end.
            for cut in
                (failing..failing + 24).filter(|cut| *cut < disk.operations()).chain([disk.operations()])
            {
                let about = format!("operation {failing} {failure:?} {times} times, cut after {cut}");
                judge.power_cut(&disk.after(cut), &signed, cut, &about);
            }
        }
    }
    assert!(judge.restarts > 200, "only {} restarts", judge.restarts);
}

#[test]
fn a_failed_write_clears_nobody_of_its_group_and_leaves_memory_as_it_was() {
    // Creating, writing, syncing and renaming, twice, and syncing the folder.
    for step in 0..9 {
        for failure in [Failure::Undone, Failure::Done] {
            let disk = ModelDisk::with(installed());
            let mut life = Life::begin(&disk).unwrap();
            let first = (0, 1, Attestation, 5, 0, 1);
            assert!(life.clear(&[first])[0].is_ok());
            let before = life.durable.read().unwrap().clone();

            disk.fail(disk.operations() + step, failure);
            let group = [(0, 1, Attestation, 6, 0, 1), (0, 1, Attestation, 6, 0, 2), (0, 2, Block, 6, 0, 1)];
            for answer in life.clear(&group) {
                assert!(matches!(answer, Err(WatermarkError::Unavailable(_))), "step {step}: {answer:?}");
            }
            assert_eq!(*life.durable.read().unwrap(), before, "step {step}");
            assert!(life.clear(&[first])[0].is_ok(), "step {step}: the message of the durable mark");

            // The other one of the place may be first now: nobody has signed.
            assert!(life.clear(&[group[1]])[0].is_ok(), "step {step}");
            assert!(life.clear(&[group[0]])[0].is_err(), "step {step}");
        }
    }
}

#[test]
fn a_network_whose_file_fails_does_not_fail_the_others() {
    let disk = ModelDisk::with(installed());
    let mut life = Life::begin(&disk).unwrap();
    disk.fail(disk.operations() + 1, Failure::Undone);
    let answers = life.clear(&[(0, 1, Block, 1, 0, 1), (1, 1, Block, 1, 0, 1)]);
    assert!(answers[0].is_err() && answers[1].is_ok(), "{answers:?}");
}

#[test]
fn sixty_four_keys_at_once_cost_one_write() {
    let disk = ModelDisk::with(installed());
    let mut life = Life::begin(&disk).unwrap();
    let before = disk.operations();
    let group: Vec<Message> = (0..64).map(|key| (0, key + 100, Attestation, 1, 0, 1)).collect();
    assert!(life.clear(&group).iter().all(Result::is_ok));
    // The lock looked at twice, two files made, written, synced and renamed, and the folder synced.
    assert_eq!(disk.operations() - before, 11);
    // And what stands already costs none.
    assert!(life.clear(&group).iter().all(Result::is_ok));
    assert_eq!(disk.operations() - before, 11);
}

#[test]
fn leftovers_of_killed_processes_are_removed_and_nothing_else() {
    let file = |name: &str| format!("{BASE}/{name}");
    let state = State::new(&[
        (&file("watermark_v2/watermark17"), "{"),
        (&file("watermark_v2/watermark"), "?"),
        (&file("watermark_v2/watermark17.txt"), "?"),
        (&file("watermark_v2.new-3/x.json"), "{"),
        (&file("watermark_v2.new-mine/x.json"), "?"),
    ]);
    let disk = ModelDisk::with(state);
    drop(Life::begin(&disk).unwrap());
    let left: Vec<_> = disk.after(disk.operations()).tree().into_keys().collect();
    for (name, stays) in [
        ("watermark_v2/watermark17", false),
        ("watermark_v2/watermark", true),
        ("watermark_v2/watermark17.txt", true),
        ("watermark_v2.new-3", false),
        ("watermark_v2.new-mine", true),
    ] {
        assert_eq!(left.contains(&PathBuf::from(file(name))), stays, "{name}");
    }
}

#[derive(Clone, Debug)]
enum Act {
    Ask(Vec<Message>),
    Raise(u8, i32),
    Fail(usize, bool),
    Restart,
    PowerCut(usize),
}

fn act() -> impl Strategy<Value = Act> {
    let kind = prop_oneof![Just(Attestation), Just(Block)];
    let message = (0..2_u8, 0..2_u8, kind, 0..4_i32, 0..2_i32, 0..2_u8);
    prop_oneof![
        6 => prop::collection::vec(message, 1..5).prop_map(Act::Ask),
        1 => (0..2_u8, 0..4_i32).prop_map(|(key, level)| Act::Raise(key, level)),
        2 => (0..12_usize, any::<bool>()).prop_map(|(n, done)| Act::Fail(n, done)),
        1 => Just(Act::Restart),
        2 => any::<usize>().prop_map(Act::PowerCut),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens in whatever order: no two messages of one place are cleared, and none below one that was.
    #[test]
    fn no_sequence_of_requests_faults_restarts_and_power_cuts_signs_twice(acts in prop::collection::vec(act(), 1..30)) {
        let mut disk = ModelDisk::with(installed());
        let mut life = Life::begin(&disk).ok();
        // All that was signed; and the highest of each mark.
        let mut signed = BTreeMap::new();
        let mut highest = BTreeMap::new();
        for act in acts {
            match act {
                Act::Ask(messages) => {
                    let Some(life) = &mut life else { continue };
                    // What the durable marks answer comes before what the group changes.
                    let (mut messages, changing): (Vec<_>, Vec<_>) = messages
                        .into_iter()
                        .partition(|message| life.known(*message).is_some());
                    let mut answers = life.clear(&messages);
                    answers.extend(life.clear(&changing));
                    messages.extend(changing);
                    for (message, answer) in messages.iter().zip(answers) {
                        let &(network, key, kind, level, round, which) = message;
                        let Ok(clearance) = answer else { continue };
                        let highest = highest.entry((network, key, kind)).or_insert((-1, -1));
                        let before = signed.insert((network, key, kind, level, round), which);
                        match (clearance, before) {
                            (Clearance::Repeated, Some(before)) => {
                                prop_assert_eq!((level, round, which), (highest.0, highest.1, before));
                            }
                            // Where a write failed on the way to the answer, the first one that is heard.
                            (_, before) => {
                                prop_assert!(before.is_none(), "{message:?}");
                                prop_assert!((level, round) > *highest, "{message:?}");
                            }
                        }
                        *highest = (level, round);
                    }
                }
                Act::Raise(n, level) => {
                    let Some(life) = &mut life else { continue };
                    let marks = KeyMarks { block: Mark::new(level, 0, None), ..KeyMarks::default() };
                    let _ = life.raise(0, ChainMarks::from_iter([(key(n), marks)]));
                }
                Act::Fail(n, done) => {
                    disk.fail(disk.operations() + n, if done { Failure::Done } else { Failure::Undone });
                }
                Act::Restart => {
                    drop(life.take());
                    life = Life::begin(&disk).ok();
                }
                Act::PowerCut(which) => {
                    let survivors = disk.after(disk.operations()).survivors(SURVIVORS);
                    disk = ModelDisk::with(survivors[which % survivors.len()].clone());
                    life = Some(Life::begin(&disk).unwrap());
                }
            }
        }
    }
}
