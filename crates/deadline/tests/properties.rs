//! Header grammar and timers against their definition, over random input.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use proptest::prelude::*;
use tokio::time::{Instant, sleep};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_steady_core::{BoxError, Deadline, Failure};
use tower_steady_deadline::{
    AttemptElapsed, AttemptTimeoutLayer, DeadlineLayer, TimeoutFormat, Timer,
};

const FORMATS: [TimeoutFormat; 3] = [
    TimeoutFormat::Grpc,
    TimeoutFormat::Seconds,
    TimeoutFormat::Millis,
];

fn span() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::MAX),
        any::<u64>().prop_map(Duration::from_nanos),
        any::<u64>().prop_map(Duration::from_secs),
        (0..100_000_u64).prop_map(Duration::from_millis),
    ]
}

/// Milliseconds, often none, often equal to another.
fn limit() -> impl Strategy<Value = Option<u64>> {
    prop::option::of(prop_oneof![Just(1_u64), Just(1000), 1..3000_u64])
}

fn millis(limit: Option<u64>) -> Option<Duration> {
    limit.map(Duration::from_millis)
}

/// Runs on a clock of its own.
fn paused<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(future)
}

proptest! {
    /// Whatever the provider does, no call, retries included, takes longer than its deadline; and
    /// each attempt ends when the first of its timers or its answer is due, by the right name.
    #[test]
    fn no_call_outlives_its_deadline_and_no_attempt_its_limits(
        total in 1..5000_u64,
        headers in limit(),
        first_output in limit(),
        head_after in 0..4000_u64,
        attempts in 1..5_usize,
        pause in 0..500_u64,
    ) {
        let headers = headers.map(|headers| headers.min(first_output.unwrap_or(headers)));
        paused(async move {
            let attempt = ServiceBuilder::new()
                .layer(
                    AttemptTimeoutLayer::builder()
                        .first_output(millis(first_output))
                        .headers(millis(headers))
                        .build()
                        .unwrap(),
                )
                .service(service_fn(move |_: Request<()>| async move {
                    sleep(Duration::from_millis(head_after)).await;
                    Err::<Response<String>, BoxError>("refused".into())
                }));
            let start = Instant::now();
            let retries = service_fn(move |request: Request<()>| {
                let mut attempt = attempt.clone();
                async move {
                    let deadline = Deadline::of(request.extensions()).unwrap();
                    let mut last = None;
                    for _ in 0..attempts {
                        let left = deadline.remaining(Instant::now().into_std());
                        if left.is_zero() {
                            break;
                        }
                        let begun = Instant::now();
                        let error = attempt.ready().await?.call(request.clone()).await.unwrap_err();
                        let elapsed = begun.elapsed();
                        let timer = Failure::find(&*error)
                            .and_then(|failure| failure.find_source::<AttemptElapsed>())
                            .map(AttemptElapsed::timer);
                        let due = [
                            (Some(Duration::from_millis(head_after)), None),
                            (Some(left), Some(Timer::Deadline)),
                            (millis(headers), Some(Timer::Headers)),
                            (millis(first_output), Some(Timer::FirstOutput)),
                        ];
                        let due = due.into_iter().filter_map(|(at, timer)| Some((at?, timer)));
                        let (at, expected) = due.min_by_key(|(at, _)| *at).unwrap();
                        assert_eq!((elapsed, timer), (at, expected));
                        last = Some(error);
                        sleep(Duration::from_millis(pause)).await;
                    }
                    Err::<Response<http_body_util::Full<Bytes>>, BoxError>(last.unwrap())
                }
            });
            let layer = DeadlineLayer::builder().timeout(Duration::from_millis(total));
            let service = ServiceBuilder::new().layer(layer.build().unwrap()).service(retries);
            service.oneshot(Request::new(())).await.unwrap_err();
            assert!(start.elapsed() <= Duration::from_millis(total));
        });
    }

    /// A body yields what came in time, and the gap that was too long ends it.
    #[test]
    fn a_body_ends_at_the_first_gap_that_is_too_long(
        idle in 1..2000_u64,
        total in prop::option::of(1..20_000_u64),
        gaps in prop::collection::vec(0..2500_u64, 0..20),
    ) {
        paused(async move {
            let (mut expected, mut at, mut end) = (0, 0, None);
            for gap in &gaps {
                let due = (at + idle).min(total.unwrap_or(u64::MAX));
                if at + gap > due {
                    end = Some(due);
                    break;
                }
                at += gap;
                expected += 1;
            }
            let source = gaps.clone();
            let service = ServiceBuilder::new()
                .layer(
                    AttemptTimeoutLayer::builder()
                        .first_output(None)
                        .idle(Duration::from_millis(idle))
                        .build()
                        .unwrap(),
                )
                .service(service_fn(move |_: Request<()>| {
                    let chunks = futures_util::stream::unfold(
                        source.clone().into_iter(),
                        |mut gaps| async {
                            sleep(Duration::from_millis(gaps.next()?)).await;
                            Some((Ok::<_, BoxError>(Frame::data(Bytes::from("x"))), gaps))
                        },
                    );
                    async { Ok::<_, BoxError>(Response::new(StreamBody::new(Box::pin(chunks)))) }
                }));
            let mut request = Request::new(());
            if let Some(left) = total {
                let deadline = tower_steady_deadline::after(Duration::from_millis(left));
                request.extensions_mut().insert(deadline);
            }
            let start = Instant::now();
            let mut body = service.oneshot(request).await.unwrap().into_body();
            let mut chunks = 0;
            let mut cut = None;
            while let Some(frame) = body.frame().await {
                match frame {
                    Ok(_) => chunks += 1,
                    Err(_) => cut = Some(start.elapsed().as_millis() as u64),
                }
            }
            assert_eq!((chunks, cut), (expected, end), "{gaps:?}");
        });
    }

    #[test]
    fn any_bytes_can_be_read_without_a_panic(value in prop::collection::vec(any::<u8>(), 0..24)) {
        for format in FORMATS {
            let _ = format.parse(&value);
        }
    }

    #[test]
    fn grpc_timeouts_are_one_to_eight_digits_and_a_unit(value in "[0-9]{0,10}[HMSmunsh ]?") {
        let (digits, unit) = value.trim().split_at(value.trim().bytes().take_while(u8::is_ascii_digit).count());
        let nanos: Option<u128> = match unit {
            "H" => Some(3_600_000_000_000),
            "M" => Some(60_000_000_000),
            "S" => Some(1_000_000_000),
            "m" => Some(1_000_000),
            "u" => Some(1_000),
            "n" => Some(1),
            _ => None,
        };
        let expected = nanos
            .filter(|_| (1..=8).contains(&digits.len()))
            .map(|nanos| digits.parse::<u128>().unwrap() * nanos);
        let parsed = TimeoutFormat::Grpc.parse(value.as_bytes()).map(|time| time.as_nanos());
        prop_assert_eq!(parsed, expected);
    }

    /// Never shorter, so that the provider does not give up before us, and at most one unit longer, which
    /// is below a hundred-thousandth where eight digits set it.
    #[test]
    fn what_is_written_reads_as_no_less(left in span()) {
        for format in FORMATS {
            let value = format.write(left);
            let read = format.parse(value.as_bytes()).unwrap();
            let most = match format {
                TimeoutFormat::Grpc => Duration::from_secs(99_999_999 * 3600),
                _ => tower_steady_core::hint::MAX_WAIT,
            };
            prop_assert!(read >= left.min(most), "{format:?} {left:?} {value:?}");
            let unit = match format {
                TimeoutFormat::Grpc => (left / 99_999).max(Duration::from_nanos(1)),
                TimeoutFormat::Millis => Duration::from_millis(1),
                _ => Duration::from_secs(1),
            };
            prop_assert!(read <= left.saturating_add(unit), "{format:?} {left:?} {value:?}");
            if format == TimeoutFormat::Grpc {
                prop_assert!(value.len() <= 9);
            }
        }
    }
}
