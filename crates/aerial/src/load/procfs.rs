//! What Linux tells of processes and of the machine, under `/proc`.
//!
//! Owns the reading of it. Where a file is not there, as on other systems or in a
//! sealed container, that figure is unknown, and nothing else suffers.

use std::fs;
use std::path::{Path, PathBuf};

/// What is the sum of all so far, in clock ticks, and what is taken now, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readings {
    /// Processor time of the server.
    pub server_ticks: Option<u64>,
    /// Processor time of all its children, also of those that have ended.
    pub children_ticks: Option<u64>,
    /// Processor time of the machine that was used, and all that there was.
    pub machine_ticks: Option<(u64, u64)>,
    /// Memory of the server.
    pub server_bytes: Option<u64>,
    /// Memory of its children.
    pub children_bytes: Option<u64>,
    /// Memory of the machine: used (what cannot be freed for others), and all.
    pub machine_bytes: Option<(u64, u64)>,
}

/// A process, as whoever watches over it wants to know it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Process {
    /// Processor time so far, in seconds.
    pub cpu_seconds: Option<f64>,
    /// Memory that is really used.
    pub resident_bytes: Option<u64>,
    /// Address space.
    pub virtual_bytes: Option<u64>,
    /// Open files, sockets and pipes.
    pub open_descriptors: Option<u64>,
    /// When it was started, in seconds since 1970.
    pub started_at: Option<f64>,
}

/// Where to read.
#[derive(Clone, Debug)]
pub struct Procfs {
    root: PathBuf,
    page: u64,
    ticks_per_second: u64,
}

impl Default for Procfs {
    fn default() -> Self {
        Self::at("/proc")
    }
}

impl Procfs {
    /// Under this folder.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        let page = rustix::param::page_size() as u64;
        Self { root: root.into(), page, ticks_per_second: rustix::param::clock_ticks_per_second() }
    }

    /// Clock ticks in a second.
    pub fn ticks_per_second(&self) -> u64 {
        self.ticks_per_second
    }

    /// All that can be read now. Takes some tens of microseconds, and as much for each
    /// child.
    pub fn read(&self, children: &[u32]) -> Readings {
        let own = self.root.join("self");
        let times = Times::read(&own);
        let alive = || children.iter().map(|pid| self.root.join(pid.to_string()));
        // One that has just ended is in the times of the ended.
        let alive_ticks: u64 = alive().filter_map(|child| Times::read(&child)).map(|t| t.own).sum();
        let server_bytes = self.resident(&own);
        Readings {
            server_ticks: times.map(|times| times.own),
            children_ticks: times.map(|times| times.ended_children + alive_ticks),
            machine_ticks: self.machine_ticks(),
            server_bytes,
            children_bytes: server_bytes
                .map(|_| alive().filter_map(|child| self.resident(&child)).sum()),
            machine_bytes: self.machine_bytes(),
        }
    }

    /// What is to be known of this process itself. Takes a microsecond for each open
    /// file.
    pub fn itself(&self) -> Process {
        let own = self.root.join("self");
        let stat = fs::read_to_string(own.join("stat")).unwrap_or_default();
        let of_ticks = |ticks: u64| ticks as f64 / self.ticks_per_second as f64;
        let booted: Option<u64> =
            fs::read_to_string(self.root.join("stat")).ok().and_then(|text| {
                text.lines().find_map(|line| line.strip_prefix("btime "))?.parse().ok()
            });
        // `proc_pid_stat(5)`: 22 is the start, 23 the address space.
        let started = field(&stat, 22).map(of_ticks);
        Process {
            cpu_seconds: Times::read(&own).map(|times| of_ticks(times.own)),
            resident_bytes: self.resident(&own),
            virtual_bytes: field(&stat, 23),
            open_descriptors: fs::read_dir(own.join("fd")).ok().map(|open| open.count() as u64),
            started_at: booted.zip(started).map(|(booted, started)| booted as f64 + started),
        }
    }

    fn resident(&self, process: &Path) -> Option<u64> {
        let text = fs::read_to_string(process.join("statm")).ok()?;
        let pages: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
        Some(pages * self.page)
    }

    fn machine_ticks(&self) -> Option<(u64, u64)> {
        let text = fs::read_to_string(self.root.join("stat")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
        // user nice system idle iowait irq softirq steal; guests are in user already.
        let ticks: Vec<u64> =
            line.split_ascii_whitespace().take(8).filter_map(|part| part.parse().ok()).collect();
        let all: u64 = ticks.iter().sum();
        let idle = ticks.get(3)? + ticks.get(4).copied().unwrap_or(0);
        Some((all - idle, all))
    }

    fn machine_bytes(&self) -> Option<(u64, u64)> {
        let text = fs::read_to_string(self.root.join("meminfo")).ok()?;
        let of = |name: &str| {
            let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
            let kib: u64 = rest.split_ascii_whitespace().next()?.parse().ok()?;
            Some(kib * 1_024)
        };
        let (all, available) = (of("MemTotal:")?, of("MemAvailable:")?);
        Some((all.saturating_sub(available), all))
    }
}

/// Processor times of a process.
#[derive(Clone, Copy, Debug)]
struct Times {
    own: u64,
    ended_children: u64,
}

impl Times {
    /// `proc_pid_stat(5)`: fields 14 to 17, counted behind the name, which may hold
    /// anything, blanks and brackets too.
    fn read(process: &Path) -> Option<Self> {
        let text = fs::read_to_string(process.join("stat")).ok()?;
        let of = |number| field(&text, number);
        Some(Self { own: of(14)? + of(15)?, ended_children: of(16)? + of(17)? })
    }
}

/// A field of `/proc/PID/stat`, counted from 1 as its page in the manual does.
fn field(stat: &str, number: usize) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn processes_and_machine_are_read_as_linux_tells_them() {
        let folder = tempfile::tempdir().unwrap();
        let stat = "7 (a) b) (c) S 1 7 7 0 -1 4194560 9 0 0 0 100 20 3000 400 20 0 9 0 5\n";
        write(folder.path(), "self/stat", stat);
        write(folder.path(), "self/statm", "90000 500 300 1 0 200 0\n");
        write(folder.path(), "8/stat", "8 (ffmpeg) R 7 8 8 0 -1 0 9 0 0 0 50 5 0 0 20 0 9 0 5\n");
        write(folder.path(), "8/statm", "90000 100 300 1 0 200 0\n");
        write(folder.path(), "stat", "cpu  10 1 9 70 10 0 0 0 5 5\ncpu0 1 1 1 1\n");
        write(
            folder.path(),
            "meminfo",
            "MemTotal:    1000 kB\nMemFree: 1 kB\nMemAvailable:  400 kB\n",
        );
        let procfs = Procfs { page: 4_096, ..Procfs::at(folder.path()) };
        // 9 has ended since it was listed.
        let told = procfs.read(&[8, 9]);
        assert_eq!(
            told,
            Readings {
                server_ticks: Some(120),
                children_ticks: Some(3_455),
                machine_ticks: Some((20, 100)),
                server_bytes: Some(500 * 4_096),
                children_bytes: Some(100 * 4_096),
                machine_bytes: Some((600 * 1_024, 1_000 * 1_024)),
            }
        );
    }

    #[test]
    fn a_process_tells_of_itself() {
        let folder = tempfile::tempdir().unwrap();
        let stat =
            "7 (a) b) (c) S 1 7 7 0 -1 4194560 9 0 0 0 100 20 3000 400 20 0 9 0 550 8192 5\n";
        write(folder.path(), "self/stat", stat);
        write(folder.path(), "self/statm", "2 1 0 0 0 0 0\n");
        write(folder.path(), "stat", "cpu  1 1 1 1\nbtime 1700000000\nprocesses 9\n");
        ["0", "1", "2"].iter().for_each(|fd| write(folder.path(), &format!("self/fd/{fd}"), ""));
        let procfs = Procfs { page: 4_096, ticks_per_second: 100, ..Procfs::at(folder.path()) };
        let told = Process {
            cpu_seconds: Some(1.2),
            resident_bytes: Some(4_096),
            virtual_bytes: Some(8_192),
            open_descriptors: Some(3),
            started_at: Some(1_700_000_005.5),
        };
        assert_eq!(procfs.itself(), told);
    }

    #[test]
    fn where_there_is_nothing_to_read_nothing_is_known() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Procfs::at(folder.path()).read(&[1]), Readings::default());
        assert_eq!(Procfs::at(folder.path()).itself(), Process::default());
        write(folder.path(), "self/stat", "cut off");
        write(folder.path(), "stat", "cpu 1 x");
        assert_eq!(Procfs::at(folder.path()).read(&[1]), Readings::default());
    }
}
