//! Deeds that use too much, or end what should go on.
#![expect(clippy::panic, clippy::exit, clippy::print_stdout, clippy::print_stderr, reason = "this plugin misbehaves")]
#![expect(clippy::disallowed_methods, reason = "this plugin misbehaves")]

use std::hint::black_box;
use std::time::Instant;

use cofferdam_sdk::bindings::cofferdam::provider::random;
use cofferdam_sdk::bindings::cofferdam::provider::types::{Failure, WriteOutcome};
use cofferdam_sdk::clock;

/// More calls than one call of a plugin may make.
const CALLS: u32 = 200_000;

/// None: there is no such deed here, or it did no harm.
pub(crate) fn perform(deed: &str) -> Option<Result<WriteOutcome, Failure>> {
    match deed {
        "loop" => loop {
            black_box(());
        },
        "allocate" => {
            let mut all = Vec::new();
            loop {
                all.push(black_box(vec![1_u8; 1 << 20]));
            }
        }
        "recurse" => {
            black_box(deeper(0));
        }
        "host-calls" => (0..CALLS).for_each(|_| {
            black_box(clock::now_ms());
        }),
        "wasi-calls" => (0..CALLS).for_each(|_| {
            black_box(Instant::now());
        }),
        "randomness" => {
            black_box(random::bytes(u32::MAX));
        }
        "flood" => {
            let rest = ".".repeat(1000);
            for line in 0..3000 {
                println!("line {line} of a flood on stdout, with \u{1b}[31mcolour\u{1b}[0m and a bell \u{7}{rest}");
                eprintln!("line {line} of a flood on stderr{rest}");
            }
        }
        "panic" => panic!("the hostile plugin had enough"),
        "exit" => std::process::exit(3),
        _ => {}
    }
    None
}

/// Little of the stack in memory and much of the engine's.
fn deeper(depth: u64) -> u64 {
    if black_box(depth) == u64::MAX { 0 } else { deeper(depth + 1) ^ depth }
}
