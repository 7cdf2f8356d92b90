//! The main job: a client that copes with a provider that misbehaves.
//!
//! `cargo run --example quickstart` starts a provider on loopback that plays a script, sends calls to
//! it through the stack over TCP, and prints one line an attempt. Connections are real; the clock is
//! simulated, so that a minute of waiting takes no time. It exits with 1 if a scenario does not end
//! as it should.
//!
//! With `--base-url`, `--api-key-env` and `--model` it makes one call to a real endpoint instead.

mod client;
mod live;
mod naive;
mod play;
mod scenarios;
mod timeline;

use std::process::ExitCode;

use clap::Parser;

use crate::play::Bill;

/// A client that copes with a provider that misbehaves.
#[derive(Parser)]
struct Arguments {
    /// Call this endpoint instead, for example https://api.openai.com/v1 or https://api.anthropic.com/v1
    #[arg(long, requires_all = ["api_key_env", "model"])]
    base_url: Option<String>,
    /// The environment variable that holds the API key
    #[arg(long, requires = "base_url")]
    api_key_env: Option<String>,
    /// The model to ask
    #[arg(long, requires = "base_url")]
    model: Option<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let live = arguments
        .base_url
        .zip(arguments.api_key_env)
        .zip(arguments.model);
    let outcome = match live {
        Some(((base_url, key_env), model)) => {
            runtime(false).block_on(live::run(&base_url, &key_env, &model))
        }
        // Client and provider share one thread, so simulated time moves only when both are idle.
        None => runtime(true).block_on(run()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn runtime(simulated_clock: bool) -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(simulated_clock)
        .build()
        .expect("a runtime")
}

async fn run() -> Result<bool, client::BoxError> {
    println!("A provider that misbehaves, on loopback over TCP. The clock is simulated.\n");
    let mut all_right = true;
    let (mut ours, mut naive) = (Bill::default(), Bill::default());
    for (number, scenario) in scenarios::all().iter().enumerate() {
        println!("{}. {}: {}", number + 1, scenario.title, scenario.moral);
        let played = play::through_the_stack(scenario).await?;
        all_right &= played.as_expected;
        ours += played.bill;
        naive += play::through_a_naive_loop(scenario).await?;
        println!();
    }
    println!(
        "                 {:>8} {:>8} {:>9}",
        "sends", "tokens", "seconds"
    );
    println!("with the stack   {ours}");
    println!("a naive loop     {naive}   (retries everything, five tries, a second apart)");
    println!(
        "saved            {:>8} {:>8} {:>9.1}",
        naive.sends.cast_signed() - ours.sends.cast_signed(),
        naive.tokens.cast_signed() - ours.tokens.cast_signed(),
        naive.waited.as_secs_f64() - ours.waited.as_secs_f64()
    );
    if !all_right {
        println!("\nSome scenario did not end as it should: see the lines marked with !!");
    }
    Ok(all_right)
}
