//! Which files a process in the sandbox may open, by Landlock.
//!
//! Owns the list of what every FFmpeg needs. Invariant: nothing in it holds a secret, on
//! a server that runs as root neither: of `/etc` and `/proc` single files alone.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use super::super::confinement::Confinement;

/// What is asked for; an older kernel gives what it has: files from 5.13 on, TCP from
/// 6.7, devices from 6.10, signals from 6.12.
const WANTED: ABI = ABI::V6;

/// Programs, libraries, drivers, fonts, the time zone, and what the machine has.
const READ: [&str; 41] = [
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/bin",
    "/sbin",
    "/nix/store",
    "/gnu/store",
    "/run/opengl-driver",
    "/run/opengl-driver-32",
    "/opt/amdgpu",
    "/opt/intel",
    "/opt/rocm",
    "/var/cache/fontconfig",
    "/etc/OpenCL",
    "/etc/drirc",
    "/etc/egl",
    "/etc/fonts",
    "/etc/glvnd",
    "/etc/ld-musl-aarch64.path",
    "/etc/ld-musl-x86_64.path",
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/etc/libva.conf",
    "/etc/localtime",
    "/etc/nvidia",
    "/etc/vdpau_wrapper.cfg",
    "/etc/vulkan",
    "/proc/cpuinfo",
    "/proc/devices",
    "/proc/driver/nvidia",
    "/proc/meminfo",
    "/proc/modules",
    "/proc/self",
    "/proc/stat",
    "/proc/sys/vm",
    "/sys/bus",
    "/sys/class",
    "/sys/dev",
    "/sys/devices",
    "/sys/module",
];

/// Devices that are in everybody's hands.
const HARMLESS: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// How the names of devices in `/dev` begin that encode, decode or draw.
const DEVICES: [&str; 13] = [
    "dma_heap",
    "dri",
    "iep",
    "kfd",
    "mali",
    "media",
    "mpp_service",
    "nvhost",
    "nvidia",
    "nvmap",
    "rga",
    "vchiq",
    "video",
];

/// Variables with folders of libraries, drivers and fonts.
const FOLDERS: [&str; 5] = [
    "LD_LIBRARY_PATH",
    "LIBVA_DRIVERS_PATH",
    "FONTCONFIG_PATH",
    "FONTCONFIG_FILE",
    "GBM_BACKENDS_PATH",
];

/// A file system in user space (`statfs(2)`).
const FUSE: i64 = 0x6573_5546;

pub(super) fn restrict(confinement: &Confinement, program: &Path) -> Result<(), String> {
    match enforce(confinement, program).map_err(|error| error.to_string())? {
        RulesetStatus::NotEnforced => Err("this kernel has none".to_owned()),
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
    }
}

fn enforce(confinement: &Confinement, program: &Path) -> Result<RulesetStatus, RulesetError> {
    let read = AccessFs::from_read(WANTED);
    let all = AccessFs::from_all(WANTED);
    let file = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .handle_access(AccessNet::from_all(WANTED))?
        .scope(Scope::from_all(WANTED))?
        .create()?;
    for path in READ {
        rules = allow(rules, Path::new(path), read)?;
    }
    for path in programs(program).iter().chain(&confinement.reads) {
        rules = allow(rules, path, read)?;
    }
    for media in confinement.reads.iter().filter(|path| is_fuse(path)) {
        // There a file may be another one each time that it is looked up.
        if let Some(folder) = media.parent() {
            rules = allow(rules, folder, read)?;
        }
    }
    for device in HARMLESS {
        rules = allow(rules, Path::new(device), file | AccessFs::IoctlDev)?;
    }
    if confinement.devices {
        for device in devices() {
            rules = allow(rules, &device, read | file | AccessFs::IoctlDev)?;
        }
    }
    for path in &confinement.writes {
        rules = allow(rules, path, if path.is_dir() { all } else { file })?;
    }
    Ok(rules.restrict_self()?.ruleset)
}

/// What is not there needs no rule.
fn allow(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    match PathFd::new(path) {
        Ok(opened) => rules.add_rule(PathBeneath::new(opened, access)),
        Err(_) => Ok(rules),
    }
}

/// The program with what it starts and its own libraries, and what variables name. What
/// else is in its folder may be anything: a home, the server's data.
fn programs(program: &Path) -> Vec<PathBuf> {
    let real = std::fs::canonicalize(program).unwrap_or_else(|_| program.to_owned());
    let mut paths = vec![program.to_owned(), real.clone()];
    if let Some(folder) = real.parent() {
        // A script starts `ffmpeg.real`, or `ffmpeg-8`.
        let name = real.file_name().unwrap_or_default().as_encoded_bytes();
        let is_its_own = |path: &PathBuf| {
            let other = path.file_name().unwrap_or_default().as_encoded_bytes();
            is_library(path) || (other.starts_with(name) && path.is_file())
        };
        paths.extend(entries(folder).filter(is_its_own));
        let beside = ["lib", "lib64", "../lib", "../lib64"].map(|name| folder.join(name));
        // `/var/lib` has none in it itself.
        let has_libraries = |folder: &PathBuf| entries(folder).any(|path| is_library(&path));
        paths.extend(beside.into_iter().filter(has_libraries));
    }
    let named = FOLDERS.iter().filter_map(std::env::var_os);
    paths.extend(named.flat_map(|list| std::env::split_paths(&list).collect::<Vec<_>>()));
    paths.retain(|path| !path.as_os_str().is_empty());
    paths
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// `libx264.so`, `libavcodec.so.61`.
fn is_library(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    name.ends_with(".so") || name.contains(".so.")
}

fn devices() -> Vec<PathBuf> {
    let is_one = |name: &OsStr| {
        name.to_str().is_some_and(|name| DEVICES.iter().any(|begin| name.starts_with(begin)))
    };
    let all = entries(Path::new("/dev"));
    all.filter(|path| path.file_name().is_some_and(is_one)).collect()
}

fn is_fuse(path: &Path) -> bool {
    rustix::fs::statfs(path).is_ok_and(|stat| stat.f_type == FUSE)
}
