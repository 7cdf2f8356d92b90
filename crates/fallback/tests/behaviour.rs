//! What falls back, to what, and what the caller is told.

mod common;

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use common::{ask, by_body, fixed, provider, status, text};
use http::{Response, StatusCode};
use tokio::time::Instant;
use tower::{Layer, ServiceExt};
use tower_steady_core::{Class, Deadline, Failure, Outcome, Veto, VetoReason};
use tower_steady_fallback::{
    Alternative, Degraded, FallbackLayer, Fixed, LastGood, NothingWorked, Tried,
};

#[tokio::test(start_paused = true)]
async fn what_is_the_requests_own_fault_does_not_fall_back() {
    for (code, falls_back) in [
        (200, false),
        (302, false),
        (400, false),
        (401, false),
        (402, true),
        (403, false),
        (404, false),
        (413, false),
        (422, false),
        (429, true),
        (500, true),
        (501, false),
        (503, true),
        (529, true),
    ] {
        let service = fixed().layer(provider(&Arc::default(), move |_| status(code, "own")));
        let answer = service.oneshot(ask("hello")).await.unwrap();
        let degraded = answer.extensions().get::<Degraded>().is_some();
        assert_eq!(degraded, falls_back, "{code}");
        assert_eq!(
            answer.headers().contains_key("x-degraded"),
            falls_back,
            "{code}"
        );
        assert_eq!(
            text(answer).await,
            if falls_back { "sorry" } else { "own" },
            "{code}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn classes_and_rejections_count_not_the_status() {
    for (class, falls_back) in [
        (Class::ContentPolicy, false),
        (Class::ContextLength, false),
        (Class::QuotaExhausted, true),
        (Class::Rejected, true),
    ] {
        let service = fixed().layer(provider(&Arc::default(), move |_| {
            let source = io::Error::other("no");
            Err(Failure::new(Outcome::new(class), source).into())
        }));
        let answer = service.oneshot(ask("hello")).await;
        assert_eq!(answer.is_ok(), falls_back, "{class}");
    }
}

#[tokio::test(start_paused = true)]
async fn which_classes_and_vetoes_fall_back_can_be_set() {
    let patient = |outcome: &Outcome| {
        let veto = outcome.veto.as_ref().map(|veto| veto.reason());
        outcome.class == Class::Auth || veto == Some(VetoReason::CircuitOpen)
    };
    let layer = fixed().when(patient);
    for (class, veto, falls_back) in [
        (Class::Auth, None, true),
        (Class::Overloaded, Some(VetoReason::Attempts), false),
        (Class::Rejected, Some(VetoReason::CircuitOpen), true),
        (Class::Rejected, Some(VetoReason::Budget), false),
    ] {
        let service = layer.layer(provider(&Arc::default(), move |_| {
            let mut outcome = Outcome::new(class);
            outcome.veto = veto.map(Veto::new);
            Err(Failure::new(outcome, io::Error::other("no")).into())
        }));
        let answer = service.oneshot(ask("hello")).await;
        assert_eq!(answer.is_ok(), falls_back, "{class} {veto:?}");
    }
    // Of a success nobody is asked.
    let service = fixed()
        .when(|_| true)
        .layer(provider(&Arc::default(), |_| status(200, "own")));
    assert_eq!(
        text(service.oneshot(ask("hello")).await.unwrap()).await,
        "own"
    );
}

#[tokio::test(start_paused = true)]
async fn a_degraded_answer_says_why_and_from_where() {
    let service = fixed().layer(provider(&Arc::default(), |_| {
        let mut outcome = Outcome::new(Class::Overloaded);
        outcome.forbid(Veto::new(VetoReason::Attempts));
        Err(Failure::new(outcome, io::Error::other("no")).into())
    }));
    let answer = service.oneshot(ask("hello")).await.unwrap();
    assert_eq!(answer.headers()["x-degraded"], "fixed;reason=overloaded");
    let degraded = answer.extensions().get::<Degraded>().unwrap();
    assert_eq!(
        (degraded.reason, &*degraded.source),
        (Class::Overloaded, "fixed")
    );
    assert!(degraded.outcome.veto.is_some() && degraded.age.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_header_can_be_renamed_and_switched_off() {
    let down = provider(&Arc::default(), |_| status(503, "own"));
    let renamed = fixed().header(Some(http::HeaderName::from_static("x-stale")));
    let answer = renamed
        .layer(down.clone())
        .oneshot(ask("hello"))
        .await
        .unwrap();
    assert!(answer.headers().contains_key("x-stale"));
    let answer = fixed()
        .header(None)
        .layer(down)
        .oneshot(ask("hello"))
        .await
        .unwrap();
    assert!(answer.headers().is_empty() && answer.extensions().get::<Degraded>().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_good_answer_asks_nobody_else() {
    let asked = Arc::default();
    let secondary =
        Alternative::new("secondary", provider(&asked, |_| status(200, "second"))).unwrap();
    let service =
        FallbackLayer::new(secondary).layer(provider(&Arc::default(), |_| status(200, "own")));
    assert_eq!(
        text(service.oneshot(ask("hello")).await.unwrap()).await,
        "own"
    );
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn when_nothing_works_the_caller_gets_the_first_answer_and_what_was_tried() {
    let secondary = Alternative::new(
        "secondary",
        provider(&Arc::default(), |_| status(500, "second")),
    );
    let tertiary = Alternative::new(
        "tertiary",
        provider(&Arc::default(), |_| Err("reset".into())),
    );
    let (secondary, tertiary) = (secondary.unwrap(), tertiary.unwrap());

    let own_answer = provider(&Arc::default(), |_| status(503, "own"));
    let both = FallbackLayer::new(secondary).or(tertiary);
    let service = both.layer(own_answer);
    let answer = service.oneshot(ask("hello")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(!answer.headers().contains_key("x-degraded"));
    let tried = &answer.extensions().get::<Tried>().unwrap().sources;
    let tried: Vec<_> = tried
        .iter()
        .map(|(source, problem)| (&**source, &**problem))
        .collect();
    assert_eq!(
        tried,
        [("secondary", "server_error"), ("tertiary", "transport")]
    );
    assert_eq!(text(answer).await, "own");

    let own_error = provider(&Arc::default(), |_| {
        Err(io::Error::from(io::ErrorKind::ConnectionRefused).into())
    });
    let service = both.layer(own_error);
    let error = service.oneshot(ask("hello")).await.unwrap_err();
    let failure = Failure::find(&*error).unwrap();
    assert_eq!(failure.outcome().class, Class::Transport);
    let nothing = failure.find_source::<NothingWorked>().unwrap();
    assert_eq!(nothing.tried().sources.len(), 2);
    let original = failure.find_source::<io::Error>().unwrap();
    assert_eq!(original.kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test(start_paused = true)]
async fn a_source_whose_answer_is_a_failure_makes_way_for_the_next() {
    let mut failure = Response::new(Bytes::from_static(b"broken"));
    *failure.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    let failure = Fixed::new(failure).name("broken").unwrap();
    let down = provider(&Arc::default(), |_| status(503, "own"));

    let apology = Fixed::new(Response::new(Bytes::from_static(b"sorry")));
    let service = FallbackLayer::new(failure.clone())
        .or(apology)
        .layer(down.clone());
    let answer = service.oneshot(ask("hello")).await.unwrap();
    assert_eq!(answer.headers()["x-degraded"], "fixed;reason=overloaded");
    assert_eq!(text(answer).await, "sorry");

    let service = FallbackLayer::new(failure.clone()).or(failure).layer(down);
    let answer = service.oneshot(ask("hello")).await.unwrap();
    let tried = &answer.extensions().get::<Tried>().unwrap().sources;
    assert_eq!(tried.len(), 2);
    assert_eq!(text(answer).await, "own");
}

#[tokio::test(start_paused = true)]
async fn a_reserve_makes_the_deadline_inside_earlier() {
    let deadline = Deadline::at((Instant::now() + Duration::from_secs(10)).into_std());
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let note = Arc::clone(&seen);
    let primary = provider(&Arc::default(), move |request| {
        note.lock()
            .unwrap()
            .push(Deadline::of(request.extensions()).unwrap());
        status(503, "own")
    });
    let note = Arc::clone(&seen);
    let secondary = provider(&Arc::default(), move |request| {
        note.lock()
            .unwrap()
            .push(Deadline::of(request.extensions()).unwrap());
        status(200, "second")
    });
    let source = Alternative::new("secondary", secondary).unwrap();
    let service = FallbackLayer::new(source)
        .reserve(Duration::from_secs(3))
        .layer(primary);
    let mut request = ask("hello");
    request.extensions_mut().insert(deadline);
    service.oneshot(request).await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(
        deadline.instant() - seen[0].instant(),
        Duration::from_secs(3)
    );
    assert_eq!(seen[1], deadline, "the fallback has all of it");
}

#[test]
fn bad_configuration_names_the_field() {
    let zero = LastGood::builder().max_age(Duration::ZERO).build(by_body);
    assert_eq!(zero.unwrap_err().field(), "max_age");
    let none = LastGood::builder().max_answers(0).build(by_body);
    assert_eq!(none.unwrap_err().field(), "max_answers");
    for name in ["", "two words", "semi;colon", "1st", "naïve"] {
        assert_eq!(
            Alternative::new(name, ()).unwrap_err().field(),
            "name",
            "{name:?}"
        );
    }
}
