//! The standard methods of every kind's service.
//!
//! [`Face`] has them once, generic over [`Kind`]; the macro below only gives them the names that the contract has.

use brain::{Caller, Refusal, Reply, Request};
use proto::v1;
use tonic::{Response, Status};

use super::backend::Backend;
use super::refusal::{detail_bytes, invalid, mismatch, status};
use super::{Face, mask};
use crate::doc::shape;

/// The tenant of those who name none.
const TENANT_DEFAULT: &str = "default";
/// The one fabric's name.
const FABRIC: &str = "default";

/// A kind of resource, as the contract's message.
pub(super) trait Kind: Sized + Send + 'static {
    /// Singular: `port`.
    const NAME: &'static str;
    /// It has no tenant.
    const GLOBAL: bool;

    /// As one resource of any kind.
    fn wrap(self) -> v1::resource::Kind;
    /// The reverse; `None` if it is another kind.
    fn unwrap(kind: v1::resource::Kind) -> Option<Self>;
    /// Its name and tenant.
    fn meta(&mut self) -> &mut Option<v1::Meta>;
}

/// A page of a list.
struct Page<K> {
    items: Vec<K>,
    next_page_token: String,
    revision: u64,
}

type Answer<T> = Result<Response<T>, Status>;

/// A request's message and how many bytes of violations its caller takes.
fn taken<T>(request: tonic::Request<T>) -> (T, usize) {
    let bytes = detail_bytes(request.metadata());
    (request.into_inner(), bytes)
}

impl<B: Backend> Face<B> {
    async fn ask(&self, request: Request, bytes: usize) -> Result<Reply, Status> {
        let answer = self.backend.request(Caller::administrator(), request).await;
        answer.map_err(|refusal| status(&refusal, bytes))
    }

    async fn ask_for_one<K: Kind>(&self, request: Result<Request, Refusal>, bytes: usize) -> Answer<K> {
        let request = request.map_err(|refusal| status(&refusal, bytes))?;
        match self.ask(request, bytes).await? {
            Reply::Resource(resource) => match resource.kind.and_then(K::unwrap) {
                Some(resource) => Ok(Response::new(resource)),
                None => Err(Status::internal(format!("a {} was asked for, and another kind came back", K::NAME))),
            },
            other => Err(mismatch(K::NAME, &other)),
        }
    }

    async fn get<K: Kind>(&self, request: tonic::Request<v1::GetRequest>) -> Answer<K> {
        let (v1::GetRequest { tenant, name }, bytes) = taken(request);
        let (tenant, name) = named::<K>(tenant, name);
        self.ask_for_one(Ok(Request::Get { kind: K::NAME.to_owned(), tenant, name }), bytes).await
    }

    async fn list<K: Kind>(&self, request: tonic::Request<v1::ListRequest>) -> Result<Page<K>, Status> {
        let (list, bytes) = taken(request);
        match self.ask(Request::List { kind: K::NAME.to_owned(), list }, bytes).await? {
            Reply::Resources { resources, next_page_token, revision } => {
                let items = resources.into_iter().filter_map(|resource| resource.kind.and_then(K::unwrap)).collect();
                Ok(Page { items, next_page_token, revision })
            }
            other => Err(mismatch("a list", &other)),
        }
    }

    async fn create<K: Kind>(&self, resource: Option<K>, options: Option<v1::WriteOptions>, bytes: usize) -> Answer<K> {
        let request =
            written(resource).map(|resource| Request::Create { resource, options: options.unwrap_or_default() });
        self.ask_for_one(request, bytes).await
    }

    async fn update<K: Kind>(
        &self,
        resource: Option<K>,
        paths: Option<prost_types::FieldMask>,
        options: Option<v1::WriteOptions>,
        bytes: usize,
    ) -> Answer<K> {
        let paths = paths.unwrap_or_default().paths;
        let request = written(resource).and_then(|resource| {
            let kind = shape::kind(K::NAME).ok_or_else(|| invalid("", format!("there is no kind {}", K::NAME)))?;
            let mask = mask::checked(&kind.message, paths)?;
            Ok(Request::Update { resource, mask, options: options.unwrap_or_default() })
        });
        self.ask_for_one(request, bytes).await
    }

    async fn delete<K: Kind>(&self, request: tonic::Request<v1::DeleteRequest>) -> Answer<()> {
        let (mut delete, bytes) = taken(request);
        (delete.tenant, delete.name) = named::<K>(delete.tenant, delete.name);
        match self.ask(Request::Delete { kind: K::NAME.to_owned(), delete }, bytes).await? {
            Reply::Deleted => Ok(Response::new(())),
            other => Err(mismatch("a deletion", &other)),
        }
    }
}

/// The tenant and name that a caller means: nobody's tenant is the default one, global kinds have none.
fn named<K: Kind>(tenant: String, name: String) -> (String, String) {
    let name = if K::NAME == "fabric" && name.is_empty() { FABRIC.to_owned() } else { name };
    match (K::GLOBAL, tenant.is_empty()) {
        (true, _) => (String::new(), name),
        (false, true) => (TENANT_DEFAULT.to_owned(), name),
        (false, false) => (tenant, name),
    }
}

/// A resource that a caller wants written.
fn written<K: Kind>(resource: Option<K>) -> Result<v1::Resource, Refusal> {
    let Some(mut resource) = resource else {
        return Err(invalid(K::NAME, "is missing: this request writes it".to_owned()));
    };
    let meta = resource.meta().get_or_insert_default();
    // A global resource that says a tenant is wrong, and the core says so.
    if !K::GLOBAL {
        (meta.tenant, meta.name) = named::<K>(std::mem::take(&mut meta.tenant), std::mem::take(&mut meta.name));
    } else if K::NAME == "fabric" && meta.name.is_empty() {
        meta.name = FABRIC.to_owned();
    }
    Ok(v1::Resource { kind: Some(resource.wrap()) })
}

macro_rules! kind {
    ($message:ident, $name:literal, global: $global:literal) => {
        impl Kind for v1::$message {
            const NAME: &'static str = $name;
            const GLOBAL: bool = $global;

            fn wrap(self) -> v1::resource::Kind {
                v1::resource::Kind::$message(self)
            }

            fn unwrap(kind: v1::resource::Kind) -> Option<Self> {
                match kind {
                    v1::resource::Kind::$message(resource) => Some(resource),
                    _ => None,
                }
            }

            fn meta(&mut self) -> &mut Option<v1::Meta> {
                &mut self.meta
            }
        }
    };
}

/// A kind with its service: names only.
macro_rules! service {
    ($message:ident, $name:literal, global: $global:literal, $service:ident in $module:ident, field $field:ident,
     get $get:ident, list $list:ident as $plural:ident in $page:ident, create $create:ident of $created:ident,
     update $update:ident of $updated:ident, delete $delete:ident) => {
        kind!($message, $name, global: $global);

        #[tonic::async_trait]
        impl<B: Backend> v1::$module::$service for Face<B> {
            async fn $get(&self, request: tonic::Request<v1::GetRequest>) -> Answer<v1::$message> {
                self.get(request).await
            }

            async fn $list(&self, request: tonic::Request<v1::ListRequest>) -> Answer<v1::$page> {
                let Page { items, next_page_token, revision } = self.list(request).await?;
                Ok(Response::new(v1::$page { $plural: items, next_page_token, revision }))
            }

            async fn $create(&self, request: tonic::Request<v1::$created>) -> Answer<v1::$message> {
                let (v1::$created { $field, options }, bytes) = taken(request);
                self.create($field, options, bytes).await
            }

            async fn $update(&self, request: tonic::Request<v1::$updated>) -> Answer<v1::$message> {
                let (v1::$updated { $field, update_mask, options }, bytes) = taken(request);
                self.update($field, update_mask, options, bytes).await
            }

            async fn $delete(&self, request: tonic::Request<v1::DeleteRequest>) -> Answer<()> {
                self.delete::<v1::$message>(request).await
            }
        }
    };
}

service!(Chassis, "chassis", global: true, ChassisService in chassis_service_server, field chassis,
    get get_chassis, list list_chassis as chassis in ListChassisResponse, create create_chassis of CreateChassisRequest,
    update update_chassis of UpdateChassisRequest, delete delete_chassis);
service!(Network, "network", global: false, NetworkService in network_service_server, field network,
    get get_network, list list_networks as networks in ListNetworksResponse, create create_network of CreateNetworkRequest,
    update update_network of UpdateNetworkRequest, delete delete_network);
service!(Subnet, "subnet", global: false, SubnetService in subnet_service_server, field subnet,
    get get_subnet, list list_subnets as subnets in ListSubnetsResponse, create create_subnet of CreateSubnetRequest,
    update update_subnet of UpdateSubnetRequest, delete delete_subnet);
service!(Router, "router", global: false, RouterService in router_service_server, field router,
    get get_router, list list_routers as routers in ListRoutersResponse, create create_router of CreateRouterRequest,
    update update_router of UpdateRouterRequest, delete delete_router);
service!(Port, "port", global: false, PortService in port_service_server, field port,
    get get_port, list list_ports as ports in ListPortsResponse, create create_port of CreatePortRequest,
    update update_port of UpdatePortRequest, delete delete_port);
service!(Delegation, "delegation", global: false, DelegationService in delegation_service_server, field delegation,
    get get_delegation, list list_delegations as delegations in ListDelegationsResponse,
    create create_delegation of CreateDelegationRequest, update update_delegation of UpdateDelegationRequest,
    delete delete_delegation);
service!(Renumbering, "renumbering", global: false, RenumberingService in renumbering_service_server, field renumbering,
    get get_renumbering, list list_renumberings as renumberings in ListRenumberingsResponse,
    create create_renumbering of CreateRenumberingRequest, update update_renumbering of UpdateRenumberingRequest,
    delete delete_renumbering);

service!(SecurityGroup, "security_group", global: false, SecurityGroupService in security_group_service_server,
    field security_group,
    get get_security_group, list list_security_groups as security_groups in ListSecurityGroupsResponse,
    create create_security_group of CreateSecurityGroupRequest,
    update update_security_group of UpdateSecurityGroupRequest, delete delete_security_group);
service!(AddressGroup, "address_group", global: false, AddressGroupService in address_group_service_server,
    field address_group,
    get get_address_group, list list_address_groups as address_groups in ListAddressGroupsResponse,
    create create_address_group of CreateAddressGroupRequest, update update_address_group of UpdateAddressGroupRequest,
    delete delete_address_group);

service!(AnycastService, "anycast_service", global: false, AnycastServiceService in anycast_service_service_server,
    field anycast_service,
    get get_anycast_service, list list_anycast_services as anycast_services in ListAnycastServicesResponse,
    create create_anycast_service of CreateAnycastServiceRequest,
    update update_anycast_service of UpdateAnycastServiceRequest, delete delete_anycast_service);

service!(Translator, "translator", global: false, TranslatorService in translator_service_server, field translator,
    get get_translator, list list_translators as translators in ListTranslatorsResponse,
    create create_translator of CreateTranslatorRequest, update update_translator of UpdateTranslatorRequest,
    delete delete_translator);

service!(Exposure, "exposure", global: false, ExposureService in exposure_service_server, field exposure,
    get get_exposure, list list_exposures as exposures in ListExposuresResponse, create create_exposure of CreateExposureRequest,
    update update_exposure of UpdateExposureRequest, delete delete_exposure);

service!(Trunk, "trunk", global: false, TrunkService in trunk_service_server, field trunk,
    get get_trunk, list list_trunks as trunks in ListTrunksResponse, create create_trunk of CreateTrunkRequest,
    update update_trunk of UpdateTrunkRequest, delete delete_trunk);

service!(PrefixMapping, "prefix_mapping", global: false, PrefixMappingService in prefix_mapping_service_server,
    field prefix_mapping,
    get get_prefix_mapping, list list_prefix_mappings as prefix_mappings in ListPrefixMappingsResponse,
    create create_prefix_mapping of CreatePrefixMappingRequest,
    update update_prefix_mapping of UpdatePrefixMappingRequest, delete delete_prefix_mapping);

service!(FloatingIp, "floating_ip", global: false, FloatingIpService in floating_ip_service_server, field floating_ip,
    get get_floating_ip, list list_floating_ips as floating_ips in ListFloatingIpsResponse,
    create create_floating_ip of CreateFloatingIpRequest, update update_floating_ip of UpdateFloatingIpRequest,
    delete delete_floating_ip);

kind!(Fabric, "fabric", global: true);

/// The one fabric is there or not: it has no list.
#[tonic::async_trait]
impl<B: Backend> v1::fabric_service_server::FabricService for Face<B> {
    async fn get_fabric(&self, request: tonic::Request<v1::GetRequest>) -> Answer<v1::Fabric> {
        self.get(request).await
    }

    async fn update_fabric(&self, request: tonic::Request<v1::UpdateFabricRequest>) -> Answer<v1::Fabric> {
        let (v1::UpdateFabricRequest { fabric, update_mask, options }, bytes) = taken(request);
        self.update(fabric, update_mask, options, bytes).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of a kind here and in the contract are the same, and none is forgotten.
    #[test]
    fn every_kind_of_the_contract_has_its_service() {
        let here = [
            v1::Chassis::NAME,
            v1::Fabric::NAME,
            v1::Network::NAME,
            v1::Subnet::NAME,
            v1::Router::NAME,
            v1::Port::NAME,
            v1::Delegation::NAME,
            v1::Renumbering::NAME,
            v1::SecurityGroup::NAME,
            v1::AddressGroup::NAME,
            v1::AnycastService::NAME,
            v1::Translator::NAME,
            v1::Exposure::NAME,
            v1::Trunk::NAME,
            v1::FloatingIp::NAME,
            v1::PrefixMapping::NAME,
        ];
        for kind in shape::kinds() {
            assert!(here.contains(&kind.singular.as_str()), "{}", kind.singular);
            let global = [v1::Chassis::NAME, v1::Fabric::NAME].contains(&kind.singular.as_str());
            assert_eq!(shape::is_global(kind), global, "{}", kind.singular);
        }
        assert_eq!(named::<v1::Port>(String::new(), "a".to_owned()).0, "default");
        assert_eq!(named::<v1::Chassis>("x".to_owned(), "a".to_owned()).0, "");
        assert_eq!(named::<v1::Fabric>(String::new(), String::new()).1, "default");
    }
}
