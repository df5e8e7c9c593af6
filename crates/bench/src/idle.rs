//! What a server costs that nobody watches.

use std::time::Duration;

use anyhow::Result;

use crate::report::{Report, verdict};
use crate::server::{Server, children, cpu, resident_kib};

const LOOK: Duration = Duration::from_secs(20);
/// After the start: the scan is done, and what it took is given back or not.
const SETTLE: Duration = Duration::from_secs(3);
const MOST_MIB: u64 = 60;
const MOST_PERCENT: f64 = 1.0;

pub(crate) fn measure(server: &Server, report: &mut Report) -> Result<()> {
    std::thread::sleep(SETTLE);
    let processes = server.processes()?;
    let used = || -> Result<Duration> { processes.iter().map(|pid| cpu(*pid)).sum() };
    let before = used()?;
    std::thread::sleep(LOOK);
    let percent = (used()? - before).as_secs_f64() / LOOK.as_secs_f64() * 100.0;
    let [keeper, serving] = processes.map(|pid| resident_kib(pid).map(|kib| kib / 1024));
    let (keeper, serving) = (keeper?, serving?);
    let ffmpegs = children(processes[1])?.len();
    let mib = format!("{serving} MiB, and {keeper} MiB the keeper");
    let kept = serving + keeper < MOST_MIB;
    report.row("idle: resident", mib, format!("under {MOST_MIB} MiB"), verdict(kept));
    let kept = percent < MOST_PERCENT;
    report.row("idle: CPU over 20 s", format!("{percent:.2} %"), "under 1 %", verdict(kept));
    report.row("idle: FFmpegs", ffmpegs.to_string(), "none", verdict(ffmpegs == 0));
    Ok(())
}
