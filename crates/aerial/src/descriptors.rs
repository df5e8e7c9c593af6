//! How many files, sockets and pipes the server may have open.
//!
//! Owns raising that limit at the start, and what follows from it for connections.
//! Systems give a program 1,024 by default, for the sake of old ones, and let it have
//! more if it asks. FFmpegs have a limit of their own (`ffmpeg`). Invariant: connections
//! never take the last ones, which segments and FFmpegs need.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is open beside connections: the catalogue, segments being read and written,
/// three pipes for each FFmpeg (two hundred for sixty-four of them), watched folders,
/// sockets to listen on.
const BESIDE_CONNECTIONS: u64 = 1_024;

/// Where a limit is so low, connections get at least half.
const LEAST_SHARE: u64 = 2;

/// More is never asked for: what is listed or closed one by one takes its time, and
/// Linux gives no more unless it was set to.
const MOST: u64 = 1 << 20;

/// How many there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptors {
    /// Now.
    pub now: u64,
    /// If the program asks.
    pub most: u64,
}

impl Descriptors {
    /// As the system has it.
    pub fn read() -> Self {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        // `None` is without end.
        Self { now: current.unwrap_or(MOST), most: maximum.unwrap_or(MOST).min(MOST) }
    }

    /// Raises what there may be now to what the system lets it be.
    ///
    /// # Errors
    /// The system's.
    pub fn raise() -> io::Result<Self> {
        let before = Self::read();
        if before.now >= before.most {
            return Ok(before);
        }
        let maximum = getrlimit(Resource::Nofile).maximum;
        setrlimit(Resource::Nofile, Rlimit { current: Some(before.most), maximum })?;
        Ok(Self::read())
    }

    /// How many connections there may be, where so many are wanted.
    pub fn connections(self, wanted: u64) -> u64 {
        let left = self.now.saturating_sub(BESIDE_CONNECTIONS);
        wanted.min(left.max(self.now / LEAST_SHARE))
    }

    /// What is to be done where that is less than what is wanted.
    pub fn advice(self, wanted: u64) -> Option<String> {
        let (most, carried) = (self.most, Self { now: self.most, ..self }.connections(wanted));
        (carried < wanted).then(|| {
            let needed = wanted + BESIDE_CONNECTIONS;
            format!(
                "the system lets this server have {most} files open, which is enough for \
                 {carried} connections of {wanted} (server.connections): raise the limit to \
                 {needed} (LimitNOFILE of systemd, --ulimit nofile of Docker, or ulimit -Hn)"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_what_segments_and_ffmpegs_need() {
        let of = |now| Descriptors { now, most: now };
        for (now, wanted, connections) in [
            (1_048_576, 4_096, 4_096),
            (5_120, 4_096, 4_096),
            (5_119, 4_096, 4_095),
            (4_096, 4_096, 3_072),
            (1_024, 4_096, 512),
            (1_024, 256, 256),
            (20, 16, 10),
        ] {
            assert_eq!(of(now).connections(wanted), connections, "{wanted} of {now}");
        }
    }

    #[test]
    fn a_limit_that_is_too_low_is_told_with_what_would_be_right() {
        let enough = Descriptors { now: 1_024, most: 524_288 };
        assert_eq!(enough.advice(4_096), None, "it is raised at the start");
        let told = Descriptors { now: 1_024, most: 4_096 }.advice(4_096).unwrap();
        for part in ["4096 files", "3072 connections", "5120", "LimitNOFILE"] {
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn the_limit_is_raised_as_far_as_it_goes() {
        let raised = Descriptors::raise().unwrap();
        assert!(raised.now >= raised.most, "{raised:?}");
        assert_eq!(Descriptors::raise().unwrap(), raised, "there is nothing more to raise");
    }
}
