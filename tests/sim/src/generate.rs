//! Scenarios from seeds: what happens next is drawn without regard to what has come of the last.

use fastrand::Rng;

use crate::scenario::{
    DELEGATIONS, Encap, Fault, Kind, NETWORKS, PORTS, ROUTERS, Refusal, RouteTo, Scenario, Step, TENANTS, Timed, When,
};

/// Steps between two rests, about.
const REST_EVERY: usize = 25;

/// Steps of a scenario.
pub const STEPS: usize = 80;

/// The scenario of a seed; its last step is a rest.
pub fn scenario(seed: u64) -> Scenario {
    let mut draw = Draw { rng: Rng::with_seed(seed), switches: 0 };
    draw.switches = draw.rng.u8(2..=5);
    let site = Step::Site { encap: draw.encap() };
    let mut all = vec![Timed { wait_ms: 0, step: site }];
    while all.len() + 1 < STEPS {
        let step = if draw.rng.usize(..REST_EVERY) == 0 { Step::Rest } else { draw.step() };
        all.push(Timed { wait_ms: draw.wait_ms(), step });
    }
    all.push(Timed { wait_ms: 0, step: Step::Rest });
    Scenario { note: String::new(), seed, switches: draw.switches, steps: all }
}

struct Draw {
    rng: Rng,
    switches: u8,
}

impl Draw {
    /// Most steps come while the last one is still on its way.
    fn wait_ms(&mut self) -> u32 {
        match self.rng.u8(..8) {
            0..=2 => self.rng.u32(0..10),
            3..=5 => self.rng.u32(10..300),
            6 => self.rng.u32(300..2_000),
            _ => self.rng.u32(2_000..12_000),
        }
    }

    fn step(&mut self) -> Step {
        match self.rng.u8(..100) {
            0..=51 => self.intent(),
            52..=60 => self.plug(),
            61..=64 => Step::Ask { patience_ms: self.rng.u32(0..20_000) },
            65..=93 => Step::Fault { switch: self.switch(), fault: self.fault() },
            94..=97 => Step::Kill { when: self.when(), down_ms: self.rng.u32(0..15_000) },
            _ => Step::StoreFails { count: self.rng.u8(1..3) },
        }
    }

    fn intent(&mut self) -> Step {
        let (tenant, network) = (self.tenant(), self.network());
        match self.rng.u8(..100) {
            0..=1 => Step::Fabric { encap: self.encap() },
            2..=4 => Step::Chassis { switch: self.switch(), endpoint: self.rng.u8(1..40) },
            5..=11 => Step::Network {
                tenant,
                network,
                mtu: self.option().then(|| self.rng.u32(1280..1400)),
                segment: (self.rng.u8(..3) == 0).then(|| self.rng.u32(100..104)),
            },
            12..=22 => Step::Subnet {
                tenant,
                network,
                v4: self.rng.u8(..4) == 0,
                prefix: self.rng.u8(..4),
                slaac: self.rng.u8(..4) > 0,
            },
            23..=34 => self.router(),
            35..=64 => Step::Port {
                tenant,
                port: self.port(),
                network,
                chassis: (self.rng.u8(..8) > 0).then(|| self.switch()),
                secured: self.rng.u8(..6) > 0,
                mac: (self.rng.u8(..8) == 0).then(|| self.rng.u8(..4)),
            },
            65..=79 => Step::Move { tenant, port: self.port(), chassis: (self.rng.u8(..8) > 0).then(|| self.switch()) },
            80..=85 => Step::Delegation {
                tenant,
                delegation: self.rng.u8(..DELEGATIONS),
                port: self.port(),
                length: [48, 56, 60, 64][self.rng.usize(..4)],
                chosen: self.option().then(|| self.rng.u16(..4)),
            },
            _ => {
                let kind = match self.rng.u8(..12) {
                    0..=5 => Kind::Port,
                    6 => Kind::Router,
                    7 => Kind::Subnet,
                    8 => Kind::Network,
                    9 => Kind::Chassis,
                    _ => Kind::Delegation,
                };
                Step::Delete { kind, tenant, which: self.rng.u8(..PORTS) }
            }
        }
    }

    fn router(&mut self) -> Step {
        let networks = (0..NETWORKS.len() as u8).filter(|_| self.rng.u8(..3) > 0).collect();
        let routes = (0..self.rng.u8(..3)).map(|destination| RouteTo {
            destination,
            network: self.rng.u8(..NETWORKS.len() as u8),
            port: self.rng.bool().then(|| self.rng.u8(..PORTS)),
        });
        let routes = routes.collect();
        let router = self.rng.u8(..ROUTERS.len() as u8);
        Step::Router { tenant: self.tenant(), router, networks, v4: self.rng.u8(..5) == 0, routes }
    }

    fn plug(&mut self) -> Step {
        if self.rng.u8(..10) == 0 {
            return Step::Uplink { switch: self.switch(), there: self.rng.u8(..3) > 0 };
        }
        Step::Plug { switch: self.switch(), tenant: self.tenant(), port: self.port(), there: self.rng.u8(..3) > 0 }
    }

    fn fault(&mut self) -> Fault {
        match self.rng.u8(..29) {
            0..=4 => {
                let bytes = if self.rng.bool() { self.rng.u32(0..400) } else { self.rng.u32(0..40_000) };
                Fault::Cut { to_switch: self.rng.bool(), bytes }
            }
            5 | 6 => Fault::HalfOpen,
            7..=9 => Fault::Slow { up_to_ms: self.rng.u32(10..9_000), messages: self.rng.u32(1..50) },
            10 => Fault::Mute { barriers: 1 },
            11 => Fault::Twice { replies: self.rng.u8(1..6) },
            12..=15 => Fault::Refuse {
                skip: self.rng.u16(..200),
                count: if self.rng.u8(..5) == 0 { self.rng.u16(50..400) } else { self.rng.u16(1..4) },
                error: [Refusal::TableFull, Refusal::BadGroup, Refusal::Unknown][self.rng.usize(..3)],
                at_add: self.rng.bool(),
                named: self.rng.u8(..4) > 0,
            },
            16 => Fault::Full { flows: self.rng.u16(50..800) },
            17..=18 => Fault::ForeignFlow { table: self.rng.u8(..250), priority: self.rng.u16(..) },
            19 => Fault::Deleted { one_in: self.rng.u16(1..100) },
            20 => Fault::Changed { one_in: self.rng.u16(1..100) },
            26 | 27 => Fault::GroupsDeleted { one_in: self.rng.u16(1..6) },
            28 => Fault::Stray { table: self.table(), priority: self.rng.u16(..) },
            21..=22 => Fault::Restart { down_ms: self.rng.u32(100..20_000), renumber: self.rng.bool() },
            _ => Fault::Away { ms: self.rng.u32(500..30_000) },
        }
    }

    /// A table of the pipeline.
    fn table(&mut self) -> u8 {
        let tables: Vec<u8> = (0..=u8::MAX).filter(|id| flows::Table::from_id(*id).is_some()).collect();
        tables[self.rng.usize(..tables.len())]
    }

    fn when(&mut self) -> When {
        [When::Now, When::BeforeWrite, When::AfterWrite][self.rng.usize(..3)]
    }

    fn encap(&mut self) -> Encap {
        [Encap::Geneve, Encap::Vxlan, Encap::Gre, Encap::Vlan, Encap::Vlan][self.rng.usize(..5)]
    }

    fn option(&mut self) -> bool {
        self.rng.u8(..3) == 0
    }

    fn tenant(&mut self) -> u8 {
        self.rng.u8(..TENANTS.len() as u8)
    }

    fn network(&mut self) -> u8 {
        self.rng.u8(..NETWORKS.len() as u8)
    }

    fn port(&mut self) -> u8 {
        self.rng.u8(..PORTS)
    }

    fn switch(&mut self) -> u8 {
        self.rng.u8(..self.switches)
    }
}
