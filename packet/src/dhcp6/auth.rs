//! The reconfigure key authentication protocol (RFC 8415, 20.4).

use bytes::{BufMut, Bytes, BytesMut};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;

use super::{Dhcp6Message, Dhcp6Option};
use crate::Bad;

/// Bytes of a key, and of a digest.
const LENGTH: usize = 16;
const PROTOCOL: u8 = 3;
const HMAC_MD5: u8 = 1;
/// A number that grows (RFC 8415, 20.3).
const GROWS: u8 = 0;
const KEY: u8 = 1;
const DIGEST: u8 = 2;

fn auth(replay: u64, kind: u8, value: [u8; LENGTH]) -> Dhcp6Option {
    let mut information = BytesMut::with_capacity(1 + LENGTH);
    information.put_u8(kind);
    information.put_slice(&value);
    let information = information.freeze();
    Dhcp6Option::Auth { protocol: PROTOCOL, algorithm: HMAC_MD5, rdm: GROWS, replay, information }
}

/// Tells a client the key by which it knows reconfigure messages. `replay` grows from message to message.
pub fn reconfigure_key(key: [u8; LENGTH], replay: u64) -> Dhcp6Option {
    auth(replay, KEY, key)
}

impl Dhcp6Message {
    /// Its bytes, with an authentication option at its end that has their digest under the key.
    ///
    /// # Errors
    /// As [`Dhcp6Message::emit`].
    pub fn emit_signed(&self, key: [u8; LENGTH], replay: u64) -> Result<Bytes, Bad> {
        let mut message = self.clone();
        message.options.push(auth(replay, DIGEST, [0; LENGTH]));
        let unsigned = message.emit()?;
        let mut signed = BytesMut::from(&unsigned[..]);
        let at = signed.len() - LENGTH;
        signed[at..].copy_from_slice(&hmac_md5(key, &unsigned));
        Ok(signed.freeze())
    }
}

/// RFC 2104, with MD5.
fn hmac_md5(key: [u8; LENGTH], message: &[u8]) -> [u8; LENGTH] {
    // A short key is the same as one with zeros behind it, up to a block of MD5.
    let mut block = [0; 64];
    block[..LENGTH].copy_from_slice(&key);
    let mut code = Hmac::<Md5>::new(&block.into());
    code.update(message);
    code.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dhcp6Kind;

    /// RFC 2202, 2: test case 1.
    #[test]
    fn as_the_rfc_has_it() {
        let expected = 0x9294_727a_3638_bb1c_13f4_8ef8_158b_fc9d_u128.to_be_bytes();
        assert_eq!(hmac_md5([0x0b; 16], b"Hi There"), expected);
    }

    #[test]
    fn the_digest_is_of_the_message_with_zeros_in_its_place() {
        let message = Dhcp6Message {
            kind: Dhcp6Kind::Reconfigure,
            transaction: 0,
            options: vec![Dhcp6Option::ReconfigureMessage(5)],
        };
        let signed = message.emit_signed([7; 16], 9).unwrap();
        let mut zeroed = signed.to_vec();
        let (rest, digest) = zeroed.split_at_mut(signed.len() - LENGTH);
        assert_eq!(rest[rest.len() - 1], DIGEST);
        assert_eq!(rest[9..16], [0, 11, 0, 28, 3, 1, 0]);
        digest.fill(0);
        assert_eq!(signed[signed.len() - LENGTH..], hmac_md5([7; 16], &zeroed));
    }
}
