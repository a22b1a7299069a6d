#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| jwtis_fuzz::run("jwe", data));
