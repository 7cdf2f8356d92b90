//! Streams that are judged by their first output.

mod common;

use std::time::Duration;

use common::{Chunks, Does, Provider, Step, builder, call, half_open, next, read};
use tokio::time::advance;
use tower::Layer;
use tower_steady_circuit_breaker::{JudgeStreams, State};
use tower_steady_core::{Class, Outcome};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn by_option_the_first_output_is_the_verdict() {
    let (circuit, service) = half_open(builder().judge_streams(JudgeStreams::AtFirstOutput)).await;
    let stream = Chunks::stream([Step::Ping, Step::Output, Step::Cut]);
    let mut body = call(&service, Does::Streams(stream))
        .await
        .unwrap()
        .into_body();
    next(&mut body).await.unwrap().unwrap();
    assert_eq!(circuit.state(), State::HalfOpen, "a ping is no output");
    next(&mut body).await.unwrap().unwrap();
    assert_eq!(circuit.state(), State::Closed);
    next(&mut body).await.unwrap().unwrap_err();
    assert_eq!(circuit.counts().failures, 2, "the two that opened it");
    // An error before any output is judged all the same.
    let stream = Chunks::stream([Step::Ping, Step::Cut]);
    let _ = read(
        call(&service, Does::Streams(stream))
            .await
            .unwrap()
            .into_body(),
    )
    .await;
    assert_eq!(circuit.counts().failures, 3);
    // So is one that comes with the first output.
    let stream = Chunks::stream([Step::Silence]);
    let note = stream.note.clone().unwrap();
    note.begin_output();
    note.finish(Outcome::new(Class::Overloaded));
    drop(call(&service, Does::Streams(stream)).await.unwrap());
    assert_eq!(circuit.counts().failures, 4);
    circuit.reset();
    // Output that a layer below has seen before it passed the head on.
    let stream = Chunks::stream([Step::Silence]);
    stream.note.as_ref().unwrap().begin_output();
    drop(call(&service, Does::Streams(stream)).await.unwrap());
    assert_eq!(circuit.counts().successes, 2);
}

#[tokio::test(start_paused = true)]
async fn by_option_the_first_output_is_the_verdict_on_probes_alone() {
    let judged = builder().judge_streams(JudgeStreams::ProbesAtFirstOutput);
    let (circuit, service) = half_open(judged).await;
    let begin = async |steps: &[Step]| {
        let stream = Chunks::stream(steps.iter().copied());
        let answer = call(&service, Does::Streams(stream)).await.unwrap();
        let mut body = answer.into_body();
        next(&mut body).await.unwrap().unwrap();
        body
    };
    let probe = begin(&[Step::Output, Step::Cut]).await;
    assert_eq!(circuit.state(), State::Closed, "the probe goes on");
    let call = begin(&[Step::Output, Step::Cut]).await;
    let failures = circuit.counts().failures;
    read(probe).await.unwrap_err();
    assert_eq!(circuit.counts().failures, failures, "it was judged");
    read(call).await.unwrap_err();
    assert_eq!(circuit.counts().failures, failures + 1, "this was not yet");

    // Streams have broken off after their output: a probe has to get further than that.
    read(begin(&[Step::Output, Step::Cut]).await)
        .await
        .unwrap_err();
    assert_eq!(circuit.state(), State::Open);
    advance(60 * SECOND).await;
    let probe = begin(&[Step::Output, Step::Terminal]).await;
    assert_eq!(circuit.state(), State::HalfOpen);
    read(probe).await.unwrap();
    assert_eq!(circuit.state(), State::Closed);
}

/// A straggler that fails at its head does not have a probe decide by its output, where streams have
/// broken off after theirs.
#[tokio::test(start_paused = true)]
async fn a_straggler_does_not_hurry_a_probe() {
    let judged = builder().judge_streams(JudgeStreams::ProbesAtFirstOutput);
    let layer = judged.build().unwrap();
    let service = layer.layer(Provider::default());
    let straggler = call(&service, Does::AnswersAfter(500, 10 * SECOND));
    let mut straggler = tokio_test::task::spawn(straggler);
    assert!(straggler.poll().is_pending());
    for _ in 0..2 {
        let stream = Chunks::stream([Step::Output, Step::Cut]);
        let answer = call(&service, Does::Streams(stream)).await.unwrap();
        read(answer.into_body()).await.unwrap_err();
    }
    straggler.await.unwrap();
    assert_eq!(layer.handle().counts().stale, 1);
    let stream = Chunks::stream([Step::Output, Step::Cut]);
    let answer = call(&service, Does::Streams(stream)).await.unwrap();
    let mut probe = answer.into_body();
    next(&mut probe).await.unwrap().unwrap();
    assert_eq!(layer.handle().state(), State::HalfOpen);
    read(probe).await.unwrap_err();
    assert_eq!(layer.handle().state(), State::Open);
}
