//! The event, as the front page lists it.

use bytes::Bytes;
use http_body_util::Full;
use tower_steady_replay_body::ReplayBody;
use tower_steady_testkit::{Capture, EventTable};

#[test]
fn the_front_page_lists_every_event_with_its_fields() {
    let capture = Capture::start();
    let _over = ReplayBody::new(Full::new(Bytes::from_static(b"sk-secret")), 8);
    let told = capture.from("tower_steady_replay_body");
    let table = EventTable::parse(include_str!("../src/lib.rs"));
    assert_eq!(table.differences(&told), [""; 0]);
    assert_eq!(told.len(), 1);
    assert!(!capture.text().contains("secret"), "{}", capture.text());
}
