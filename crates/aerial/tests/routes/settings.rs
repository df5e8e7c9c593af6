//! `/api/v1/settings`.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::server::Server;

fn of<'a>(settings: &'a Value, section: &str, key: &str) -> &'a Value {
    let all = settings["settings"].as_array().unwrap();
    all.iter().find(|one| one["section"] == section && one["key"] == key).unwrap()
}

#[tokio::test]
async fn each_setting_is_told_with_what_it_is_and_who_set_it() {
    let server = Server::new().await;
    let told = server.get("/api/v1/settings").await.expect(200).json();
    assert_eq!(told["restarts"], json!("by_itself"));
    assert_eq!((&told["pending"], &told["trouble"]), (&json!(false), &json!(null)));
    let file = server.data.root().join("settings.toml");
    assert_eq!(told["file"], json!(file.to_str()));
    assert_eq!(
        *of(&told, "stream", "grace"),
        json!({
            "section": "stream",
            "key": "grace",
            "about": "How long a channel that has no grace period of its own stays on the air \
                without a viewer.",
            "kind": { "type": "period", "least": "0s", "most": "1h" },
            "value": "30s",
            "default": "30s",
            "set_by": { "by": "default" },
            "fixed": null,
            "secret": false,
        })
    );
    let data = of(&told, "server", "data");
    assert_eq!(data["set_by"], json!({ "by": "flag", "name": "--data" }));
    assert!(data["fixed"].is_string());
    assert_eq!(of(&told, "slates", "off_air")["value"], json!(null));
}

#[tokio::test]
async fn a_change_is_written_and_taken_up_by_a_new_server() {
    let server = Server::new().await;
    let asked = json!({ "stream": { "grace": "45s", "ladder": ["source", "480p"] } });
    let told = server.patch("/api/v1/settings", asked).await.expect(200).json();
    assert_eq!(told["effect"], json!("restarting"));
    assert_eq!(server.restarts.load(Ordering::Relaxed), 1);
    let grace = of(&told["settings"], "stream", "grace");
    assert_eq!((&grace["value"], &grace["next"]), (&json!("30s"), &json!("45s")));
    assert_eq!(told["settings"]["pending"], json!(true));
    let written = std::fs::read_to_string(server.data.root().join("settings.toml")).unwrap();
    assert_eq!(written, "[stream]\ngrace = \"45s\"\nladder = [\"source\", \"480p\"]\n");

    // Back to what is in effect: there is nothing to take up.
    let asked = json!({ "stream": { "grace": null, "ladder": null } });
    let told = server.patch("/api/v1/settings", asked).await.expect(200).json();
    assert_eq!((&told["effect"], &told["settings"]["pending"]), (&json!("none"), &json!(false)));
    assert_eq!(server.restarts.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn what_a_start_would_refuse_is_refused_by_field_and_nothing_is_written() {
    let server = Server::new().await;
    for (asked, fields) in [
        (json!({ "stream": { "grace": "2h", "threads": 3 } }), vec!["stream.threads"]),
        (json!({ "stream": { "grace": "2h" } }), vec!["stream.grace"]),
        (
            json!({ "store": { "limit": "5 apples" }, "log": { "format": "xml" } }),
            vec!["log.format", "store.limit"],
        ),
        (json!({ "server": { "listen": "0.0.0.0:8400" } }), vec!["server.listen"]),
        (json!({ "library": { "folders": ["/films"] } }), vec!["library.folders"]),
        (json!({ "ffmpeg": { "path": "/no/such/ffmpeg" } }), vec!["ffmpeg.path"]),
        (json!({ "slates": { "off_air": "/no/such/picture.png" } }), vec!["slates.off_air"]),
        // It is there, but FFmpeg cannot show it.
        (json!({ "slates": { "off_air": "/etc/passwd" } }), vec!["slates.off_air"]),
    ] {
        let answer = server.patch("/api/v1/settings", asked.clone()).await.expect(422);
        assert_eq!(answer.fields(), fields, "{asked}");
    }
    server.patch("/api/v1/settings", json!({ "stream": 5 })).await.expect(422);
    assert!(!server.data.root().join("settings.toml").exists());
    assert_eq!(server.restarts.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_file_that_was_broken_by_hand_is_told() {
    let server = Server::new().await;
    std::fs::write(server.data.root().join("settings.toml"), "[stream]\ngrace = 5\n").unwrap();
    let told = server.get("/api/v1/settings").await.expect(200).json();
    assert!(told["trouble"].as_str().unwrap().contains("settings.toml:2"), "{told}");
    let asked = json!({ "stream": { "encodes": 2 } });
    let refused = server.patch("/api/v1/settings", asked).await.expect(409).json();
    assert!(refused["detail"].as_str().unwrap().contains("mend"), "{refused}");
}
