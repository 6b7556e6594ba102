//! OpenStack's paths, as Nova's metadata service has them.

use serde_json::{Map, Value, json};

use super::answers::{BYTES, JSON, TEXT};
use super::http::Response;
use super::network_data;
use super::vm::Vm;

/// Versions that clients look for, oldest first. All are the same here: each has what came with the newest.
const VERSIONS: [&str; 10] = [
    "2012-08-10",
    "2013-04-04",
    "2013-10-17",
    "2015-10-15",
    "2016-06-30",
    "2016-10-06",
    "2017-02-22",
    "2018-08-27",
    "2020-10-14",
    "latest",
];
const FILES: [&str; 5] = ["meta_data.json", "network_data.json", "password", "vendor_data.json", "vendor_data2.json"];

/// What a path behind `/openstack` leads to.
pub(super) fn find(vm: &Vm<'_>, path: &[&str]) -> Option<Response> {
    let (version, rest) = match path {
        [] => return Some(Response::found(TEXT, VERSIONS.join("\n"))),
        [version, rest @ ..] => (version, rest),
    };
    if !VERSIONS.contains(version) {
        return None;
    }
    Some(match rest {
        [] => {
            let user_data = vm.described.user_data.is_some().then_some("user_data");
            Response::found(TEXT, FILES.into_iter().chain(user_data).collect::<Vec<_>>().join("\n"))
        }
        ["meta_data.json"] => json(&meta_data(vm)),
        ["network_data.json"] => json(&network_data::of(vm)),
        ["vendor_data.json" | "vendor_data2.json"] => json(&json!({})),
        // Nobody has set one.
        ["password"] => Response::found(TEXT, ""),
        ["user_data"] => Response::found(BYTES, vm.described.user_data.clone()?),
        _ => return None,
    })
}

fn json(value: &Value) -> Response {
    Response::found(JSON, value.to_string())
}

fn meta_data(vm: &Vm<'_>) -> Value {
    let keys = vm.public_keys();
    let mut told = json!({
        "uuid": vm.described.id,
        "name": vm.port.name.as_ref(),
        "hostname": vm.hostname(),
        "project_id": vm.port.tenant.as_ref(),
        "launch_index": 0,
        "devices": [],
    });
    if let Some(told) = told.as_object_mut().filter(|_| !keys.is_empty()) {
        let named: Map<String, Value> = keys.iter().map(|key| (key.name.clone(), Value::from(key.line))).collect();
        let listed = keys.iter().map(|key| json!({"name": key.name, "type": "ssh", "data": key.line}));
        told.insert("keys".to_owned(), listed.collect());
        told.insert("public_keys".to_owned(), Value::Object(named));
    }
    told
}
