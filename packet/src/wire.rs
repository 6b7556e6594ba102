//! A bounds-checked cursor over bytes, and the padding that options need.

use std::net::{Ipv4Addr, Ipv6Addr};

use addr::MacAddr;
use bytes::{BufMut, Bytes, BytesMut};

use crate::Bad;

/// Reads big-endian values front to back; every read past the end is a [`Bad::Short`].
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    whole: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(whole: &'a [u8]) -> Reader<'a> {
        Reader { whole, at: 0 }
    }

    /// The next `n` bytes.
    pub(crate) fn take(&mut self, n: usize) -> Result<&'a [u8], Bad> {
        let need = self.at.saturating_add(n);
        let taken = self.whole.get(self.at..need).ok_or(Bad::Short { need, have: self.whole.len() })?;
        self.at = need;
        Ok(taken)
    }

    /// The next `N` bytes as an array.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Bad> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Bad> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Bad> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Bad> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(crate) fn mac(&mut self) -> Result<MacAddr, Bad> {
        Ok(MacAddr(self.array()?))
    }

    pub(crate) fn v4(&mut self) -> Result<Ipv4Addr, Bad> {
        Ok(Ipv4Addr::from(self.array::<4>()?))
    }

    pub(crate) fn v6(&mut self) -> Result<Ipv6Addr, Bad> {
        Ok(Ipv6Addr::from(self.array::<16>()?))
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        let rest = self.whole.get(self.at..).unwrap_or_default();
        self.at = self.whole.len();
        rest
    }

    /// All that is left, as a copy that can be kept.
    pub(crate) fn rest_bytes(&mut self) -> Bytes {
        Bytes::copy_from_slice(self.rest())
    }

    pub(crate) fn left(&self) -> usize {
        self.whole.len().saturating_sub(self.at)
    }
}

/// Appends zeros until the length since `start` is a multiple of `unit`.
pub(crate) fn pad(out: &mut BytesMut, start: usize, unit: usize) {
    let over = (out.len() - start) % unit;
    if over != 0 {
        out.put_bytes(0, unit - over);
    }
}
