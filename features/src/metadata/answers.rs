//! Which path leads where.

use topology::{PortKey, View};

use super::http::{Request, Response};
use super::vm::Vm;
use super::{Described, ec2, openstack};
use crate::siphash::siphash;
use crate::time::Millis;

pub(super) const TEXT: &str = "text/plain; charset=utf-8";
pub(super) const JSON: &str = "application/json";
pub(super) const BYTES: &str = "application/octet-stream";
/// Seconds that a token may last, as EC2 has it.
const TOKEN_TTL_MAX_S: u64 = 21_600;
const TOKEN_TTL: &str = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds";

/// Answers a request of a port.
pub(super) fn answer(
    view: &View<'_>,
    port: PortKey,
    described: Option<&Described>,
    request: &Request,
    now: Millis,
) -> Response {
    let path: Vec<&str> = request.path.split('/').filter(|part| !part.is_empty()).collect();
    if path == ["latest", "api", "token"] {
        return token(port, request, now);
    }
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        return Response::of(405);
    }
    let Some(vm) = described.and_then(|described| Vm::new(view, port, described)) else { return Response::of(404) };
    let found = match path.split_first() {
        Some((&"openstack", rest)) => openstack::find(&vm, rest),
        // A token is of no use, but one that is wrong says that its holder is mistaken.
        Some(_) if request.token.as_deref().is_some_and(|token| !is_token(port, token, now)) => {
            return Response::of(401);
        }
        _ => ec2::find(&vm, &path),
    };
    found.unwrap_or_else(|| Response::of(404))
}

/// EC2's second version of the service: a client takes a token first, which keeps those out whom somebody else makes ask (a proxy
/// passes on GET, not PUT). Who has none is answered as well, as EC2 does by default.
fn token(port: PortKey, request: &Request, now: Millis) -> Response {
    if request.method != "PUT" {
        let response = Response::of(405);
        return Response { header: Some(("Allow", "PUT".to_owned())), ..response };
    }
    if request.forwarded {
        return Response::of(403);
    }
    let ttl_s = request.token_ttl.as_deref().and_then(|ttl| ttl.parse::<u64>().ok());
    let Some(ttl_s) = ttl_s.filter(|ttl_s| (1..=TOKEN_TTL_MAX_S).contains(ttl_s)) else { return Response::of(400) };
    let token = token_until(port, now.after_s(ttl_s).0);
    Response { header: Some((TOKEN_TTL, ttl_s.to_string())), ..Response::found(TEXT, token) }
}

/// No secret: it says nothing that the port does not say by being the port. So it outlives the controller.
fn token_until(port: PortKey, until_ms: u64) -> String {
    let mut message = port.0.to_be_bytes().to_vec();
    message.extend(until_ms.to_be_bytes());
    format!("{until_ms:x}-{:016x}", siphash([0; 16], &message))
}

fn is_token(port: PortKey, token: &str, now: Millis) -> bool {
    let until_ms = token.split('-').next().and_then(|until| u64::from_str_radix(until, 16).ok());
    until_ms.is_some_and(|until_ms| now.0 < until_ms && token == token_until(port, until_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_a_ports_and_for_a_time() {
        let put = |ttl: &str| Request {
            method: "PUT".to_owned(),
            path: "/latest/api/token".to_owned(),
            token_ttl: Some(ttl.to_owned()),
            ..Request::default()
        };
        let (port, now) = (PortKey(7), Millis(1_000_000));
        let response = token(port, &put("60"), now);
        let text = String::from_utf8(response.body).unwrap();
        assert_eq!((response.status, response.header), (200, Some((TOKEN_TTL, "60".to_owned()))));
        assert!(is_token(port, &text, now) && is_token(port, &text, now.after_ms(59_999)));
        assert!(!is_token(port, &text, now.after_s(60)) && !is_token(PortKey(8), &text, now));
        assert!(!is_token(port, "", now) && !is_token(port, "ffffffffff-0", now));
        for ttl in ["0", "21601", "-1", "x", ""] {
            assert_eq!(token(port, &put(ttl), now).status, 400, "{ttl}");
        }
        let proxied = Request { forwarded: true, ..put("60") };
        assert_eq!(token(port, &proxied, now).status, 403);
        let get = Request { method: "GET".to_owned(), ..put("60") };
        assert_eq!(token(port, &get, now).status, 405);
    }
}
