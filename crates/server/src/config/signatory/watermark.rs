//! `watermark:`: where watermarks are kept, and how far levels may rise (docs/reference/watermarks.md).

use jwtis_tezos::ChainId;
use jwtis_tezos::watermark::JumpRules;
use jwtis_tezos::watermark::jump::{ChainJumps, MaxJump};

use super::super::placed::{At, Setting};
use super::super::reading::FileReading;
use super::super::sections::{ChainSection, WatermarkSection};
use super::super::signer::WatermarkDriver;

const MAINNET: &str = "NetXdQprcVkpaWU";

/// The section.
pub(super) fn watermark(
    reading: &FileReading<'_>,
    section: &WatermarkSection,
) -> (WatermarkDriver, JumpRules) {
    let max_jump = section.max_jump.get().map(|jump| jump.0);
    if max_jump == Some(MaxJump::Off) {
        // It would take the protection from every chain, real ones too.
        let message = "max_jump: `off` is for one chain and not for all; write it per sandbox: `watermark: {chains: {NetX…: {max_jump: off}}}`";
        reading.fault(section.max_jump.at, message);
    }
    let chains = section.chains.entries().iter();
    let chains = chains.filter_map(|(name, entry)| chain(reading, name, entry.at)).collect();
    (driver(reading, &section.driver), JumpRules { max_jump, chains })
}

fn chain(reading: &FileReading<'_>, name: &str, at: At) -> Option<(ChainId, ChainJumps)> {
    let chain = name.parse::<ChainId>().map_err(|error| {
        let hint = "write the chain's id, like NetXdQprcVkpaWU; `octez-client rpc get /chains/main/chain_id` prints it";
        reading.fault(at.key(), format!("`{name}` is no chain: {error}; {hint}"));
    });
    let section: ChainSection = reading.value(at).value.unwrap_or_default();
    let max_jump = section.max_jump.get().map(|jump| jump.0);
    if name == MAINNET && max_jump == Some(MaxJump::Off) {
        let message = "nothing bounds levels on mainnet: one request at a high level ends a baking key";
        reading.advice(at.key(), message);
    }
    Some((chain.ok()?, ChainJumps { block_time: section.block_time.get().map(|time| time.0), max_jump }))
}

fn driver(reading: &FileReading<'_>, driver: &Setting<String>) -> WatermarkDriver {
    let message = match driver.get().map(String::as_str) {
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
