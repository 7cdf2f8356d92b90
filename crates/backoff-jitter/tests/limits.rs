//! How often a call is tried: by class, plan and request.

mod common;

use http::{Method, StatusCode};
use tower_steady_backoff_jitter::{MaxAttempts, NonIdempotent, RetryLayer};
use tower_steady_core::{Class, VetoReason};

use self::common::layers::*;
use self::common::*;

#[tokio::test(start_paused = true)]
async fn every_class_has_its_limit() {
    for (status, sends) in [
        (429, 5),
        (500, 3),
        (529, 3),
        (502, 3),
        (503, 3),
        (504, 3),
        (520, 3),
        (408, 3),
        (524, 3),
        (409, 3),
        (425, 3),
        (400, 1),
        (401, 1),
        (402, 1),
        (403, 1),
        (404, 1),
        (413, 1),
        (422, 1),
        (501, 1),
        (505, 1),
        (511, 1),
    ] {
        let provider = always(|| bare(status));
        let answer = call(stack(&seeded(), &provider), request()).await;
        assert_eq!(provider.sends(), sends, "{status}");
        assert_eq!(report(&answer).sends(), sends, "{status}");
        let expected = (sends > 1).then_some(VetoReason::Attempts);
        assert_eq!(veto(&answer), expected, "{status}");
        // The caller gets the last answer as it came.
        let mut answer = answer.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(read(answer.body_mut()), format!("body of {status}"));
    }
    for class in [Class::Timeout, Class::Transport] {
        let provider = always(|| error(class, true));
        let answer = call(stack(&seeded(), &provider), request()).await;
        assert_eq!((provider.sends(), report(&answer).sends()), (3, 3));
        assert_eq!(veto(&answer), Some(VetoReason::Attempts));
    }
}

#[tokio::test(start_paused = true)]
async fn presets_have_the_fields_numbers() {
    for (layer, status, sends) in [
        (RetryLayer::interactive(), 429, 3),
        (RetryLayer::interactive(), 503, 3),
        (RetryLayer::background(), 429, 6),
        (RetryLayer::background(), 503, 6),
        (RetryLayer::background(), 408, 6),
        (RetryLayer::background(), 400, 1),
    ] {
        let provider = always(|| bare(status));
        let _ = call(stack(&layer, &provider), request()).await;
        assert_eq!(provider.sends(), sends, "{layer:?} {status}");
    }
    for (layer, cap) in [
        (RetryLayer::interactive(), 30),
        (RetryLayer::new(), 60),
        (RetryLayer::background(), 60),
    ] {
        for (asked, sends) in [(cap, 2), (cap + 1, 1)] {
            let provider = Provider::script([wait(429, asked * SECOND)]);
            let _ = call(stack(&layer, &provider), request()).await;
            assert_eq!(provider.sends(), sends, "{layer:?} {asked}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_lowers_the_total_limit_and_never_raises_it() {
    for (asked, sends) in [(0, 1), (1, 1), (2, 2), (4, 4), (99, 5)] {
        let provider = always(|| bare(429));
        let mut request = request();
        request.extensions_mut().insert(MaxAttempts(asked));
        let answer = call(stack(&seeded(), &provider), request).await;
        assert_eq!(provider.sends(), sends, "{asked}");
        assert_eq!(veto(&answer), Some(VetoReason::Attempts));
    }
}

#[tokio::test(start_paused = true)]
async fn the_total_limit_holds_over_all_plans_and_each_plan_counts_its_own() {
    let scripts: [(&[u16], usize); 3] = [
        // Two of each: no plan is used up, the total is.
        (&[429, 500, 429, 500, 503, 503, 503], 5),
        (&[500, 429, 500, 429, 500, 500], 5),
        (&[500, 500, 500, 500], 3),
    ];
    for (statuses, sends) in scripts {
        let provider = Provider::script(statuses.iter().map(|status| bare(*status)));
        let _ = call(stack(&seeded(), &provider), request()).await;
        assert_eq!(provider.sends(), sends, "{statuses:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_must_not_be_repeated_is_retried_only_where_it_was_not_processed() {
    let by_method = || {
        plain()
            .non_idempotent(|head| head.method == Method::POST)
            .build()
            .unwrap()
    };
    let marked = |mark| {
        let mut request = request();
        if mark {
            request.extensions_mut().insert(NonIdempotent);
        }
        request
    };
    for (layer, mark, sent, sends) in [
        (seeded(), true, true, 1),
        (seeded(), true, false, 2),
        (seeded(), false, true, 2),
        (by_method(), false, true, 1),
        (by_method(), false, false, 2),
    ] {
        let provider = Provider::script([error(Class::Transport, sent)]);
        let answer = call(stack(&layer, &provider), marked(mark)).await;
        assert_eq!(provider.sends(), sends, "{mark} {sent}");
        let expected = (sends == 1).then_some(VetoReason::NotIdempotent);
        assert_eq!(veto(&answer), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_may_have_been_processed_once_stays_so() {
    // The first try was sent, the others were not: the call was.
    let provider = Provider::script([
        error(Class::Transport, true),
        error(Class::Transport, false),
        error(Class::Transport, false),
    ]);
    let answer = call(stack(&seeded(), &provider), request()).await;
    assert!(outcome(&answer).sent);
}

#[tokio::test(start_paused = true)]
async fn the_server_overrules_the_class() {
    let again = noted(422, |outcome| outcome.transient = true);
    let provider = Provider::script([again]);
    let answer = call(stack(&seeded(), &provider), request()).await;
    assert_eq!(
        (provider.sends(), answer.unwrap().status()),
        (2, StatusCode::OK)
    );

    let never = noted(503, |outcome| outcome.transient = false);
    let provider = Provider::script([never]);
    let answer = call(stack(&seeded(), &provider), request()).await;
    assert_eq!((provider.sends(), veto(&answer)), (1, None));
}
