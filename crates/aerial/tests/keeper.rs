//! The keeper and its server as processes: what players notice of a restart.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so best by a panic")]
#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use command_fds::{CommandFdExt, FdMapping};
use rustix::process::{Pid, Signal, kill_process};

const AERIAL: &str = env!("CARGO_BIN_EXE_aerial");

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

#[allow(clippy::disallowed_methods, reason = "the test starts servers from outside")]
fn command(program: &str) -> Command {
    Command::new(program)
}

#[allow(clippy::disallowed_methods, reason = "the test waits for other processes, in real time")]
fn now() -> Instant {
    Instant::now()
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = now() + PATIENCE;
    while !holds() {
        assert!(now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// `aerial serve` with what it prints.
struct Aerial {
    process: Child,
    address: SocketAddr,
    stdout: mpsc::Receiver<String>,
    stderr: mpsc::Receiver<String>,
    data: tempfile::TempDir,
}

impl Aerial {
    fn start(args: &[&str]) -> Self {
        Self::start_command(command(AERIAL), args)
    }

    fn start_command(mut command: Command, args: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data.path()).args(args);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = lines(process.stdout.take().unwrap());
        let stderr = lines(process.stderr.take().unwrap());
        let address = listening(&stdout);
        Self { process, address, stdout, stderr, data }
    }

    /// Wait for the next server to say that it listens.
    fn listens_again(&self) {
        assert_eq!(listening(&self.stdout), self.address);
    }

    fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The server behind the keeper, once it has become one.
    fn server(&self) -> u32 {
        let mut found = None;
        until("there is a server", || {
            found = children_of(self.pid()).first().copied();
            found.is_some()
        });
        found.unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill(self.pid(), signal);
    }

    fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        until("it has ended", || {
            status = self.process.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    fn stderr(&self) -> String {
        self.stderr.try_iter().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Aerial {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn lines(from: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

fn listening(stdout: &mpsc::Receiver<String>) -> SocketAddr {
    loop {
        let line = stdout.recv_timeout(PATIENCE).unwrap();
        if let Some((_, address)) = line.split_once("listening on http://") {
            return address.parse().unwrap();
        }
    }
}

fn kill(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid as i32).unwrap(), signal).unwrap();
}

/// State and parent of a process.
fn stat(pid: u32) -> Option<(char, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

fn runs(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != 'Z')
}

fn children_of(parent: u32) -> Vec<u32> {
    let pids = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    pids.filter(|pid| stat(*pid).is_some_and(|(state, of)| of == parent && state != 'Z')).collect()
}

/// Those of its children that are servers, not FFmpeg being tried.
fn servers_of(parent: u32) -> Vec<u32> {
    let is_server = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|word| word == b"serve")
    };
    children_of(parent).into_iter().filter(is_server).collect()
}

/// Ask whether it lives, on a connection of its own, as a player would.
fn healthz(address: SocketAddr) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(address)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn a_server_that_is_killed_is_started_again_and_nobody_is_refused() {
    let aerial = Aerial::start(&[]);
    for _ in 0..2 {
        let killed = aerial.server();
        kill(killed, Signal::KILL);
        until("the server is dead", || !runs(killed));
        // Perhaps while there is no server at all: the connection waits.
        let answer = healthz(aerial.address).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        aerial.listens_again();
        assert_ne!(aerial.server(), killed);
    }
    assert!(aerial.stderr().contains("the server ended by signal 9; starting it again"));
}

#[test]
fn sigterm_ends_keeper_and_server_with_code_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut aerial = Aerial::start(&[]);
        let server = aerial.server();
        aerial.signal(signal);
        assert_eq!(aerial.wait().code(), Some(0), "{}", aerial.stderr());
        assert!(!runs(server));
    }
}

#[test]
fn sighup_puts_a_new_server_in_place_and_nobody_is_refused() {
    let aerial = Aerial::start(&[]);
    let old = aerial.server();
    let address = aerial.address;
    let (stop, stopped) = mpsc::channel::<()>();
    let viewer = std::thread::spawn(move || {
        let mut answered = 0;
        while matches!(stopped.try_recv(), Err(mpsc::TryRecvError::Empty)) {
            assert!(healthz(address).unwrap().starts_with("HTTP/1.1 200"));
            answered += 1;
        }
        answered
    });
    aerial.signal(Signal::HUP);
    aerial.listens_again();
    assert!(healthz(address).unwrap().starts_with("HTTP/1.1 200"));
    stop.send(()).unwrap();
    assert!(viewer.join().unwrap() > 0);
    assert_ne!(aerial.server(), old);
    assert!(!runs(old));
}

#[test]
fn sighup_starts_the_binary_that_is_there_now() {
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("aerial");
    // Copied by another process: a file that this one has open for writing, and so
    // for a moment each child that another test starts, cannot be run.
    let copied = command("cp").arg(AERIAL).arg(&binary).status().unwrap();
    assert!(copied.success());
    let aerial = Aerial::start_command(command(binary.to_str().unwrap()), &[]);
    let script = "#!/bin/sh\ncase \"$*\" in *--check-settings) exit 0;; esac\n\
                  echo \"listening on http://NEW\"; sleep 300\n";
    // A new file under the old name, as package managers do it.
    let newer = folder.path().join("newer");
    std::fs::write(&newer, script.replace("NEW", &aerial.address.to_string())).unwrap();
    let installed = command("install").arg("-m755").arg(&newer).arg(&binary).status().unwrap();
    assert!(installed.success());
    aerial.signal(Signal::HUP);
    aerial.listens_again();
    let server = aerial.server();
    let command_line = std::fs::read_to_string(format!("/proc/{server}/cmdline")).unwrap();
    assert!(command_line.starts_with("/bin/sh"), "{command_line}");
    rustix::process::kill_process_group(Pid::from_raw(server as i32).unwrap(), Signal::KILL)
        .unwrap();
}

#[test]
fn a_reload_with_wrong_settings_leaves_the_server_as_it_is_and_says_why() {
    let aerial = Aerial::start(&[]);
    let (server, file) = (aerial.server(), aerial.data.path().join("settings.toml"));
    std::fs::write(&file, "[stream]\nheight = \"tall\"\n").unwrap();
    aerial.signal(Signal::HUP);
    let mut said = String::new();
    until("it is said why", || {
        said.extend(aerial.stderr.try_iter());
        said.contains("the server goes on as it is")
    });
    assert!(said.contains(&format!("{}:2:", file.display())), "{said}");
    assert_eq!(servers_of(aerial.pid()), [server]);
    assert!(healthz(aerial.address).unwrap().starts_with("HTTP/1.1 200"));
    said.extend(aerial.stderr.try_iter());
    assert!(!said.contains("finishing what is in flight"), "{said}");
    std::fs::write(&file, "[stream]\nheight = 480\n").unwrap();
    aerial.signal(Signal::HUP);
    aerial.listens_again();
    assert_ne!(aerial.server(), server);
    assert!(!runs(server));
}

#[test]
fn a_reload_with_what_is_not_there_leaves_the_server_as_it_is_and_says_why() {
    let aerial = Aerial::start(&[]);
    let (server, file) = (aerial.server(), aerial.data.path().join("settings.toml"));
    for (settings, why) in [
        ("[library]\nfolders = [\"/no/such/films\"]\n", "the media folder /no/such/films"),
        ("[ffmpeg]\npath = \"/no/such/ffmpeg\"\n", "there is no ffmpeg at /no/such/ffmpeg"),
    ] {
        std::fs::write(&file, settings).unwrap();
        aerial.signal(Signal::HUP);
        let mut said = String::new();
        until("it is said why", || {
            said.extend(aerial.stderr.try_iter());
            said.contains("the server goes on as it is") && said.contains(why)
        });
        assert_eq!(servers_of(aerial.pid()), [server]);
        assert!(healthz(aerial.address).unwrap().starts_with("HTTP/1.1 200"));
    }
}

#[test]
fn a_server_whose_log_nobody_reads_serves_and_ends_all_the_same() {
    let data = tempfile::tempdir().unwrap();
    let (nobody, stderr) = std::io::pipe().unwrap();
    drop(nobody);
    let mut process = command(AERIAL)
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data.path())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .unwrap();
    let address = listening(&lines(process.stdout.take().unwrap()));
    assert!(healthz(address).unwrap().starts_with("HTTP/1.1 200"));
    kill(process.id(), Signal::TERM);
    assert_eq!(process.wait().unwrap().code(), Some(0));
}

#[test]
fn a_server_does_not_outlive_its_keeper() {
    let mut aerial = Aerial::start(&[]);
    let server = aerial.server();
    aerial.signal(Signal::KILL);
    aerial.wait();
    until("the server is gone", || !runs(server));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut aerial = Aerial::start(&[]);
    let server = aerial.server();
    // A request that never gets whole is in flight.
    let mut connection = TcpStream::connect(aerial.address).unwrap();
    connection.write_all(b"GET /healthz HTTP/1.1\r\nHost:").unwrap();
    healthz(aerial.address).unwrap();
    let since = now();
    aerial.signal(Signal::TERM);
    until("the first signal has arrived", || {
        aerial.stderr.try_iter().any(|line| line.contains("finishing what is in flight"))
    });
    aerial.signal(Signal::TERM);
    let status = aerial.wait();
    assert!(since.elapsed() < Duration::from_secs(4), "{:?}", since.elapsed());
    assert_ne!(status.code(), Some(0));
    assert!(!runs(server));
}

#[test]
fn a_request_that_never_gets_whole_holds_the_end_up_for_less_than_10_seconds() {
    let mut aerial = Aerial::start(&["--no-keeper"]);
    let mut connection = TcpStream::connect(aerial.address).unwrap();
    connection.write_all(b"GET /healthz HTTP/1.1\r\nHost:").unwrap();
    healthz(aerial.address).unwrap();
    let since = now();
    aerial.signal(Signal::TERM);
    assert_eq!(aerial.wait().code(), Some(0));
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
}

#[test]
fn without_a_keeper_the_server_is_alone() {
    let mut aerial = Aerial::start(&["--no-keeper"]);
    assert_eq!(servers_of(aerial.pid()), []);
    assert!(healthz(aerial.address).unwrap().starts_with("HTTP/1.1 200"));
    aerial.signal(Signal::TERM);
    assert_eq!(aerial.wait().code(), Some(0));
}

#[test]
fn sighup_without_a_keeper_is_an_orderly_end() {
    let mut aerial = Aerial::start(&["--no-keeper"]);
    aerial.signal(Signal::HUP);
    assert_eq!(aerial.wait().code(), Some(0));
}

#[test]
fn given_sockets_as_systemd_does_there_is_no_keeper() {
    let mut aerial = given_a_socket();
    assert_eq!(servers_of(aerial.pid()), []);
    assert!(healthz(aerial.address).unwrap().starts_with("HTTP/1.1 200"));
    aerial.signal(Signal::TERM);
    assert_eq!(aerial.wait().code(), Some(0));
}

#[test]
fn given_sockets_sighup_asks_for_a_new_server_by_an_orderly_failure() {
    let mut aerial = given_a_socket();
    aerial.signal(Signal::HUP);
    assert_eq!(aerial.wait().code(), Some(1));
}

/// A server that was given its socket as systemd does.
fn given_a_socket() -> Aerial {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let mut command = command(AERIAL);
    let mapping = FdMapping { parent_fd: socket.into(), child_fd: 3 };
    command.fd_mappings(vec![mapping]).unwrap();
    command.env("LISTEN_FDS", "1");
    let aerial = Aerial::start_command(command, &[]);
    assert_eq!(aerial.address, address);
    aerial
}

/// The address that a server says it answers seekers of tuners at, and its device.
fn found_at(aerial: &Aerial) -> (SocketAddr, String) {
    loop {
        let line = aerial.stderr.recv_timeout(PATIENCE).unwrap();
        let field = |name: &str| {
            let (_, value) = line.split_once(name)?;
            value.split_whitespace().next().map(str::to_owned)
        };
        if line.contains("TV apps find this server") {
            let address = field("address=").unwrap();
            return (address.parse().unwrap(), field("device=").unwrap());
        }
    }
}

#[test]
fn a_tuner_that_is_looked_for_while_the_server_is_dead_is_found_when_it_is_back() {
    let mut command = command(AERIAL);
    command.env("AERIAL_DISCOVERY_PORT", "0").env("NO_COLOR", "1");
    let aerial = Aerial::start_command(command, &[]);
    let (address, device) = found_at(&aerial);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.connect(address).unwrap();
    // Any type, any id.
    let question = b"\0\x02\0\x0c\x01\x04\xff\xff\xff\xff\x02\x04\xff\xff\xff\xff\x73\xcc\x7d\x8f";
    let ask = || {
        client.send(question).unwrap();
        let mut answer = [0; 2_000];
        let length = client.recv(&mut answer).unwrap();
        answer[..length].to_vec()
    };
    let told = String::from_utf8_lossy(&ask()).into_owned();
    assert!(told.contains(&format!("http://{}/lineup.json", aerial.address)), "{told}");
    let killed = aerial.server();
    kill(killed, Signal::KILL);
    until("the server is dead", || !runs(killed));
    // Perhaps while there is no server at all: the question waits.
    let again = String::from_utf8_lossy(&ask()).into_owned();
    assert!(again.contains(&format!("http://{}/lineup.json", aerial.address)), "{again}");
    assert_eq!(found_at(&aerial), (address, device));
}

#[test]
fn given_a_udp_socket_too_the_server_answers_seekers_on_it() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = udp.local_addr().unwrap();
    let mut command = command(AERIAL);
    let handed = [(socket.into(), 3), (udp.into(), 4)];
    let handed = handed.map(|(parent_fd, child_fd)| FdMapping { parent_fd, child_fd });
    command.fd_mappings(handed.into()).unwrap();
    command.env("LISTEN_FDS", "2").env("NO_COLOR", "1");
    let aerial = Aerial::start_command(command, &[]);
    assert_eq!(found_at(&aerial).0, address);
}

#[test]
fn a_first_start_that_fails_is_not_tried_again() {
    let data = tempfile::tempdir().unwrap();
    let output = command(AERIAL)
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data.path())
        .env("AERIAL_FFMPEG_PATH", "/no/such/ffmpeg")
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("there is no ffmpeg at /no/such/ffmpeg"), "{stderr}");
    assert!(!stderr.contains("starting it again"), "{stderr}");
}

#[test]
fn a_port_in_use_is_told_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = command(AERIAL).args(["serve", "--listen", &address]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains(&format!("cannot listen on {address}")), "{stderr}");
    assert!(stderr.contains("choose another port with --listen"), "{stderr}");
}

#[test]
fn the_service_manager_is_told_when_there_is_a_server_and_when_it_ends() {
    for args in [&[][..], &["--no-keeper"]] {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("notify");
        let manager = UnixDatagram::bind(&place).unwrap();
        manager.set_read_timeout(Some(PATIENCE)).unwrap();
        let heard = || {
            let mut word = [0; 64];
            let count = manager.recv(&mut word).unwrap();
            String::from_utf8_lossy(&word[..count]).into_owned()
        };
        let mut command = command(AERIAL);
        command.env("NOTIFY_SOCKET", &place);
        let mut aerial = Aerial::start_command(command, args);
        assert_eq!(heard(), "READY=1");
        // One that a keeper starts would be taken for another service's.
        for server in servers_of(aerial.pid()) {
            let variables = std::fs::read(format!("/proc/{server}/environ")).unwrap();
            assert!(!String::from_utf8_lossy(&variables).contains("NOTIFY_SOCKET"));
        }
        aerial.signal(Signal::TERM);
        assert_eq!(heard(), "STOPPING=1");
        assert_eq!(aerial.wait().code(), Some(0));
        manager.set_nonblocking(true).unwrap();
        assert!(manager.recv(&mut [0; 64]).is_err(), "each is said once");
    }
}

/// What `aerial health` says of a server, with its exit code.
fn health(listen: SocketAddr) -> (Option<i32>, String) {
    let output =
        command(AERIAL).args(["health", "--listen", &listen.to_string()]).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn health_is_what_the_server_says() {
    let mut aerial = Aerial::start(&[]);
    let listen = aerial.address;
    assert_eq!(health(listen), (Some(0), format!("the server on {listen} is ready\n")));
    aerial.signal(Signal::TERM);
    aerial.wait();
    let (code, text) = health(listen);
    assert_eq!(code, Some(1));
    assert!(text.contains(&format!("no server answers on {listen}")), "{text}");
}
