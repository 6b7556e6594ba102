//! A thousand switches connect to the real daemon at once, over loopback TCP; then all are cut at once and come back, first with
//! their flows, then, as after a restart, without. Prints a JSON line for each: seconds until all are in step, changes sent, CPU
//! and memory of the daemon.
//!
//! `cargo run --release -p sim --example storm`, or with numbers: `... storm 1000 10 1` (switches, ports of each network,
//! how often they reconnect). `... storm exchanges 100 10 10` (the last: seconds): a DHCPv6 client on every port, all at once, one
//! exchange of four messages after the other.

mod clients;
mod daemon;
mod fleet;
mod site;

use std::process::ExitCode;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use daemon::Daemon;
use fleet::Fleet;
use proto::v1;
use site::Site;

/// What must be in step by then.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks at how far all are.
const LOOK: Duration = Duration::from_millis(250);

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    // The daemon is this program too, in a process of its own.
    if std::env::args().nth(1).as_deref() == Some("controller") {
        return controller::cli::main();
    }
    let exchanges = std::env::args().nth(1).as_deref() == Some("exchanges");
    let numbers: Vec<u32> = std::env::args().skip(1).filter_map(|number| number.parse().ok()).collect();
    let site = Site {
        chassis: numbers.first().map_or(1_000, |chassis| (*chassis).clamp(site::CHASSIS_OF_NETWORK, 4_000)),
        ports_of_network: numbers.get(1).map_or(10, |ports| (*ports).clamp(1, 1_000)),
        mode: if exchanges { v1::Ipv6Mode::Dhcpv6Stateful } else { v1::Ipv6Mode::Slaac },
    };
    let times = numbers.get(2).copied();
    let run = || {
        let runtime = tokio::runtime::Runtime::new()?;
        match exchanges {
            true => runtime.block_on(exchange(site, times.unwrap_or(10).clamp(1, 600))),
            false => runtime.block_on(storm(site, times.unwrap_or(1).clamp(1, 100) as usize)),
        }
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("storm: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A daemon that wants all of a site.
async fn wanting(site: Site) -> Result<Daemon, Failure> {
    let daemon = Daemon::start().await?;
    let begin = Instant::now();
    for documents in site.documents().chunks(50) {
        daemon.apply(documents.to_vec()).await?;
    }
    eprintln!("storm: {} ports are wanted after {:.1} s", site.ports(), begin.elapsed().as_secs_f64());
    Ok(daemon)
}

/// Clients on all ports at once, for so long.
async fn exchange(site: Site, seconds: u32) -> Result<(), Failure> {
    let mut daemon = wanting(site).await?;
    let mut fleet = Fleet::new(site);
    fleet.connect(daemon.openflow);
    until_in_step(&mut daemon, &fleet).await?;
    let (begin, cpu) = (Instant::now(), daemon.cpu_seconds()?);
    fleet.speak();
    tokio::time::sleep(Duration::from_secs(seconds.into())).await;
    let exchanges = fleet.clients.exchanges.load(Ordering::Relaxed);
    let (took, cpu) = (begin.elapsed().as_secs_f64(), daemon.cpu_seconds()? - cpu);
    let mut took_ms = std::mem::take(&mut *fleet.clients.took_ms.lock().unwrap_or_else(PoisonError::into_inner));
    took_ms.sort_by(f64::total_cmp);
    let at = |share: f64| took_ms.get((took_ms.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN);
    let [_, most] = daemon.memory_mib()?;
    println!(
        "{{\"measure\":\"exchanges\",\"switches\":{},\"ports\":{},\"exchanges\":{exchanges},\"seconds\":{took:.3},\"per_s\":{:.0},\
         \"median_ms\":{:.2},\"p99_ms\":{:.2},\"cpu_s\":{cpu:.2},\"rss_most_mib\":{most}}}",
        site.chassis,
        site.ports(),
        exchanges as f64 / took,
        at(0.5),
        at(0.99),
    );
    fleet.cut().await;
    daemon.stop().await
}

async fn storm(site: Site, reconnects: usize) -> Result<(), Failure> {
    let mut daemon = wanting(site).await?;
    let mut fleet = Fleet::new(site);
    let again = std::iter::repeat_n("reconnect", reconnects);
    for what in ["connect"].into_iter().chain(again).chain(["restart"]) {
        if what == "restart" {
            fleet.lose_flows();
        }
        let (sent, cpu) = (daemon.flow_mods().await?, daemon.cpu_seconds()?);
        let begin = Instant::now();
        fleet.connect(daemon.openflow);
        until_in_step(&mut daemon, &fleet).await?;
        let seconds = begin.elapsed().as_secs_f64();
        let sent = daemon.flow_mods().await? - sent;
        let [resident, most] = daemon.memory_mib()?;
        println!(
            "{{\"measure\":\"storm\",\"what\":\"{what}\",\"switches\":{},\"ports\":{},\"flows\":{},\"in_step_s\":{seconds:.3},\
             \"flow_mods\":{sent},\"ended\":{},\"cpu_s\":{:.2},\"rss_mib\":{resident},\"rss_most_mib\":{most}}}",
            site.chassis,
            site.ports(),
            fleet.flows(),
            fleet.ended(),
            daemon.cpu_seconds()? - cpu,
        );
        fleet.cut().await;
    }
    daemon.stop().await
}

/// Every switch has been read since it connected, and holds all that is wanted.
async fn until_in_step(daemon: &mut Daemon, fleet: &Fleet) -> Result<(), Failure> {
    let begin = Instant::now();
    while !(fleet.all_read() && daemon.all_active().await?) {
        if begin.elapsed() > PATIENCE {
            return Err(format!("not in step after {PATIENCE:?}: {}", fleet.words()).into());
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}
