//! What Linux says of this process.

/// Bytes in memory.
pub(crate) fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Seconds of CPU, of all threads.
pub(crate) fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name in brackets: utime and stime are the 14th and 15th of all, in hundredths.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let numbers: Vec<f64> = after.split_whitespace().map(|n| n.parse().unwrap_or(0.0)).collect();
    numbers.iter().skip(11).take(2).sum::<f64>() / 100.0
}
