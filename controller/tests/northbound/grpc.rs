//! What gRPC clients see.

use std::time::Duration;

use brain::{Millis, Request};
use proto::v1;
use proto::v1::chassis_service_client::ChassisServiceClient;
use proto::v1::fabric_service_client::FabricServiceClient;
use proto::v1::intent_service_client::IntentServiceClient;
use proto::v1::network_service_client::NetworkServiceClient;
use proto::v1::operation_service_client::OperationServiceClient;
use proto::v1::port_service_client::PortServiceClient;
use proto::v1::watch_response::Item;
use tokio::time::timeout;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

use crate::fake::Fake;

fn network(name: &str, tenant: &str) -> v1::Network {
    let meta = v1::Meta { name: name.to_owned(), tenant: tenant.to_owned(), ..v1::Meta::default() };
    v1::Network { meta: Some(meta), spec: Some(v1::NetworkSpec::default()), status: None }
}

fn resource(network: v1::Network) -> v1::Resource {
    v1::Resource { kind: Some(v1::resource::Kind::Network(network)) }
}

fn get(tenant: &str, name: &str) -> v1::GetRequest {
    v1::GetRequest { tenant: tenant.to_owned(), name: name.to_owned() }
}

#[tokio::test]
async fn a_kind_has_its_standard_methods() {
    let fake = Fake::default();
    let served = fake.serve().await;
    let mut client = NetworkServiceClient::connect(served.url()).await.unwrap();
    let create = |name: &str| v1::CreateNetworkRequest { network: Some(network(name, "")), options: None };
    let red = client.create_network(create("red")).await.unwrap().into_inner();
    assert_eq!(red.meta.as_ref().unwrap().tenant, "default", "no tenant is the default one");
    assert_eq!(client.create_network(create("red")).await.unwrap_err().code(), Code::AlreadyExists);
    assert_eq!(client.get_network(get("", "red")).await.unwrap().into_inner(), red);
    assert_eq!(client.get_network(get("acme", "red")).await.unwrap_err().code(), Code::NotFound);
    let options = Some(v1::WriteOptions { expected_revision: Some(1), idempotency_key: "k".to_owned() });
    let mask = |path: &str| Some(prost_types::FieldMask { paths: vec![path.to_owned()] });
    let update =
        |path, options| v1::UpdateNetworkRequest { network: Some(red.clone()), update_mask: mask(path), options };
    client.update_network(update("spec.mtu", options.clone())).await.unwrap();
    let Request::Update { mask, options: given, .. } = fake.last() else { panic!("{:?}", fake.last()) };
    assert_eq!((mask, Some(given)), (vec!["spec.mtu".to_owned()], options));
    let wrong = client.update_network(update("spec.mtuu", None)).await.unwrap_err();
    assert_eq!(wrong.code(), Code::InvalidArgument);
    let violation = wrong.get_details_bad_request().unwrap().field_violations.remove(0);
    assert_eq!(violation.field, "update_mask.paths[0]");
    assert!(violation.description.contains("known here: type, mtu"), "{}", violation.description);
    let options = Some(v1::WriteOptions { expected_revision: Some(5_000), ..v1::WriteOptions::default() });
    assert_eq!(client.update_network(update("spec", options)).await.unwrap_err().code(), Code::Aborted);
    let missing = v1::CreateNetworkRequest::default();
    let status = client.create_network(missing).await.unwrap_err();
    assert_eq!(status.get_details_bad_request().unwrap().field_violations[0].field, "network");
    let delete = || v1::DeleteRequest { name: "red".to_owned(), ..v1::DeleteRequest::default() };
    client.delete_network(delete()).await.unwrap();
    assert_eq!(client.delete_network(delete()).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn lists_are_paged() {
    let fake = Fake::default();
    for at in 0..5 {
        fake.put(resource(network(&format!("n{at}"), if at == 4 { "other" } else { "acme" })));
    }
    fake.state.lock().unwrap().page = 2;
    let served = fake.serve().await;
    let mut client = NetworkServiceClient::connect(served.url()).await.unwrap();
    let list = |page_token: &str| v1::ListRequest { page_token: page_token.to_owned(), ..v1::ListRequest::default() };
    let first = client.list_networks(list("")).await.unwrap().into_inner();
    assert_eq!((first.networks.len(), first.revision), (2, 5));
    let second = client.list_networks(list(&first.next_page_token)).await.unwrap().into_inner();
    let third = client.list_networks(list(&second.next_page_token)).await.unwrap().into_inner();
    assert_eq!((third.networks.len(), third.next_page_token.as_str()), (1, ""));
}

#[tokio::test]
async fn global_kinds_have_no_tenant_and_the_fabric_is_one() {
    let fake = Fake::default();
    let served = fake.serve().await;
    let mut fabric = FabricServiceClient::connect(served.url()).await.unwrap();
    assert_eq!(fabric.get_fabric(get("", "")).await.unwrap_err().code(), Code::NotFound);
    let spec = Some(v1::FabricSpec { encap: v1::Encap::Geneve.into(), ..v1::FabricSpec::default() });
    let update =
        v1::UpdateFabricRequest { fabric: Some(v1::Fabric { spec, ..v1::Fabric::default() }), ..Default::default() };
    fabric.update_fabric(update).await.unwrap();
    let found = fabric.get_fabric(get("", "")).await.unwrap().into_inner();
    assert_eq!(found.spec.unwrap().encap(), v1::Encap::Geneve);
    let mut chassis = ChassisServiceClient::connect(served.url()).await.unwrap();
    assert_eq!(chassis.get_chassis(get("acme", "hv1")).await.unwrap_err().code(), Code::NotFound);
    let Request::Get { kind, tenant, .. } = fake.last() else { panic!() };
    assert_eq!((kind.as_str(), tenant.as_str()), ("chassis", ""));
}

#[tokio::test]
async fn every_reason_of_a_refusal_comes_back() {
    let fake = Fake::default();
    let served = fake.serve().await;
    let mut client = IntentServiceClient::connect(served.url()).await.unwrap();
    let port = v1::Port {
        spec: Some(v1::PortSpec { network: "blue".to_owned(), ..Default::default() }),
        ..Default::default()
    };
    let document = v1::Document { ports: vec![port; 3], ..v1::Document::default() };
    let request = v1::ApplyRequest { documents: vec![document], ..v1::ApplyRequest::default() };
    let status = client.apply(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(status.get_details_bad_request().unwrap().field_violations.len(), 3);
    assert_eq!(status.message().lines().last(), Some("ports[2].network: there is no network \"blue\""));
}

#[tokio::test]
async fn a_large_document_is_taken() {
    let fake = Fake::default();
    let served = fake.serve().await;
    let mut client = IntentServiceClient::connect(served.url()).await.unwrap().max_encoding_message_size(64 << 20);
    let networks: Vec<v1::Network> = (0..2_000)
        .map(|at| {
            let mut network = network(&format!("n{at}"), "acme");
            network.meta.as_mut().unwrap().description = "x".repeat(8_000);
            network
        })
        .collect();
    let documents = vec![v1::Document { networks, ..v1::Document::default() }];
    let response = client.apply(v1::ApplyRequest { documents, dry_run: true, ..Default::default() }).await.unwrap();
    assert_eq!(response.into_inner().changes.len(), 2_000);
}

#[tokio::test]
async fn a_watch_tells_what_is_then_what_changes() {
    let fake = Fake::default();
    fake.put(resource(network("red", "acme")));
    fake.put(resource(network("blue", "other")));
    let served = fake.serve().await;
    let mut client = IntentServiceClient::connect(served.url()).await.unwrap();
    let request =
        v1::WatchRequest { tenant: "acme".to_owned(), kinds: vec!["network".to_owned()], ..Default::default() };
    let mut watch = client.watch(request).await.unwrap().into_inner();
    let first = watch.message().await.unwrap().unwrap();
    assert!(matches!(first.item, Some(Item::Changed(_))));
    let synced = watch.message().await.unwrap().unwrap();
    assert_eq!((synced.revision, synced.item), (2, Some(Item::Synced(true))));
    fake.put(resource(network("green", "other")));
    fake.put(resource(network("white", "acme")));
    fake.delete("network", "acme", "red");
    let white = watch.message().await.unwrap().unwrap();
    assert_eq!(white.revision, 4, "another tenant's is not told");
    let Some(Item::Deleted(gone)) = watch.message().await.unwrap().unwrap().item else { panic!() };
    assert_eq!(gone.name, "red");

    let resume = |after| v1::WatchRequest { after_revision: Some(after), ..v1::WatchRequest::default() };
    let mut again = client.watch(resume(3)).await.unwrap().into_inner();
    assert_eq!(again.message().await.unwrap().unwrap().revision, 4);
    assert_eq!(again.message().await.unwrap().unwrap().revision, 5);
    let old = client.watch(resume(1)).await.unwrap_err();
    assert_eq!(old.code(), Code::OutOfRange);
    assert!(old.message().contains("watch anew"), "{}", old.message());
    let wrong = v1::WatchRequest { kinds: vec!["pigeon".to_owned()], ..v1::WatchRequest::default() };
    assert_eq!(client.watch(wrong).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_slow_watcher_is_cut_off_and_a_stopping_server_says_so() {
    let fake = Fake::default();
    let served = fake.serve().await;
    let mut client = IntentServiceClient::connect(served.url()).await.unwrap();
    let mut slow = client.watch(v1::WatchRequest::default()).await.unwrap().into_inner();
    let mut quiet = client.watch(v1::WatchRequest::default()).await.unwrap().into_inner();
    assert!(matches!(quiet.message().await.unwrap().unwrap().item, Some(Item::Synced(_))));
    let mut big = network("big", "acme");
    big.meta.as_mut().unwrap().description = "x".repeat(100_000);
    for _ in 0..400 {
        fake.put(resource(big.clone()));
        tokio::task::yield_now().await;
    }
    let end = loop {
        match slow.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("ended without a word"),
            Err(status) => break status,
        }
    };
    assert_eq!(end.code(), Code::Aborted, "{end:?}");
    assert!(end.message().contains("resume from"), "{}", end.message());
    let mut events = client_of_operation(&served.url())
        .await
        .events(v1::EventsRequest { watch: true, ..Default::default() })
        .await
        .unwrap()
        .into_inner();
    let mut watch = client.watch(v1::WatchRequest::default()).await.unwrap().into_inner();
    served.stop.cancel();
    let end = loop {
        match watch.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("ended without a word"),
            Err(status) => break status,
        }
    };
    assert_eq!(end.code(), Code::Unavailable, "{end:?}");
    assert_eq!(events.message().await.unwrap_err().code(), Code::Unavailable);
    drop((slow, quiet));
    timeout(Duration::from_secs(5), served.grpc.ended()).await.unwrap();
}

async fn client_of_operation(url: &str) -> OperationServiceClient<tonic::transport::Channel> {
    OperationServiceClient::connect(url.to_owned()).await.unwrap()
}

#[tokio::test]
async fn a_quiet_watch_has_bookmarks() {
    let fake = Fake::default();
    fake.put(resource(network("red", "acme")));
    let served = fake.serve().await;
    let mut client = IntentServiceClient::connect(served.url()).await.unwrap();
    let request = v1::WatchRequest { kinds: vec!["port".to_owned()], ..v1::WatchRequest::default() };
    let mut watch = client.watch(request).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().item, Some(Item::Synced(true)));
    // Nothing that this watcher wants, but it is seen: the bookmark may move on.
    fake.put(resource(network("blue", "acme")));
    let bookmark = timeout(Duration::from_secs(12), watch.message()).await.unwrap().unwrap().unwrap();
    assert_eq!((bookmark.revision, bookmark.item), (2, Some(Item::Bookmark(true))));
}

#[tokio::test]
async fn waiting_has_a_deadline_by_the_backends_clock() {
    let fake = Fake::default();
    fake.state.lock().unwrap().waiting_for = vec!["hv1: not connected".to_owned()];
    let served = fake.serve().await;
    let mut client = IntentServiceClient::connect(served.url()).await.unwrap();
    let response = client.wait_installed(v1::WaitInstalledRequest::default()).await.unwrap().into_inner();
    assert_eq!((response.installed, response.waiting_for.len()), (false, 1));
    assert!(matches!(fake.last(), Request::Wait { revision: None, deadline: Millis(11_000) }));
    let request = v1::WaitInstalledRequest { revision: Some(3), timeout_ms: 5 };
    client.wait_installed(request).await.unwrap();
    assert!(matches!(fake.last(), Request::Wait { revision: Some(3), deadline: Millis(1_005) }));
}

#[tokio::test]
async fn events_and_flows_stream() {
    let event = |tenant: &str, sequence| v1::Event { tenant: tenant.to_owned(), sequence, ..v1::Event::default() };
    let fake = Fake::default();
    fake.state.lock().unwrap().past = vec![event("acme", 1), event("other", 2), event("", 3)];
    fake.state.lock().unwrap().flows = vec![v1::FlowRow { table: "t".to_owned(), ..v1::FlowRow::default() }; 3];
    let served = fake.serve().await;
    let mut client = client_of_operation(&served.url()).await;
    let request = v1::EventsRequest { tenant: "acme".to_owned(), watch: false };
    let mut events = client.events(request.clone()).await.unwrap().into_inner();
    assert_eq!(events.message().await.unwrap().unwrap().sequence, 1);
    assert_eq!(events.message().await.unwrap().unwrap().sequence, 3);
    assert_eq!(events.message().await.unwrap(), None);
    let mut events = client.events(v1::EventsRequest { watch: true, ..request }).await.unwrap().into_inner();
    fake.events.send(event("other", 4)).unwrap();
    fake.events.send(event("acme", 5)).unwrap();
    for sequence in [1, 3, 5] {
        assert_eq!(events.message().await.unwrap().unwrap().sequence, sequence);
    }
    let mut flows = client.flows(v1::FlowsRequest::default()).await.unwrap().into_inner();
    let mut count = 0;
    while flows.message().await.unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 3);
    let unknown = v1::FlowsRequest { chassis: "hv9".to_owned(), ..v1::FlowsRequest::default() };
    assert_eq!(client.flows(unknown).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn health_and_reflection_answer() {
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};
    let served = Fake::default().serve().await;
    let channel = tonic::transport::Endpoint::from_shared(served.url()).unwrap().connect().await.unwrap();
    let mut health = HealthClient::new(channel.clone());
    for service in ["", "sextant.v1.PortService", "sextant.v1.IntentService"] {
        let answer = health.check(HealthCheckRequest { service: service.to_owned() }).await.unwrap().into_inner();
        assert_eq!(answer.status(), tonic_health::pb::health_check_response::ServingStatus::Serving, "{service}");
    }
    let mut reflection = ServerReflectionClient::new(channel);
    let ask =
        |message| tokio_stream::iter([ServerReflectionRequest { host: String::new(), message_request: Some(message) }]);
    let answer = reflection.server_reflection_info(ask(MessageRequest::ListServices(String::new()))).await.unwrap();
    let ServerReflectionResponse { message_response, .. } = answer.into_inner().message().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = message_response else { panic!("{message_response:?}") };
    let names: Vec<&str> = list.service.iter().map(|service| service.name.as_str()).collect();
    for service in controller::doc::shape::pool().services() {
        assert!(names.contains(&service.full_name()), "{} of {names:?}", service.full_name());
    }
    assert!(names.contains(&"grpc.health.v1.Health"), "{names:?}");
    let symbol = MessageRequest::FileContainingSymbol("sextant.v1.PortService".to_owned());
    let answer =
        reflection.server_reflection_info(ask(symbol)).await.unwrap().into_inner().message().await.unwrap().unwrap();
    assert!(matches!(answer.message_response, Some(MessageResponse::FileDescriptorResponse(_))));
}

#[tokio::test]
async fn every_service_of_the_contract_is_there() {
    let served = Fake::default().serve().await;
    let mut ports = PortServiceClient::connect(served.url()).await.unwrap();
    assert_eq!(ports.get_port(get("", "x")).await.unwrap_err().code(), Code::NotFound);
    let channel = tonic::transport::Endpoint::from_shared(served.url()).unwrap().connect().await.unwrap();
    for service in controller::doc::shape::pool().services() {
        for method in service.methods() {
            let path = format!("/{}/{}", service.full_name(), method.name());
            let mut grpc = tonic::client::Grpc::new(channel.clone());
            grpc.ready().await.unwrap();
            let codec = tonic_prost::ProstCodec::<(), ()>::default();
            let answer = grpc.server_streaming(tonic::Request::new(()), path.parse().unwrap(), codec).await;
            let code = answer.map_or_else(|status| status.code(), |_| Code::Ok);
            assert_ne!(code, Code::Unimplemented, "{path}");
        }
    }
}
