//! Has gobgpd say to routers upstream what the brain wants said: by its gRPC API, retried for ever, and compared with what it holds.
//!
//! Paths of ours bear numbers of ours, so that what others put into its table stays. Peers of ours say so in their description.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use brain::{Announcement, BgpPeer, Event, PeerState, Speaker};
use proto::apipb;
use proto::apipb::gobgp_api_client::GobgpApiClient;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

use super::Shared;
use super::bgp_wire::{self as wire, Said};

/// How often gobgpd is asked for its peers, when nothing changes: a restart of it is found by then.
const COMPARE: Duration = Duration::from_secs(1);
/// And how often for its paths.
const COMPARE_PATHS: Duration = Duration::from_secs(15);
/// How long it may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// The way to gobgpd.
#[derive(Debug)]
pub(crate) struct Bgp {
    wanted: watch::Sender<Option<Announcement>>,
}

impl Default for Bgp {
    fn default() -> Bgp {
        Bgp { wanted: watch::Sender::new(None) }
    }
}

impl Bgp {
    /// What is to be said from now on.
    pub(crate) fn announce(&self, announcement: Announcement) {
        self.wanted.send_replace(Some(announcement));
    }
}

/// Speaks to gobgpd at an address until it is told to stop; without an address there is nobody to speak to.
pub(super) async fn serve(address: Option<String>, shared: Arc<Shared>, stop: CancellationToken) {
    let Some(address) = address else { return };
    let endpoint = match Endpoint::from_shared(address.clone()) {
        Ok(endpoint) => endpoint.timeout(ANSWER_MAX).connect_timeout(ANSWER_MAX),
        Err(error) => return tracing::error!("gobgpd at {address}: {error}"),
    };
    let address = address.trim_start_matches("http://").to_owned();
    let mut client = GobgpApiClient::new(endpoint.connect_lazy());
    let mut wanted = shared.bgp.wanted.subscribe();
    let mut told = Speaker { fault: Some(format!("gobgpd at {address} was not asked yet")), ..Speaker::default() };
    if shared.inbox.push(Event::Speaker(told.clone())).await.is_err() {
        return;
    }
    let mut compared: Option<Instant> = None;
    let mut before = None;
    loop {
        let announcement = wanted.borrow_and_update().clone();
        if let Some(announcement) = announcement {
            let same = before.as_ref() == Some(&announcement);
            let known = same && told.fault.is_none() && compared.is_some_and(|at| at.elapsed() < COMPARE_PATHS);
            if !known {
                compared = Some(Instant::now());
            }
            let known = known.then(|| told.paths.clone());
            let now = match timeout(ANSWER_MAX * 4, compare(&mut client, &announcement, known)).await {
                Ok(Ok(speaker)) => speaker,
                Ok(Err(words)) => {
                    Speaker { fault: Some(format!("gobgpd at {address}: {words}")), ..Speaker::default() }
                }
                Err(_) => Speaker { fault: Some(format!("gobgpd at {address} is too slow")), ..Speaker::default() },
            };
            before = Some(announcement);
            if now != told {
                told = now;
                // Fails when the daemon stops.
                if shared.inbox.push(Event::Speaker(told.clone())).await.is_err() {
                    return;
                }
            }
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            changed = wanted.changed() => if changed.is_err() { return },
            () = sleep(COMPARE) => {}
        }
    }
}

type Client = GobgpApiClient<Channel>;

/// Makes gobgpd hold what is wanted, and tells how it stands. `known`: it holds these paths, unless it has started anew: then it lacks peers.
async fn compare(client: &mut Client, wanted: &Announcement, known: Option<BTreeSet<Said>>) -> Result<Speaker, String> {
    let global = client.get_bgp(apipb::GetBgpRequest {}).await.map_err(words)?.into_inner().global;
    if global.is_none_or(|global| global.asn == 0) {
        return Err("it has no AS number: give it a [global.config] with as and router-id".to_owned());
    }
    let there = list_peers(client).await?;
    let all_there = wanted.peers.iter().all(|peer| there.contains_key(&peer.address));
    // Before peers: so that one that comes back is told all at once.
    let paths = match known.filter(|_| all_there && !wanted.peers.is_empty()) {
        Some(known) => known,
        None => compare_paths(client, wanted).await?,
    };
    let (peers, fault) = compare_peers(client, &wanted.peers, there).await?;
    Ok(Speaker { fault, peers, paths })
}

async fn compare_paths(client: &mut Client, wanted: &Announcement) -> Result<BTreeSet<Said>, String> {
    let mut held: BTreeMap<Said, u32> = BTreeMap::new();
    for ipv6 in [true, false] {
        let request = apipb::ListPathRequest { table_type: 0, family: Some(wire::family(ipv6)) };
        let mut listed = client.list_path(request).await.map_err(words)?.into_inner();
        while let Some(response) = listed.message().await.map_err(words)? {
            let paths = response.destination.map(|destination| destination.paths).unwrap_or_default();
            held.extend(paths.iter().filter_map(wire::read_path));
        }
    }
    let kept: BTreeSet<Said> = wanted.paths.iter().map(|path| (path.prefix, path.nexthop)).collect();
    let gone: Vec<(Said, u32)> =
        held.iter().filter(|(said, _)| !kept.contains(*said)).map(|(said, n)| (*said, *n)).collect();
    // What is new first: upstream is never without a way that there is.
    for path in wanted.paths.iter().filter(|path| path.sure) {
        let said = (path.prefix, path.nexthop);
        if held.contains_key(&said) {
            continue;
        }
        let number = wire::number(&held, path.prefix, path.nexthop);
        let request = apipb::AddPathRequest { table_type: 0, path: Some(wire::path(said, number)) };
        client.add_path(request).await.map_err(words)?;
        held.insert(said, number);
    }
    for (said, number) in gone {
        let path = apipb::Path { is_withdraw: true, ..wire::path(said, number) };
        let request = apipb::DeletePathRequest { table_type: 0, family: path.family, path: Some(path) };
        client.delete_path(request).await.map_err(words)?;
        held.remove(&said);
    }
    Ok(held.into_keys().collect())
}

type Peers = BTreeMap<IpAddr, apipb::Peer>;

async fn list_peers(client: &mut Client) -> Result<Peers, String> {
    let mut there = Peers::new();
    let mut listed = client.list_peer(apipb::ListPeerRequest::default()).await.map_err(words)?.into_inner();
    while let Some(response) = listed.message().await.map_err(words)? {
        let Some(peer) = response.peer else { continue };
        let address = peer.conf.as_ref().and_then(|conf| conf.neighbor_address.parse().ok());
        there.extend(address.map(|address| (address, peer)));
    }
    Ok(there)
}

/// The peers' states, and what is wrong with one.
async fn compare_peers(
    client: &mut Client,
    wanted: &[BgpPeer],
    there: Peers,
) -> Result<(Vec<PeerState>, Option<String>), String> {
    let (mut states, mut fault) = (Vec::new(), None);
    for peer in wanted {
        let password = match password(peer.password_file.as_deref()).await {
            Ok(password) => password,
            Err(error) => {
                let words = format!("password_file of {}: {error}", peer.address);
                states.push(PeerState { address: peer.address, established: false, state: words.clone() });
                fault.get_or_insert(words);
                continue;
            }
        };
        let mark = wire::mark(peer.asn, &password);
        let known = there.get(&peer.address);
        let conf = known.and_then(|known| known.conf.as_ref());
        let (ours, same) = (conf.is_some_and(wire::is_ours), conf.is_some_and(|conf| conf.description == mark));
        if known.is_some() && ours && !same {
            delete(client, peer.address).await?;
        }
        // One that others have configured is taken as it is.
        if known.is_none() || (ours && !same) {
            let request = apipb::AddPeerRequest { peer: Some(wire::peer(peer, &password, &mark)) };
            client.add_peer(request).await.map_err(words)?;
        }
        let state = known.filter(|_| !ours || same).and_then(|known| known.state.as_ref());
        let state = state.map_or(0, |state| state.session_state);
        let established = state == wire::ESTABLISHED;
        states.push(PeerState { address: peer.address, established, state: wire::state_name(state).to_owned() });
    }
    for (address, peer) in there {
        let ours = peer.conf.as_ref().is_some_and(wire::is_ours);
        if ours && !wanted.iter().any(|wanted| wanted.address == address) {
            delete(client, address).await?;
        }
    }
    Ok((states, fault))
}

async fn delete(client: &mut Client, address: IpAddr) -> Result<(), String> {
    let request = apipb::DeletePeerRequest { address: address.to_string() };
    client.delete_peer(request).await.map_err(words).map(drop)
}

/// The first line of a file; none: no password.
async fn password(file: Option<&str>) -> std::io::Result<String> {
    let Some(file) = file else { return Ok(String::new()) };
    let text = tokio::fs::read_to_string(file).await?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// What gRPC says, without the layers around it.
fn words(status: tonic::Status) -> String {
    use std::error::Error as _;
    let mut deepest = status.source();
    while let Some(source) = deepest.and_then(|error| error.source()) {
        deepest = Some(source);
    }
    deepest.map_or_else(|| status.message().to_owned(), ToString::to_string)
}

#[cfg(test)]
#[path = "bgp_tests.rs"]
mod tests;
