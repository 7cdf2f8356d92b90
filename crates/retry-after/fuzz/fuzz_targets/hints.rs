//! `cargo +nightly fuzz run hints`, in this crate's folder.
#![no_main]

#[path = "../../tests/common/lines.rs"]
mod lines;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u64, &[u8])| {
    let (now, data) = input;
    lines::check(data, now);
});
