//! Numbers of DHCPv6: message types, status codes, option codes (IANA "DHCPv6 parameters").

macro_rules! numbers {
    ($(#[$doc:meta])* $name:ident($inner:ty) { $($(#[$vdoc:meta])* $variant:ident = $number:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)*
            /// Any other.
            Other($inner),
        }

        impl $name {
            /// By its number.
            pub fn from_number(number: $inner) -> $name {
                match number {
                    $($number => $name::$variant,)*
                    other => $name::Other(other),
                }
            }

            /// Its number.
            pub fn number(self) -> $inner {
                match self {
                    $($name::$variant => $number,)*
                    $name::Other(number) => number,
                }
            }
        }
    };
}

numbers! {
    /// A message's type (RFC 8415, 7.3).
    Dhcp6Kind(u8) {
        /// Client: who has an address for me?
        Solicit = 1,
        /// Server: I do.
        Advertise = 2,
        /// Client: give me these.
        Request = 3,
        /// Client: are my addresses right for this link?
        Confirm = 4,
        /// Client to its server: prolong these.
        Renew = 5,
        /// Client to any server: prolong these.
        Rebind = 6,
        /// Server's answer.
        Reply = 7,
        /// Client: I no longer use these.
        Release = 8,
        /// Client: somebody else uses these.
        Decline = 9,
        /// Server: ask again.
        Reconfigure = 10,
        /// Client: configuration without addresses.
        InformationRequest = 11,
        /// Relay agent, towards the server.
        RelayForw = 12,
        /// Server, towards the relay agent.
        RelayRepl = 13,
        /// Client: I have formed this address (RFC 9686).
        AddrRegInform = 36,
        /// Server: I know that you have.
        AddrRegReply = 37,
    }
}

impl Dhcp6Kind {
    /// Its name, as counters use it.
    pub const fn name(self) -> &'static str {
        match self {
            Dhcp6Kind::Solicit => "solicit",
            Dhcp6Kind::Advertise => "advertise",
            Dhcp6Kind::Request => "request",
            Dhcp6Kind::Confirm => "confirm",
            Dhcp6Kind::Renew => "renew",
            Dhcp6Kind::Rebind => "rebind",
            Dhcp6Kind::Reply => "reply",
            Dhcp6Kind::Release => "release",
            Dhcp6Kind::Decline => "decline",
            Dhcp6Kind::Reconfigure => "reconfigure",
            Dhcp6Kind::InformationRequest => "information_request",
            Dhcp6Kind::RelayForw => "relay_forw",
            Dhcp6Kind::RelayRepl => "relay_repl",
            Dhcp6Kind::AddrRegInform => "addr_reg_inform",
            Dhcp6Kind::AddrRegReply => "addr_reg_reply",
            Dhcp6Kind::Other(_) => "other",
        }
    }

    /// Whether it has the layout of a relay agent's message.
    pub fn is_relay(self) -> bool {
        matches!(self, Dhcp6Kind::RelayForw | Dhcp6Kind::RelayRepl)
    }
}

numbers! {
    /// A status code (RFC 8415, 21.13).
    Dhcp6Status(u16) {
        /// Done.
        Success = 0,
        /// For no other reason.
        UnspecFail = 1,
        /// Nothing left to give.
        NoAddrsAvail = 2,
        /// The server knows no such binding.
        NoBinding = 3,
        /// The addresses are not for this link.
        NotOnLink = 4,
        /// To the multicast address, please.
        UseMulticast = 5,
        /// No prefix left to delegate.
        NoPrefixAvail = 6,
    }
}

/// Option codes, as option request options list them.
#[allow(missing_docs)] // IANA's names.
pub mod option_code {
    pub const CLIENTID: u16 = 1;
    pub const SERVERID: u16 = 2;
    pub const IA_NA: u16 = 3;
    pub const IA_TA: u16 = 4;
    pub const IAADDR: u16 = 5;
    pub const ORO: u16 = 6;
    pub const PREFERENCE: u16 = 7;
    pub const ELAPSED_TIME: u16 = 8;
    pub const RELAY_MSG: u16 = 9;
    pub const AUTH: u16 = 11;
    pub const UNICAST: u16 = 12;
    pub const STATUS_CODE: u16 = 13;
    pub const RAPID_COMMIT: u16 = 14;
    pub const USER_CLASS: u16 = 15;
    pub const VENDOR_CLASS: u16 = 16;
    pub const VENDOR_OPTS: u16 = 17;
    pub const INTERFACE_ID: u16 = 18;
    pub const RECONF_MSG: u16 = 19;
    pub const RECONF_ACCEPT: u16 = 20;
    pub const DNS_SERVERS: u16 = 23;
    pub const DOMAIN_LIST: u16 = 24;
    pub const IA_PD: u16 = 25;
    pub const IAPREFIX: u16 = 26;
    pub const SNTP_SERVERS: u16 = 31;
    pub const INFORMATION_REFRESH_TIME: u16 = 32;
    pub const REMOTE_ID: u16 = 37;
    pub const SUBSCRIBER_ID: u16 = 38;
    pub const CLIENT_FQDN: u16 = 39;
    pub const NTP_SERVER: u16 = 56;
    pub const BOOTFILE_URL: u16 = 59;
    pub const BOOTFILE_PARAM: u16 = 60;
    pub const CLIENT_ARCH_TYPE: u16 = 61;
    pub const CLIENT_LINKLAYER_ADDR: u16 = 79;
    pub const SOL_MAX_RT: u16 = 82;
    pub const INF_MAX_RT: u16 = 83;
    pub const CAPTIVE_PORTAL: u16 = 103;
    pub const ADDR_REG_ENABLE: u16 = 148;
}
