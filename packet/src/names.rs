//! Domain names in options (RFC 8106, 5.2; RFC 8415, 10): labels as in DNS, without compression.

use bytes::{BufMut, BytesMut};

/// Reads names up to the zero padding; `None` if the bytes are not such a list, or cannot be written as text.
pub(crate) fn read(mut bytes: &[u8]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    while bytes.iter().any(|b| *b != 0) {
        let mut name = String::new();
        loop {
            let (length, rest) = bytes.split_first()?;
            let (label, rest) = rest.split_at_checked(usize::from(*length))?;
            bytes = rest;
            if label.is_empty() {
                break;
            }
            // A dot inside a label would come out again as two labels.
            if label.contains(&b'.') {
                return None;
            }
            if !name.is_empty() {
                name.push('.');
            }
            name.push_str(std::str::from_utf8(label).ok()?);
        }
        // Compressed labels, names too long and an early root name would not come out again.
        write(&name, &mut BytesMut::new())?;
        names.push(name);
    }
    (!names.is_empty()).then_some(names)
}

/// Appends a name; `None`, with nothing appended, if it is no domain name.
pub(crate) fn write(name: &str, out: &mut BytesMut) -> Option<()> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.len() > 253 || name.split('.').any(|label| !(1..=63).contains(&label.len())) {
        return None;
    }
    for label in name.split('.') {
        out.put_u8(label.len() as u8);
        out.put_slice(label.as_bytes());
    }
    out.put_u8(0);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_no_list_of_names() {
        assert_eq!(read(b"\x01a\x02bc\0\x01d\0\0\0\0"), Some(vec!["a.bc".into(), "d".into()]));
        for bytes in [
            &b"\0\0\0\0"[..],
            b"",
            b"\x01a",
            b"\x04ab\0",
            b"\xc0\x0c\0",
            b"\x03a.b\0",
            b"\x01a\0\0\x01b\0",
            b"\x01\xff\0",
        ] {
            assert_eq!(read(bytes), None, "{bytes:02x?}");
        }
        assert!(write("", &mut BytesMut::new()).is_none());
        assert!(write(&"a".repeat(64), &mut BytesMut::new()).is_none());
        assert!(write("a..b", &mut BytesMut::new()).is_none());
    }
}
