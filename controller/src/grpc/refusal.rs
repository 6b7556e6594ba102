//! Refusals as gRPC statuses: a message for people, `google.rpc.BadRequest` for tools.

use brain::{Refusal, RefusalKind, Reply, Violation};
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// Violations travel in HTTP/2 trailers, for which gRPC's libraries take 8 KiB by default. A client that takes more says how
/// many bytes in this piece of metadata; `sextant` does.
pub const DETAIL_BYTES: &str = "sextant-detail-bytes";
/// What an unasked client gets at most: message and details together stay below 8 KiB when they are encoded.
const DETAIL_BYTES_DEFAULT: usize = 2_400;
/// The most that a client may ask for.
const DETAIL_BYTES_MAX: usize = 4 << 20;
/// The message repeats the violations, up to so many bytes: it is for people.
const MESSAGE_BYTES: usize = 1_200;

/// How many bytes of violations a caller takes.
pub(super) fn detail_bytes(metadata: &MetadataMap) -> usize {
    let asked = metadata.get(DETAIL_BYTES).and_then(|value| value.to_str().ok()?.parse().ok());
    asked.map_or(DETAIL_BYTES_DEFAULT, |bytes: usize| bytes.min(DETAIL_BYTES_MAX))
}

/// A refusal as a status, with as many violations as the caller takes.
pub(super) fn status(refusal: &Refusal, detail_bytes: usize) -> Status {
    let code = match refusal.kind {
        RefusalKind::Invalid => Code::InvalidArgument,
        RefusalKind::NotFound => Code::NotFound,
        RefusalKind::AlreadyExists => Code::AlreadyExists,
        RefusalKind::InUse => Code::FailedPrecondition,
        RefusalKind::Conflict => Code::Aborted,
        RefusalKind::Unavailable => Code::Unavailable,
    };
    let mut details = ErrorDetails::new();
    for Violation { path, message } in fitting(&refusal.violations, detail_bytes) {
        details.add_bad_request_violation(path, message);
    }
    Status::with_error_details(code, message(&refusal.violations), details)
}

/// One violation per line; where they are too many, how many more there are.
fn message(violations: &[Violation]) -> String {
    let told = fitting(violations, MESSAGE_BYTES);
    let line = |violation: &Violation| match violation.path.is_empty() {
        true => violation.message.clone(),
        false => format!("{}: {}", violation.path, violation.message),
    };
    let mut lines: Vec<String> = told.iter().map(line).collect();
    if told.len() < violations.len() {
        lines.push(format!("... and {} more", violations.len() - told.len()));
    }
    lines.join("\n")
}

/// The first violations that take no more than so many bytes, but at least one.
fn fitting(violations: &[Violation], bytes: usize) -> &[Violation] {
    let mut taken = 0;
    let fit = violations.iter().take_while(|violation| {
        taken += violation.path.len() + violation.message.len() + 4;
        taken <= bytes
    });
    let fit = fit.count().max(1).min(violations.len());
    &violations[..fit]
}

/// A refusal for one reason, found by this face.
pub(super) fn invalid(path: &str, message: String) -> Refusal {
    Refusal { kind: RefusalKind::Invalid, violations: vec![Violation { path: path.to_owned(), message }] }
}

/// A reply that doesn't answer the request: a fault of ours.
pub(super) fn mismatch(asked: &str, reply: &Reply) -> Status {
    tracing::error!("{asked} was answered with {reply:?}");
    Status::internal(format!("{asked} was answered with something else; please report this"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn many(count: usize) -> Refusal {
        let violation =
            |at| Violation { path: format!("ports[{at}].network"), message: "there is no network red".to_owned() };
        Refusal { kind: RefusalKind::Invalid, violations: (0..count).map(violation).collect() }
    }

    #[test]
    fn every_violation_is_in_the_message_and_in_the_details() {
        let status = status(&many(3), DETAIL_BYTES_DEFAULT);
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.message().lines().count(), 3);
        let details = status.get_details_bad_request().unwrap();
        assert_eq!(details.field_violations[2].field, "ports[2].network");
        assert_eq!(details.field_violations[2].description, "there is no network red");
    }

    #[test]
    fn many_violations_fit_in_trailers_unless_more_is_asked_for() {
        let few = status(&many(5_000), DETAIL_BYTES_DEFAULT);
        assert!(few.message().ends_with("more"));
        assert!(few.details().len() * 4 / 3 + few.message().len() < 7_000, "{}", few.details().len());
        let all = status(&many(5_000), DETAIL_BYTES_MAX);
        assert_eq!(all.get_details_bad_request().unwrap().field_violations.len(), 5_000);
        let mut metadata = MetadataMap::new();
        assert_eq!(detail_bytes(&metadata), DETAIL_BYTES_DEFAULT);
        metadata.insert(DETAIL_BYTES, "99999999999".parse().unwrap());
        assert_eq!(detail_bytes(&metadata), DETAIL_BYTES_MAX);
    }

    #[test]
    fn kinds_have_codes() {
        for (kind, code) in [
            (RefusalKind::NotFound, Code::NotFound),
            (RefusalKind::AlreadyExists, Code::AlreadyExists),
            (RefusalKind::InUse, Code::FailedPrecondition),
            (RefusalKind::Conflict, Code::Aborted),
            (RefusalKind::Unavailable, Code::Unavailable),
        ] {
            assert_eq!(status(&Refusal { kind, ..many(1) }, 100).code(), code);
        }
    }
}
