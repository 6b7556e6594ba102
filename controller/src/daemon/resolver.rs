//! Puts questions for names to the resolvers that the daemon was told of: over UDP, each from a socket of its own, whose number
//! the kernel chooses, with an id by chance (RFC 5452, 9.2); over TCP what was cut.

use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use brain::{Event, QuestionId};
use packet::DnsQuery;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Shared;

/// Questions that are asked at once: each has a socket.
const ASKING_MAX: usize = 256;
/// Questions that wait for that.
const QUEUE_MAX: usize = 1024;
/// How long one resolver has to answer. Hosts ask again after 5 s.
const ANSWER_MAX: Duration = Duration::from_millis(1_400);
/// How often a question is put, to one resolver after the other.
const TRIES: usize = 3;
const HEADER: usize = 12;

/// The way to the resolvers; without any, nobody answers.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    questions: OnceLock<mpsc::Sender<Question>>,
}

#[derive(Debug)]
struct Question {
    id: QuestionId,
    message: Vec<u8>,
}

impl Resolver {
    /// Puts a question; false: there will be no answer.
    pub(crate) fn ask(&self, id: QuestionId, message: Vec<u8>) -> bool {
        self.questions.get().is_some_and(|questions| questions.try_send(Question { id, message }).is_ok())
    }
}

/// Opens the way to resolvers; what is returned puts the questions until it is stopped.
pub(super) fn open(
    forwarders: Vec<SocketAddr>,
    shared: &Arc<Shared>,
    stop: CancellationToken,
) -> impl Future<Output = ()> + Send + use<> {
    let (sender, receiver) = mpsc::channel(QUEUE_MAX);
    if !forwarders.is_empty() {
        // Fails only if it was opened before.
        drop(shared.resolver.questions.set(sender));
    }
    serve(forwarders.into(), receiver, Arc::clone(shared), stop)
}

async fn serve(
    forwarders: Arc<[SocketAddr]>,
    mut questions: mpsc::Receiver<Question>,
    shared: Arc<Shared>,
    stop: CancellationToken,
) {
    let mut asking = JoinSet::new();
    let chance = Arc::new(RandomState::new());
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            Some(_) = asking.join_next(), if !asking.is_empty() => {}
            Some(question) = questions.recv(), if asking.len() < ASKING_MAX => {
                let (forwarders, shared, chance) = (Arc::clone(&forwarders), Arc::clone(&shared), Arc::clone(&chance));
                asking.spawn(async move {
                    let answer = resolve(&forwarders, &question, &chance).await;
                    // Fails when the daemon stops.
                    let _ = shared.inbox.push(Event::Resolved { question: question.id, answer }).await;
                });
            }
            else => return,
        }
    }
}

/// The first answer that says something; else the last that does not; `None`: nobody answered.
async fn resolve(forwarders: &[SocketAddr], question: &Question, chance: &RandomState) -> Option<Vec<u8>> {
    let query = DnsQuery::parse(&question.message).ok()?;
    let mut last = None;
    for (round, forwarder) in forwarders.iter().cycle().take(TRIES).enumerate() {
        let number = chance.hash_one((question.id, round)) as u16;
        let mut message = question.message.clone();
        message[..2].copy_from_slice(&number.to_be_bytes());
        match timeout(ANSWER_MAX, ask(*forwarder, &message, &query)).await {
            Ok(Ok(answer)) if says_something(&answer) => return Some(answer),
            Ok(Ok(answer)) => last = Some(answer),
            Ok(Err(error)) => tracing::debug!("resolver {forwarder}: {error}"),
            Err(_) => tracing::debug!("resolver {forwarder} does not answer"),
        }
    }
    last
}

async fn ask(forwarder: SocketAddr, message: &[u8], query: &DnsQuery) -> io::Result<Vec<u8>> {
    let any: SocketAddr =
        if forwarder.is_ipv6() { (Ipv6Addr::UNSPECIFIED, 0).into() } else { (Ipv4Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(forwarder).await?;
    socket.send(message).await?;
    let mut buffer = vec![0; 65_535];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let answer = &buffer[..length];
        if !answers(answer, message, query) {
            continue;
        }
        // A host that knows no EDNS is told that it was cut: more than that it would not take anyway.
        if is_cut(answer) && query.edns.is_some() {
            return ask_by_tcp(forwarder, message, query).await;
        }
        return Ok(answer.to_vec());
    }
}

async fn ask_by_tcp(forwarder: SocketAddr, message: &[u8], query: &DnsQuery) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(forwarder).await?;
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], message].concat()).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    if answers(&answer, message, query) { Ok(answer) } else { Err(io::Error::other("it answers something else")) }
}

/// Whether a message is the answer to a question: by its id, and by the question in it.
fn answers(answer: &[u8], message: &[u8], query: &DnsQuery) -> bool {
    answer.get(..2) == message.get(..2) && query.relayed(answer, usize::MAX).is_some()
}

fn is_cut(answer: &[u8]) -> bool {
    answer.len() >= HEADER && answer[2] & 0x02 != 0
}

/// NOERROR or NXDOMAIN: with others the next resolver may know better.
fn says_something(answer: &[u8]) -> bool {
    answer.len() >= HEADER && matches!(answer[3] & 0x0f, 0 | 3)
}

#[cfg(test)]
mod tests {
    use packet::{DnsAnswer, DnsCode, DnsData};
    use tokio::net::TcpListener;

    use super::*;

    /// A question for AAAA of `name`, with EDNS.
    fn question(name: &str) -> Question {
        let mut message = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, name.len() as u8];
        message.extend(name.as_bytes());
        message.extend(*b"\0\0\x1c\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\0");
        Question { id: QuestionId(7), message }
    }

    async fn resolver() -> (UdpSocket, SocketAddr) {
        let socket = UdpSocket::bind("[::1]:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        (socket, address)
    }

    async fn ask_of(forwarders: &[SocketAddr]) -> Option<Vec<u8>> {
        resolve(forwarders, &question("www"), &RandomState::new()).await
    }

    fn failed(message: &[u8], code: DnsCode) -> Vec<u8> {
        DnsQuery::parse(message).unwrap().failed(code).to_vec()
    }

    #[tokio::test]
    async fn only_the_answer_to_the_question_is_taken() {
        let (socket, address) = resolver().await;
        let forger = tokio::spawn(async move {
            let mut buffer = [0; 512];
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            let asked = &buffer[..length];
            let good = failed(asked, DnsCode::NxDomain);
            let mut other_id = good.clone();
            other_id[0] ^= 1;
            let mut elsewhere = question("wwx").message;
            elsewhere[..2].copy_from_slice(&asked[..2]);
            for message in [&other_id, &failed(&elsewhere, DnsCode::NxDomain), &asked.to_vec(), &vec![], &good] {
                socket.send_to(message, from).await.unwrap();
            }
            good
        });
        let answer = ask_of(&[address]).await;
        assert_eq!(answer, Some(forger.await.unwrap()));
    }

    #[tokio::test]
    async fn where_one_does_not_know_the_next_is_asked() {
        let (first, at_first) = resolver().await;
        let (second, at_second) = resolver().await;
        let answering = tokio::spawn(async move {
            let mut ids = Vec::new();
            for (socket, code) in [(&first, DnsCode::ServFail), (&second, DnsCode::NoError), (&first, DnsCode::Refused)]
            {
                let mut buffer = [0; 512];
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                ids.push([buffer[0], buffer[1]]);
                socket.send_to(&failed(&buffer[..length], code), from).await.unwrap();
            }
            ids
        });
        let answer = ask_of(&[at_first, at_second]).await.unwrap();
        assert_eq!(answer[3] & 0x0f, 0);
        // One alone that refuses: that is the answer, after it was asked again and nobody listens there.
        let refused = ask_of(&[at_first]).await.unwrap();
        assert_eq!(refused[3] & 0x0f, 5);
        let ids = answering.await.unwrap();
        assert!(ids[0] != ids[1] || ids[1] != ids[2], "an id by chance each: {ids:?}");
        assert_eq!(ask_of(&[at_second]).await, None, "nobody is there");
    }

    #[tokio::test]
    async fn what_was_cut_is_asked_for_by_tcp() {
        let listener = TcpListener::bind("[::1]:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let socket = UdpSocket::bind(address).await.unwrap();
        let answering = tokio::spawn(async move {
            let mut buffer = [0; 512];
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            let query = DnsQuery::parse(&buffer[..length]).unwrap();
            let records = (1..100u16).map(|n| DnsData::Aaaa([0x2001, 0xdb8, 0, 0, 0, 0, 0, n].into())).collect();
            let whole = DnsAnswer { code: DnsCode::NoError, records, ttl_s: 60, nothing_in: None };
            socket.send_to(&query.answer(&whole, 512), from).await.unwrap();
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut again = vec![0; usize::from(stream.read_u16().await.unwrap())];
            stream.read_exact(&mut again).await.unwrap();
            let answer = DnsQuery::parse(&again).unwrap().answer(&whole, 65_535);
            stream.write_u16(answer.len() as u16).await.unwrap();
            stream.write_all(&answer).await.unwrap();
        });
        let answer = ask_of(&[address]).await.unwrap();
        answering.await.unwrap();
        assert_eq!((answer[2] & 0x02, answer[7]), (0, 99));
    }
}
