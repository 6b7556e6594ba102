//! One client's connection: requests one after the other, each answered before the next is read.

use std::net::IpAddr;

use addr::MacAddr;
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Duration;

use super::flows::HTTP_PORT;
use super::http::{self, REQUEST_MAX, Read, Request, Response};
use crate::time::Millis;

/// Bytes of a connection that wait to be read.
const RECEIVE_MAX: usize = 2048;
/// Bytes that wait to be acknowledged.
const SEND_MAX: usize = 8192;
/// Seconds that a connection may be silent.
const IDLE_S: u64 = 10;
/// Seconds that it may last.
const LIFE_S: u64 = 60;

/// The client's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) address: IpAddr,
    pub(super) port: u16,
}

/// From whom frames go to a client, and to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Macs {
    pub(super) own: MacAddr,
    pub(super) client: MacAddr,
}

/// A connection.
pub(super) struct Connection {
    pub(super) handle: SocketHandle,
    pub(super) peer: Peer,
    pub(super) macs: Macs,
    /// Of requests that are not answered yet.
    heard: Vec<u8>,
    /// Of the answer, from `said` on not handed to the socket.
    told: Vec<u8>,
    said: usize,
    /// Nothing is read after the answer.
    ends: bool,
    idle_at: Millis,
    over_at: Millis,
}

/// A socket that waits for its client.
pub(super) fn socket() -> Socket<'static> {
    let buffer = |length| SocketBuffer::new(vec![0; length]);
    let mut socket = Socket::new(buffer(RECEIVE_MAX), buffer(SEND_MAX));
    socket.set_timeout(Some(Duration::from_secs(IDLE_S)));
    socket.set_nagle_enabled(false);
    // A new socket can, at any port but 0.
    socket.listen(HTTP_PORT).ok();
    socket
}

impl Connection {
    pub(super) fn new(handle: SocketHandle, peer: Peer, macs: Macs, now: Millis) -> Connection {
        let over_at = now.after_s(LIFE_S);
        let (heard, told) = (Vec::new(), Vec::new());
        Connection { handle, peer, macs, heard, told, said: 0, ends: false, idle_at: now.after_s(IDLE_S), over_at }
    }

    /// The client has said something.
    pub(super) fn heard_from(&mut self, macs: Macs, now: Millis) {
        self.macs = macs;
        self.idle_at = now.after_s(IDLE_S);
    }

    /// When it is given up.
    pub(super) fn ends_at(&self) -> Millis {
        self.idle_at.min(self.over_at)
    }

    /// Reads what has come and answers what is whole.
    pub(super) fn serve(&mut self, socket: &mut Socket<'_>, answer: &mut dyn FnMut(Result<&Request, u16>) -> Response) {
        if matches!(socket.state(), State::Listen | State::SynReceived) {
            return;
        }
        loop {
            if !self.tell(socket) {
                return;
            }
            if self.ends {
                return socket.close();
            }
            let room = REQUEST_MAX - self.heard.len().min(REQUEST_MAX);
            let before = self.heard.len();
            self.heard.resize(before + room.min(socket.recv_queue()), 0);
            let read = socket.recv_slice(&mut self.heard[before..]).unwrap_or(0);
            self.heard.truncate(before + read);
            match http::read(&self.heard) {
                Read::More if socket.may_recv() => return,
                // It will say no more.
                Read::More => return socket.close(),
                Read::Whole(request, length) => {
                    self.heard.drain(..length);
                    self.ends = request.closes;
                    self.told = answer(Ok(&request)).emit(request.method == "HEAD", self.ends);
                }
                Read::Bad(status) => {
                    self.ends = true;
                    self.told = answer(Err(status)).emit(false, true);
                }
            }
        }
    }

    /// Hands on what is left of the answer. Whether that was all.
    fn tell(&mut self, socket: &mut Socket<'_>) -> bool {
        let rest = self.told.get(self.said..).unwrap_or_default();
        if !rest.is_empty() {
            self.said += socket.send_slice(rest).unwrap_or(0);
            if self.said < self.told.len() {
                return false;
            }
            (self.told, self.said) = (Vec::new(), 0);
        }
        true
    }
}

/// Whether nothing of a connection is left but what the other end remembers.
pub(super) fn is_over(socket: &Socket<'_>) -> bool {
    matches!(socket.state(), State::Closed | State::Listen | State::TimeWait)
}
