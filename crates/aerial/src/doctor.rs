//! `aerial doctor`: what works here, and what to do about what does not.
//!
//! Owns the list of examinations and how it is told. It changes nothing: what it
//! writes it removes. Invariant: a fault is what keeps the server from serving;
//! everything else is a note.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use aerial_model::encoder::Choice;
use aerial_model::network::is_local;
use rustix::fs::{Access, access, statvfs};

use crate::config::{ByteSize, Sandbox, Settings};
use crate::data_dir::{self, CATALOGUE};
use crate::db::Db;
use crate::descriptors::Descriptors;
use crate::discovery;
use crate::ffmpeg::capacity;
use crate::ffmpeg::encoders::{self, Tried};
use crate::ffmpeg::sandbox::trial;
use crate::ffmpeg::selftest::{self, Chain, Verdict};
use crate::ffmpeg::{Ffmpeg, Spawner};
use crate::keeper::{SocketError, bind};

/// The heights for which the capacity is measured.
const MEASURED_HEIGHTS: [u16; 2] = [720, 1080];

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It works.
    Fine,
    /// It works, but not as well as it could.
    Note,
    /// The server cannot serve.
    Fault,
}

/// One thing that was examined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What was found, and what to do about it.
    pub text: String,
}

/// All that was examined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report(pub Vec<Finding>);

impl Report {
    /// Whether the server could serve here.
    pub fn can_serve(&self) -> bool {
        self.0.iter().all(|finding| finding.severity < Severity::Fault)
    }

    fn add(&mut self, severity: Severity, text: impl Into<String>) {
        self.0.push(Finding { severity, text: text.into() });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { severity, text } in &self.0 {
            let mark = match severity {
                Severity::Fine => "ok   ",
                Severity::Note => "note ",
                Severity::Fault => "FAULT",
            };
            writeln!(f, "  {mark}  {text}")?;
        }
        match self.can_serve() {
            true => write!(f, "\nAerial can serve here."),
            false => write!(f, "\nAerial cannot serve here until the faults are mended."),
        }
    }
}

/// Examine this machine with these settings.
pub async fn examine(settings: &Settings, spawner: &Spawner) -> Report {
    let mut report = Report::default();
    match Ffmpeg::discover(&settings.ffmpeg, spawner).await {
        Ok(ffmpeg) => examine_ffmpeg(&ffmpeg, settings, spawner, &mut report).await,
        Err(error) => report.add(Severity::Fault, error.to_string()),
    }
    let catalogue = settings.server.data.join(CATALOGUE);
    let known = Db::folders_of(&catalogue).await.unwrap_or_default();
    examine_folders(&settings.library.folders, &known, &mut report);
    examine_disk(settings, &mut report);
    let serving = data_dir::holder(&settings.server.data);
    examine_listening(settings, serving.as_deref(), &mut report);
    examine_discovery(settings, serving.as_deref(), &mut report);
    examine_descriptors(settings, Descriptors::read(), &mut report);
    examine_webhooks(settings, &mut report);
    let account = Db::has_account(&catalogue).await;
    examine_access(settings, account, &mut report);
    report
}

/// Who can do what. `account`: whether there is one, as far as that can be told.
fn examine_access(settings: &Settings, account: Option<bool>, report: &mut Report) {
    let outside = !settings.server.listen.ip().is_loopback();
    let reached = match outside {
        true => "other machines can reach the server",
        false => "only this machine can reach the server",
    };
    let watch = match settings.access.watch_only {
        Some(true) => "the local network may watch (access.watch_only)",
        Some(false) => "nobody may watch without a credential (access.watch_only)",
        None => "the local network may watch, unless that was turned off in the app",
    };
    match account {
        Some(true) => {
            report.add(Severity::Fine, format!("there is a password; {reached}, {watch}"));
        }
        Some(false) | None if outside => {
            let text = format!(
                "there is no password yet, and {reached}: {watch}, and to manage it from there set \
                 a password with `aerial password`"
            );
            report.add(Severity::Note, text);
        }
        Some(false) | None => {
            let text = format!(
                "there is no password yet, and {reached}: whoever is on it may manage Aerial \
                 (`aerial password` sets one; needed before a reverse proxy lets others in)"
            );
            report.add(Severity::Fine, text);
        }
    }
    let own = settings.access.trusted_proxies.is_empty() && settings.server.public_url.is_some();
    if own {
        let text = "server.public_url is set, but no proxy is trusted (access.trusted_proxies): \
                    what comes through one is from nowhere, and has to sign in";
        report.add(Severity::Note, text);
    }
}

fn examine_descriptors(settings: &Settings, open: Descriptors, report: &mut Report) {
    let wanted = settings.server.connections.get().into();
    match open.advice(wanted) {
        None => {
            let most = open.most;
            let text = format!("{most} files may be open, enough for {wanted} connections");
            report.add(Severity::Fine, text);
        }
        Some(advice) => report.add(Severity::Note, advice),
    }
}

/// Tells whom faults are told. Nothing is sent: whoever gets it would wonder.
fn examine_webhooks(settings: &Settings, report: &mut Report) {
    if settings.webhooks.is_empty() {
        return;
    }
    let hosts: Vec<&str> = settings.webhooks.iter().map(|hook| hook.url.host()).collect();
    let text = format!(
        "faults are told to {} (POST /api/v1/system/webhooks/test tries that)",
        hosts.join(", ")
    );
    report.add(Severity::Fine, text);
    let open = settings.webhooks.iter().filter(|hook| hook.url.uri().scheme_str() == Some("http"));
    for hook in open.filter(|hook| !is_near(hook.url.host())) {
        let host = hook.url.host();
        let text =
            format!("the webhook at {host} is told by http, which others can read: use https");
        report.add(Severity::Note, text);
    }
}

/// On this machine or the local network, as far as a name tells.
fn is_near(host: &str) -> bool {
    let plain = host.trim_matches(['[', ']']);
    match plain.parse() {
        Ok(address) => is_local(address),
        Err(_) => !plain.contains('.') || plain.ends_with(".local") || plain.ends_with(".lan"),
    }
}

/// Whether the address can be had. `serving`: the server that has the data folder open, who
/// will be the one that listens there.
fn examine_listening(settings: &Settings, serving: Option<&str>, report: &mut Report) {
    let listen = settings.server.listen;
    match (bind(listen), serving) {
        (Ok(_), None) => report.add(Severity::Fine, format!("{listen} is free")),
        (Ok(_), Some(process)) => {
            let text = format!(
                "Aerial runs on this data folder ({process}), but does not listen on {listen}: \
                 name its address with --listen"
            );
            report.add(Severity::Note, text);
        }
        (Err(SocketError::Bind { source, .. }), Some(process))
            if source.kind() == io::ErrorKind::AddrInUse =>
        {
            let text = format!("Aerial runs already ({process}), and {listen} is taken");
            report.add(Severity::Fine, text);
        }
        (Err(error), _) => report.add(Severity::Fault, error.to_string()),
    }
}

fn examine_discovery(settings: &Settings, serving: Option<&str>, report: &mut Report) {
    let (port, listen) = (settings.discovery.port, settings.server.listen.ip());
    if !settings.discovery.hdhomerun {
        return;
    }
    match discovery::bind(&settings.discovery, listen) {
        Ok(_) if listen.is_loopback() => {
            let text = format!("UDP {port} is free: TV apps on this machine find the server");
            report.add(Severity::Fine, text);
        }
        Ok(_) => {
            report.add(Severity::Fine, format!("UDP {port} is free: TV apps find the server"));
        }
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && serving.is_some() => {
            report.add(Severity::Fine, format!("UDP {port} is taken while Aerial runs"));
        }
        Err(error) => {
            let text = format!(
                "UDP {port} cannot be had ({error}): TV apps must be told the server's address, \
                 unless another tuner's server on this machine is ended"
            );
            report.add(Severity::Note, text);
        }
    }
}

async fn examine_ffmpeg(
    ffmpeg: &Ffmpeg,
    settings: &Settings,
    spawner: &Spawner,
    report: &mut Report,
) {
    let Ffmpeg { version, ffmpeg: program, ffprobe, .. } = ffmpeg;
    let both = format!("FFmpeg {version}: {}, {}", program.display(), ffprobe.display());
    report.add(Severity::Fine, both);
    for shortcoming in ffmpeg.shortcomings() {
        report.add(Severity::Note, format!("this FFmpeg has {shortcoming}"));
    }
    let folder = match Scratch::make() {
        Ok(folder) => folder,
        Err(error) => {
            let text = format!("no encoder was tried, no temporary folder: {error}");
            return report.add(Severity::Note, text);
        }
    };
    let holds = trial::examine(spawner, &folder.0).await;
    let severity = match settings.ffmpeg.sandbox {
        _ if holds.all() => Severity::Fine,
        Sandbox::On => Severity::Fault,
        Sandbox::Auto | Sandbox::Off => Severity::Note,
    };
    report.add(severity, format!("sandbox: {}", holds.told()));
    let chain = Chain::of(settings);
    let (choice, scratch) = (settings.ffmpeg.encoder, &folder.0);
    let tried = encoders::try_all(ffmpeg, spawner, &chain, choice, scratch).await;
    examine_devices(&tried, choice, report);
    let hardware = encoders::chosen(&tried);
    let Some(software) = tried.into_iter().find(|tried| !tried.encoder.is_device()) else { return };
    match software.verdict {
        Verdict::Works(took) => {
            let height = chain.profile.height;
            let text = format!("libx264 and AAC work (half a second of {height}p in {took:.1?})");
            report.add(Severity::Fine, text);
        }
        Verdict::Fails(reason) => {
            let text = format!("libx264 and AAC do not work, install another FFmpeg: {reason}");
            report.add(Severity::Fault, text);
            return;
        }
    }
    examine_containers(ffmpeg, spawner, &folder.0, report).await;
    let mut carried = Vec::new();
    for height in MEASURED_HEIGHTS {
        let chain = Chain { profile: Chain::profile(height), ..chain.clone() };
        let pixels = u32::from(chain.profile.width) * u32::from(height);
        let hardware = hardware.as_ref();
        let capacity = capacity::measure(ffmpeg, spawner, &chain, hardware, &folder.0).await;
        carried.push((height, capacity.map_or(0, |capacity| capacity.streams(pixels))));
    }
    let text: Vec<_> = carried.iter().map(|(height, n)| format!("{n} of {height}p")).collect();
    let text = format!("this machine can encode about {} at once", text.join(", or "));
    match carried.iter().all(|(_, streams)| *streams == 0) {
        true => report.add(Severity::Note, format!("{text}: it is too slow, or too busy now")),
        false => report.add(Severity::Fine, text),
    }
}

fn examine_devices(tried: &[Tried], choice: Choice, report: &mut Report) {
    let used = encoders::chosen(tried).map(|hardware| hardware.encoder);
    for Tried { encoder, verdict, hardware } in tried.iter().filter(|t| t.encoder.is_device()) {
        let name = encoder.ffmpeg_name();
        match verdict {
            Verdict::Works(took) => {
                let decodes = hardware.as_ref().is_some_and(|hardware| hardware.pictures);
                let also = if decodes { ", decoding and scaling too" } else { "" };
                let chosen = if used == Some(*encoder) { "; it is used" } else { "" };
                let text = format!("{name} works{also} (half a second in {took:.1?}){chosen}");
                report.add(Severity::Fine, text);
            }
            Verdict::Fails(reason) => {
                let text = format!("{name} does not work here: {reason}");
                report.add(Severity::Note, text);
            }
        }
    }
    if let (Choice::Fixed(encoder), None) = (choice, used)
        && encoder.is_device()
    {
        let text =
            format!("ffmpeg.encoder is {encoder}, which does not work: x264 is used instead");
        report.add(Severity::Note, text);
    }
}

async fn examine_containers(
    ffmpeg: &Ffmpeg,
    spawner: &Spawner,
    folder: &Path,
    report: &mut Report,
) {
    let mut read = Vec::new();
    for (container, verdict) in selftest::try_containers(ffmpeg, spawner, folder).await {
        match verdict {
            Verdict::Works(_) => read.push(container),
            Verdict::Fails(reason) => report.add(
                Severity::Note,
                format!("this FFmpeg cannot play .{container} files, install another: {reason}"),
            ),
        }
    }
    if !read.is_empty() {
        report.add(Severity::Fine, format!("plays {}", read.join(", ")));
    }
}

/// `set` are the settings' folders, `known` those of the catalogue: one of these that is
/// away keeps nobody from serving the others, one that is new is refused.
fn examine_folders(set: &[PathBuf], known: &[PathBuf], report: &mut Report) {
    let new = set.iter().filter(|folder| !known.contains(folder));
    let new = new.map(|folder| (folder, Severity::Fault));
    let all: Vec<_> = new.chain(known.iter().map(|folder| (folder, Severity::Note))).collect();
    if all.is_empty() {
        let text = "no folder of media in the settings or the library: give one with --media DIR, \
                    or add it in the app";
        report.add(Severity::Note, text);
    }
    for (folder, severity) in all {
        let shown = folder.display();
        match std::fs::read_dir(folder) {
            Ok(entries) => {
                let count = entries.take(10_000).count();
                report.add(Severity::Fine, format!("{shown} can be read ({count} entries)"));
            }
            Err(error) => {
                let advice = match error.kind() {
                    io::ErrorKind::NotFound => "is the path right, and the drive there?",
                    io::ErrorKind::PermissionDenied => "let the server's user read it",
                    io::ErrorKind::NotADirectory => "name the folder, not the file",
                    _ => "is the drive all right?",
                };
                let text = format!("{shown} cannot be read ({error}): {advice}");
                report.add(severity, text);
            }
        }
    }
}

fn examine_disk(settings: &Settings, report: &mut Report) {
    let data = &settings.server.data;
    let absolute = std::path::absolute(data).unwrap_or_else(|_| data.clone());
    // The data folder itself is made at the first start.
    let Some(existing) = absolute.ancestors().find(|folder| folder.exists()) else { return };
    if !existing.is_dir() || access(existing, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let text = format!(
            "cannot write to {}: let the server's user do so, or choose another with --data",
            existing.display()
        );
        return report.add(Severity::Fault, text);
    }
    let Ok(disk) = statvfs(existing) else { return };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let (limit, floor) = (settings.store.limit, settings.store.free);
    let shown = rounded(free);
    if free < floor.0 {
        let text = format!(
            "{shown} free for {}, below the {floor} that is to be left free: make room, or \
             lower store.free (AERIAL_STORE_FREE)",
            data.display()
        );
        report.add(Severity::Note, text);
    } else if free < limit.0.saturating_add(floor.0) {
        let text = format!("{shown} free for {}, so less than {limit} is kept", data.display());
        report.add(Severity::Note, text);
    } else {
        let text = format!("{shown} free for {} (uses up to {limit})", data.display());
        report.add(Severity::Fine, text);
    }
}

/// In whole GiB or MiB.
fn rounded(bytes: u64) -> ByteSize {
    let unit = if bytes >= 10 << 30 { 1 << 30 } else { 1 << 20 };
    ByteSize(bytes / unit * unit)
}

/// A temporary folder of our own, removed with all that is in it.
struct Scratch(PathBuf);

impl Scratch {
    fn make() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("aerial-doctor-{}", uuid::Uuid::now_v7()));
        create_private(&path)?;
        Ok(Self(path))
    }
}

fn create_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().mode(0o700).create(path)
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "a temporary folder is left");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(folders: &[&Path]) -> Report {
        let mut report = Report::default();
        let folders: Vec<_> = folders.iter().map(|folder| (*folder).to_owned()).collect();
        examine_folders(&folders, &[], &mut report);
        report
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_fault_and_one_that_is_empty_is_not() {
        let folder = tempfile::tempdir().unwrap();
        assert!(folders(&[folder.path()]).can_serve());
        let report = folders(&[folder.path(), Path::new("/no/such/folder")]);
        assert!(!report.can_serve());
        assert!(report.to_string().contains("is the path right"), "{report}");
        let file = folder.path().join("film.mkv");
        std::fs::write(&file, "").unwrap();
        assert!(folders(&[&file]).to_string().contains("name the folder, not the file"));
    }

    #[test]
    fn without_a_folder_there_is_a_note() {
        let report = folders(&[]);
        assert_eq!(report.0[0].severity, Severity::Note);
        assert!(report.can_serve());
    }

    #[test]
    fn a_discovery_port_that_is_taken_is_a_note() {
        let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut settings = Settings::default();
        settings.discovery.port = taken.local_addr().unwrap().port();
        let examined = |settings: &Settings, serving| {
            let mut report = Report::default();
            examine_discovery(settings, serving, &mut report);
            report.0
        };
        assert_eq!(examined(&settings, None)[0].severity, Severity::Note);
        assert_eq!(examined(&settings, Some("process 7"))[0].severity, Severity::Fine);
        drop(taken);
        assert_eq!(examined(&settings, None)[0].severity, Severity::Fine);
        settings.discovery.hdhomerun = false;
        assert_eq!(examined(&settings, None), []);
    }

    #[test]
    fn where_the_server_runs_its_own_address_is_no_fault() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut settings = Settings::default();
        settings.server.listen = taken.local_addr().unwrap();
        let examined = |settings: &Settings, serving| {
            let mut report = Report::default();
            examine_listening(settings, serving, &mut report);
            report.0.remove(0)
        };
        assert_eq!(examined(&settings, None).severity, Severity::Fault);
        let runs = examined(&settings, Some("process 7"));
        assert!(runs.severity == Severity::Fine && runs.text.contains("process 7"), "{runs:?}");
        drop(taken);
        assert_eq!(examined(&settings, None).severity, Severity::Fine);
        let elsewhere = examined(&settings, Some("process 7"));
        assert_eq!(elsewhere.severity, Severity::Note);
    }

    #[test]
    fn whom_faults_are_told_is_told_without_secrets() {
        let hook = |url: &str| toml::from_str(&format!("url = \"{url}\"")).unwrap();
        let mut settings = Settings::default();
        let mut report = Report::default();
        examine_webhooks(&settings, &mut report);
        assert_eq!(report.0, []);
        settings.webhooks =
            ["http://10.0.0.2/secret", "https://a.example/secret", "http://b.example/secret"]
                .map(hook)
                .into();
        examine_webhooks(&settings, &mut report);
        let severities: Vec<Severity> = report.0.iter().map(|one| one.severity).collect();
        assert_eq!(severities, [Severity::Fine, Severity::Note]);
        let text = report.to_string();
        assert!(text.contains("10.0.0.2, a.example, b.example"), "{text}");
        assert!(text.contains("b.example is told by http") && !text.contains("secret"), "{text}");
    }

    #[test]
    fn too_few_open_files_are_a_note() {
        let examined = |most| {
            let mut report = Report::default();
            let open = Descriptors { now: 1_024, most };
            examine_descriptors(&Settings::default(), open, &mut report);
            report.0[0].clone()
        };
        assert_eq!(examined(524_288).severity, Severity::Fine);
        let low = examined(1_024);
        assert!(low.severity == Severity::Note && low.text.contains("5120"), "{low:?}");
    }

    #[test]
    fn who_can_get_in_is_told() {
        let told = |listen: &str, account| {
            let mut settings = Settings::default();
            settings.server.listen = listen.parse().unwrap();
            let mut report = Report::default();
            examine_access(&settings, account, &mut report);
            (report.0[0].severity, report.0[0].text.clone())
        };
        let (severity, text) = told("127.0.0.1:8400", Some(true));
        assert!(severity == Severity::Fine && text.starts_with("there is a password"), "{text}");
        let (severity, text) = told("0.0.0.0:8400", Some(false));
        assert!(severity == Severity::Note && text.contains("`aerial password`"), "{text}");
        assert_eq!(told("127.0.0.1:8400", None).0, Severity::Fine);
    }

    #[tokio::test]
    async fn folders_of_the_catalogue_are_looked_at_too() {
        let house = tempfile::tempdir().unwrap();
        let path = house.path().join(CATALOGUE);
        assert_eq!(Db::folders_of(&path).await, None);
        assert!(!path.exists());
        let db = Db::open(&path).await.unwrap();
        let now = crate::clock::Clock::system().now();
        for name in ["there", "away"] {
            std::fs::create_dir(house.path().join(name)).unwrap();
            db.add_folder(&house.path().join(name), now).await.unwrap();
        }
        std::fs::remove_dir(house.path().join("away")).unwrap();
        let known = Db::folders_of(&path).await.unwrap();
        let mut report = Report::default();
        examine_folders(&known[..1], &known, &mut report);
        let severities: Vec<Severity> = report.0.iter().map(|one| one.severity).collect();
        assert_eq!(severities, [Severity::Fine, Severity::Note], "{report}");
    }

    #[tokio::test]
    async fn an_account_is_seen_without_changing_the_catalogue() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(CATALOGUE);
        assert_eq!(Db::has_account(&path).await, None);
        assert!(!path.exists());
        let db = Db::open(&path).await.unwrap();
        assert_eq!(Db::has_account(&path).await, Some(false), "also while a server runs");
        db.close().await.unwrap();
        assert_eq!(Db::has_account(&path).await, Some(false));
    }

    #[test]
    fn a_report_is_told_line_by_line_with_its_sum() {
        let mut report = Report::default();
        report.add(Severity::Fine, "one");
        report.add(Severity::Note, "two");
        report.add(Severity::Fault, "three");
        insta::assert_snapshot!(report, @r"
          ok     one
          note   two
          FAULT  three

        Aerial cannot serve here until the faults are mended.
        ");
    }

    #[test]
    fn a_small_disk_is_a_note_and_an_impossible_data_folder_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.server.data = folder.path().join("not/yet/there");
        settings.store.free = ByteSize(u64::MAX >> 1);
        let mut report = Report::default();
        examine_disk(&settings, &mut report);
        assert_eq!(report.0[0].severity, Severity::Note, "{report}");
        settings.server.data = "/dev/null/data".into();
        let mut report = Report::default();
        examine_disk(&settings, &mut report);
        assert!(!report.can_serve(), "{report}");
    }
}
