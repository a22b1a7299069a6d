//! Watermarks as rows: what stands, and what a command did.

use jwtis_tezos::watermark::{AllWatermarks, ChainWatermarks, Watermark, WatermarkKind};
use jwtis_tezos::{ChainId, PayloadHash, PublicKeyHash};
use serde_json::{Value, json};

use crate::cli::output::TextTable;
use crate::cli::{CliOutcome, Output};

/// One watermark.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct WatermarkRow {
    pub(super) chain: ChainId,
    pub(super) key: PublicKeyHash,
    pub(super) kind: WatermarkKind,
    pub(super) watermark: Watermark,
}

/// One watermark that was to be changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct WatermarkChange {
    asked: WatermarkRow,
    before: Option<Watermark>,
    after: Option<Watermark>,
}

/// All watermarks, in order.
pub(super) fn rows(watermarks: &AllWatermarks) -> Vec<WatermarkRow> {
    let of_chain = |(chain, watermarks): (&ChainId, &ChainWatermarks)| {
        let mut rows = Vec::new();
        for (key, watermarks) in watermarks.iter() {
            for kind in WatermarkKind::ALL {
                let watermark = watermarks.get(kind).copied();
                rows.extend(watermark.map(|watermark| WatermarkRow {
                    chain: *chain,
                    key: *key,
                    kind,
                    watermark,
                }));
            }
        }
        rows
    };
    watermarks.iter().flat_map(of_chain).collect()
}

/// What became of each watermark of `asked`.
pub(super) fn changes(
    asked: &AllWatermarks,
    before: &AllWatermarks,
    after: &AllWatermarks,
) -> Vec<WatermarkChange> {
    let watermark = |watermarks: &AllWatermarks, row: &WatermarkRow| {
        watermarks.get(&row.chain)?.get(&row.key)?.get(row.kind).copied()
    };
    let change = |asked: WatermarkRow| WatermarkChange {
        before: watermark(before, &asked),
        after: watermark(after, &asked),
        asked,
    };
    rows(asked).into_iter().map(change).collect()
}

impl WatermarkChange {
    pub(super) fn raised(&self) -> bool {
        let place = |watermark: &Watermark| (watermark.level(), watermark.round());
        self.before.as_ref().map(place) != self.after.as_ref().map(place)
    }

    /// Whether another message was asked for than the one that was signed at this level and round.
    fn conflicts(&self) -> bool {
        self.before.is_some_and(|before| before.conflicts_with(&self.asked.watermark))
    }

    pub(super) fn json(&self) -> Value {
        let WatermarkRow { chain, key, kind, .. } = &self.asked;
        json!({
            "chain": chain.to_string(),
            "key": key.to_string(),
            "kind": kind.name(),
            "before": self.before.as_ref().map(watermark_json),
            "after": self.after.as_ref().map(watermark_json),
            "raised": self.raised(),
            "conflict": self.conflicts(),
        })
    }
}

pub(super) fn text(rows: &[WatermarkRow]) -> String {
    if rows.is_empty() {
        return "no watermarks".to_owned();
    }
    let mut table = TextTable::with_header(&["CHAIN", "KEY", "KIND", "LEVEL", "ROUND"]);
    for WatermarkRow { chain, key, kind, watermark } in rows {
        let (level, round) = (watermark.level().to_string(), watermark.round().to_string());
        table.row([chain.to_string(), key.to_string(), kind.to_string(), level, round]);
    }
    table.to_string()
}

pub(super) fn json(rows: &[WatermarkRow]) -> Value {
    let row = |WatermarkRow { chain, key, kind, watermark }: &WatermarkRow| {
        let mut row = json!({ "chain": chain.to_string(), "key": key.to_string(), "kind": kind.name() });
        if let (Some(row), Value::Object(watermark)) = (row.as_object_mut(), watermark_json(watermark)) {
            row.extend(watermark);
        }
        row
    };
    rows.iter().map(row).collect()
}

/// Shows what was changed.
pub(super) fn show_changes(changes: &[WatermarkChange], as_json: bool, out: &mut Output<'_>) -> CliOutcome {
    if as_json {
        let raised = changes.iter().filter(|change| change.raised()).count();
        let watermarks: Vec<_> = changes.iter().map(WatermarkChange::json).collect();
        return out.json(&json!({ "raised": raised, "marks": watermarks }));
    }
    out.line(changes_text(changes))
}

fn changes_text(changes: &[WatermarkChange]) -> TextTable {
    let mut table = TextTable::with_header(&["CHAIN", "KEY", "KIND", "BEFORE", "NOW"]);
    for change in changes {
        let WatermarkRow { chain, key, kind, .. } = &change.asked;
        let said = |watermark: Option<Watermark>| {
            watermark.map_or_else(|| "none".to_owned(), |watermark| watermark.to_string())
        };
        let now = match (change.raised(), change.conflicts()) {
            (true, _) => said(change.after),
            (false, true) => "stays; conflict: another message was signed there".to_owned(),
            (false, false) => "stays".to_owned(),
        };
        table.row([chain.to_string(), key.to_string(), kind.to_string(), said(change.before), now]);
    }
    table
}

/// As in Signatory's files, the digest as a payload hash.
fn watermark_json(watermark: &Watermark) -> Value {
    let hash = watermark.digest().map(|digest| PayloadHash::new(*digest).to_string());
    json!({ "level": watermark.level(), "round": watermark.round(), "hash": hash })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watermarks(level: i32) -> AllWatermarks {
        let key = "tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q".parse().unwrap();
        let mut watermarks = ChainWatermarks::default();
        watermarks.entry(key).set(WatermarkKind::Block, Watermark::new(level, 2, None).unwrap());
        AllWatermarks::from([("NetXdQprcVkpaWU".parse().unwrap(), watermarks)])
    }

    #[test]
    fn says_what_was_raised_and_what_stays() {
        for (before, asked, after, raised, wanted) in [
            (AllWatermarks::new(), 5, 5, true, "none                level 5, round 2"),
            (watermarks(3), 5, 5, true, "level 3, round 2    level 5, round 2"),
            (watermarks(7), 5, 7, false, "level 7, round 2    stays"),
        ] {
            let changes = changes(&watermarks(asked), &before, &watermarks(after));
            assert_eq!(changes.len(), 1);
            assert_eq!(changes.first().unwrap().raised(), raised);
            let text = changes_text(&changes).to_string();
            let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(squeezed(&text).ends_with(&squeezed(wanted)), "{text}");
        }
    }

    #[test]
    fn says_that_another_message_was_signed_at_the_same_place() {
        let [signed, other, unknown] = [Some([1; 32]), Some([2; 32]), None].map(|digest| {
            let mut all = watermarks(5);
            let of_key = all.values_mut().next().unwrap();
            let key = *of_key.iter().next().unwrap().0;
            of_key.entry(key).set(WatermarkKind::Block, Watermark::new(5, 2, digest).unwrap());
            all
        });
        for (asked, before, conflict) in [
            (&other, &signed, true),
            (&other, &unknown, true),
            (&signed, &signed, false),
            (&unknown, &signed, false),
        ] {
            let changes = changes(asked, before, before);
            assert_eq!(changes_text(&changes).to_string().contains("conflict"), conflict);
            assert_eq!(changes.first().unwrap().json()["conflict"], conflict);
        }
    }
}
