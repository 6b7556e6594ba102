//! Words for people and labels for metrics: message types, errors, hexadecimal.

use ofp::{Body, ErrorMsg};

/// A message's type, for a metric's label.
pub(crate) fn kind(body: &Body) -> &'static str {
    match body {
        Body::Hello(_) => "hello",
        Body::Error(_) => "error",
        Body::EchoRequest(_) => "echo_request",
        Body::EchoReply(_) => "echo_reply",
        Body::FeaturesRequest => "features_request",
        Body::FeaturesReply(_) => "features_reply",
        Body::GetConfigRequest => "get_config_request",
        Body::GetConfigReply(_) => "get_config_reply",
        Body::SetConfig(_) => "set_config",
        Body::PacketIn(_) => "packet_in",
        Body::FlowRemoved(_) => "flow_removed",
        Body::PortStatus(_) => "port_status",
        Body::PacketOut(_) => "packet_out",
        Body::FlowMod(_) => "flow_mod",
        Body::GroupMod(_) => "group_mod",
        Body::PortMod(_) => "port_mod",
        Body::TableMod(_) => "table_mod",
        Body::MeterMod(_) => "meter_mod",
        Body::MultipartRequest(_) => "multipart_request",
        Body::MultipartReply(_) => "multipart_reply",
        Body::BarrierRequest => "barrier_request",
        Body::BarrierReply => "barrier_reply",
        Body::QueueGetConfigRequest(_) => "queue_get_config_request",
        Body::QueueGetConfigReply(_) => "queue_get_config_reply",
        Body::RoleRequest(_) => "role_request",
        Body::RoleReply(_) => "role_reply",
        Body::GetAsyncRequest => "get_async_request",
        Body::GetAsyncReply(_) => "get_async_reply",
        Body::SetAsync(_) => "set_async",
        Body::SetPacketInFormat(_) => "set_packet_in_format",
        Body::SetControllerId(_) => "set_controller_id",
        Body::SetAsyncConfig(_) => "set_async_config",
        Body::SetAsyncConfig2(_) => "set_async_config2",
        Body::NxPacketIn(_) => "nx_packet_in",
        Body::PacketIn2(_) => "packet_in2",
        Body::Resume(_) => "resume",
        Body::CtFlushZone(_) => "ct_flush_zone",
        Body::CtFlush(_) => "ct_flush",
        Body::TlvTableMod(_) => "tlv_table_mod",
        Body::TlvTableRequest => "tlv_table_request",
        Body::TlvTableReply(_) => "tlv_table_reply",
        Body::FlowMonitorCancel(_) => "flow_monitor_cancel",
        Body::FlowMonitorPaused => "flow_monitor_paused",
        Body::FlowMonitorResumed => "flow_monitor_resumed",
        Body::BundleControl(_) => "bundle_control",
        Body::BundleAdd(_) => "bundle_add",
        Body::RoleStatus(_) => "role_status",
        Body::Unknown { .. } => "unknown",
    }
}

/// An error's name, and the switch's words where it sent words instead of the refused message.
pub(crate) fn error(error: &ErrorMsg) -> String {
    let is_text = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
    if error.data.is_empty() || !error.data.iter().all(is_text) {
        return error.to_string();
    }
    format!("{error}: {}", String::from_utf8_lossy(&error.data))
}

/// The first bytes as two digits each.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const SHOWN_MAX: usize = 48;
    let mut text: Vec<String> = bytes.iter().take(SHOWN_MAX).map(|byte| format!("{byte:02x}")).collect();
    if bytes.len() > SHOWN_MAX {
        text.push(format!("... ({} bytes)", bytes.len()));
    }
    text.join(" ")
}
