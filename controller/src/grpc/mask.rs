//! Update masks: every path names a field that can be written.

use brain::{Refusal, RefusalKind, Violation};
use prost_reflect::{Kind, MessageDescriptor};

/// What names a resource, or is the controller's to say.
const FIXED: [&str; 3] = ["meta.name", "meta.tenant", "meta.revision"];

/// Checks a mask's paths against the resource's message. `*` alone names everything that an owner writes.
pub(super) fn checked(of: &MessageDescriptor, paths: Vec<String>) -> Result<Vec<String>, Refusal> {
    if paths == ["*"] {
        return Ok(paths);
    }
    let wrong = |(at, path): (usize, &String)| {
        let message = problem(of, path)?;
        Some(Violation { path: format!("update_mask.paths[{at}]"), message })
    };
    let violations: Vec<Violation> = paths.iter().enumerate().filter_map(wrong).collect();
    if violations.is_empty() { Ok(paths) } else { Err(Refusal { kind: RefusalKind::Invalid, violations }) }
}

/// What is wrong with a path.
fn problem(of: &MessageDescriptor, path: &str) -> Option<String> {
    if path == "*" {
        return Some("`*` stands alone".to_owned());
    }
    if FIXED.contains(&path) || path == "status" || path.starts_with("status.") {
        return Some(format!(
            "{path} can't be updated; update spec, meta.display_name, meta.description or meta.labels"
        ));
    }
    let mut message = Some(of.clone());
    let mut walked = String::new();
    for step in path.split('.') {
        let Some(within) = message else {
            return Some(format!(
                "{path}: {walked} has no fields of its own that a mask could name: name it as a whole"
            ));
        };
        let Some(field) = within.get_field_by_name(step) else {
            let known: Vec<String> = within.fields().map(|field| field.name().to_owned()).collect();
            return Some(format!("{path}: there is no field {step:?}; known here: {}", known.join(", ")));
        };
        message = match field.kind() {
            Kind::Message(inner) if !field.is_list() && !field.is_map() => Some(inner),
            _ => None,
        };
        walked.push_str(if walked.is_empty() { "" } else { "." });
        walked.push_str(step);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doc::shape;

    #[test]
    fn paths_are_checked_against_the_contract() {
        let port = &shape::kind("port").unwrap().message;
        let check = |paths: &[&str]| checked(port, paths.iter().map(|path| (*path).to_owned()).collect());
        assert_eq!(check(&["spec.binding", "spec.binding.chassis", "meta.labels", "spec"]).unwrap().len(), 4);
        assert_eq!(check(&[]).unwrap(), Vec::<String>::new());
        assert_eq!(check(&["*"]).unwrap(), ["*"]);
        assert_eq!(check(&["meta"]).unwrap(), ["meta"]);
        let bad = [
            "spec.mtu",
            "status.phase",
            "meta.name",
            "meta.revision",
            "",
            "spec.network.x",
            "spec.fixed_ips.items.subnet",
            "*",
        ];
        let refusal = check(&bad).unwrap_err();
        assert_eq!(refusal.violations.len(), bad.len(), "{refusal:#?}");
        assert_eq!(refusal.violations[3].path, "update_mask.paths[3]");
        assert!(refusal.violations[0].message.contains("known here: network"));
    }
}
