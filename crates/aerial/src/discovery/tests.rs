//! The tuner's sockets, asked by a client on the loopback.

use std::time::Duration;

use aerial_model::capacity::Limit;
use tokio::net::UdpSocket as Client;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;

/// What Jellyfin and Emby send: any type, any id.
const ANYTHING: [u8; 20] =
    *b"\0\x02\0\x0c\x01\x04\xff\xff\xff\xff\x02\x04\xff\xff\xff\xff\x73\xcc\x7d\x8f";

/// Longer than anything on loopback takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

const ASKED_EVERY: Duration = Duration::from_millis(500);

const LISTEN: &str = "127.0.0.1:8400";

/// The task on a socket of its own.
struct Answering {
    discovery: Discovery,
    address: SocketAddr,
    ending: CancellationToken,
    task: JoinHandle<()>,
}

fn limit(encodes: u32) -> Limit {
    Limit::Set { encodes, pixels: COUNTED_PIXELS }
}

fn discovery(listen: &str) -> Discovery {
    Discovery {
        device: Device::random(),
        listen: listen.parse().unwrap(),
        public_url: None,
        admission: Admission::new(limit(3)),
    }
}

impl Answering {
    fn start(discovery: Discovery) -> Self {
        Self::start_for(discovery, Asked::HdHomeRun)
    }

    fn start_for(discovery: Discovery, asked: Asked) -> Self {
        let settings = Settings { port: 0, ..Settings::default() };
        let socket = bind(&settings, Ipv4Addr::LOCALHOST.into()).unwrap();
        let address = socket.local_addr().unwrap();
        let ending = CancellationToken::new();
        let task = tokio::spawn(discovery.clone().run(socket, asked, ending.clone()));
        Self { discovery, address, ending, task }
    }

    /// A client at this address of the machine.
    async fn client(&self, ip: &str) -> Client {
        let client = Client::bind((ip, 0)).await.unwrap();
        client.connect(self.address).await.unwrap();
        client
    }

    async fn end(self) {
        self.ending.cancel();
        timeout(PATIENCE, self.task).await.unwrap().unwrap();
    }
}

async fn ask(client: &Client) -> Vec<u8> {
    ask_with(client, &ANYTHING).await
}

/// Asks, and again where a datagram was lost, as clients do.
async fn ask_with(client: &Client, question: &[u8]) -> Vec<u8> {
    let mut answer = [0; 2_000];
    let asked = async {
        loop {
            client.send(question).await.unwrap();
            if let Ok(received) = timeout(ASKED_EVERY, client.recv(&mut answer)).await {
                return received.unwrap();
            }
        }
    };
    let length = timeout(PATIENCE, asked).await.unwrap();
    answer[..length].to_vec()
}

fn expected(of: &Discovery, base_url: &str) -> Vec<u8> {
    let tuner = Tuner {
        device: of.device.id,
        tuners: tuners(&of.admission),
        base_url,
        lineup_url: &format!("{base_url}/lineup.json"),
        device_auth: "aerial",
    };
    tuner.answer().unwrap()
}

#[tokio::test]
async fn who_looks_for_a_tuner_is_told_where_it_is() {
    let answering = Answering::start(discovery(LISTEN));
    let client = answering.client("127.0.0.1").await;
    assert_eq!(ask(&client).await, expected(&answering.discovery, "http://127.0.0.1:8400"));
    answering.end().await;
}

#[tokio::test]
async fn a_public_address_is_told_where_there_is_one() {
    let public_url = Some("https://tv.example.org/aerial/".to_owned());
    let answering = Answering::start(Discovery { public_url, ..discovery(LISTEN) });
    let client = answering.client("127.0.0.1").await;
    let base = "https://tv.example.org/aerial";
    assert_eq!(ask(&client).await, expected(&answering.discovery, base));
    answering.end().await;
}

#[tokio::test]
async fn what_is_no_question_gets_no_answer() {
    let answering = Answering::start(discovery(LISTEN));
    let (client, other) =
        (answering.client("127.0.0.1").await, answering.client("127.0.0.1").await);
    for bit in 0..ANYTHING.len() * 8 {
        let mut flipped = ANYTHING;
        flipped[bit / 8] ^= 1 << (bit % 8);
        client.send(&flipped).await.unwrap();
    }
    for length in 0..ANYTHING.len() {
        client.send(&ANYTHING[..length]).await.unwrap();
    }
    client.send(&[&ANYTHING[..], &[0; 9_000]].concat()).await.unwrap();
    client.send(&[0xff; 60_000]).await.unwrap();
    client.send(&expected(&answering.discovery, "http://127.0.0.1:1")).await.unwrap();
    // When another is answered, all that has been looked at; what is answered from
    // then on can be told by its tuners.
    assert_eq!(ask(&other).await[16..19], [0x10, 1, 3]);
    answering.discovery.admission.set_limit(limit(9));
    assert_eq!(ask(&client).await[16..19], [0x10, 1, 9]);
    answering.end().await;
}

#[tokio::test]
async fn who_searches_for_upnp_devices_is_told_where_this_one_is_described() {
    let answering = Answering::start_for(discovery(LISTEN), Asked::Ssdp);
    let client = answering.client("127.0.0.1").await;
    // Neither nonsense nor the other protocol is answered here.
    client.send(&ANYTHING).await.unwrap();
    client.send(b"M-SEARCH * HTTP/1.1\r\n\r\n").await.unwrap();
    let search = b"M-SEARCH * HTTP/1.1\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: ssdp:all\r\n\r\n";
    let answer = String::from_utf8(ask_with(&client, search).await).unwrap();
    let uuid = answering.discovery.device.uuid;
    assert!(answer.contains("\r\nLOCATION: http://127.0.0.1:8400/device.xml\r\n"), "{answer}");
    assert!(answer.contains(&format!("\r\nUSN: uuid:{uuid}::upnp:rootdevice\r\n")), "{answer}");
    answering.end().await;
}

#[test]
fn upnp_is_not_answered_unless_it_is_wanted_and_the_server_can_be_reached() {
    let off = Settings::default();
    assert!(ssdp_socket(&off, Ipv4Addr::UNSPECIFIED.into()).is_none());
    let on = Settings { ssdp: true, ..off };
    assert!(ssdp_socket(&on, Ipv4Addr::LOCALHOST.into()).is_none());
}

/// Loopback has many addresses on Linux alone.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_flood_from_one_address_is_not_answered_and_leaves_room_for_another() {
    let answering = Answering::start(discovery(LISTEN));
    let (flood, other) = (answering.client("127.0.0.1").await, answering.client("127.0.0.2").await);
    let since = monotonic();
    for _ in 0..200 {
        flood.send(&ANYTHING).await.unwrap();
    }
    ask(&other).await;
    let seconds = since.elapsed().as_secs_f64();
    let mut answered = 0;
    while flood.try_recv(&mut [0; 2_000]).is_ok() {
        answered += 1;
    }
    let most = 6 + (seconds * 5.0) as usize;
    assert!((5..=most).contains(&answered), "{answered} in {seconds} s");
    answering.end().await;
}

#[test]
fn nobody_is_told_an_address_at_which_the_server_does_not_answer() {
    let here: SocketAddr = "127.0.0.1:5000".parse().unwrap();
    let mapped: SocketAddr = "[::ffff:127.0.0.1]:5000".parse().unwrap();
    for (listen, asker, told) in [
        ("0.0.0.0:8400", here, Some("127.0.0.1:8400")),
        ("[::]:8400", mapped, Some("127.0.0.1:8400")),
        ("127.0.0.1:8400", here, Some("127.0.0.1:8400")),
        ("192.0.2.7:8400", here, Some("192.0.2.7:8400")),
        ("[fe80::1]:8400", here, None),
    ] {
        let told = told.map(|address| address.parse().unwrap());
        assert_eq!(discovery(listen).reached_at(asker), told, "{listen} from {asker}");
    }
}

#[test]
fn tuners_are_what_can_be_encoded_and_at_least_one() {
    let tuners_of = |limit| tuners(&Admission::new(limit));
    assert_eq!(tuners_of(limit(4)), 4);
    assert_eq!(tuners_of(limit(1_000)), 255);
    assert_eq!(tuners_of(Limit::Measured { pixels_per_second: 1_000 }), 1);
}

#[test]
fn a_port_that_is_taken_leaves_the_server_without_discovery() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let settings = Settings { port, ..Settings::default() };
    let loopback = Ipv4Addr::LOCALHOST.into();
    assert!(socket(&settings, loopback, None).is_none());
    // Unless it was handed over.
    assert!(socket(&settings, loopback, Some(taken.try_clone().unwrap())).is_some());
    let unwanted = Settings { hdhomerun: false, ..settings };
    assert!(socket(&unwanted, loopback, Some(taken)).is_none());
}

#[test]
fn a_socket_that_was_bound_to_another_port_is_told() {
    let loopback = Ipv4Addr::LOCALHOST;
    let kept = UdpSocket::bind((loopback, 0)).unwrap();
    let port = kept.local_addr().unwrap().port();
    let set = |port| Settings { port, ..Settings::default() };
    assert_eq!(kept_elsewhere(&set(port), &kept), None);
    assert_eq!(kept_elsewhere(&set(0), &kept), None);
    assert_eq!(kept_elsewhere(&set(port ^ 1), &kept), Some(port));
}
