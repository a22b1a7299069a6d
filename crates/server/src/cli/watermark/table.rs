//! Watermarks as rows: what stands, and what a command did.

use std::collections::BTreeMap;

use jwtis_tezos::watermark::format::ChainMarks;
use jwtis_tezos::watermark::{Mark, WatermarkKind};
use jwtis_tezos::{ChainId, PayloadHash, PublicKeyHash};
use serde_json::{Value, json};

use crate::cli::output::TextTable;
use crate::cli::{Outcome, Output};

/// Watermarks by network.
pub(super) type AllWatermarks = BTreeMap<ChainId, ChainMarks>;

/// One watermark.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct WatermarkRow {
    pub(super) chain: ChainId,
    pub(super) key: PublicKeyHash,
    pub(super) kind: WatermarkKind,
    pub(super) mark: Mark,
}

/// One watermark that was to be changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Change {
    asked: WatermarkRow,
    before: Option<Mark>,
    after: Option<Mark>,
}

/// All watermarks, in order.
pub(super) fn rows(marks: &AllWatermarks) -> Vec<WatermarkRow> {
    let of_chain = |(chain, marks): (&ChainId, &ChainMarks)| {
        let mut rows = Vec::new();
        for (key, marks) in marks.iter() {
            for kind in WatermarkKind::ALL {
                let mark = marks.get(kind).copied();
                rows.extend(mark.map(|mark| WatermarkRow { chain: *chain, key: *key, kind, mark }));
            }
        }
        rows
    };
    marks.iter().flat_map(of_chain).collect()
}

/// What became of each watermark of `asked`.
pub(super) fn changes(asked: &AllWatermarks, before: &AllWatermarks, after: &AllWatermarks) -> Vec<Change> {
    let mark = |marks: &AllWatermarks, row: &WatermarkRow| {
        marks.get(&row.chain)?.get(&row.key)?.get(row.kind).copied()
    };
    let change =
        |asked: WatermarkRow| Change { before: mark(before, &asked), after: mark(after, &asked), asked };
    rows(asked).into_iter().map(change).collect()
}

impl Change {
    pub(super) fn raised(&self) -> bool {
        let place = |mark: &Mark| (mark.level(), mark.round());
        self.before.as_ref().map(place) != self.after.as_ref().map(place)
    }

    pub(super) fn json(&self) -> Value {
        let WatermarkRow { chain, key, kind, .. } = &self.asked;
        json!({
            "chain": chain.to_string(),
            "key": key.to_string(),
            "kind": kind.name(),
            "before": self.before.as_ref().map(mark_json),
            "after": self.after.as_ref().map(mark_json),
            "raised": self.raised(),
        })
    }
}

pub(super) fn text(rows: &[WatermarkRow]) -> String {
    if rows.is_empty() {
        return "no watermarks".to_owned();
    }
    let mut table = TextTable::with_header(&["CHAIN", "KEY", "KIND", "LEVEL", "ROUND"]);
    for WatermarkRow { chain, key, kind, mark } in rows {
        let (level, round) = (mark.level().to_string(), mark.round().to_string());
        table.row([chain.to_string(), key.to_string(), kind.to_string(), level, round]);
    }
    table.to_string()
}

pub(super) fn json(rows: &[WatermarkRow]) -> Value {
    let row = |WatermarkRow { chain, key, kind, mark }: &WatermarkRow| {
        let mut row = json!({ "chain": chain.to_string(), "key": key.to_string(), "kind": kind.name() });
        if let (Some(row), Value::Object(mark)) = (row.as_object_mut(), mark_json(mark)) {
            row.extend(mark);
        }
        row
    };
    rows.iter().map(row).collect()
}

/// Shows what was changed.
pub(super) fn show_changes(changes: &[Change], as_json: bool, out: &mut Output<'_>) -> Outcome {
    if as_json {
        let raised = changes.iter().filter(|change| change.raised()).count();
        let marks: Vec<_> = changes.iter().map(Change::json).collect();
        return out.json(&json!({ "raised": raised, "marks": marks }));
    }
    out.line(changes_text(changes))
}

fn changes_text(changes: &[Change]) -> TextTable {
    let mut table = TextTable::with_header(&["CHAIN", "KEY", "KIND", "BEFORE", "NOW"]);
    for change in changes {
        let WatermarkRow { chain, key, kind, .. } = &change.asked;
        let said = |mark: Option<Mark>| mark.map_or_else(|| "none".to_owned(), |mark| mark.to_string());
        let now = if change.raised() { said(change.after) } else { "stays".to_owned() };
        table.row([chain.to_string(), key.to_string(), kind.to_string(), said(change.before), now]);
    }
    table
}

/// As in Signatory's files, the digest as a payload hash.
fn mark_json(mark: &Mark) -> Value {
    let hash = mark.digest().map(|digest| PayloadHash::new(*digest).to_string());
    json!({ "level": mark.level(), "round": mark.round(), "hash": hash })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(level: i32) -> AllWatermarks {
        let key = "tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q".parse().unwrap();
        let mut marks = ChainMarks::default();
        marks.entry(key).set(WatermarkKind::Block, Mark::new(level, 2, None).unwrap());
        AllWatermarks::from([("NetXdQprcVkpaWU".parse().unwrap(), marks)])
    }

    #[test]
    fn says_what_was_raised_and_what_stays() {
        for (before, asked, after, raised, wanted) in [
            (AllWatermarks::new(), 5, 5, true, "none                level 5, round 2"),
            (marks(3), 5, 5, true, "level 3, round 2    level 5, round 2"),
            (marks(7), 5, 7, false, "level 7, round 2    stays"),
        ] {
            let changes = changes(&marks(asked), &before, &marks(after));
            assert_eq!(changes.len(), 1);
            assert_eq!(changes.first().unwrap().raised(), raised);
            let text = changes_text(&changes).to_string();
            let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(squeezed(&text).ends_with(&squeezed(wanted)), "{text}");
        }
    }
}
