//! Writes the seeds of every target into `corpus/<target>/`, or into the folder that is named.
#![allow(clippy::unwrap_used, reason = "a tool of the developers")]

use std::path::PathBuf;

fn main() {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("corpus"), PathBuf::from);
    for target in jwtis_fuzz::ALL {
        let place = folder.join(target.name);
        std::fs::create_dir_all(&place).unwrap();
        for (index, seed) in (target.seeds)().into_iter().enumerate() {
            std::fs::write(place.join(format!("seed-{index:04}")), seed).unwrap();
        }
    }
}
