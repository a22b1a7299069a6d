//! `watermark:`: where watermarks are kept, and how far levels may rise (docs/reference/watermarks.md).

use jwtis_tezos::ChainId;
use jwtis_tezos::watermark::JumpRules;
use jwtis_tezos::watermark::jump::{ChainJumps, MaxJump};

use super::super::placed::{Placed, Setting};
use super::super::reading::FileReading;
use super::super::sections::{ChainSection, WatermarkSection};
use super::super::signer::WatermarkDriver;

const MAINNET: &str = "NetXdQprcVkpaWU";

/// The section.
pub(super) fn watermark(
    reading: &FileReading<'_>,
    section: &WatermarkSection,
) -> (WatermarkDriver, JumpRules) {
    let max_jump = reading.get(&section.max_jump).map(|jump| jump.0);
    if max_jump == Some(MaxJump::Off) {
        // It would take the protection from every chain, real ones too.
        let message = "max_jump: `off` is for one chain and not for all; write it per sandbox: `watermark: {chains: {NetX…: {max_jump: off}}}`";
        reading.fault(section.max_jump.at, message);
    }
    let chains = reading.entries(&section.chains);
    let chains = chains.iter().filter_map(|(name, entry)| chain(reading, name, entry)).collect();
    (driver(reading, &section.driver), JumpRules { max_jump, chains })
}

fn chain(
    reading: &FileReading<'_>,
    name: &str,
    entry: &Placed<ChainSection>,
) -> Option<(ChainId, ChainJumps)> {
    let at = entry.at?.key();
    let chain = name.parse::<ChainId>().map_err(|error| {
        let hint = "write the chain's id, like NetXdQprcVkpaWU; `octez-client rpc get /chains/main/chain_id` prints it";
        reading.fault(at, format!("`{name}` is no chain: {error}; {hint}"));
    });
    let section = reading.section(entry).unwrap_or_default();
    let max_jump = reading.get(&section.max_jump).map(|jump| jump.0);
    let block_time = reading.get(&section.block_time).map(|time| time.0);
    if name == MAINNET && max_jump == Some(MaxJump::Off) {
        let message = "nothing bounds levels on mainnet: one request at a high level ends a baking key";
        reading.advice(at, message);
    }
    Some((chain.ok()?, ChainJumps { block_time, max_jump }))
}

fn driver(reading: &FileReading<'_>, driver: &Setting<String>) -> WatermarkDriver {
    let message = match reading.get(driver).as_deref() {
        None | Some("store") => return WatermarkDriver::Store,
        Some("file") => return WatermarkDriver::File,
        Some("mem") => {
            let message = "the watermark driver `mem` forgets all watermarks when the process ends: nothing then stops a second signature";
            reading.advice(driver.at, message);
            return WatermarkDriver::Mem;
        }
        Some(name @ ("aws" | "gcp")) => format!(
            "this build has no watermark driver `{name}`; use `store`, or `file` to keep Signatory's format"
        ),
        Some(name) => format!("unknown watermark backend: {name}; use `store`, `file` or `mem`"),
    };
    reading.fault(driver.at, message);
    WatermarkDriver::Store
}
