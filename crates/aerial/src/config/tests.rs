//! Settings from file, variables and flags, and what is said of wrong ones.

use std::ffi::OsString;
use std::path::Path;

use super::*;

fn load(file: Option<&str>, variables: &[(&str, &str)], flags: Flags) -> Result<Settings, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aerial.toml");
    let mut flags = flags;
    if let Some(text) = file {
        std::fs::write(&path, text).unwrap();
        flags.config = Some(path);
    }
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
    let shown_folder = format!("{}/", folder.path().display());
    Settings::load(&flags, variables).map_err(|error| error.to_string().replace(&shown_folder, ""))
}

fn file_error(text: &str) -> String {
    load(Some(text), &[], Flags::default()).unwrap_err()
}

fn variable_error(name: &str, value: &str) -> String {
    load(None, &[(name, value)], Flags::default()).unwrap_err()
}

#[test]
fn without_anything_given_the_defaults_hold() {
    let settings = load(None, &[("HOME", "/root"), ("AERIAL_CONFIG", "x")], Flags::default());
    assert_eq!(settings, Ok(Settings::default()));
    insta::assert_snapshot!(toml::to_string(&Settings::default()).unwrap(), @r#"
    [server]
    listen = "127.0.0.1:8400"
    data = "./aerial-data"
    connections = 4096
    connections_per_address = 256
    trust_clock = false

    [access]
    session = "30d"
    local_networks = []
    trusted_proxies = []
    local_metrics = false

    [library]
    folders = []
    rescan = "1h"
    probes = 2
    watch = true

    [stream]
    grace = "30s"
    height = 720
    ladder = ["source", "1080p", "720p", "480p", "360p"]
    encodes = "auto"

    [store]
    limit = "10GiB"
    free = "1GiB"

    [slates]

    [ffmpeg]
    threads = 2
    niceness = 5
    encoder = "auto"
    sandbox = "auto"

    [discovery]
    hdhomerun = true
    port = 65001
    ssdp = false

    [log]
    format = "text"
    filter = "info"

    [history]
    days = 90

    [backup]
    every = "1d"
    keep = 7
    "#);
}

#[test]
fn the_defaults_are_valid() {
    assert_eq!(Settings::default().validate(), Ok(()));
}

#[test]
fn backups_are_made_from_every_hour_to_every_quarter_or_never() {
    for every in ["0s", "1h", "1d", "90d"] {
        let file = format!("[backup]\nevery = \"{every}\"\n");
        assert!(load(Some(&file), &[], Flags::default()).is_ok(), "{every}");
    }
    let said = file_error("[backup]\nevery = \"59m\"\n");
    assert_eq!(
        said,
        "aerial.toml:2: backup.every: 59m is neither from 1h to 90d nor 0s, which is never"
    );
    assert!(variable_error("AERIAL_BACKUP_KEEP", "0").contains("1 to 1000"));
}

#[test]
fn a_slate_that_is_away_is_no_wrong_setting() {
    let file = "[slates]\noff_air = \"/nowhere/off.png\"\n";
    let settings = load(Some(file), &[], Flags::default()).unwrap();
    assert_eq!(settings.slates.off_air.as_deref(), Some(Path::new("/nowhere/off.png")));
}

#[test]
fn without_its_file_the_data_folder_is_told_by_flag_or_variable_or_the_lack_of_a_file() {
    let variables = |data: &str| [(OsString::from("AERIAL_SERVER_DATA"), OsString::from(data))];
    let none: [(OsString, OsString); 0] = [];
    let flags = |data: Option<&str>, config: Option<&str>| Flags {
        data: data.map(Into::into),
        config: config.map(Into::into),
        ..Flags::default()
    };
    let told = |flags: Flags| Settings::data_without_file(&flags, none.clone());
    assert_eq!(told(flags(None, None)), Some(Settings::default().server.data));
    assert_eq!(told(flags(None, Some("wrong.toml"))), None, "it may name another");
    assert_eq!(told(flags(Some("here"), Some("wrong.toml"))), Some("here".into()));
    let told = Settings::data_without_file(&flags(None, Some("wrong.toml")), variables("there"));
    assert_eq!(told, Some("there".into()));
}

#[test]
fn without_the_file_variables_hold_unless_they_are_what_is_wrong() {
    let flags = Flags { data: Some("here".into()), ..Flags::default() };
    let of = |height: &str| {
        let variable = (OsString::from("AERIAL_STREAM_HEIGHT"), OsString::from(height));
        let settings = Settings::without_file(&flags, [variable]);
        (settings.stream.height.get(), settings.server.data)
    };
    assert_eq!(of("480"), (480, "here".into()));
    assert_eq!(of("tall"), (Settings::default().stream.height.get(), "here".into()));
}

#[test]
fn variables_win_over_the_file_and_flags_over_both() {
    let file = "[server]\nlisten = \"127.0.0.1:1\"\ndata = \"from-file\"\n[stream]\ngrace = \"1s\"\nheight = 480\n";
    let variables = [("AERIAL_SERVER_LISTEN", "127.0.0.1:2"), ("AERIAL_STREAM_GRACE", "2s")];
    let flags = Flags { listen: Some("127.0.0.1:3".parse().unwrap()), ..Flags::default() };
    let settings = load(Some(file), &variables, flags).unwrap();
    assert_eq!(settings.server.listen.port(), 3);
    assert_eq!(settings.server.data, Path::new("from-file"));
    assert_eq!(settings.stream.grace, Period::secs(2));
    assert_eq!(settings.stream.height.get(), 480);
}

#[test]
fn every_kind_of_value_can_be_a_variable() {
    let variables = [
        ("AERIAL_STORE_LIMIT", "20GiB"),
        ("AERIAL_LIBRARY_PROBES", "4"),
        ("AERIAL_LIBRARY_WATCH", "false"),
        ("AERIAL_LIBRARY_FOLDERS", "/films:/shows and more"),
        ("AERIAL_SERVER_DATA", "2024"),
        ("AERIAL_LOG_FORMAT", "json"),
        ("AERIAL_STREAM_ENCODES", "12"),
        ("AERIAL_ACCESS_WATCH_ONLY", "false"),
        ("AERIAL_ACCESS_TRUSTED_PROXIES", "10.0.0.2, fd00::/8"),
    ];
    let settings = load(None, &variables, Flags::default()).unwrap();
    assert_eq!(settings.store.limit, ByteSize::gib(20));
    assert_eq!(settings.library.probes.get(), 4);
    assert!(!settings.library.watch);
    assert_eq!(settings.library.folders, [Path::new("/films"), Path::new("/shows and more")]);
    assert_eq!(settings.server.data, Path::new("2024"));
    assert_eq!(settings.log.format, LogFormat::Json);
    assert_eq!(settings.stream.encodes, Encodes::Count(12));
    assert_eq!(settings.access.watch_only, Some(false));
    let proxies: Vec<String> =
        settings.access.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(proxies, ["10.0.0.2", "fd00::/8"]);
}

#[test]
fn media_flags_replace_the_folders_of_the_file() {
    let flags = Flags { media: vec!["/mine".into()], ..Flags::default() };
    let settings = load(Some("library.folders = [\"/theirs\"]"), &[], flags).unwrap();
    assert_eq!(settings.library.folders, [Path::new("/mine")]);
}

#[test]
fn a_wrong_line_in_the_file_is_named_with_what_is_allowed() {
    let all = [
        "[stream]\ngrce = \"5s\"\n",
        "\n\n[streem]\ngrace = \"5s\"\n",
        "[stream]\nheight = 720\ngrace = 5\n",
        "[stream]\ngrace = \"5 apples\"\n",
        "[log]\nformat = \"xml\"\n",
        "[library]\nprobes = 300\n",
        "[library]\nfolders = 7\n",
        "[server]\nlisten = \"8400\"\n",
        "[store\nlimit = \"1GiB\"\n",
        "[stream]\ngrace = \"2h\"\n",
        "\nstream.height = 721\n",
        "\n[stream]\nencodes = 0\n",
        "[access]\ntrusted_proxies = [\"10.0.0.0/99\"]\n",
        "[access]\nlocal_networks = \"the neighbours\"\n",
        "[access]\nwatch_only = true\nsession = \"1s\"\n",
        "[stream]\nencodes = \"many\"\n",
        "[stream]\nencodes = true\n",
        "[ffmpeg]\nencoder = \"gpu\"\n",
        "[log]\n# more\nfilter = \"loud=very\"\n",
    ]
    .map(file_error)
    .join("\n");
    insta::assert_snapshot!(all);
}

#[test]
fn a_wrong_variable_is_named_with_what_is_allowed() {
    let all = [
        ("AERIAL_STREAM_GRACE", "5"),
        ("AERIAL_STREAM_GRCE", "5s"),
        ("AERIAL_STREEM_GRACE", "5s"),
        ("AERIAL_NONSENSE", "1"),
        ("AERIAL_LIBRARY_PROBES", "many"),
        ("AERIAL_LIBRARY_PROBES", "0"),
        ("AERIAL_LIBRARY_WATCH", "maybe"),
        ("AERIAL_LOG_FORMAT", "xml"),
        ("AERIAL_STREAM_ENCODES", "1001"),
        ("AERIAL_STORE_LIMIT", "1MiB"),
    ]
    .map(|(name, value)| variable_error(name, value))
    .join("\n");
    insta::assert_snapshot!(all);
}

#[test]
fn variables_of_a_service_in_kubernetes_are_no_settings() {
    let variables = [
        ("AERIAL_SERVICE_HOST", "10.0.0.1"),
        ("AERIAL_SERVICE_PORT", "8400"),
        ("AERIAL_SERVICE_PORT_HTTP", "8400"),
        ("AERIAL_PORT", "tcp://10.0.0.1:8400"),
        ("AERIAL_PORT_8400_TCP_ADDR", "10.0.0.1"),
        ("AERIAL_STREAM_GRACE", "2s"),
    ];
    let settings = load(None, &variables, Flags::default()).unwrap();
    assert_eq!(settings.stream.grace, Period::secs(2));
    for near in ["AERIAL_PORTS", "AERIAL_SERVICE", "AERIAL_SERVICES_HOST"] {
        assert!(load(None, &[(near, "1")], Flags::default()).is_err(), "{near}");
    }
}

#[test]
fn a_settings_file_that_is_not_there_is_named() {
    let flags = Flags { config: Some("/no/such/aerial.toml".into()), ..Flags::default() };
    let error = Settings::load(&flags, []).unwrap_err().to_string();
    assert!(error.starts_with("cannot read the settings in /no/such/aerial.toml"), "{error}");
}
