//! Requests read and responses written: HTTP/1.1 as metadata clients speak it (RFC 9112).

use httparse::Status;

/// Bytes that a request may have, with its body.
pub(super) const REQUEST_MAX: usize = 8192;
const HEADERS_MAX: usize = 64;

/// A request, as far as anybody here cares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    /// Without host and query.
    pub(super) path: String,
    /// `X-aws-ec2-metadata-token`.
    pub(super) token: Option<String>,
    /// `X-aws-ec2-metadata-token-ttl-seconds`.
    pub(super) token_ttl: Option<String>,
    /// It came by a proxy.
    pub(super) forwarded: bool,
    /// The connection ends with the answer.
    pub(super) closes: bool,
}

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// There is more to come.
    More,
    /// A request, with its length in bytes.
    Whole(Request, usize),
    /// None that is taken: the status that says why.
    Bad(u16),
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) kind: &'static str,
    /// A further header.
    pub(super) header: Option<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

/// Reads the first request of what has come.
pub(super) fn read(bytes: &[u8]) -> Read {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut headers);
    let length = match head.parse(bytes) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) if bytes.len() < REQUEST_MAX => return Read::More,
        Ok(Status::Partial) | Err(httparse::Error::TooManyHeaders) => return Read::Bad(431),
        Err(_) => return Read::Bad(400),
    };
    let (Some(method), Some(target), Some(version)) = (head.method, head.path, head.version) else {
        return Read::Bad(400);
    };
    let mut request =
        Request { method: method.to_owned(), path: path(target), closes: version == 0, ..Request::default() };
    let mut body = 0;
    for header in head.headers.iter() {
        let Ok(value) = std::str::from_utf8(header.value) else { return Read::Bad(400) };
        let value = value.trim();
        match header.name.to_ascii_lowercase().as_str() {
            "content-length" => match value.parse::<usize>() {
                Ok(length) => body = length,
                Err(_) => return Read::Bad(400),
            },
            // Nobody has reason to send a body that it does not know the length of.
            "transfer-encoding" => return Read::Bad(411),
            "expect" => return Read::Bad(417),
            "connection" => {
                let says = |word: &str| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word));
                request.closes = says("close") || (request.closes && !says("keep-alive"));
            }
            "x-aws-ec2-metadata-token" => request.token = Some(value.to_owned()),
            "x-aws-ec2-metadata-token-ttl-seconds" => request.token_ttl = Some(value.to_owned()),
            "x-forwarded-for" => request.forwarded = true,
            _ => {}
        }
    }
    match length.checked_add(body) {
        Some(whole) if whole > REQUEST_MAX => Read::Bad(413),
        Some(whole) if whole > bytes.len() => Read::More,
        Some(whole) => Read::Whole(request, whole),
        None => Read::Bad(413),
    }
}

/// The path of a request's target, of which clients of proxies send the whole (RFC 9112, 3.2.2).
fn path(target: &str) -> String {
    let rest = target.strip_prefix("http://").map_or(target, |rest| rest.find('/').map_or("/", |at| &rest[at..]));
    rest.split(['?', '#']).next().unwrap_or_default().to_owned()
}

impl Response {
    /// Something that is there.
    pub(super) fn found(kind: &'static str, body: impl Into<Vec<u8>>) -> Response {
        Response { status: 200, kind, header: None, body: body.into() }
    }

    /// Something that is wrong.
    pub(super) fn of(status: u16) -> Response {
        let body = format!("{status} {}\n", reason(status)).into_bytes();
        let header = (status == 405).then(|| ("Allow", "GET, HEAD".to_owned()));
        Response { status, kind: "text/plain", header, body }
    }

    /// The bytes: a head only (RFC 9110, 9.3.2), or all.
    pub(super) fn emit(&self, head_only: bool, closes: bool) -> Vec<u8> {
        let Response { status, kind, header, body } = self;
        let connection = if closes { "close" } else { "keep-alive" };
        let mut head = format!("HTTP/1.1 {status} {}\r\nContent-Type: {kind}\r\n", reason(*status));
        if let Some((name, value)) = header {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("Content-Length: {}\r\nConnection: {connection}\r\n\r\n", body.len());
        let mut bytes = head.into_bytes();
        if !head_only {
            bytes.extend(body);
        }
        bytes
    }
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        411 => "Length Required",
        413 => "Content Too Large",
        417 => "Expectation Failed",
        431 => "Request Header Fields Too Large",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Request {
        match read(text.as_bytes()) {
            Read::Whole(request, length) if length == text.len() => request,
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn what_clients_say_is_read() {
        let curl = whole("GET /latest/meta-data/ HTTP/1.1\r\nHost: [fe80::a9fe:a9fe]\r\nAccept: */*\r\n\r\n");
        assert_eq!((curl.method.as_str(), curl.path.as_str(), curl.closes), ("GET", "/latest/meta-data/", false));
        assert!(whole("GET / HTTP/1.1\r\nConnection: Close\r\n\r\n").closes);
        assert!(whole("GET / HTTP/1.0\r\n\r\n").closes);
        assert!(!whole("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").closes);
        let token = whole(
            "PUT /latest/api/token HTTP/1.1\r\nX-AWS-EC2-Metadata-Token-TTL-Seconds: 60\r\nContent-Length: 0\r\n\r\n",
        );
        assert_eq!((token.method.as_str(), token.token_ttl.as_deref()), ("PUT", Some("60")));
        assert_eq!(whole("GET http://169.254.169.254/openstack?x=1 HTTP/1.1\r\n\r\n").path, "/openstack");
        assert_eq!(whole("GET http://169.254.169.254 HTTP/1.1\r\n\r\n").path, "/");
        assert_eq!(whole("POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc").method, "POST");
    }

    #[test]
    fn two_requests_are_one_after_the_other() {
        let one = "GET /a HTTP/1.1\r\n\r\n";
        let both = format!("{one}GET /b HTTP/1.1\r\n\r\n");
        let Read::Whole(first, length) = read(both.as_bytes()) else { panic!("none") };
        assert_eq!((first.path.as_str(), length), ("/a", one.len()));
    }

    #[test]
    fn what_is_too_much_or_makes_no_sense_is_told_so() {
        let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(REQUEST_MAX));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(HEADERS_MAX + 1));
        for (text, status) in [
            ("GET /\r\n\r\n", 400),
            ("\0\0\0\0", 400),
            ("GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nContent-Length: 9000\r\n\r\n", 413),
            ("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
            ("GET / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n", 417),
            (&long, 431),
            (&many, 431),
        ] {
            assert_eq!(read(text.as_bytes()), Read::Bad(status), "{text:.40}");
        }
        for text in ["", "GET / HT", "GET / HTTP/1.1\r\nHost", "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab"] {
            assert_eq!(read(text.as_bytes()), Read::More, "{text}");
        }
    }

    #[test]
    fn a_response_says_how_long_it_is_and_what_then() {
        let response = Response::found("text/plain", "vm1");
        let text = |head_only, closes| String::from_utf8(response.emit(head_only, closes)).unwrap();
        assert_eq!(
            text(false, false),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nvm1"
        );
        let head = text(true, true);
        assert!(head.ends_with("Content-Length: 3\r\nConnection: close\r\n\r\n"), "{head}");
    }
}
