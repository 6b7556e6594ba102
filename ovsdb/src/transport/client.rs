//! One connection: requests out, answers and notifications in, echoes either way (RFC 7047, 4.1.11).

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use serde_json::{Value as Json, json};
use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, sleep_until};

use super::dial::Stream;
use crate::framing::Framer;
use crate::message::Message;

/// The longest message, bytes: a monitor's first answer is the longest.
const MESSAGE_MAX: usize = 64 << 20;
/// A peer that says nothing for so long is asked for an echo; for as long again, it is gone.
const SILENCE_MAX: Duration = Duration::from_secs(5);
/// Notifications that may wait while an answer is waited for.
const HELD_MAX: usize = 10_000;
/// Bytes that may wait to be sent.
const OUT_MAX: usize = 64 << 20;
const READ: usize = 64 << 10;
const ECHO: &str = "echo";

/// A connection to a database server.
pub struct Client {
    stream: Box<dyn Stream>,
    framer: Framer,
    out: VecDeque<u8>,
    held: VecDeque<Incoming>,
    next_id: u64,
    heard: Instant,
    asked: bool,
}

/// What a server says.
#[derive(Clone, Debug, PartialEq)]
pub enum Incoming {
    /// The answer to a request.
    Answer {
        /// The request's number.
        id: u64,
        /// What came of it; else the server's error.
        result: Result<Json, Json>,
    },
    /// A notification.
    Notice {
        /// Its method.
        method: String,
        /// Its parameters.
        params: Vec<Json>,
    },
}

/// Why a request has no answer.
#[derive(Debug, Error)]
pub enum CallFault {
    /// The connection is gone.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The server's error.
    #[error("{method}: {error}")]
    Refused {
        /// What was asked.
        method: &'static str,
        /// The server's words.
        error: String,
    },
}

impl Client {
    /// A client on a fresh connection.
    pub fn new(stream: Box<dyn Stream>) -> Client {
        Client {
            stream,
            framer: Framer::new(MESSAGE_MAX),
            out: VecDeque::new(),
            held: VecDeque::new(),
            next_id: 1,
            heard: Instant::now(),
            asked: false,
        }
    }

    /// Puts a request; it is sent by [`Client::next`], which also brings the answer. Its number.
    pub fn request(&mut self, method: &str, params: Vec<Json>) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.put(&Message::Request { method: method.to_owned(), params, id: json!(id) });
        id
    }

    /// What the server says next. Safe to drop at its await: nothing is lost.
    ///
    /// # Errors
    /// If the connection is gone, the server is silent, or says what is no message.
    pub async fn next(&mut self) -> io::Result<Incoming> {
        if let Some(held) = self.held.pop_front() {
            return Ok(held);
        }
        self.read().await
    }

    /// Asks, and waits for the answer; what else comes meanwhile is for [`Client::next`].
    ///
    /// # Errors
    /// The connection's or the server's.
    pub async fn call(&mut self, method: &'static str, params: Vec<Json>) -> Result<Json, CallFault> {
        let id = self.request(method, params);
        loop {
            match self.read().await? {
                Incoming::Answer { id: of, result } if of == id => {
                    return result.map_err(|error| {
                        let word = error.get("error").and_then(Json::as_str).or(error.as_str()).map(str::to_owned);
                        CallFault::Refused { method, error: word.unwrap_or_else(|| error.to_string()) }
                    });
                }
                _ if self.held.len() == HELD_MAX => return Err(bad("too much comes before the answer").into()),
                other => self.held.push_back(other),
            }
        }
    }

    async fn read(&mut self) -> io::Result<Incoming> {
        loop {
            while let Some(json) = self.framer.next_message().map_err(bad)? {
                let message = Message::from_json(json).map_err(bad)?;
                if let Some(echoed) = message.echoed() {
                    self.put(&echoed);
                    continue;
                }
                match message {
                    Message::Notice { method, params } => return Ok(Incoming::Notice { method, params }),
                    Message::Answer { id, result } => match id.as_u64() {
                        Some(id) => return Ok(Incoming::Answer { id, result }),
                        // Our own echo.
                        None => continue,
                    },
                    Message::Request { method, id, .. } => {
                        let error = json!({"error": "unknown method", "details": method});
                        self.put(&Message::Answer { id, result: Err(error) });
                    }
                }
            }
            self.turn().await?;
        }
    }

    /// Sends or receives something, or finds the other end silent.
    async fn turn(&mut self) -> io::Result<()> {
        if self.out.len() > OUT_MAX {
            return Err(bad("the server does not read"));
        }
        let (mut reader, mut writer) = tokio::io::split(&mut self.stream);
        let mut buffer = [0; READ];
        let waiting = !self.out.is_empty();
        tokio::select! {
            biased;
            read = reader.read(&mut buffer) => match read? {
                0 => Err(io::ErrorKind::UnexpectedEof.into()),
                length => {
                    self.framer.push(&buffer[..length]);
                    (self.heard, self.asked) = (Instant::now(), false);
                    Ok(())
                }
            },
            written = writer.write(self.out.as_slices().0), if waiting => {
                let written = written?;
                self.out.drain(..written);
                Ok(())
            }
            () = sleep_until(self.heard + SILENCE_MAX * (1 + u32::from(self.asked))) => {
                if self.asked {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "the server is silent"));
                }
                self.asked = true;
                self.put(&Message::Request { method: ECHO.to_owned(), params: vec![], id: json!(ECHO) });
                Ok(())
            }
        }
    }

    fn put(&mut self, message: &Message) {
        self.out.extend(message.to_json().to_string().into_bytes());
    }
}

fn bad(words: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, words.to_string())
}

#[cfg(test)]
mod tests {
    use tokio::io::DuplexStream;
    use tokio::time::advance;

    use super::*;

    fn pair() -> (Client, DuplexStream) {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        (Client::new(Box::new(ours)), theirs)
    }

    /// The next message, read byte by byte so that nothing of the one after it is taken.
    async fn heard(server: &mut DuplexStream) -> Json {
        let mut framer = Framer::new(10_000);
        loop {
            if let Some(message) = framer.next_message().unwrap() {
                return message;
            }
            framer.push(&[server.read_u8().await.unwrap()]);
        }
    }

    #[tokio::test]
    async fn echoes_are_answered_and_answers_are_found_among_notices() {
        let (mut client, mut server) = pair();
        let serving = tokio::spawn(async move {
            let asked = heard(&mut server).await;
            assert_eq!((asked["method"].clone(), asked["id"].clone()), (json!("list_dbs"), json!(1)));
            let said = [
                json!({"id": null, "method": "update3", "params": [1]}),
                json!({"id": "echo", "method": "echo", "params": [7]}),
                json!({"id": 1, "result": ["_Server"], "error": null}),
                json!({"id": 9, "method": "nonsense", "params": []}),
                json!({"id": null, "method": "update3", "params": [2]}),
            ];
            for message in said {
                server.write_all(message.to_string().as_bytes()).await.unwrap();
            }
            let answers = (heard(&mut server).await, heard(&mut server).await);
            (answers, server)
        });
        assert_eq!(client.call("list_dbs", vec![]).await.unwrap(), json!(["_Server"]));
        for n in [1, 2] {
            let notice = client.next().await.unwrap();
            assert_eq!(notice, Incoming::Notice { method: "update3".into(), params: vec![json!(n)] });
        }
        let reading = client.next();
        tokio::select! {
            read = reading => panic!("{read:?}"),
            answers = serving => {
                let ((echo, nonsense), _server) = answers.unwrap();
                assert_eq!((echo["id"].clone(), echo["result"].clone()), (json!("echo"), json!([7])));
                assert_eq!((nonsense["id"].clone(), nonsense["error"]["error"].clone()), (json!(9), json!("unknown method")));
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_server_is_asked_and_then_given_up() {
        let (mut client, mut server) = pair();
        let reading = tokio::spawn(async move { client.next().await });
        advance(SILENCE_MAX).await;
        assert_eq!(heard(&mut server).await["method"], "echo");
        server.write_all(br#"{"id": "echo", "result": [], "error": null}"#).await.unwrap();
        advance(Duration::from_millis(1)).await;
        assert_eq!(heard(&mut server).await["method"], "echo");
        assert!(!reading.is_finished());
        assert_eq!(reading.await.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_server_that_talks_nonsense_or_ends_is_left() {
        for (said, kind) in [
            ("[1]", io::ErrorKind::InvalidData),
            ("{}", io::ErrorKind::InvalidData),
            ("", io::ErrorKind::UnexpectedEof),
        ] {
            let (mut client, mut server) = pair();
            server.write_all(said.as_bytes()).await.unwrap();
            drop(server);
            assert_eq!(client.next().await.unwrap_err().kind(), kind, "{said}");
        }
    }
}
