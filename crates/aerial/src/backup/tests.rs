//! Backups made, read, refused and restored, between data folders of their own.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use aerial_model::id::ChannelId;
use aerial_model::time::{AirTime, Ticks};
use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};
use tokio_util::sync::CancellationToken;

use super::manifest::FORMAT;
use super::*;
use crate::data_dir::DataDir;
use crate::db::{
    Account, AccountId, AiredEnd, AsRun, AsRunId, AsRunNames, AsRunQuery, Db, ENDED_WELL, SignIn,
    SignInId,
};

const NOW: AirTime = AirTime::from_unix_millis(1_800_000_000_000);

/// Two data folders, and a place for backups.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    /// The first has a catalogue, settings, a logo and a slate, and what need not be kept.
    async fn new() -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        let data = DataDir::open(&place.path("data")).unwrap();
        for (path, text) in [
            ("settings.toml", "[stream]\nheight = 480\n"),
            ("slates/off_air", "a picture"),
            ("slates/trouble.new", "half a picture"),
            ("artwork/logos/0123.png", "a logo"),
            ("artwork/logos/4567.png.part", "half a logo"),
            ("artwork/0123.jpg", "a thumbnail"),
            ("segments/x/1.segment", "a segment"),
            ("key", "a secret of this start"),
        ] {
            let path = data.root().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let db = Db::open(&data.catalogue()).await.unwrap();
        db.add_folder("/films".as_ref(), NOW).await.unwrap();
        db.set_setting("n", &1).await.unwrap();
        db.close().await.unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn source(&self) -> Source {
        Source { data: self.path("data"), config: None, floor: 0 }
    }

    async fn backed_up(&self) -> (PathBuf, Manifest) {
        let target = self.path("backup.tar.gz");
        let ending = CancellationToken::new();
        let made = make(&self.source(), &target, NOW, &ending).await.unwrap();
        (target, made)
    }

    async fn restored(&self, file: &Path, data: &str, force: bool) -> Result<Restored> {
        restore(file, &self.path(data), force, NOW, &CancellationToken::new()).await
    }
}

/// All files below a folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

#[tokio::test]
async fn all_that_must_not_be_lost_comes_back_elsewhere_and_nothing_else() {
    let place = Place::new().await;
    let before = files(&place.path("data"));
    let (file, made) = place.backed_up().await;
    assert_eq!(files(&place.path("data")), before, "a backup changes nothing");
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(verify(&file).unwrap(), made);
    assert_eq!(made.schema, Db::steps());

    let restored = place.restored(&file, "other", false).await.unwrap();
    assert_eq!((restored.manifest, restored.aside), (made, None));
    let mut there = files(&place.path("other"));
    there.remove("lock");
    let names: Vec<&str> = there.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["artwork/logos/0123.png", "catalogue.sqlite", "settings.toml", "slates/off_air"]
    );
    for name in ["artwork/logos/0123.png", "settings.toml", "slates/off_air"] {
        assert_eq!(there[name], before[name], "{name}");
    }
    let db = Db::open(&place.path("other/catalogue.sqlite")).await.unwrap();
    assert_eq!(db.setting::<u32>("n").await.unwrap(), Some(1));
    assert_eq!(db.folders().await.unwrap().len(), 1);
}

/// The copy is of a moment at which a server ran: nothing broke off in it.
#[tokio::test]
async fn a_server_restored_from_a_running_one_knows_of_no_trouble_and_how_far_it_knows() {
    let place = Place::new().await;
    let running = Db::open(&place.path("data/catalogue.sqlite")).await.unwrap();
    running.set_setting(ENDED_WELL, &false).await.unwrap();
    let on = |from: i64, end| AsRun {
        id: AsRunId::fresh(),
        channel: ChannelId(uuid::Uuid::from_u128(5)),
        ordinal: 7,
        media: None,
        planned: (NOW, NOW + Ticks::from_secs(3_600)),
        from: NOW + Ticks::from_secs(from),
        to: NOW + Ticks::from_secs(60),
        sent: None,
        end,
        viewers: 1,
        slates: Vec::new(),
        faults: Vec::new(),
        restarts: 0,
    };
    let stretches = [
        (on(0, Some(AiredEnd::Left)), AsRunNames::default()),
        (on(30, None), AsRunNames::default()),
    ];
    running.save_as_run(&stretches).await.unwrap();
    let (file, _) = place.backed_up().await;
    assert_eq!(running.setting::<bool>(ENDED_WELL).await.unwrap(), Some(false), "it still runs");
    assert_eq!(ends(&running).await, [Some(AiredEnd::Left), None]);
    running.close().await.unwrap();

    place.restored(&file, "other", false).await.unwrap();
    let db = Db::open(&place.path("other/catalogue.sqlite")).await.unwrap();
    assert_eq!(db.setting::<bool>(ENDED_WELL).await.unwrap(), None, "as before a first start");
    db.close_as_run().await.unwrap();
    assert_eq!(ends(&db).await, [Some(AiredEnd::Left), Some(AiredEnd::BackedUp)]);
}

#[tokio::test]
async fn whoever_was_signed_in_signs_in_again_after_a_restore() {
    let place = Place::new().await;
    let db = Db::open(&place.path("data/catalogue.sqlite")).await.unwrap();
    let account = Account {
        id: AccountId::fresh(),
        name: "admin".to_owned(),
        password_hash: "a hash".to_owned(),
        created_at: NOW,
        changed_at: NOW,
    };
    db.put_account(&account).await.unwrap();
    let sign_in = SignIn {
        id: SignInId::fresh(),
        account: account.id,
        secret_hash: [7; 32],
        created_at: NOW,
        last_used_at: NOW,
    };
    db.add_sign_in(&sign_in).await.unwrap();
    let (file, _) = place.backed_up().await;
    assert_eq!(db.sign_ins().await.unwrap().len(), 1, "here nobody is signed out");
    db.close().await.unwrap();
    place.restored(&file, "other", false).await.unwrap();
    let db = Db::open(&place.path("other/catalogue.sqlite")).await.unwrap();
    assert_eq!(db.sign_ins().await.unwrap().len(), 0);
    assert_eq!(db.accounts().await.unwrap(), [account], "the password is the one of the backup");
}

async fn ends(db: &Db) -> Vec<Option<AiredEnd>> {
    let (from, to, channel, after) = (None, None, None, None);
    let all = AsRunQuery { channel, from, to, oldest_first: true, after, limit: 9 };
    db.as_run(&all).await.unwrap().into_iter().map(|(stretch, _)| stretch.end).collect()
}

#[tokio::test]
async fn a_settings_file_from_elsewhere_is_kept_under_a_name_of_its_own() {
    let place = Place::new().await;
    let config = place.path("aerial.toml");
    fs::write(&config, "[store]\nfree = \"0B\"\n").unwrap();
    let source = Source { config: Some(config.clone()), ..place.source() };
    let file = place.path("b.tar.gz");
    let made = make(&source, &file, NOW, &CancellationToken::new()).await.unwrap();
    assert_eq!(made.config.as_deref(), config.to_str());
    place.restored(&file, "other", false).await.unwrap();
    let there = files(&place.path("other"));
    assert_eq!(there["config.toml"], fs::read(&config).unwrap());
    assert_eq!(there["settings.toml"], files(&place.path("data"))["settings.toml"]);
}

/// Somebody writes all the time, always two values that belong together.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_of_one_instant_whoever_writes() {
    let place = Place::new().await;
    let db = Db::open(&place.path("data/catalogue.sqlite")).await.unwrap();
    let ending = CancellationToken::new();
    let writing = tokio::spawn({
        let (db, ending) = (db.clone(), ending.clone());
        async move {
            let mut n = 0u64;
            while !ending.is_cancelled() {
                n += 1;
                let write = db.write().await.unwrap();
                write.set_setting("one", &n).await.unwrap();
                write.set_setting("other", &n).await.unwrap();
                write.commit().await.unwrap();
            }
            n
        }
    });
    let mut last = 0;
    for n in 0..5 {
        let before = db.setting::<u64>("one").await.unwrap().unwrap_or(0);
        let file = place.path(&format!("{n}.tar.gz"));
        make(&place.source(), &file, NOW, &CancellationToken::new()).await.unwrap();
        let name = format!("other {n}");
        place.restored(&file, &name, false).await.unwrap();
        let copy = Db::open(&place.path(&name).join("catalogue.sqlite")).await.unwrap();
        let one = copy.setting::<u64>("one").await.unwrap().unwrap_or(0);
        let other = copy.setting::<u64>("other").await.unwrap().unwrap_or(0);
        assert_eq!(one, other);
        assert!(one >= before && one >= last, "{one} is older than {before}");
        last = one;
    }
    ending.cancel();
    assert!(writing.await.unwrap() > last);
}

#[tokio::test]
async fn a_backup_with_any_byte_altered_or_cut_off_restores_nothing() {
    let place = Place::new().await;
    let (file, made) = place.backed_up().await;
    let whole = fs::read(&file).unwrap();
    let torn = place.path("torn.tar.gz");
    let mut refused = 0;
    // Past gzip's head, of which some bytes mean nothing (its time, say).
    for at in (10..whole.len()).step_by(whole.len() / 60) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&torn, &bytes).unwrap();
        match verify(&torn) {
            Err(BackupError::Damaged { .. } | BackupError::NotABackup { .. }) => refused += 1,
            Err(error) => panic!("byte {at}: {error}"),
            // A bit that means nothing (between two blocks, say): all is what was written.
            Ok(read) => assert_eq!(read, made, "byte {at}"),
        }
        fs::write(&torn, &whole[..at]).unwrap();
        assert!(verify(&torn).is_err(), "cut at {at}");
    }
    assert!(refused > 50, "{refused}");
    fs::write(&torn, &whole[..whole.len() / 2]).unwrap();
    let error = place.restored(&torn, "other", false).await.unwrap_err();
    assert!(matches!(error, BackupError::Damaged { .. }), "{error}");
    assert!(!place.path("other").exists(), "nothing was begun");
    assert_eq!(verify(&file).unwrap(), made);
}

#[tokio::test]
async fn what_is_no_backup_is_refused_by_name() {
    let place = Place::new().await;
    let file = place.path("holiday.tar.gz");
    let mut said = Vec::new();
    fs::write(&file, "photos").unwrap();
    said.push(verify(&file).unwrap_err().to_string());
    fs::write(&file, "").unwrap();
    said.push(verify(&file).unwrap_err().to_string());
    let zipped = GzEncoder::new(File::create(&file).unwrap(), Compression::fast());
    let mut builder = Builder::new(zipped);
    append(&mut builder, "photo.jpg", b"x", EntryType::Regular);
    builder.into_inner().unwrap().finish().unwrap();
    said.push(verify(&file).unwrap_err().to_string());
    for said in said {
        assert!(said.contains("holiday.tar.gz` is no backup of Aerial: "), "{said}");
    }
    let error = verify(&place.path("nowhere")).unwrap_err().to_string();
    assert!(error.starts_with("cannot read `") && error.contains("nowhere"), "{error}");
}

fn append(builder: &mut Builder<GzEncoder<File>>, path: &str, bytes: &[u8], kind: EntryType) {
    let mut header = Header::new_ustar();
    // As whoever means harm writes it: `set_path` would refuse.
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(kind);
    header.set_size(bytes.len() as u64);
    if kind == EntryType::Symlink {
        header.set_link_name("/etc/passwd").unwrap();
    }
    header.set_cksum();
    builder.append(&header, bytes).unwrap();
}

/// What somebody could make who means harm: each list is believed, as far as it goes.
#[tokio::test]
async fn nothing_gets_out_of_the_folder_and_nothing_unlisted_gets_in() {
    use EntryType::{Regular, Symlink};
    let place = Place::new().await;
    let (file, made) = place.backed_up().await;
    place.restored(&file, "whole", false).await.unwrap();
    let catalogue = fs::read(place.path("whole/catalogue.sqlite")).unwrap();
    let zeros = vec![0; 4 << 20];
    let member = |path: &str, bytes: &[u8]| Member {
        path: path.to_owned(),
        size_bytes: bytes.len() as u64,
        blake3: blake3::hash(bytes).to_hex().to_string(),
    };
    type Entry<'a> = (&'a str, &'a [u8], EntryType);
    let x: &[u8] = b"x";
    type Listed<'a> = Option<(&'a str, &'a [u8])>;
    let cases: [(&str, Listed<'_>, &[Entry<'_>]); 9] = [
        ("as it should be", Some(("slates/a", b"x")), &[("slates/a", b"x", Regular)]),
        ("a way out, listed", Some(("../evil", b"x")), &[("../evil", b"x", Regular)]),
        ("a way out, unlisted", None, &[("../evil", b"x", Regular)]),
        ("from the root", Some(("/tmp/evil", b"x")), &[("/tmp/evil", b"x", Regular)]),
        ("not on the list", None, &[("slates/a", b"x", Regular)]),
        ("a link", Some(("slates/a", b"")), &[("slates/a", b"", Symlink)]),
        ("twice", Some(("slates/a", b"x")), &[("slates/a", x, Regular); 2]),
        ("longer than listed", Some(("slates/a", b"x")), &[("slates/a", &zeros, Regular)]),
        ("missing", Some(("slates/a", b"x")), &[]),
    ];
    for (what, listed, entries) in cases {
        let mut manifest = made.clone();
        manifest.members = vec![member("catalogue.sqlite", &catalogue)];
        manifest.members.extend(listed.map(|(path, bytes)| member(path, bytes)));
        let path = place.path("crafted.tar.gz");
        let mut builder =
            Builder::new(GzEncoder::new(File::create(&path).unwrap(), Compression::fast()));
        let list = serde_json::to_vec(&manifest).unwrap();
        append(&mut builder, "manifest.json", &list, Regular);
        append(&mut builder, "catalogue.sqlite", &catalogue, Regular);
        for (path, bytes, kind) in entries {
            append(&mut builder, path, bytes, *kind);
        }
        builder.into_inner().unwrap().finish().unwrap();
        let restored = place.restored(&path, "victim", false).await;
        if what == "as it should be" {
            restored.unwrap();
            fs::remove_dir_all(place.path("victim")).unwrap();
            continue;
        }
        let error = restored.expect_err(what);
        assert!(matches!(error, BackupError::Damaged { .. }), "{what}: {error}");
        assert!(!place.path("victim").exists() && !place.path("evil").exists(), "{what}");
    }
}

#[tokio::test]
async fn a_newer_catalogue_or_form_is_refused_with_what_to_do() {
    let place = Place::new().await;
    let (file, made) = place.backed_up().await;
    place.restored(&file, "whole", false).await.unwrap();
    let folder = place.path("whole");
    let mut schema = made.schema.clone();
    schema.push("m9999_tomorrow".to_owned());
    let newer_schema = Manifest { schema, version: "9.0.0".to_owned(), ..made.clone() };
    let newer_form = Manifest { aerial_backup: FORMAT + 1, ..newer_schema.clone() };
    for (manifest, reason) in [(newer_schema, "m9999_tomorrow"), (newer_form, "of form 2")] {
        let path = place.path("newer.tar.gz");
        archive::write(&path, &manifest, &folder, &CancellationToken::new()).unwrap();
        let error = place.restored(&path, "other", false).await.unwrap_err();
        assert!(matches!(error, BackupError::Newer { .. }), "{error}");
        let said = error.to_string();
        assert!(
            said.contains(reason) && said.contains("9.0.0") && said.contains("later"),
            "{said}"
        );
        assert!(!place.path("other").exists());
    }
}

#[tokio::test]
async fn a_folder_in_use_is_left_alone_unless_forced_and_then_nothing_is_lost() {
    let place = Place::new().await;
    let (file, _) = place.backed_up().await;
    let db = Db::open(&place.path("data/catalogue.sqlite")).await.unwrap();
    db.set_setting("n", &2).await.unwrap();
    db.close().await.unwrap();
    fs::write(place.path("data/artwork/logos/new.png"), "a newer logo").unwrap();
    let before = files(&place.path("data"));

    let error = place.restored(&file, "data", false).await.unwrap_err();
    assert!(matches!(error, BackupError::Occupied(_)), "{error}");
    assert!(error.to_string().contains("--force"), "{error}");
    assert_eq!(files(&place.path("data")), before);

    let held = DataDir::open(&place.path("data")).unwrap();
    let error = place.restored(&file, "data", true).await.unwrap_err();
    assert!(error.to_string().contains("in use by another Aerial server"), "{error}");
    drop(held);
    assert_eq!(files(&place.path("data")), before);

    let aside = place.restored(&file, "data", true).await.unwrap().aside.unwrap();
    assert_eq!(aside.file_name().unwrap(), "before-restore-20270115T080000Z");
    let set_aside = files(&aside);
    for name in ["catalogue.sqlite", "settings.toml", "slates/off_air", "artwork/logos/new.png"] {
        assert_eq!(set_aside[name], before[name], "{name}");
    }
    let there = files(&place.path("data"));
    assert!(!there.contains_key("artwork/logos/new.png"));
    assert!(there.contains_key("segments/x/1.segment"), "what was made already is not touched");
    let db = Db::open(&place.path("data/catalogue.sqlite")).await.unwrap();
    assert_eq!(db.setting::<u32>("n").await.unwrap(), Some(1));
}

#[tokio::test]
async fn what_stands_in_the_way_of_a_backup_is_told_and_nothing_is_left() {
    let place = Place::new().await;
    let ending = CancellationToken::new();
    let failed = async |source: Source, target: &Path| {
        make(&source, target, NOW, &ending).await.unwrap_err().to_string()
    };
    let source = place.source();
    let nowhere = place.path("no/such/folder/b.tar.gz");
    assert!(failed(source.clone(), &nowhere).await.contains("make it, or mount"));
    let empty = Source { data: place.path("empty"), ..source.clone() };
    assert!(failed(empty, &place.path("b.tar.gz")).await.contains("nothing to back up"));
    let there = place.path("there.tar.gz");
    fs::write(&there, "somebody's").unwrap();
    assert!(failed(source.clone(), &there).await.contains("there already"));
    assert_eq!(fs::read(&there).unwrap(), b"somebody's");
    ending.cancel();
    assert!(failed(source.clone(), &place.path("b.tar.gz")).await.contains("broken off"));
    assert!(!place.path("b.tar.gz").exists() && !place.path("b.tar.gz.part").exists());
    assert_eq!(fs::read_dir(place.path("data/tmp")).unwrap().count(), 0);
}

/// A catalogue that is damaged takes no good backup's place.
#[tokio::test]
async fn a_damaged_catalogue_is_not_backed_up() {
    let place = Place::new().await;
    let path = place.path("data/catalogue.sqlite");
    let mut bytes = fs::read(&path).unwrap();
    // All but the first page, in which the schema begins.
    bytes[4_096..].fill(0x5a);
    fs::write(&path, bytes).unwrap();
    let file = place.path("b.tar.gz");
    let error = make(&place.source(), &file, NOW, &CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, BackupError::Catalogue(DbError::Damaged { .. })), "{error}");
    assert!(!file.exists());
}
