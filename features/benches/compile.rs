//! What a change costs: the whole site compiled from scratch beside one port's move, at three sizes in one run.

#[path = "../tests/common/mod.rs"]
mod common;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use flows::Engine;
use topology::{Change, Encap, RouterKey, World};

use common::*;

const CHASSIS: u16 = 2;
const PORTS_OF_NETWORK: u32 = 20;

/// Networks of 20 ports over two chassis, a router for each five networks.
fn site(ports: u32) -> Vec<Change> {
    let mut changes = vec![fabric(Encap::Geneve)];
    for c in 1..=CHASSIS {
        changes.extend([chassis(c), plug(c, "sx-tun", Some(60_000))]);
    }
    for n in 1..=ports.div_ceil(PORTS_OF_NETWORK) {
        changes.push(network(n, 1430));
        changes.extend(subnet(n));
        let r = 1 + n / 5;
        let mac = features::router::generated_mac(RouterKey(r));
        changes.extend([router(r, mac), interface(r, n, mac)]);
    }
    for p in 1..=ports {
        let (n, c) = (1 + p / PORTS_OF_NETWORK, 1 + (p as u16) % CHASSIS);
        let Change::Port(key, Some(mut port)) = port(p, n) else { unreachable!() };
        port.addresses.truncate(1);
        changes.extend([
            Change::Port(key, Some(port)),
            bind(p, c),
            policy(p, true),
            plug(c, &format!("vm{p}"), Some(p)),
        ]);
    }
    changes
}

fn compile(c: &mut Criterion) {
    let mut group = c.benchmark_group("compile");
    group.sample_size(10);
    for ports in [100u32, 1_000, 10_000] {
        let mut world = World::default();
        world.commit(site(ports));
        group.bench_with_input(BenchmarkId::new("from_scratch", ports), &world, |b, world| {
            b.iter(|| Engine::from_scratch(features::ALL, world).1.compiled);
        });
        let (mut engine, _) = Engine::from_scratch(features::ALL, &world);
        let mut there = 1;
        group.bench_function(BenchmarkId::new("one_port_moves", ports), |b| {
            b.iter_batched(
                || {
                    there = 1 + there % CHASSIS;
                    vec![bind(7, there)]
                },
                |change| {
                    let committed = world.commit(change);
                    engine.update(&world, &committed.changed).ops.len()
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, compile);
criterion_main!(benches);
