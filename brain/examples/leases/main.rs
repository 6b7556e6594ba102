//! What DHCPv6 leases cost: a client on every port of a large site gets one by four messages; time that the brain takes for that, and
//! memory that it keeps. A JSON line.
//!
//! `cargo run --release -p brain --example leases`, or with a number of ports: `... --example leases 1000`.

mod clients;
#[allow(dead_code)] // Of what the site and its switches can, not all is needed here.
#[path = "../scale/fleet.rs"]
mod fleet;
#[allow(dead_code)]
#[path = "../scale/site.rs"]
mod site;

use brain::Request;
use proto::v1;
use topology::ChassisKey;

use fleet::Fleet;
use site::Site;

const PORTS: u32 = 100_000;

fn main() {
    let ports = std::env::args().nth(1).and_then(|ports| ports.parse().ok()).unwrap_or(PORTS);
    let site = Site { mode: v1::Ipv6Mode::Dhcpv6Stateful, ..Site::of(ports) };
    let mut fleet = Fleet::new(site);
    for documents in site.documents().chunks(10) {
        let request = v1::ApplyRequest { documents: documents.to_vec(), ..v1::ApplyRequest::default() };
        fleet.request(Request::Apply(request));
    }
    for c in 1..=site.chassis as u16 {
        fleet.connect(ChassisKey(c));
    }
    fleet.taken = Default::default();
    let mut answers = 0;
    let kept = allocation_counter::measure(|| {
        for p in 1..=site.ports {
            for said in clients::solicit_and_request(site, p) {
                answers += fleet.says(site.home(p), said);
            }
        }
    });
    if answers < 2 * u64::from(site.ports) {
        eprintln!("leases: {answers} answers to {} clients, two are wanted for each", site.ports);
        std::process::exit(1);
    }
    let (leases, bytes, seconds) = (f64::from(site.ports), kept.bytes_current as f64, fleet.taken.as_secs_f64());
    println!(
        "{{\"measure\":\"leases\",\"leases\":{leases},\"bytes_per_lease\":{:.1},\"mebibytes\":{:.1},\"seconds\":{seconds:.3},\
         \"exchanges_per_s\":{:.0}}}",
        bytes / leases,
        bytes / f64::from(1 << 20),
        leases / seconds,
    );
}
