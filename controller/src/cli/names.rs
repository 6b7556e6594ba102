//! What people write for kinds, names and spans of time, and how reasons are written for them.

use std::time::Duration;

use brain::Violation;

use crate::doc::shape::{KindShape, kind as find, kinds};

/// The tenant where none is named.
pub(super) const TENANT_DEFAULT: &str = "default";

/// `[TENANT/]NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) tenant: Option<String>,
    pub(super) name: String,
}

/// Reads a kind, singular or plural.
pub(super) fn kind(text: &str) -> Result<&'static KindShape, String> {
    find(text).ok_or_else(|| {
        let known: Vec<&str> = kinds().iter().map(|kind| kind.plural.as_str()).collect();
        format!("there is no kind {text:?}; known: {}", known.join(", "))
    })
}

/// Reads `[TENANT/]NAME`.
pub(super) fn name(text: &str) -> Result<Name, String> {
    let (tenant, name) = match text.split_once('/') {
        Some((tenant, name)) => (Some(tenant), name),
        None => (None, text),
    };
    if name.is_empty() || name.contains('/') || tenant == Some("") {
        return Err("a name is [TENANT/]NAME".to_owned());
    }
    Ok(Name { tenant: tenant.map(str::to_owned), name: name.to_owned() })
}

/// Reads a span of time: `500ms`, `10s`, `2m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a span of time is written 500ms, 10s or 2m".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs).ok_or_else(wrong),
        _ => Err(wrong()),
    }
}

/// A resource as people name it: `port acme/vm1`, `chassis hv1`.
pub(super) fn full(kind: &str, tenant: &str, name: &str) -> String {
    match (tenant.is_empty(), name.is_empty()) {
        (_, true) => kind.to_owned(),
        (true, false) => format!("{kind} {name}"),
        (false, false) => format!("{kind} {tenant}/{name}"),
    }
}

/// A violation without a file.
pub(super) fn reason(violation: &Violation) -> String {
    match violation.path.is_empty() {
        true => violation.message.clone(),
        false => format!("{}: {}", violation.path, violation.message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "10", "s", "1h", "-1s", "1.5s", "99999999999999999999s", "307445734561825861m"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names() {
        assert_eq!(name("vm1"), Ok(Name { tenant: None, name: "vm1".to_owned() }));
        assert_eq!(name("acme/vm1"), Ok(Name { tenant: Some("acme".to_owned()), name: "vm1".to_owned() }));
        assert_eq!(full("port", "acme", "vm1"), "port acme/vm1");
        assert_eq!(full("chassis", "", "hv1"), "chassis hv1");
    }
}
