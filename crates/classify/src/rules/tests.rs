//! Each name from both sides: its rule, or one that outranks it, decides where it stands, and leaves what
//! only looks like it.

use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::on::On;
use super::table::TABLE;
use super::{Rule, When};
use crate::classify_response;

/// The rule that decides for an error whose code is `code`.
fn decides(status: u16, code: &str) -> Option<&'static str> {
    let error = serde_json::json!({"error": {"code": code, "message": "x"}});
    // MiniMax's numbers stand in a member of their own.
    let error = match code.strip_prefix("base_resp.") {
        Some(number) => serde_json::json!({"base_resp": {"status_code": number}}),
        None => error,
    };
    let mut headers = HeaderMap::new();
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    let status = StatusCode::from_u16(status).unwrap();
    classify_response(status, &headers, error.to_string().as_bytes(), None).rule
}

/// The statuses that a rule is for; 200 stands for an error in a stream.
fn statuses(rule: &Rule) -> impl Iterator<Item = u16> {
    let on = rule.on;
    let stream = on.covers(On::STREAM).then_some(200);
    let listed = [400, 401, 402, 403, 413, 422, 424, 429, 500, 502, 503, 529];
    let failed = listed
        .into_iter()
        .filter(move |status| on.covers(On::of_status(*status)));
    stream.into_iter().chain(failed)
}

#[test]
fn each_name_is_decided_by_its_rule_and_nothing_longer_is() {
    for (place, rule) in TABLE.iter().enumerate() {
        let When::Id(names) = rule.when else {
            continue;
        };
        let first: Vec<_> = TABLE[..=place].iter().map(|rule| rule.name).collect();
        for name in names.iter().map(|name| name.text()) {
            for status in statuses(rule) {
                let decided = decides(status, name);
                let known = decided.is_some_and(|decided| first.contains(&decided));
                assert!(
                    known,
                    "{} is for {name} on {status}, not {decided:?}",
                    rule.name
                );
                for near in [format!("x{name}"), format!("{name}x")] {
                    assert_ne!(
                        decides(status, &near),
                        Some(rule.name),
                        "{near} on {status}"
                    );
                }
            }
            let decided = statuses(rule).any(|status| decides(status, name) == Some(rule.name));
            assert!(decided, "{name} never comes to {}", rule.name);
        }
    }
}
