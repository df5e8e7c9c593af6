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
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let list = out.join(LIST);
    let code = fs::read_to_string(&list)?;
    if !code.contains("include_bytes!") {
        return Ok(());
    }
    // What is held needs no path, and one of this machine would make each build another:
    // the text of what is compiled is a part of the program's identity.
    let assets = fs::canonicalize(assets)?;
    println!("cargo::rustc-env=BUILT_ASSETS={}", assets.display());
    let code = code.replace(&format!("path: r\"{}", assets.display()), "path: r\"web/dist");
    fs::write(&list, found_by(&found_by(&code, &out, "OUT_DIR"), &assets, "BUILT_ASSETS"))
}

/// The same list, its files in `folder` found by the variable that names it.
fn found_by(code: &str, folder: &Path, variable: &str) -> String {
    let from = format!("include_bytes!(r\"{}/", folder.display());
    let mut parts = code.split(from.as_str());
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once("\")").unwrap_or((part, ""));
        text += &format!("include_bytes!(concat!(env!(\"{variable}\"), r\"/{name}\")){rest}");
    }
    text
}
