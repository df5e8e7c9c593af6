//! `/api/v1/folders`.

use aerial::db::{Identity, ScannedMedia};
use insta::assert_snapshot;
use serde_json::json;

use crate::server::Server;

#[tokio::test]
async fn a_folder_is_added_listed_and_taken_out() {
    let server = Server::new().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().canonicalize().unwrap();
    let added = server.post("/api/v1/folders", json!({ "path": path })).await.expect(201);
    let id = added.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(added.header("location"), format!("/api/v1/folders/{id}"));
    let listed = server.get("/api/v1/folders?limit=1").await.expect(200).json();
    let next = listed["next"].as_str().unwrap();
    let listed = server.get(&format!("/api/v1/folders?cursor={next}")).await.json();
    assert_eq!(listed["items"][0]["path"], json!(path));
    assert_eq!(listed["next"], json!(null));
    server.post("/api/v1/folders", json!({ "path": path })).await.expect(409);
    server.delete(&format!("/api/v1/folders/{id}")).await.expect(204);
    server.delete(&format!("/api/v1/folders/{id}")).await.expect(404);
    assert!(path.is_dir());
}

#[tokio::test]
async fn a_path_that_is_no_folder_is_refused_by_name() {
    let server = Server::new().await;
    std::fs::write(server.films.join("file"), "x").unwrap();
    let file = server.films.join("file");
    for path in ["films", "", "/no/such/folder", "/\u{0}", file.to_str().unwrap()] {
        let answer = server.post("/api/v1/folders", json!({ "path": path })).await.expect(422);
        assert_eq!(answer.fields(), ["path"], "{path}");
    }
    let answer = server.post("/api/v1/folders", json!({ "path": "/no/such/folder" })).await;
    assert_snapshot!(answer.shown(), @r#"
    422 Unprocessable Entity
    {
      "detail": "path: `/no/such/folder` cannot be read: No such file or directory (os error 2)",
      "errors": [
        {
          "field": "path",
          "message": "`/no/such/folder` cannot be read: No such file or directory (os error 2)"
        }
      ],
      "status": 422,
      "title": "Not valid",
      "type": "urn:aerial:problem:invalid"
    }
    "#);
}

#[tokio::test]
async fn a_folder_within_another_is_refused() {
    let server = Server::new().await;
    let inner = server.films.join("inner");
    std::fs::create_dir(&inner).unwrap();
    let answer = server.post("/api/v1/folders", json!({ "path": inner })).await.expect(409);
    assert_eq!(answer.fields(), ["path"]);
    let outer = server.films.parent().unwrap();
    server.post("/api/v1/folders", json!({ "path": outer })).await.expect(409);
}

#[tokio::test]
async fn channels_forget_the_media_of_a_folder_that_goes() {
    let server = Server::new().await;
    let films = server.films(&[300]).await;
    server.channel("5", &films).await;
    server.delete(&format!("/api/v1/folders/{}", server.folder)).await.expect(204);
    let lineup = server.get("/api/v1/channels/5/lineup").await.json();
    assert_eq!(lineup["items"], json!([]));
    assert_eq!(server.get("/api/v1/media").await.json()["items"], json!([]));
}

#[tokio::test]
async fn a_copy_in_another_folder_takes_the_place_of_a_film_whose_folder_goes() {
    let server = Server::new().await;
    let films = server.films(&[300, 600]).await;
    server.channel("5", &films).await;
    let other = server.db.add_folder("/other".as_ref(), server.clock.now()).await.unwrap();
    let kept = server.db.media(films[1]).await.unwrap().unwrap();
    let copy = ScannedMedia {
        id: None,
        folder: other.id,
        path: "/other/film.mkv".into(),
        // A copy is of another time.
        identity: Identity { mtime_ns: 2, ..kept.identity },
        found: Ok((kept.facts.unwrap().as_ref().clone(), kept.map.unwrap().1)),
        about: kept.about,
    };
    let copy = server.db.upsert_media(vec![copy], server.clock.now()).await.unwrap().added[0];
    server.delete(&format!("/api/v1/folders/{}", server.folder)).await.expect(204);
    let lineup = server.get("/api/v1/channels/5/lineup").await.json();
    assert_eq!(lineup["items"].as_array().unwrap().len(), 1);
    assert_eq!(lineup["items"][0]["media"], json!(copy.to_string()));
}

#[tokio::test]
async fn the_servers_folders_are_told_to_who_looks_for_the_librarys() {
    let server = Server::new().await;
    let root = server.films.parent().unwrap().to_owned();
    std::fs::create_dir(server.films.join("Night")).unwrap();
    let path = |path: &std::path::Path| {
        let path: String =
            form_urlencoded::byte_serialize(path.to_str().unwrap().as_bytes()).collect();
        format!("/api/v1/folders/browse?path={path}")
    };
    let told = server.get(&path(&root)).await.expect(200).json();
    let names: Vec<&str> = told["folders"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["data", "films"]);
    assert_eq!((&told["folders"][1]["in_library"], &told["more"]), (&json!(true), &json!(false)));
    let films = path(told["folders"][1]["path"].as_str().unwrap().as_ref());
    let told = server.get(&films).await.expect(200).json();
    assert_eq!(told["folders"][0]["name"], "Night");
    assert_eq!(told["parent"], json!(root.to_str()));
    let told = server.get("/api/v1/folders/browse").await.expect(200).json();
    assert_eq!((&told["path"], &told["parent"]), (&json!("/"), &json!(null)));
    for wrong in ["relative", "/no/such/folder", "/etc/passwd"] {
        let refused = server.get(&path(wrong.as_ref())).await.expect(422);
        assert_eq!(refused.fields(), ["path"], "{wrong}");
    }
}
