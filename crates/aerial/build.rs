//! Takes the built web page into the program.
//!
//! Where `web/dist` is empty (nobody ran `make web`), a page that says so stands in
//! for it, so that the server can be built and worked on without Node.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// What `memory_serve` writes for the program to include.
const LIST: &str = "memory_serve_assets.rs";

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let built = manifest.join("../../web/dist");
    // An empty folder that exists can be watched: the next build sees the page come.
    let watched = built.is_dir() || fs::create_dir_all(&built).is_ok();
    if watched {
        println!("cargo::rerun-if-changed={}", built.display());
    }
    let assets =
        if built.join("index.html").is_file() { built } else { manifest.join("src/http/unbuilt") };
    // The page itself is filled in when it is asked for (`http::assets`).
    println!("cargo::rustc-env=BUILT_PAGE={}", assets.join("index.html").display());
    embed(&assets)?;
    println!("cargo::rerun-if-changed=build.rs");
    Ok(())
}

/// Debug builds read the files when asked for them, release builds hold them.
fn embed(assets: &Path) -> io::Result<()> {
    memory_serve::load_directory(assets);
    let list = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join(LIST);
    let code = fs::read_to_string(&list)?;
    if !code.contains("include_bytes!") {
        return Ok(());
    }
    // What is held needs no path, and one of this machine would make each build another.
    let here = format!("path: r\"{}", fs::canonicalize(assets)?.display());
    fs::write(&list, code.replace(&here, "path: r\"web/dist"))
}
