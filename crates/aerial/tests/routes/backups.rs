//! `/api/v1/backups`.

use serde_json::json;

use crate::server::Server;

#[tokio::test]
async fn a_backup_is_made_listed_fetched_and_deleted() {
    let server = Server::new().await;
    let films = server.films(&[300]).await;
    server.channel("5", &films).await;
    let none = server.get("/api/v1/backups").await.expect(200).json();
    assert_eq!(none, json!({ "items": [], "next": null }));

    let made = server.post("/api/v1/backups", json!({})).await.expect(201);
    let (location, made) = (made.header("location").to_owned(), made.json());
    let name = made["name"].as_str().unwrap();
    assert_eq!(name, "aerial-20261224T180000Z-by-hand.tar.gz");
    assert_eq!(location, format!("/api/v1/backups/{name}"));
    assert_eq!(made["made_at"], "2026-12-24T18:00:00.000Z");
    assert_eq!(made["why"], "by_hand");
    assert_eq!((&made["channels"], &made["media"]), (&json!(1), &json!(1)));
    let listed = server.get("/api/v1/backups").await.expect(200).json();
    assert_eq!(listed, json!({ "items": [made], "next": null }));
    let page = server.get(&format!("/api/v1/backups?cursor={name}")).await.expect(200).json();
    assert_eq!(page["items"], json!([]));
    assert_eq!(server.get("/api/v1/backups?cursor=5").await.expect(422).fields(), ["cursor"]);

    let fetched = server.get(&location).await.expect(200);
    assert_eq!(fetched.header("content-type"), "application/gzip");
    assert_eq!(fetched.header("cache-control"), "no-store");
    assert!(fetched.header("content-disposition").contains(name));
    assert_eq!(made["size_bytes"], json!(fetched.body.len()));
    let file = server.data.tmp().join("fetched.tar.gz");
    std::fs::write(&file, fetched.body).unwrap();
    assert_eq!(aerial::backup::verify(&file).unwrap().channels, 1);

    server.post("/api/v1/backups", json!({})).await.expect(409);
    server.delete(&location).await.expect(204);
    server.delete(&location).await.expect(404);
    server.get(&location).await.expect(404);
}

#[tokio::test]
async fn only_backups_are_to_be_had_by_their_names() {
    let server = Server::new().await;
    std::fs::create_dir(server.data.root().join("backups")).unwrap();
    std::fs::write(server.data.root().join("backups/notes.txt"), "somebody's own").unwrap();
    for name in ["notes.txt", "..%2Fcatalogue.sqlite", "%2e%2e%2fkey", "aerial-.tar.gz", "%ff"] {
        let path = format!("/api/v1/backups/{name}");
        server.get(&path).await.expect(404);
        server.delete(&path).await.expect(404);
    }
    assert!(server.data.root().join("backups/notes.txt").exists());
}

#[tokio::test]
async fn the_system_tells_how_it_stands_with_backups() {
    let server = Server::new().await;
    let folder = server.data.root().join("backups");
    let backups = async || server.get("/api/v1/system").await.expect(200).json()["backups"].clone();
    let none = json!({
        "folder": folder, "every_ms": 86_400_000, "keep": 7, "last_at": null, "next_at": null,
        "trouble": null,
    });
    assert_eq!(backups().await, none);
    // A file where the folder should be: nothing can be made there.
    std::fs::write(&folder, "").unwrap();
    let told = server.post("/api/v1/backups", json!({})).await.expect(500).json();
    let trouble = backups().await["trouble"].clone();
    assert_eq!(trouble, json!({ "at": "2026-12-24T18:00:00.000Z", "reason": told["detail"] }));
    std::fs::remove_file(&folder).unwrap();
    server.post("/api/v1/backups", json!({})).await.expect(201);
    let well = backups().await;
    assert_eq!(well["trouble"], json!(null));
    assert_eq!(well["last_at"], "2026-12-24T18:00:00.000Z");
}
