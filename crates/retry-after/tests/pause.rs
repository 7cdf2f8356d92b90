//! The pause, in stacks on the paused clock.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, ready};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::future::join_all;
use http::{Request, Response};
use tokio::time::{Instant, advance, sleep};
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::util::BoxCloneService;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_steady_core::key::{ByHeader, Everything, Label};
use tower_steady_core::{Class, Deadline, Failure, Outcome, VetoReason};
use tower_steady_retry_after::pause::PausedReason;
use tower_steady_retry_after::{Pause, PauseHandle, PauseLayer, Paused, RetryAfter};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

type Answer = (u16, Vec<(&'static str, String)>);

/// A server that answers from a list, then with 200, and notes when each call came.
#[derive(Clone, Default)]
struct Server {
    answers: Rc<RefCell<VecDeque<Answer>>>,
    calls: Rc<RefCell<Vec<Instant>>>,
    latency: Rc<Cell<Duration>>,
}

impl Server {
    fn then(&self, status: u16, headers: &[(&'static str, &str)]) -> &Self {
        let headers = headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        self.answers
            .borrow_mut()
            .push_back((status, headers.collect()));
        self
    }

    fn refuse(&self, seconds: u64) -> &Self {
        self.then(429, &[("retry-after", &seconds.to_string())])
    }

    fn calls(&self) -> usize {
        self.calls.borrow().len()
    }

    async fn answer(self, _: Request<()>) -> Result<Response<()>, BoxError> {
        self.calls.borrow_mut().push(Instant::now());
        let (status, headers) = self
            .answers
            .borrow_mut()
            .pop_front()
            .unwrap_or((200, vec![]));
        sleep(self.latency.get()).await;
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(name, value);
        }
        Ok(response.body(()).unwrap())
    }
}

fn serve(
    server: &Server,
) -> impl Service<Request<()>, Response = Response<()>, Error = BoxError, Future: Sized> + Clone + use<>
{
    let server = server.clone();
    RetryAfter::new(service_fn(move |request| server.clone().answer(request)))
}

fn get(host: &str) -> Request<()> {
    Request::get(format!("https://{host}/v1")).body(()).unwrap()
}

fn key(host: &str) -> Label {
    Label::new(host)
}

/// The rejection in `result`.
fn rejection(result: Result<Response<()>, BoxError>) -> Paused {
    let error = result.expect_err("a rejection");
    let failure = Failure::find(&*error).expect("a failure");
    let outcome = failure.outcome();
    assert_eq!(outcome.class, Class::Rejected);
    assert!(!outcome.sent && !outcome.may_retry());
    let veto = outcome.veto.as_ref().expect("a veto");
    assert_eq!(veto.reason(), VetoReason::Paused);
    let paused = failure.find_source::<Paused>().expect("why").clone();
    assert_eq!(veto.time_left(), Some(paused.left()));
    paused
}

macro_rules! stack {
    ($server:expr, $layer:expr) => {
        ServiceBuilder::new()
            .layer($layer.clone())
            .service(serve(&$server))
    };
    ($server:expr, $layer:expr, $limit:expr) => {
        ServiceBuilder::new()
            .layer($layer.clone())
            .layer($limit.clone())
            .service(serve(&$server))
    };
}

#[tokio::test(start_paused = true)]
async fn one_refusal_stops_every_call_of_its_key() {
    let server = Server::default();
    server.refuse(7);
    let layer = PauseLayer::new();
    let service = stack!(server, layer);
    let began = Instant::now();

    let refused = service.clone().oneshot(get("a")).await;
    assert_eq!(
        Outcome::read(&refused).wait,
        Some(SECOND * 7),
        "the refusal itself passes up"
    );
    assert_eq!(layer.handle().left(&key("a")), Some(SECOND * 7));

    // Another key is not concerned.
    service.clone().oneshot(get("b")).await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);

    let answer = service.clone().oneshot(get("a")).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(began.elapsed(), SECOND * 7);
    assert_eq!(server.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn two_stacks_share_a_pause_exactly_when_they_share_the_layer() {
    let (server, layer) = (Server::default(), PauseLayer::new());
    server.refuse(7);
    let (one, two) = (stack!(server, layer), stack!(server, layer));
    let apart = stack!(server, PauseLayer::new());
    one.oneshot(get("a")).await.unwrap();

    let began = Instant::now();
    apart.oneshot(get("a")).await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
    two.oneshot(get("a")).await.unwrap();
    assert_eq!(began.elapsed(), SECOND * 7);
}

/// litellm#40130: a second, longer cooldown must extend the first one, and a shorter not cut it.
#[tokio::test(start_paused = true)]
async fn the_longest_pause_counts() {
    for waits in [[3, 9], [9, 3]] {
        let (server, layer) = (Server::default(), PauseLayer::new());
        server.refuse(waits[0]).refuse(waits[1]);
        let service = stack!(server, layer);
        // Both are sent before either is answered.
        server.latency.set(MILLI);
        let both = tokio::join!(
            service.clone().oneshot(get("a")),
            service.clone().oneshot(get("a"))
        );
        assert!(both.0.is_ok() && both.1.is_ok());
        assert_eq!(
            layer.handle().left(&key("a")),
            Some(SECOND * 9),
            "{waits:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_classes_that_say_too_many_pause() {
    for (status, wait, paused) in [
        (429, Some("7"), true),
        (503, Some("7"), true),
        (529, Some("7"), true),
        (429, None, false),
        (500, Some("7"), false),
        (402, Some("7"), false),
        (200, Some("7"), false),
    ] {
        let (server, layer) = (Server::default(), PauseLayer::new());
        let headers: Vec<_> = wait.map(|wait| ("retry-after", wait)).into_iter().collect();
        server.then(status, &headers);
        stack!(server, layer).oneshot(get("a")).await.unwrap();
        assert_eq!(
            layer.handle().left(&key("a")).is_some(),
            paused,
            "{status} {wait:?}"
        );
    }
    let (server, layer) = (
        Server::default(),
        PauseLayer::builder().classes([Class::ServerError]),
    );
    let layer = layer.build().unwrap();
    server.refuse(7).then(500, &[("retry-after", "3")]);
    let service = stack!(server, layer);
    service.clone().oneshot(get("a")).await.unwrap();
    assert_eq!(layer.handle().left(&key("a")), None);
    service.oneshot(get("a")).await.unwrap();
    assert_eq!(layer.handle().left(&key("a")), Some(SECOND * 3));
}

/// A quota that resets tomorrow is not a pause of a day for every caller.
#[tokio::test(start_paused = true)]
async fn a_wait_over_the_cap_holds_nobody() {
    let (server, layer) = (Server::default(), PauseLayer::new());
    server.refuse(61).refuse(86_400);
    let service = stack!(server, layer);
    for wait in [61, 86_400] {
        let refused = service.clone().oneshot(get("a")).await;
        assert_eq!(Outcome::read(&refused).wait, Some(SECOND * wait));
        assert_eq!(layer.handle().keys(), []);
    }
    let began = Instant::now();
    service.oneshot(get("a")).await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_may_not_wait_fails_at_once_with_the_time_left() {
    let layer = PauseLayer::builder()
        .max_wait(Duration::ZERO)
        .build()
        .unwrap();
    let server = Server::default();
    server.refuse(7);
    let service = stack!(server, layer);
    service.clone().oneshot(get("a")).await.unwrap();
    advance(SECOND * 2).await;

    let began = Instant::now();
    let paused = rejection(service.clone().oneshot(get("a")).await);
    assert_eq!(
        (paused.left(), paused.reason()),
        (SECOND * 5, PausedReason::MaxWait)
    );
    assert_eq!(began.elapsed(), Duration::ZERO);

    advance(SECOND * 5).await;
    service.clone().oneshot(get("a")).await.unwrap();
    // Released one a second at first: the next has to come later.
    let paused = rejection(service.oneshot(get("a")).await);
    assert_eq!(paused.left(), SECOND);
    assert_eq!(server.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_never_waits_past_its_deadline() {
    let server = Server::default();
    server.refuse(7);
    let layer = PauseLayer::new();
    let service = stack!(server, layer);
    service.clone().oneshot(get("a")).await.unwrap();
    let with_deadline = |after: Duration| {
        let mut request = get("a");
        let at = (Instant::now() + after).into_std();
        request.extensions_mut().insert(Deadline::at(at));
        service.clone().oneshot(request)
    };

    let began = Instant::now();
    let paused = rejection(with_deadline(SECOND * 6).await);
    assert_eq!(
        (paused.left(), paused.reason()),
        (SECOND * 7, PausedReason::Deadline)
    );
    assert_eq!(
        began.elapsed(),
        Duration::ZERO,
        "it is certain: no reason to wait for it"
    );

    // The pause ends in time, but somebody else is first: that is not certain before it happens.
    let first = with_deadline(SECOND * 30);
    let second = with_deadline(SECOND * 8);
    let (first, second) = tokio::join!(first, second);
    first.unwrap();
    assert_eq!(rejection(second).reason(), PausedReason::Deadline);
    assert_eq!(began.elapsed(), MILLI * 7200, "a tenth is left");
}

#[tokio::test(start_paused = true)]
async fn whoever_cannot_outlast_a_growing_pause_fails_at_once() {
    let server = Server::default();
    let layer = PauseLayer::builder().max_wait(SECOND * 10).build().unwrap();
    let (service, handle) = (stack!(server, layer), layer.handle());
    handle.pause(&key("a"), SECOND * 5);
    let began = Instant::now();
    let waiting = service.oneshot(get("a"));
    let growing = async {
        sleep(SECOND).await;
        handle.pause(&key("a"), SECOND * 50);
    };
    let (result, ()) = tokio::join!(waiting, growing);
    assert_eq!(rejection(result).left(), SECOND * 50);
    assert_eq!(began.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_at_once() {
    let server = Server::default();
    let layer = PauseLayer::builder().max_waiting(2).build().unwrap();
    let (mut service, handle) = (stack!(server, layer), layer.handle());
    handle.pause(&key("a"), SECOND * 5);
    let began = Instant::now();
    // All are called before any is polled: the bound holds then too.
    let mut calls = Vec::new();
    for _ in 0..3 {
        calls.push(service.ready().await.unwrap().call(get("a")));
    }
    let third = calls.pop().unwrap();
    let (second, first) = (calls.pop().unwrap(), calls.pop().unwrap());
    let full = async {
        let result = third.await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!(handle.keys()[0].waiting, 2);
        rejection(result)
    };
    let (first, second, full) = tokio::join!(first, second, full);
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(full.reason(), PausedReason::QueueFull);
    assert_eq!(
        full.left(),
        SECOND * 7,
        "the pause, and two before it, one a second"
    );
}

/// A call that is created and not polled holds up nobody.
#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_polls_is_not_in_the_queue() {
    let (server, layer) = (Server::default(), PauseLayer::new());
    let mut service = stack!(server, layer);
    layer.handle().pause(&key("a"), SECOND * 5);
    let unpolled = service.ready().await.unwrap().call(get("a"));
    let began = Instant::now();
    service.oneshot(get("a")).await.unwrap();
    assert_eq!(began.elapsed(), SECOND * 5);
    unpolled.await.unwrap();
}

/// tonic's buffer and tower's concurrency limit reserve a slot in `poll_ready`.
#[tokio::test(start_paused = true)]
async fn who_waits_holds_no_slot_of_a_shared_limit() {
    let server = Server::default();
    let limit = GlobalConcurrencyLimitLayer::new(1);
    let layer = PauseLayer::new();
    let mut paused = stack!(server, layer, limit);
    let unrelated = stack!(server, limit);
    layer.handle().pause(&key("a"), SECOND * 5);

    // The service stays alive and is made ready again, as in a server's loop.
    let waiting = paused.ready().await.unwrap().call(get("a"));
    let began = Instant::now();
    let other = async {
        unrelated.oneshot(get("b")).await.unwrap();
        began.elapsed()
    };
    let (waited, other) = tokio::join!(waiting, other);
    waited.unwrap();
    assert_eq!(other, Duration::ZERO);
    assert_eq!(began.elapsed(), SECOND * 5);
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_holds_no_slot_of_a_shared_limit() {
    for max_wait in [Duration::ZERO, SECOND] {
        let (server, limit) = (Server::default(), GlobalConcurrencyLimitLayer::new(1));
        let layer = PauseLayer::builder().max_wait(max_wait).build().unwrap();
        let mut paused = stack!(server, layer, limit);
        let unrelated = stack!(server, limit);
        layer.handle().pause(&key("a"), SECOND * 5);
        rejection(paused.ready().await.unwrap().call(get("a")).await);
        let free = tokio::time::timeout(SECOND, unrelated.oneshot(get("b"))).await;
        assert!(free.is_ok(), "{max_wait:?}");
    }
}

/// Its turn has come, but the service has no room.
#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_for_readiness_than_it_may_wait() {
    for (max_wait, deadline, waits, reason) in [
        (8, None, SECOND * 8, PausedReason::MaxWait),
        (60, Some(10), SECOND * 9, PausedReason::Deadline),
    ] {
        let (server, limit) = (Server::default(), GlobalConcurrencyLimitLayer::new(1));
        let layer = PauseLayer::builder().max_wait(SECOND * max_wait);
        let layer = layer.build().unwrap();
        let service = stack!(server, layer, limit);
        layer.handle().pause(&key("a"), SECOND * 5);
        let mut occupied = stack!(server, limit);
        let began = Instant::now();
        let mut request = get("a");
        if let Some(deadline) = deadline {
            let deadline = (began + SECOND * deadline).into_std();
            request.extensions_mut().insert(Deadline::at(deadline));
        }
        let waiting = async {
            let result = service.oneshot(request).await;
            (rejection(result), began.elapsed())
        };
        let occupy = async {
            sleep(SECOND * 4).await;
            occupied.ready().await.unwrap();
            sleep(SECOND * 100).await;
        };
        let ((paused, waited), ()) = tokio::join!(waiting, occupy);
        assert_eq!((paused.reason(), waited), (reason, waits));
        assert_eq!(server.calls(), 0);
    }
}

/// Helicone's gateway and litellm check before a queue, and send what was queued into the next pause.
#[tokio::test(start_paused = true)]
async fn a_pause_that_begins_while_the_service_becomes_ready_is_seen() {
    let server = Server::default();
    let limit = GlobalConcurrencyLimitLayer::new(1);
    let layer = PauseLayer::new();
    let service = stack!(server, layer, limit);
    let handle = layer.handle();
    handle.pause(&key("a"), SECOND * 5);
    let began = Instant::now();

    // Takes the only slot from before the pause ends until 9 s, and then the pause has begun again.
    let slow = stack!(server, limit);
    let occupy = async {
        sleep(SECOND * 4).await;
        server.latency.set(SECOND * 5);
        slow.oneshot(get("b")).await.unwrap();
        server.latency.set(Duration::ZERO);
    };
    let again = async {
        sleep(SECOND * 6).await;
        handle.pause(&key("a"), SECOND * 14);
    };
    let (result, (), ()) = tokio::join!(service.oneshot(get("a")), occupy, again);
    result.unwrap();
    assert_eq!(began.elapsed(), SECOND * 20);
    assert_eq!(server.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_call_can_be_dropped_at_every_poll() {
    for polls in 0..6 {
        let (server, layer) = (Server::default(), PauseLayer::new());
        server.latency.set(SECOND);
        let service = stack!(server, layer);
        let handle = layer.handle();
        handle.pause(&key("a"), SECOND * 5);
        {
            let mut call = pin!(service.clone().oneshot(get("a")));
            let mut behind = pin!(service.clone().oneshot(get("a")));
            let mut cx = Context::from_waker(Waker::noop());
            for _ in 0..polls {
                let _ = call.as_mut().poll(&mut cx);
                let _ = behind.as_mut().poll(&mut cx);
                advance(SECOND * 2).await;
            }
        }
        for seen in handle.keys() {
            assert_eq!(seen.waiting, 0, "dropped after {polls} polls");
        }
        // Whoever comes later is served.
        service.oneshot(get("a")).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_who_is_first_hands_the_turn_on() {
    let (server, layer) = (Server::default(), PauseLayer::new());
    let service = stack!(server, layer);
    layer.handle().pause(&key("a"), SECOND * 5);
    let began = Instant::now();
    let first = service.clone().oneshot(get("a"));
    let dropped = async {
        tokio::select! {
            biased;
            _ = first => panic!("too early"),
            () = sleep(SECOND * 4) => {}
        }
    };
    let ((), second) = tokio::join!(dropped, service.oneshot(get("a")));
    second.unwrap();
    assert_eq!(began.elapsed(), SECOND * 5);
}

/// As `buffered` has it, whose reader is busy with an earlier answer.
#[tokio::test(start_paused = true)]
async fn who_waits_and_is_not_polled_holds_nobody_up() {
    for unpolled in [1, 2, 3, 50] {
        let server = Server::default();
        server.refuse(2);
        let layer = PauseLayer::new();
        let service = stack!(server, layer);
        service.clone().oneshot(get("a")).await.unwrap();
        let mut left = Vec::new();
        for _ in 0..unpolled {
            let mut call = Box::pin(service.clone().oneshot(get("a")));
            let mut cx = Context::from_waker(Waker::noop());
            assert!(call.as_mut().poll(&mut cx).is_pending());
            left.push(call);
        }
        let began = Instant::now();
        let others = (0..5).map(|_| service.clone().oneshot(get("a")));
        for other in join_all(others).await {
            other.unwrap();
        }
        // The pause, the time in which their turns would have come, two turns that are missed, and the pace.
        let longest = SECOND * (2 + unpolled + 2 + 2);
        assert!(
            began.elapsed() <= longest,
            "{unpolled}: {:?}",
            began.elapsed()
        );
        // They are still in the line.
        for call in left {
            call.await.unwrap();
        }
        assert_eq!(server.calls(), 1 + unpolled as usize + 5);
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_line_of_those_who_are_not_polled_lets_others_in() {
    let server = Server::default();
    server.refuse(2);
    let layer = PauseLayer::builder().max_waiting(3).build().unwrap();
    let service = stack!(server, layer);
    service.clone().oneshot(get("a")).await.unwrap();
    let mut left = Vec::new();
    for _ in 0..3 {
        let mut call = Box::pin(service.clone().oneshot(get("a")));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(call.as_mut().poll(&mut cx).is_pending());
        left.push(call);
    }
    let began = Instant::now();
    while service.clone().oneshot(get("a")).await.is_err() {
        sleep(SECOND).await;
    }
    assert!(began.elapsed() <= SECOND * 6, "{:?}", began.elapsed());
}

/// Its turn came in time, but it did not.
#[tokio::test(start_paused = true)]
async fn who_comes_after_its_time_is_not_sent() {
    let server = Server::default();
    server.refuse(2);
    let layer = PauseLayer::new();
    let service = stack!(server, layer);
    service.clone().oneshot(get("a")).await.unwrap();
    let mut request = get("a");
    let at = (Instant::now() + SECOND * 10).into_std();
    request.extensions_mut().insert(Deadline::at(at));
    let mut late = Box::pin(service.oneshot(request));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(late.as_mut().poll(&mut cx).is_pending());
    sleep(SECOND * 60).await;
    assert_eq!(rejection(late.await).reason(), PausedReason::Deadline);
    assert_eq!(server.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_success_with_an_empty_quota_may_pause_ahead() {
    for (proactive, remaining, reset, paused) in [
        (true, "0", "9s", true),
        (true, "1", "9s", false),
        (false, "0", "9s", false),
        // A quota that resets tomorrow holds up nobody.
        (true, "0", "24h", false),
    ] {
        let layer = PauseLayer::builder().proactive(proactive).build().unwrap();
        let server = Server::default();
        let quota = [
            ("x-ratelimit-remaining-requests", remaining),
            ("x-ratelimit-reset-requests", reset),
        ];
        server.then(200, &quota).then(200, &quota);
        let service = stack!(server, layer);
        service.clone().oneshot(get("a")).await.unwrap();
        let left = layer.handle().left(&key("a"));
        assert_eq!(
            left,
            paused.then_some(SECOND * 9),
            "{proactive} {remaining} {reset}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_handle_sees_and_moves_pauses() {
    let (server, layer) = (Server::default(), PauseLayer::new());
    let (service, handle) = (stack!(server, layer), layer.handle());
    assert_eq!(handle.keys(), []);
    assert!(handle.pause(&key("a"), SECOND * 30));
    assert!(
        !handle.pause(&key("a"), Duration::MAX),
        "past the end of the clock"
    );

    let began = Instant::now();
    let look = async {
        sleep(SECOND).await;
        let keys = handle.keys();
        assert_eq!(keys.len(), 1);
        assert_eq!(
            (&keys[0].key, keys[0].left, keys[0].waiting),
            (&key("a"), Some(SECOND * 29), 1)
        );
        assert!((keys[0].rate - 1.0).abs() < f64::EPSILON);
        assert!(handle.resume(&key("a")));
        assert!(!handle.resume(&key("a")));
        assert!(!handle.resume(&key("b")));
        assert_eq!(handle.left(&key("a")), None);
    };
    let (result, ()) = tokio::join!(service.oneshot(get("a")), look);
    result.unwrap();
    assert_eq!(began.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_calm_key_is_let_go() {
    let (server, layer) = (Server::default(), PauseLayer::new());
    let (service, handle) = (stack!(server, layer), layer.handle());
    handle.pause(&key("a"), SECOND);
    assert_eq!(handle.keys().len(), 1);
    advance(SECOND * 2).await;
    assert_eq!(handle.keys()[0].left, None, "released at a pace");
    advance(SECOND * 10).await;
    assert_eq!(handle.keys(), []);

    // The same where only calls of other keys come by.
    handle.pause(&key("b"), SECOND);
    advance(SECOND * 20).await;
    service.oneshot(get("c")).await.unwrap();
    assert_eq!(handle.keys(), []);
}

#[tokio::test(start_paused = true)]
async fn the_number_of_keys_is_bounded() {
    let layer = PauseLayer::builder().max_keys(2).build().unwrap();
    let handle = layer.handle();
    assert!(handle.pause(&key("a"), SECOND));
    advance(SECOND / 2).await;
    assert!(handle.pause(&key("b"), SECOND));
    assert!(!handle.pause(&key("c"), SECOND), "both are in use");
    advance(SECOND * 20).await;
    assert!(handle.pause(&key("c"), SECOND), "the calmest goes");
    assert_eq!(handle.keys().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn any_function_of_the_request_tells_keys_apart() {
    let server = Server::default();
    server.refuse(7);
    let model = ByHeader("x-model".parse().unwrap());
    let layer = PauseLayer::builder().key(model).build().unwrap();
    let service = stack!(server, layer);
    let request = |model: &str| {
        let mut request = get("a");
        request
            .headers_mut()
            .insert("x-model", model.parse().unwrap());
        request
    };
    service.clone().oneshot(request("large")).await.unwrap();
    let began = Instant::now();
    service.clone().oneshot(request("small")).await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
    service.oneshot(request("large")).await.unwrap();
    assert_eq!(began.elapsed(), SECOND * 7);

    let layer = PauseLayer::builder().key(Everything).build().unwrap();
    let handle: PauseHandle<()> = layer.handle();
    handle.pause(&(), SECOND);
    stack!(server, layer).oneshot(get("b")).await.unwrap();
    assert_eq!(began.elapsed(), SECOND * 8);
}

/// The pace is the caller's: what a layer further in refuses says nothing of the provider's limit.
#[tokio::test(start_paused = true)]
async fn what_is_rejected_here_teaches_nothing() {
    let (layer, began) = (PauseLayer::new(), Instant::now());
    let inner = service_fn(|_: Request<()>| {
        let rejected = Outcome::rejected(tower_steady_core::Veto::new(VetoReason::CircuitOpen));
        ready(Err::<Response<()>, _>(Failure::new(rejected, "open")))
    });
    let service = ServiceBuilder::new().layer(layer.clone()).service(inner);
    layer.handle().pause(&key("a"), SECOND);
    for _ in 0..3 {
        service.clone().oneshot(get("a")).await.unwrap_err();
    }
    assert_eq!(
        began.elapsed(),
        SECOND * 3,
        "one a second, neither faster nor slower"
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_may_outlive_its_layer() {
    let server = Server::default();
    server.refuse(7);
    server.latency.set(SECOND);
    let mut service: Pause<_> = stack!(server, PauseLayer::new());
    let call = service.ready().await.unwrap().call(get("a"));
    drop(service);
    assert_eq!(call.await.unwrap().status(), 429);
}

#[tokio::test(start_paused = true)]
async fn an_error_on_becoming_ready_is_the_calls() {
    #[derive(Clone)]
    struct Broken(bool);
    impl Service<Request<()>> for Broken {
        type Response = Response<()>;
        type Error = BoxError;
        type Future = std::future::Ready<Result<Response<()>, BoxError>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
            let broken = std::mem::replace(&mut self.0, true);
            Poll::Ready(if broken { Err("closed".into()) } else { Ok(()) })
        }
        fn call(&mut self, _: Request<()>) -> Self::Future {
            panic!("called, though not ready");
        }
    }
    let layer = PauseLayer::new();
    layer.handle().pause(&key("a"), SECOND);
    let service = ServiceBuilder::new().layer(layer).service(Broken(false));
    let error = service.oneshot(get("a")).await.unwrap_err();
    assert_eq!(error.to_string(), "closed");
}

#[tokio::test(start_paused = true)]
async fn it_stands_in_a_boxed_stack() {
    let layer = PauseLayer::new();
    let inner = service_fn(|_: Request<()>| ready(Ok::<_, BoxError>(Response::new(()))));
    let service = BoxCloneService::new(ServiceBuilder::new().layer(layer).service(inner));
    assert!(service.oneshot(get("a")).await.is_ok());
}
