//! Which watermarks of a key a command means, and the level and round that it gives.

use clap::{Args, ValueEnum};
use jwtis_base::Env;
use jwtis_tezos::watermark::{AllWatermarks, ChainWatermarks, Pace, Watermark, WatermarkKind};
use jwtis_tezos::{ChainId, PublicKeyHash};

use crate::cli::Failure;

#[derive(Debug, Args)]
pub(super) struct WatermarkTarget {
    /// The key.
    #[arg(long, value_name = "PKH")]
    pub(super) key: PublicKeyHash,
    /// The network, like NetXdQprcVkpaWU.
    #[arg(long, value_name = "NET")]
    pub(super) chain: ChainId,
    /// Which watermarks: nothing of that kind can be signed at or below the level and round any more.
    #[arg(long)]
    kind: Kind,
    /// The level.
    #[arg(long, allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(0..))]
    level: i32,
    /// The round.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(0..))]
    round: i32,
}

#[derive(Copy, Clone, Debug, ValueEnum)]
enum Kind {
    /// Blocks.
    Block,
    /// Preattestations.
    Preattestation,
    /// Attestations, with and without DAL.
    Attestation,
    /// All three.
    All,
}

impl WatermarkTarget {
    /// The watermark that was given. From now on time is counted: the next signature is just above.
    pub(super) fn watermark(&self) -> Result<Watermark, Failure> {
        let watermark = Watermark::new(self.level, self.round, None).ok_or_else(|| {
            Failure::usage("a watermark is not below zero").hint("give --level and --round from 0 on")
        })?;
        Ok(watermark.with_pace(Some(Pace::at(Env::system().now().millis()))))
    }

    pub(super) fn kinds(&self) -> Vec<WatermarkKind> {
        match self.kind {
            Kind::Block => vec![WatermarkKind::Block],
            Kind::Preattestation => vec![WatermarkKind::Preattestation],
            Kind::Attestation => vec![WatermarkKind::Attestation],
            Kind::All => WatermarkKind::ALL.to_vec(),
        }
    }

    /// `watermark` for each of `kinds`.
    pub(super) fn set(&self, kinds: &[WatermarkKind], watermark: Watermark) -> AllWatermarks {
        let mut watermarks = ChainWatermarks::default();
        kinds.iter().for_each(|kind| watermarks.entry(self.key).set(*kind, watermark));
        AllWatermarks::from([(self.chain, watermarks)])
    }

    /// What stands.
    pub(super) fn stands<'a>(&self, all: &'a AllWatermarks, kind: WatermarkKind) -> Option<&'a Watermark> {
        all.get(&self.chain)?.get(&self.key)?.get(kind)
    }
}
