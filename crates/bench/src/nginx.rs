//! An nginx with files, to compare with.
//!
//! Owns its process and its folder. Invariant: it serves as its makers advise for
//! files (sendfile, tcp_nopush, kept connections, no log), and ends with its owner.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::http::Connection;
use crate::server::children;

const PROGRAMS: [&str; 3] = ["/usr/sbin/nginx", "/usr/bin/nginx", "/opt/homebrew/bin/nginx"];

/// What is said in its place.
pub(crate) const MISSING: &str = "nginx is not installed";

/// An nginx that runs.
#[derive(Debug)]
pub(crate) struct Nginx {
    process: Child,
    root: PathBuf,
    pub(crate) address: SocketAddr,
}

impl Nginx {
    /// Serves these files with so many workers (`auto`: one for each core); nothing
    /// where nginx is not installed.
    pub(crate) fn start(
        folder: &Path,
        files: &[(String, Vec<u8>)],
        workers: &str,
    ) -> Result<Option<Self>> {
        let Some(program) = PROGRAMS.into_iter().find(|path| Path::new(path).exists()) else {
            return Ok(None);
        };
        let root = folder.join("nginx");
        if root.exists() {
            std::fs::remove_dir_all(&root)?;
        }
        std::fs::create_dir_all(&root)?;
        for (name, bytes) in files {
            std::fs::write(root.join(name), bytes)?;
        }
        let root = root.canonicalize()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let config = format!(
            "daemon off; pid {root}/pid; error_log {root}/error.log; worker_processes {workers};\n\
             events {{ worker_connections 4096; }}\n\
             http {{ access_log off; root {root}; keepalive_requests 10000000; keepalive_timeout 75;\n\
             sendfile on; tcp_nopush on;\n\
             client_body_temp_path {root}/b; proxy_temp_path {root}/p; fastcgi_temp_path {root}/f;\n\
             uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;\n\
             server {{ listen {address}; }} }}\n",
            root = root.display()
        );
        std::fs::write(root.join("nginx.conf"), config)?;
        let process = Command::new(program)
            .arg("-c")
            .arg(root.join("nginx.conf"))
            .args(["-g", if is_root() { "user root;" } else { "" }])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let nginx = Self { process, root, address };
        let patience = Instant::now() + Duration::from_secs(5);
        while Connection::open(address).is_err() {
            ensure!(Instant::now() < patience, "nginx does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(Some(nginx))
    }

    /// Its processes that serve.
    pub(crate) fn workers(&self) -> Result<Vec<u32>> {
        children(self.process.id())
    }
}

/// As root its workers become another user, who may not read this folder.
fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let pid = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.root);
    }
}
