//! What one viewer costs the server itself, beyond FFmpeg.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::http::{Connection, first_link, resolve};
use crate::report::{Report, verdict};
use crate::server::{Channel, Server, cpu};

const WATCHED: Duration = Duration::from_secs(60);
/// A player asks for the playlist this often.
const RELOAD: Duration = Duration::from_secs(2);

/// What a player does, for a while.
pub(crate) struct Player {
    connection: Connection,
    playlist_at: String,
    last: u64,
    pub(crate) bytes: usize,
}

impl Player {
    pub(crate) fn tune_in(server: &Server, channel: &Channel) -> Result<Self> {
        let entry = format!("/stream/{}.m3u8", channel.number);
        let mut connection = server.connect()?;
        let master = connection.get(&entry)?;
        let playlist_at = resolve(&entry, first_link(master.text()?)?);
        Ok(Self { connection, playlist_at, last: 0, bytes: 0 })
    }

    /// Reloads the playlist and fetches what is new in it.
    pub(crate) fn look(&mut self) -> Result<()> {
        let playlist = self.connection.get(&self.playlist_at)?;
        ensure!(playlist.status == 200, "a playlist was answered {}", playlist.status);
        let links = playlist.text()?.lines().filter(|line| !line.starts_with('#'));
        for link in links {
            let at = resolve(&self.playlist_at, link);
            let name = at.split('?').next().and_then(|path| path.rsplit('/').next());
            let sequence =
                name.and_then(|name| name.strip_suffix(".ts")).and_then(|n| n.parse().ok());
            let sequence: u64 = sequence.with_context(|| format!("no segment: {at}"))?;
            if sequence > self.last {
                self.last = sequence;
                let segment = self.connection.get(&at)?;
                ensure!(segment.status == 200, "{at} was answered {}", segment.status);
                self.bytes += segment.body.len();
            }
        }
        Ok(())
    }
}

pub(crate) fn measure(server: &Server, channel: &Channel, report: &mut Report) -> Result<()> {
    let [_, serving] = server.processes()?;
    let before = cpu(serving)?;
    let began = Instant::now();
    let mut player = Player::tune_in(server, channel)?;
    while began.elapsed() < WATCHED {
        player.look()?;
        std::thread::sleep(RELOAD);
    }
    let used = cpu(serving)? - before;
    let share = used.as_secs_f64() / began.elapsed().as_secs_f64() * 100.0;
    report.row(
        "one session, 60 s: the server's own CPU",
        format!("{:.2} s", used.as_secs_f64()),
        format!("{} MB sent", player.bytes / 1_000_000),
        format!("{share:.2} % of a core: {}", verdict(share < 5.0)),
    );
    Ok(())
}
