//! What gobgpd is given and what is taken from it: against one that keeps what it is told.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use brain::BgpPath;
use proto::apipb::gobgp_api_server::{GobgpApi, GobgpApiServer};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::*;

#[derive(Default)]
struct State {
    asn: u32,
    paths: Vec<apipb::Path>,
    peers: Vec<apipb::Peer>,
    /// What it was told to do, in order.
    told: Vec<String>,
}

#[derive(Clone, Default)]
struct Fake(Arc<Mutex<State>>);

type Many<T> = ReceiverStream<Result<T, Status>>;

fn many<T: Send + 'static>(items: Vec<T>) -> Response<Many<T>> {
    let (sender, receiver) = mpsc::channel(items.len().max(1));
    items.into_iter().for_each(|item| sender.try_send(Ok(item)).unwrap());
    Response::new(ReceiverStream::new(receiver))
}

impl Fake {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.state().told)
    }
}

fn spelled(path: &apipb::Path) -> String {
    let ((prefix, nexthop), _) = wire::read_path(path).unwrap();
    format!("{prefix} via {nexthop}")
}

#[tonic::async_trait]
impl GobgpApi for Fake {
    type ListPeerStream = Many<apipb::ListPeerResponse>;
    type ListPathStream = Many<apipb::ListPathResponse>;

    async fn get_bgp(&self, _: Request<apipb::GetBgpRequest>) -> Result<Response<apipb::GetBgpResponse>, Status> {
        let global = apipb::Global { asn: self.state().asn, router_id: String::new() };
        Ok(Response::new(apipb::GetBgpResponse { global: Some(global) }))
    }

    async fn add_peer(&self, request: Request<apipb::AddPeerRequest>) -> Result<Response<()>, Status> {
        let peer = request.into_inner().peer.unwrap();
        let mut state = self.state();
        let conf = peer.conf.as_ref().unwrap();
        state.told.push(format!("+{} AS{} {:?}", conf.neighbor_address, conf.peer_asn, conf.auth_password));
        state.peers.push(peer);
        Ok(Response::new(()))
    }

    async fn delete_peer(&self, request: Request<apipb::DeletePeerRequest>) -> Result<Response<()>, Status> {
        let address = request.into_inner().address;
        let mut state = self.state();
        state.told.push(format!("-{address}"));
        state.peers.retain(|peer| peer.conf.as_ref().unwrap().neighbor_address != address);
        Ok(Response::new(()))
    }

    async fn list_peer(&self, _: Request<apipb::ListPeerRequest>) -> Result<Response<Self::ListPeerStream>, Status> {
        let peers =
            self.state().peers.iter().map(|peer| apipb::ListPeerResponse { peer: Some(peer.clone()) }).collect();
        Ok(many(peers))
    }

    async fn add_path(
        &self,
        request: Request<apipb::AddPathRequest>,
    ) -> Result<Response<apipb::AddPathResponse>, Status> {
        let path = request.into_inner().path.unwrap();
        let mut state = self.state();
        state.told.push(format!("+{}", spelled(&path)));
        state.paths.push(path);
        Ok(Response::new(apipb::AddPathResponse::default()))
    }

    async fn delete_path(&self, request: Request<apipb::DeletePathRequest>) -> Result<Response<()>, Status> {
        let path = request.into_inner().path.unwrap();
        let mut state = self.state();
        state.told.push(format!("-{}", spelled(&path)));
        state.paths.retain(|there| (&there.nlri, there.identifier) != (&path.nlri, path.identifier));
        Ok(Response::new(()))
    }

    async fn list_path(
        &self,
        request: Request<apipb::ListPathRequest>,
    ) -> Result<Response<Self::ListPathStream>, Status> {
        let family = request.into_inner().family;
        let state = self.state();
        let of_family = state.paths.iter().filter(|path| path.family == family).cloned().collect();
        let destination = apipb::Destination { prefix: String::new(), paths: of_family };
        Ok(many(vec![apipb::ListPathResponse { destination: Some(destination) }]))
    }
}

async fn started() -> (Fake, Client) {
    let fake = Fake::default();
    fake.state().asn = 65010;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (accepted, incoming) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if accepted.send(Ok::<_, std::io::Error>(stream)).await.is_err() {
                return;
            }
        }
    });
    let server = tonic::transport::Server::builder().add_service(GobgpApiServer::new(fake.clone()));
    tokio::spawn(server.serve_with_incoming(ReceiverStream::new(incoming)));
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    (fake, GobgpApiClient::new(endpoint.connect_lazy()))
}

fn path(prefix: &str, nexthop: &str, sure: bool) -> BgpPath {
    BgpPath { prefix: prefix.parse().unwrap(), nexthop: nexthop.parse().unwrap(), sure }
}

fn peer(address: &str, asn: u32, password_file: Option<&str>) -> BgpPeer {
    BgpPeer { address: address.parse().unwrap(), asn, password_file: password_file.map(str::to_owned) }
}

fn wanted(peers: &[BgpPeer], paths: &[BgpPath]) -> Announcement {
    Announcement { peers: peers.to_vec(), paths: paths.to_vec() }
}

#[tokio::test]
async fn what_is_sure_is_added_what_is_not_wanted_goes_and_others_paths_stay() {
    let (fake, mut client) = started().await;
    let foreign = apipb::Path {
        identifier: 7,
        ..wire::path(("2001:db8:f::/48".parse().unwrap(), "2001:db8::1".parse().unwrap()), 7)
    };
    fake.state().paths.push(foreign.clone());
    let all = [
        path("2001:db8:a::/64", "2001:db8:100::10", true),
        path("2001:db8:a::/64", "2001:db8:100::11", true),
        path("10.1.0.5/32", "203.0.113.10", true),
        path("2001:db8:b::/64", "2001:db8:100::10", false),
    ];
    let speaker = compare(&mut client, &wanted(&[], &all), None).await.unwrap();
    let said: BTreeSet<Said> = all[..3].iter().map(|path| (path.prefix, path.nexthop)).collect();
    assert_eq!((speaker.fault, speaker.paths), (None, said));
    assert_eq!(fake.told().len(), 3);
    compare(&mut client, &wanted(&[], &all), None).await.unwrap();
    assert_eq!(fake.told(), Vec::<String>::new(), "nothing is said twice");
    // What is not sure any more stays, what is not wanted goes, after what is new.
    let next = [path("2001:db8:a::/64", "2001:db8:100::10", false), path("2001:db8:a::/64", "2001:db8:100::12", true)];
    compare(&mut client, &wanted(&[], &next), None).await.unwrap();
    let told = fake.told();
    assert_eq!(told[0], "+2001:db8:a::/64 via 2001:db8:100::12");
    assert_eq!(told[1..].iter().map(|told| &told[..1]).collect::<String>(), "--");
    assert!(!told.contains(&"-2001:db8:a::/64 via 2001:db8:100::10".to_owned()), "{told:?}");
    assert!(fake.state().paths.contains(&foreign));
    // One that starts anew is given all that is sure.
    fake.state().paths.clear();
    compare(&mut client, &wanted(&[], &next), None).await.unwrap();
    assert_eq!(fake.told(), ["+2001:db8:a::/64 via 2001:db8:100::12"]);
}

#[tokio::test]
async fn peers_of_ours_are_as_they_are_wanted_and_others_stay() {
    let (fake, mut client) = started().await;
    let conf =
        apipb::PeerConf { neighbor_address: "2001:db8::99".to_owned(), peer_asn: 1, ..apipb::PeerConf::default() };
    fake.state().peers.push(apipb::Peer { conf: Some(conf), ..apipb::Peer::default() });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "first\n").unwrap();
    let secret = file.to_str();
    let first = wanted(&[peer("2001:db8::1", 65001, secret)], &[]);
    let speaker = compare(&mut client, &first, None).await.unwrap();
    assert_eq!(fake.told(), ["+2001:db8::1 AS65001 \"first\""]);
    assert!(!speaker.peers[0].established, "{speaker:?}");
    fake.state().peers[1].state = Some(apipb::PeerState { session_state: wire::ESTABLISHED });
    let speaker = compare(&mut client, &first, None).await.unwrap();
    assert_eq!((speaker.peers[0].established, &*speaker.peers[0].state), (true, "Established"));
    assert_eq!(fake.told(), Vec::<String>::new());
    // What it is known to hold is not asked for, unless it has lost its peers.
    let announced = wanted(&first.peers, &[path("2001:db8:a::/64", "2001:db8:100::10", true)]);
    let known = || Some(announced.paths.iter().map(|path| (path.prefix, path.nexthop)).collect::<BTreeSet<Said>>());
    compare(&mut client, &announced, known()).await.unwrap();
    assert_eq!(fake.told(), Vec::<String>::new());
    fake.state().peers.pop();
    compare(&mut client, &announced, known()).await.unwrap();
    assert_eq!(fake.told(), ["+2001:db8:a::/64 via 2001:db8:100::10", "+2001:db8::1 AS65001 \"first\""]);
    compare(&mut client, &first, None).await.unwrap();
    assert_eq!(fake.told(), ["-2001:db8:a::/64 via 2001:db8:100::10"]);
    // Another password, another AS: it is configured anew. No password: that is said.
    std::fs::write(&file, "second\n").unwrap();
    compare(&mut client, &first, None).await.unwrap();
    assert_eq!(fake.told(), ["-2001:db8::1", "+2001:db8::1 AS65001 \"second\""]);
    compare(&mut client, &wanted(&[peer("2001:db8::1", 65002, None)], &[]), None).await.unwrap();
    assert_eq!(fake.told(), ["-2001:db8::1", "+2001:db8::1 AS65002 \"\""]);
    let speaker =
        compare(&mut client, &wanted(&[peer("2001:db8::2", 1, Some("/nowhere/secret"))], &[]), None).await.unwrap();
    assert!(speaker.fault.unwrap().starts_with("password_file of 2001:db8::2: "), "one that can't be read");
    assert_eq!(fake.told(), ["-2001:db8::1"]);
    assert_eq!(fake.state().peers.len(), 1, "another's peer stays");
    fake.state().asn = 0;
    let words = compare(&mut client, &first, None).await.unwrap_err();
    assert!(words.contains("no AS number"), "{words}");
}
