//! Calls by hand: no runtime between the clock and the layer.

use std::fmt;
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use tower::{Service, ServiceExt};

use crate::measure::current_thread;

/// Runs a number of calls on one thread.
pub type Runner = Box<dyn FnMut(usize) + Send>;

/// Makes runners that share the layer, one for each thread.
pub type Factory = Box<dyn Fn() -> Runner + Send + Sync>;

/// A factory of runners that send `request()` through clones of `service`.
pub fn service<S, R, Req>(service: S, request: R) -> Factory
where
    S: Service<Req> + Clone + Send + 'static,
    S::Error: fmt::Debug,
    R: Fn() -> Req + Copy + Send + Sync + 'static,
{
    // A lock, for a service need not be Sync; it is taken once for each thread.
    let service = Mutex::new(service);
    Box::new(move || {
        let mut service = service.lock().expect("no panic under the lock").clone();
        Box::new(move |calls| {
            for _ in 0..calls {
                call(&mut service, request());
            }
        })
    })
}

/// The same, driven by a runtime of its own: for what waits, if only for a timer of no length.
pub fn on_runtime<S, R, Req>(service: S, request: R) -> Factory
where
    S: Service<Req> + Clone + Send + 'static,
    S::Error: fmt::Debug,
    R: Fn() -> Req + Copy + Send + Sync + 'static,
{
    let service = Mutex::new(service);
    Box::new(move || {
        let mut service = service.lock().expect("no panic under the lock").clone();
        let runtime = current_thread();
        Box::new(move |calls| {
            runtime.block_on(async {
                for _ in 0..calls {
                    let service = service.ready().await.expect("a service that is ready");
                    let _ = black_box(service.call(request()).await.expect("an answer"));
                }
            });
        })
    })
}

/// A factory of runners that repeat `step`.
pub fn steps<F>(step: F) -> Factory
where
    F: Fn() + Clone + Send + Sync + 'static,
{
    Box::new(move || {
        let step = step.clone();
        Box::new(move |calls| {
            for _ in 0..calls {
                step();
            }
        })
    })
}

fn call<S, Req>(service: &mut S, request: Req)
where
    S: Service<Req>,
    S::Error: fmt::Debug,
{
    let mut context = Context::from_waker(Waker::noop());
    match service.poll_ready(&mut context) {
        Poll::Ready(ready) => ready.expect("a service that is always ready"),
        Poll::Pending => panic!("a service that is always ready"),
    }
    let mut future = pin!(service.call(request));
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut context) {
            let _ = black_box(result.expect("an answer"));
            return;
        }
    }
}
