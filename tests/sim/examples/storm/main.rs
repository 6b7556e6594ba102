//! A thousand switches connect to the real daemon at once, over loopback TCP; then all are cut at once and come back, first with
//! their flows, then, as after a restart, without. Prints a JSON line for each: seconds until all are in step, changes sent, CPU
//! and memory of the daemon.
//!
//! `cargo run --release -p sim --example storm`, or with numbers: `... storm 1000 10 1` (switches, ports of each network,
//! how often they reconnect).

mod daemon;
mod fleet;
mod site;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use daemon::Daemon;
use fleet::Fleet;
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
    let numbers: Vec<u32> = std::env::args().skip(1).filter_map(|number| number.parse().ok()).collect();
    let site = Site {
        chassis: numbers.first().map_or(1_000, |chassis| (*chassis).clamp(site::CHASSIS_OF_NETWORK, 4_000)),
        ports_of_network: numbers.get(1).map_or(10, |ports| (*ports).clamp(1, 1_000)),
    };
    let reconnects = numbers.get(2).map_or(1, |count| (*count).clamp(1, 100) as usize);
    let run = || tokio::runtime::Runtime::new()?.block_on(storm(site, reconnects));
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("storm: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn storm(site: Site, reconnects: usize) -> Result<(), Failure> {
    let mut daemon = Daemon::start().await?;
    let begin = Instant::now();
    for documents in site.documents().chunks(50) {
        daemon.apply(documents.to_vec()).await?;
    }
    eprintln!("storm: {} ports are wanted after {:.1} s", site.ports(), begin.elapsed().as_secs_f64());
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
