//! libFuzzer with one of the targets: `JWTIS_FUZZ_TARGET` names it, and `JWTIS_FUZZ_SEEDS` a folder that its seeds are written into first.
#![no_main]

use std::path::PathBuf;
use std::sync::OnceLock;

use jwtis_fuzz::{Target, find, write_seeds};

static TARGET: OnceLock<&'static Target> = OnceLock::new();

fn begin() {
    let name = std::env::var("JWTIS_FUZZ_TARGET").expect("JWTIS_FUZZ_TARGET names a target");
    let target = TARGET.get_or_init(|| find(&name).expect("there is such a target"));
    if let Some(folder) = std::env::var_os("JWTIS_FUZZ_SEEDS") {
        write_seeds(target, &PathBuf::from(folder));
    }
}

libfuzzer_sys::fuzz_target!(init: begin(), |data: &[u8]| (TARGET.get().expect("libFuzzer calls begin first").run)(data));
