//! DHCP: clients' messages are answered once their leases are durable; and who has leased what.

use addr::IpNet;
use features::dhcp6::reconfigure;
use features::lease::{LeaseChange, Secret, Served};
use features::punt::{Punted, Unanswered};
use flows::PuntOp;
use packet::Dhcp6Kind;
use proto::v1;
use topology::{Key, PortKey, World};

use crate::brain::Brain;
use crate::catalog::{Leasing, association_word};
use crate::effect::{Refusal, Reply};
use crate::learning::{At, Outcome};

/// Why good clients' messages get no answer: there is another server, or none that is ours.
const USUAL: [Unanswered; 2] = ["for_another_server", "not_served"];

impl Brain {
    /// Answers a client's message: at once if it changes no lease.
    pub(crate) fn serve(
        &mut self,
        punted: &Punted,
        answer: fn(&World, &Punted, Secret) -> Result<Served, Unanswered>,
    ) -> Outcome {
        let served = answer(&self.world, punted, self.links.mark.0);
        let Served { operation, port, packets, leases, ahead, reconfigure, lacks } = match served {
            Ok(served) => served,
            Err(reason) => return self.unserved(punted, reason),
        };
        if let (Some(lacks), Some(id)) = (lacks, self.world.resource_of(&Key::Port(port))) {
            let words = format!("{}: a client asks for addresses, and {lacks}", punted.op.name());
            self.tell_refusal(at(punted), "lease.refused", &id, words);
        }
        if punted.op == PuntOp::Dhcp6 {
            self.heard_of(port, operation);
        }
        if leases.is_empty() {
            self.send(packets);
            self.write_ahead(port, (punted.op.name(), operation), ahead);
            return Ok(operation);
        }
        let agreement = self.agreed(port, &leases, reconfigure);
        let told = agreement.as_ref().and_then(|_| reconfigure::told(&self.world, port));
        let port = self.world.resource_of(&Key::Port(port)).ok_or("gone")?;
        let of = punted.op.name();
        let ahead = false;
        let leasing = Leasing { port, of, operation, changes: leases, agreement, told, answer: packets, ahead };
        if !self.learning.wishes.lease(leasing) {
            return Err("too_many_leases_to_write");
        }
        self.next_write();
        Ok("leases")
    }

    /// What was offered will be asked for: it is on disk by then, or nearly.
    fn write_ahead(&mut self, port: PortKey, (of, operation): (&'static str, &'static str), changes: Vec<LeaseChange>) {
        let Some(port) = self.world.resource_of(&Key::Port(port)).filter(|_| !changes.is_empty()) else { return };
        let (agreement, told, answer) = (None, None, Vec::new());
        let leasing = Leasing { port, of, operation, changes, agreement, told, answer, ahead: true };
        // Without room it is written when it is asked for.
        self.learning.wishes.lease(leasing);
        self.next_write();
    }

    /// A message gets no answer. What no good client sends is told of.
    fn unserved(&mut self, punted: &Punted, reason: Unanswered) -> Outcome {
        if !USUAL.contains(&reason)
            && let Some(id) = self.world.resource_of(&Key::Port(punted.port))
        {
            let words = format!("a message gets no answer: {}", reason.replace('_', " "));
            self.tell_refusal(at(punted), &format!("{}.drop", punted.op.name()), &id, words);
        }
        Err(reason)
    }

    /// Leases are durable: what was promised may be told.
    pub(crate) fn leased(&mut self, leases: Vec<Leasing>) {
        for Leasing { port, of, operation, changes, agreement, told, answer, ahead } in leases {
            if ahead {
                continue;
            }
            self.count_punt(of, operation);
            self.send(answer);
            // Who registers an address has agreed on nothing by that.
            let registers = operation == Dhcp6Kind::AddrRegInform.name();
            let told_again = of != PuntOp::Dhcp4.name() && !registers;
            let Some(port) = self.catalog.key_of(&port).map(PortKey).filter(|_| told_again) else {
                continue;
            };
            let client = changes.into_iter().find_map(|change| match change {
                LeaseChange::Bind { client, .. } => Some(client),
                LeaseChange::End { .. } => None,
            });
            self.agree(port, client, agreement, told);
        }
    }

    /// The leases of all ports, or of one, in the order of ports.
    pub(crate) fn leases(&self, request: &v1::LeasesRequest) -> Result<Reply, Refusal> {
        let mut leases = Vec::new();
        for id in self.ports_of(&request.tenant, &request.port)? {
            let network = self.catalog.port(id).map(|port| format!("{}/{}", port.network.tenant, port.network.name));
            let shown = self.catalog.leases_of(id).filter(|(_, lease)| !lease.is_over(self.now.0));
            leases.extend(shown.map(|(which, lease)| v1::Lease {
                tenant: id.tenant.to_string(),
                port: id.name.to_string(),
                network: network.clone().unwrap_or_default(),
                association: association_word(which),
                client: lease.client.iter().map(|byte| format!("{byte:02x}")).collect(),
                leased: lease.leased.iter().map(shown_prefix).collect(),
                since_ms: lease.since_ms,
                until_ms: lease.until_ms,
            }));
        }
        Ok(Reply::Leases(leases))
    }
}

/// Where a packet came from, for telling of it now and then.
fn at(punted: &Punted) -> At {
    (punted.place.chassis, punted.place.ofport)
}

/// Whole addresses without their length.
fn shown_prefix(prefix: &IpNet) -> String {
    if prefix.prefix_len() == prefix.max_prefix_len() { prefix.addr().to_string() } else { prefix.to_string() }
}
