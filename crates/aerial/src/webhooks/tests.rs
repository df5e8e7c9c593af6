//! Webhooks against a server that takes them, or does not.

use std::net::SocketAddr;
use std::sync::Mutex;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::timeout;
use uuid::Uuid;

use super::*;

/// Longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(30);

const NOW: AirTime = AirTime::from_unix_millis(1_798_135_200_000);

/// What one server got, and what it answers.
#[derive(Clone, Default)]
struct Receiver(Arc<Received>);

#[derive(Default)]
struct Received {
    got: Mutex<Vec<(HeaderMap, Vec<u8>)>>,
    answers: Mutex<Vec<StatusCode>>,
    came: Notify,
    /// It answers when it is let.
    held: Mutex<bool>,
    let_go: Notify,
}

impl Receiver {
    /// One that answers these, then 200.
    async fn answering(answers: &[u16]) -> (Self, String) {
        let receiver = Self::default();
        let answers = answers.iter().rev().map(|status| StatusCode::from_u16(*status).unwrap());
        *receiver.0.answers.lock().unwrap() = answers.collect();
        let routes = Router::new().route("/hook/{key}", post(take)).with_state(receiver.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (receiver, format!("http://{address}/hook/key-1234"))
    }

    /// Waits until so many came.
    async fn gets(&self, count: usize) -> Vec<(HeaderMap, Value)> {
        let enough = async {
            loop {
                let came = self.0.came.notified();
                if self.0.got.lock().unwrap().len() >= count {
                    return;
                }
                came.await;
            }
        };
        timeout(PATIENCE, enough).await.expect("it is told");
        let got = self.0.got.lock().unwrap();
        got.iter()
            .map(|(head, body)| (head.clone(), serde_json::from_slice(body).unwrap()))
            .collect()
    }
}

async fn take(State(receiver): State<Receiver>, head: HeaderMap, body: bytes::Bytes) -> Response {
    let Received { got, answers, came, held, let_go } = &*receiver.0;
    let release = let_go.notified();
    got.lock().unwrap().push((head, body.to_vec()));
    came.notify_one();
    let waits = *held.lock().unwrap();
    if waits {
        release.await;
    }
    let status = answers.lock().unwrap().pop().unwrap_or(StatusCode::OK);
    ([(header::LOCATION, "http://127.0.0.1:1/elsewhere")], status).into_response()
}

fn hook(url: &str, more: &str) -> Webhook {
    toml::from_str(&format!("url = \"{url}\"\n{more}")).unwrap()
}

/// Webhooks, and what ends them.
struct Told {
    webhooks: Webhooks,
    metrics: Metrics,
    tasks: TaskTracker,
    ending: CancellationToken,
}

impl Told {
    fn of(hooks: &[Webhook]) -> Self {
        Self::by(Client::system(), hooks)
    }

    fn by(client: Client, hooks: &[Webhook]) -> Self {
        let (metrics, tasks) = (Metrics::default(), TaskTracker::new());
        let ending = CancellationToken::new();
        let patience = Patience { pauses: [Duration::from_millis(1); 4] };
        let webhooks =
            Webhooks::start_with(Some(client), hooks, patience, metrics.clone(), &tasks, &ending);
        Self { webhooks, metrics, tasks, ending }
    }

    /// An event that has this title.
    fn tell(&self, title: u32) {
        let (media, title) = (Uuid::from_u128(title.into()), title.to_string());
        self.webhooks.tell(What::PutAside { media, title }, NOW);
    }

    async fn counts(&self, what: Delivery, count: u64) {
        let enough = async {
            while self.metrics.deliveries(what) < count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, enough).await.expect("it is counted");
        assert_eq!(self.metrics.deliveries(what), count, "{what:?}");
    }

    async fn end(self) {
        self.ending.cancel();
        self.tasks.close();
        timeout(PATIENCE, self.tasks.wait()).await.expect("it ends");
    }
}

#[tokio::test]
async fn an_event_arrives_with_a_signature_that_its_receiver_can_check() {
    let (receiver, url) = Receiver::answering(&[]).await;
    let told = Told::of(&[hook(&url, "secret = \"sixteen letters!\"")]);
    told.tell(2);
    let (head, body) = receiver.gets(1).await.remove(0);
    assert_eq!(head[header::CONTENT_TYPE], "application/json");
    assert!(head[header::USER_AGENT].to_str().unwrap().starts_with("Aerial/"));
    assert_eq!((&body["type"], &body["title"]), (&"put_aside".into(), &"2".into()));
    assert_eq!(body["at"], "2026-12-24T18:00:00.000Z");
    let bytes = receiver.0.got.lock().unwrap()[0].1.clone();
    let signature = client::signature(b"sixteen letters!", &bytes);
    assert_eq!(head["x-aerial-signature"], signature.as_str());
    told.counts(Delivery::Delivered, 1).await;
    told.end().await;
}

#[tokio::test]
async fn who_fails_is_tried_again_with_the_same_event_and_then_goes_on() {
    let (receiver, url) = Receiver::answering(&[503, 429]).await;
    let told = Told::of(&[hook(&url, "")]);
    told.tell(1);
    told.tell(2);
    let got = receiver.gets(4).await;
    assert!(got[0].0.get("x-aerial-signature").is_none(), "there is no secret");
    let titles: Vec<&str> = got.iter().map(|(_, body)| body["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["1", "1", "1", "2"]);
    assert!(got[..3].iter().all(|(_, body)| body["id"] == got[0].1["id"]));
    assert_ne!(got[3].1["id"], got[0].1["id"]);
    told.counts(Delivery::Delivered, 2).await;
    told.counts(Delivery::Failed, 2).await;
    told.end().await;
}

#[tokio::test]
async fn without_root_certificates_only_https_is_given_up_with_what_to_install() {
    let client = Client::with(Err(std::io::Error::other("none found")));
    let (receiver, url) = Receiver::answering(&[]).await;
    let told = Told::by(client, &[hook(&url, ""), hook("https://hooks.example.org/a", "")]);
    told.tell(1);
    assert_eq!(receiver.gets(1).await.len(), 1);
    told.counts(Delivery::Delivered, 1).await;
    told.counts(Delivery::GivenUp, 1).await;
    let tested = told.webhooks.test(NOW).await;
    assert_eq!(tested[0].failure, None);
    let failure = tested[1].failure.clone().unwrap();
    assert!(!failure.may_pass() && failure.to_string().contains("ca-certificates"), "{failure}");
    told.end().await;
}

#[tokio::test]
async fn who_refuses_or_leads_elsewhere_is_given_up_at_once() {
    for status in [404, 401, 302, 307] {
        let (receiver, url) = Receiver::answering(&[status]).await;
        let told = Told::of(&[hook(&url, "")]);
        told.tell(1);
        told.counts(Delivery::GivenUp, 1).await;
        told.tell(2);
        let got = receiver.gets(2).await;
        assert_eq!((got.len(), &got[1].1["title"]), (2, &"2".into()), "{status}");
        told.end().await;
    }
}

#[tokio::test]
async fn who_is_never_there_is_given_up_after_the_last_try() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook/key-1234", listener.local_addr().unwrap());
    drop(listener);
    let told = Told::of(&[hook(&url, "")]);
    told.tell(1);
    told.counts(Delivery::GivenUp, 1).await;
    told.counts(Delivery::Failed, 4).await;
    let tested = told.webhooks.test(NOW).await;
    assert_eq!(tested[0].host, "127.0.0.1");
    let failure = tested[0].failure.clone().unwrap();
    assert!(failure.may_pass() && !failure.to_string().contains("1234"), "{failure}");
    told.end().await;
}

#[tokio::test]
async fn what_waits_is_bounded_and_who_tells_never_waits() {
    let (receiver, url) = Receiver::answering(&[]).await;
    *receiver.0.held.lock().unwrap() = true;
    let (quick, other) = Receiver::answering(&[]).await;
    let told = Told::of(&[hook(&url, ""), hook(&other, "events = [\"put_aside\"]")]);
    told.tell(0);
    receiver.gets(1).await;
    // One is being sent, and so many wait.
    for n in 1..=WAITING as u32 + 10 {
        told.tell(n);
        // The other one keeps up.
        quick.gets(n as usize + 1).await;
    }
    told.counts(Delivery::Dropped, 10).await;
    *receiver.0.held.lock().unwrap() = false;
    receiver.0.let_go.notify_waiters();
    let got = receiver.gets(WAITING + 1).await;
    assert_eq!(got.last().unwrap().1["title"], WAITING.to_string());
    told.end().await;
}

#[tokio::test]
async fn who_wants_to_know_of_something_else_is_not_told() {
    let (receiver, url) = Receiver::answering(&[]).await;
    let told = Told::of(&[hook(&url, "events = [\"store\"]")]);
    told.tell(1);
    told.webhooks.tell(What::Store { failing: true, advice: None }, NOW);
    let got = receiver.gets(1).await;
    assert_eq!(got[0].1["type"], "store");
    // A test is for all.
    let tested = told.webhooks.test(NOW).await;
    assert_eq!(tested, [Tested { host: "127.0.0.1".to_owned(), failure: None }]);
    assert_eq!(receiver.gets(2).await[1].1["type"], "test");
    told.end().await;
}

#[tokio::test]
async fn a_server_that_ends_does_not_wait_for_who_is_slow() {
    let (receiver, url) = Receiver::answering(&[]).await;
    *receiver.0.held.lock().unwrap() = true;
    let told = Told::of(&[hook(&url, "")]);
    told.tell(1);
    receiver.gets(1).await;
    told.end().await;
}

#[tokio::test]
async fn without_any_nothing_is_done() {
    let told = Told::of(&[]);
    assert!(told.webhooks.is_empty());
    told.tell(1);
    assert_eq!(told.webhooks.test(NOW).await, []);
    assert_eq!(told.tasks.len(), 0);
    told.end().await;
}
