//! `watermark:`: where watermarks are kept, and how far levels may rise (§5).

use std::num::NonZeroU32;

use jwtis_base::Ttl;
use jwtis_tezos::ChainId;
use jwtis_tezos::watermark::JumpRules;
use jwtis_tezos::watermark::jump::{BlockTime, ChainJumps, MaxJump};

use super::super::signer::WatermarkDriver;
use super::super::yaml::{Entry, Node};
use super::reading::{Fields, Reading};

/// The word for a chain whose levels nothing bounds.
const OFF: &str = "off";

const MAINNET: &str = "NetXdQprcVkpaWU";

/// The section.
pub(super) fn watermark(reading: &mut Reading<'_>, node: &Node) -> (WatermarkDriver, JumpRules) {
    let fields = reading.fields("watermark", node);
    let driver = driver(reading, &fields);
    let max_jump = fields.value("max_jump").and_then(|node| of_all(reading, node));
    let chains = match fields.value("chains") {
        Some(node) => reading.named("chains", node),
        None => &[],
    };
    let chains = chains.iter().filter_map(|entry| chain(reading, entry)).collect();
    (driver, JumpRules { max_jump, chains })
}

/// `off` would take the protection from every chain, real ones too.
fn of_all(reading: &mut Reading<'_>, node: &Node) -> Option<MaxJump> {
    match max_jump(reading, node)? {
        MaxJump::Off => {
            reading.fault_with_hint(
                node.mark,
                "max_jump: `off` is for one chain and not for all",
                "write it per sandbox: `watermark: {chains: {NetX…: {max_jump: off}}}`",
            );
            None
        }
        levels @ MaxJump::Levels(_) => Some(levels),
    }
}

fn chain(reading: &mut Reading<'_>, entry: &Entry) -> Option<(ChainId, ChainJumps)> {
    let chain = match entry.key.parse::<ChainId>() {
        Ok(chain) => Some(chain),
        Err(error) => {
            reading.fault_with_hint(
                entry.mark,
                format!("`{}` is no chain: {error}", entry.key),
                "write the chain's id, like NetXdQprcVkpaWU; `octez-client rpc get /chains/main/chain_id` prints it",
            );
            None
        }
    };
    let fields = reading.fields("watermark.chains.NAME", &entry.value);
    let block_time = fields.value("block_time").and_then(|node| block_time(reading, node));
    let max_jump = fields.value("max_jump").and_then(|node| max_jump(reading, node));
    if entry.key == MAINNET && max_jump == Some(MaxJump::Off) {
        reading.advice(
            entry.mark,
            "nothing bounds levels on mainnet: one request at a high level ends a baking key",
        );
    }
    Some((chain?, ChainJumps { block_time, max_jump }))
}

fn block_time(reading: &mut Reading<'_>, node: &Node) -> Option<BlockTime> {
    let time = reading.parse::<Ttl>("block_time", node)?;
    let checked = BlockTime::new(time.as_duration());
    if checked.is_none() {
        let (shortest, longest) = (BlockTime::SHORTEST, BlockTime::LONGEST);
        reading.fault(node.mark, format!("block_time: write a duration from {shortest:?} to {longest:?}"));
    }
    checked
}

fn max_jump(reading: &mut Reading<'_>, node: &Node) -> Option<MaxJump> {
    if reading.text("max_jump", node)?.as_str() == OFF {
        return Some(MaxJump::Off);
    }
    let unit = "a number of levels from 1 on, or `off`";
    reading.number::<NonZeroU32>("max_jump", node, unit).map(MaxJump::Levels)
}

fn driver(reading: &mut Reading<'_>, fields: &Fields<'_>) -> WatermarkDriver {
    let Some(driver) = fields.value("driver") else { return WatermarkDriver::default() };
    match reading.text("driver", driver).map(|text| text.as_str()) {
        Some("store") => WatermarkDriver::Store,
        Some("file") => WatermarkDriver::File,
        Some("mem") => {
            reading.advice(
                driver.mark,
                "the watermark driver `mem` forgets all marks when the process ends: nothing then stops a second signature",
            );
            WatermarkDriver::Mem
        }
        Some(name @ ("aws" | "gcp")) => {
            reading.fault_with_hint(
                driver.mark,
                format!("this build has no watermark driver `{name}`"),
                "use `store`, or `file` to keep Signatory's format",
            );
            WatermarkDriver::Store
        }
        Some(name) => {
            reading.fault_with_hint(
                driver.mark,
                format!("unknown watermark backend: {name}"),
                "use `store`, `file` or `mem`",
            );
            WatermarkDriver::Store
        }
        None => WatermarkDriver::Store,
    }
}
