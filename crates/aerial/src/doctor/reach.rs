//! Who reaches the server, and whom it reaches: accounts, TV apps, webhooks, connections.
//!
//! Owns what of that people should know. Sends nothing. Invariant: no secret is told.

use std::io;

use aerial_model::network::is_local;

use super::report::{Report, Severity};
use crate::config::Settings;
use crate::descriptors::Descriptors;
use crate::discovery;
use crate::keeper::{SocketError, bind};

/// Who can do what. `account`: whether there is one, as far as that can be told.
pub(super) fn examine_access(settings: &Settings, account: Option<bool>, report: &mut Report) {
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

pub(super) fn examine_descriptors(settings: &Settings, open: Descriptors, report: &mut Report) {
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

/// Tells whom faults are told. Nothing is sent: whoever gets it would wonder. `no_https`: why
/// nothing can be told by `https`, if so.
pub(super) fn examine_webhooks(settings: &Settings, no_https: Option<&str>, report: &mut Report) {
    if settings.webhooks.is_empty() {
        return;
    }
    let hosts: Vec<&str> = settings.webhooks.iter().map(|hook| hook.url.host()).collect();
    let text = format!(
        "faults are told to {} (POST /api/v1/system/webhooks/test tries that)",
        hosts.join(", ")
    );
    report.add(Severity::Fine, text);
    if let Some(reason) = no_https
        && settings.webhooks.iter().any(|hook| hook.url.is_https())
    {
        report.add(Severity::Note, format!("webhooks with https are not told: {reason}"));
    }
    let open = settings.webhooks.iter().filter(|hook| !hook.url.is_https());
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
pub(super) fn examine_listening(settings: &Settings, serving: Option<&str>, report: &mut Report) {
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

pub(super) fn examine_discovery(settings: &Settings, serving: Option<&str>, report: &mut Report) {
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

#[cfg(test)]
mod tests {
    use super::*;

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
        examine_webhooks(&settings, Some("no roots"), &mut report);
        assert_eq!(report.0, []);
        settings.webhooks =
            ["http://10.0.0.2/secret", "https://a.example/secret", "http://b.example/secret"]
                .map(hook)
                .into();
        examine_webhooks(&settings, None, &mut report);
        let severities: Vec<Severity> = report.0.iter().map(|one| one.severity).collect();
        assert_eq!(severities, [Severity::Fine, Severity::Note]);
        let text = report.to_string();
        assert!(text.contains("10.0.0.2, a.example, b.example"), "{text}");
        assert!(text.contains("b.example is told by http") && !text.contains("secret"), "{text}");
        let mut report = Report::default();
        examine_webhooks(&settings, Some("no roots"), &mut report);
        assert!(report.to_string().contains("https are not told: no roots"), "{report}");
        settings.webhooks.remove(1);
        let mut report = Report::default();
        examine_webhooks(&settings, Some("no roots"), &mut report);
        assert!(!report.to_string().contains("no roots"), "{report}");
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
}
