//! What Wireshark's dissector reads in frames.

use std::path::PathBuf;
use std::process::Command;

use bytes::Bytes;

/// A capture file that goes with its owner.
pub(crate) struct Capture(PathBuf);

impl Capture {
    /// A classic pcap of Ethernet frames: 24 bytes of header, then 16 before each frame.
    pub(crate) fn of(name: &str, frames: &[Bytes]) -> Capture {
        let mut file = Vec::new();
        for word in [0xa1b2_c3d4u32, 2 | 4 << 16, 0, 0, 0x1_0000, 1] {
            file.extend(word.to_le_bytes());
        }
        for frame in frames {
            let length = u32::try_from(frame.len()).unwrap();
            for word in [0, 0, length, length] {
                file.extend(word.to_le_bytes());
            }
            file.extend_from_slice(frame);
        }
        let path = std::env::temp_dir().join(format!("packet-{name}-{}.pcap", std::process::id()));
        std::fs::write(&path, file).unwrap();
        Capture(path)
    }

    /// For each frame the values of a field, as text, joined by commas.
    pub(crate) fn fields(&self, names: &[&str]) -> Vec<Vec<String>> {
        let mut tshark = Command::new("tshark");
        tshark.arg("-n").arg("-r").arg(&self.0);
        for preference in ["ip.check_checksum:TRUE", "udp.check_checksum:TRUE", "tcp.check_checksum:TRUE"] {
            tshark.args(["-o", preference]);
        }
        tshark.args(["-T", "fields", "-E", "separator=|"]);
        names.iter().for_each(|name| {
            tshark.args(["-e", name]);
        });
        let output = tshark.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| line.split('|').map(str::to_owned).collect()).collect()
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.0);
    }
}

/// Whether there is no second opinion to be had, which has to be said by hand.
pub(crate) fn excused() -> bool {
    let there = Command::new("tshark").arg("--version").output().is_ok_and(|o| o.status.success());
    let excused = !there && std::env::var_os("SEXTANT_NO_TSHARK").is_some();
    assert!(there || excused, "tshark is not installed, and SEXTANT_NO_TSHARK is not set");
    if excused {
        println!("skipped: SEXTANT_NO_TSHARK is set and tshark is not installed");
    }
    excused
}

/// Severity of "warn" (0x600000) and above in Wireshark's expert information.
pub(crate) const WARN: u32 = 0x0060_0000;

/// Nothing malformed, no warning, and every checksum that there is, good (status 1).
pub(crate) fn assert_clean(name: &str, frames: &[Bytes]) {
    let capture = Capture::of(name, frames);
    let rows = capture.fields(&[
        "_ws.malformed",
        "_ws.expert.severity",
        "_ws.expert.message",
        "icmpv6.checksum.status",
        "icmp.checksum.status",
        "ip.checksum.status",
        "udp.checksum.status",
        "tcp.checksum.status",
        "frame.protocols",
    ]);
    assert_eq!(rows.len(), frames.len());
    for row in &rows {
        let [malformed, severity, message, sums @ .., protocols] = row.as_slice() else {
            panic!("{row:?}");
        };
        let worst = severity.split(',').filter_map(|s| s.parse::<u32>().ok()).max().unwrap_or(0);
        assert!(malformed.is_empty() && worst < WARN, "{protocols}: {message}");
        // 0 is bad, 1 good; 2, not verified, is the packet cut off inside an error.
        let sums: Vec<&str> = sums.iter().flat_map(|s| s.split(',')).collect();
        assert!(!sums.contains(&"0"), "{protocols}: checksums {sums:?}");
        assert!(sums.contains(&"1") || protocols.contains("arp"), "{protocols}: {sums:?}");
    }
}
