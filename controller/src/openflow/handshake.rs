//! The handshake: who the switch is, what it agrees to, and which ports it has.
//!
//! Everything that guards and services rely on is set on each connect and seen to be set: fragments match by transport fields
//! (without it fragmented router advertisements slip past any guard), packets come with userdata, no invalid-TTL packets.

use addr::Dpid;
use bytes::Bytes;
use ofp::{
    AsyncConfig, Body, ControllerRole, ErrorMsg, Hello, Message, MultipartRequest, PortDesc, PortStatus, Role,
    StatsReply, StatsRequest, SwitchConfig, VERSION, config_flags, packet_in_format, packet_in_reason,
};
use tokio::io::AsyncRead;

use super::conn::{Fault, Incoming, Outgoing};
use super::words;

/// Ports that a switch may have.
const PORTS_MAX: usize = 65_536;
/// All reasons of port status (OpenFlow 1.3.5, 7.4.3) and of flow removed (7.4.2).
const PORT_REASONS: u32 = 0b111;
const REMOVED_REASONS: u32 = 0b1111;

/// What a handshake found out.
#[derive(Debug)]
pub(crate) struct Switch {
    pub(crate) dpid: Dpid,
    pub(crate) ports: Vec<PortDesc>,
    /// What happened to ports after they were described.
    pub(crate) news: Vec<PortStatus>,
    /// Who made it.
    pub(crate) made_by: String,
}

/// Shakes hands; the caller limits the time.
pub(crate) async fn shake<R: AsyncRead + Unpin>(
    incoming: &mut Incoming<R>,
    outgoing: &mut Outgoing,
) -> Result<Switch, Fault> {
    let mut hand = Hand { incoming, outgoing, news: Vec::new() };
    hand.hello().await?;
    let dpid = hand.features().await?;
    hand.configure().await?;
    hand.role().await?;
    let ports = hand.ports().await?;
    let made_by = hand.desc().await?;
    Ok(Switch { dpid, ports, news: hand.news, made_by })
}

struct Hand<'a, R> {
    incoming: &'a mut Incoming<R>,
    outgoing: &'a mut Outgoing,
    news: Vec<PortStatus>,
}

impl<R: AsyncRead + Unpin> Hand<'_, R> {
    async fn hello(&mut self) -> Result<(), Fault> {
        self.outgoing.ask(Hello::v13())?;
        let message = self.incoming.next().await?;
        let found = match &message.body {
            Body::Hello(hello) if hello.speaks(VERSION) => return Ok(()),
            Body::Hello(hello) => format!("the switch speaks version {:#04x} of OpenFlow", hello.version),
            Body::Unknown { version, .. } if *version != VERSION => {
                format!("the switch began with version {version:#04x} of OpenFlow")
            }
            other => {
                let found = words::kind(other);
                return Err(Fault::Handshake(format!("the switch began with {found} instead of hello")));
            }
        };
        // OFPET_HELLO_FAILED, OFPHFC_INCOMPATIBLE (OpenFlow 1.3.5, 7.4.4.1).
        let words = "OpenFlow 1.3 (0x04) is spoken here";
        let error = ErrorMsg { kind: 0, code: 0, experimenter: None, data: Bytes::from_static(words.as_bytes()) };
        self.outgoing.send(&Message { xid: message.xid, body: Body::Error(error) })?;
        Err(Fault::Version(format!("{found}; only 1.3 (0x04) is spoken here")))
    }

    async fn features(&mut self) -> Result<Dpid, Fault> {
        let xid = self.outgoing.ask(Body::FeaturesRequest)?;
        match self.answer(xid).await? {
            Body::FeaturesReply(features) if features.auxiliary_id == 0 => Ok(features.datapath_id),
            Body::FeaturesReply(_) => Err(Fault::Handshake("auxiliary connections are not used here".to_owned())),
            other => Err(odd("features", &other)),
        }
    }

    async fn configure(&mut self) -> Result<(), Fault> {
        let config = SwitchConfig { flags: config_flags::FRAG_NX_MATCH, miss_send_len: ofp::NO_TRUNCATION };
        let packets = (1 << packet_in_reason::NO_MATCH) | (1 << packet_in_reason::ACTION);
        let asynchronous = AsyncConfig {
            packet_in: [packets, 0],
            port_status: [PORT_REASONS, PORT_REASONS],
            flow_removed: [REMOVED_REASONS, 0],
        };
        self.outgoing.ask(Body::SetConfig(config))?;
        self.outgoing.ask(Body::SetPacketInFormat(packet_in_format::NXT_PACKET_IN2))?;
        self.outgoing.ask(Body::SetAsync(asynchronous))?;
        let xid = self.outgoing.ask(Body::GetConfigRequest)?;
        match self.answer(xid).await? {
            Body::GetConfigReply(found) if found.flags == config_flags::FRAG_NX_MATCH => Ok(()),
            Body::GetConfigReply(found) => Err(Fault::Handshake(format!(
                "fragments must be matched by transport fields (mode 3), but the switch stays at mode {}",
                found.flags
            ))),
            other => Err(odd("configuration", &other)),
        }
    }

    async fn role(&mut self) -> Result<(), Fault> {
        let xid = self.outgoing.ask(Body::RoleRequest(ControllerRole { role: Role::Equal, generation_id: 0 }))?;
        match self.answer(xid).await? {
            Body::RoleReply(reply) if matches!(reply.role, Role::Equal | Role::Master) => Ok(()),
            Body::RoleReply(reply) => Err(Fault::Handshake(format!("the switch gives the role {:?}", reply.role))),
            other => Err(odd("role", &other)),
        }
    }

    async fn ports(&mut self) -> Result<Vec<PortDesc>, Fault> {
        let xid = self.outgoing.ask(MultipartRequest { more: false, body: StatsRequest::PortDesc })?;
        let mut ports = Vec::new();
        loop {
            match self.answer(xid).await? {
                Body::MultipartReply(reply) => {
                    if ports.is_empty() {
                        // What was reported before the description is in it.
                        self.news.clear();
                    }
                    let StatsReply::PortDesc(part) = reply.body else {
                        return Err(odd("ports", &Body::MultipartReply(reply)));
                    };
                    ports.extend(part);
                    if ports.len() > PORTS_MAX {
                        return Err(Fault::Limit(format!("more than {PORTS_MAX} ports")));
                    }
                    if !reply.more {
                        return Ok(ports);
                    }
                }
                other => return Err(odd("ports", &other)),
            }
        }
    }

    async fn desc(&mut self) -> Result<String, Fault> {
        let xid = self.outgoing.ask(MultipartRequest { more: false, body: StatsRequest::Desc })?;
        match self.answer(xid).await? {
            Body::MultipartReply(reply) => match reply.body {
                StatsReply::Desc(desc) => Ok(format!("{} {}", desc.hardware, desc.software)),
                _ => Err(odd("description", &Body::MultipartReply(reply))),
            },
            other => Err(odd("description", &other)),
        }
    }

    /// The answer to a request. Meanwhile echoes are answered, news of ports kept, and packets left: nobody asked yet.
    async fn answer(&mut self, xid: u32) -> Result<Body, Fault> {
        loop {
            let message = self.incoming.next().await?;
            match message.body {
                Body::EchoRequest(data) => {
                    self.outgoing.send(&Message { xid: message.xid, body: Body::EchoReply(data) })?;
                }
                Body::PortStatus(status) if self.news.len() < PORTS_MAX => self.news.push(status),
                Body::Error(error) => {
                    let error = words::error(&error);
                    return Err(Fault::Handshake(format!("the switch refused a request of the handshake: {error}")));
                }
                Body::Unknown { version, .. } if version != VERSION => {
                    return Err(Fault::Version(format!("the switch changed to version {version:#04x} of OpenFlow")));
                }
                body if message.xid == xid => return Ok(body),
                _ => {}
            }
        }
    }
}

fn odd(asked: &str, body: &Body) -> Fault {
    Fault::Handshake(format!("the switch was asked for its {asked}, and answered with {}", words::kind(body)))
}
