//! The program, run as people and scripts run it, on real clips.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so best by a panic")]
#![allow(clippy::disallowed_methods, reason = "the test plays the user, who starts programs")]
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fs::File;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// A data folder and a folder of videos.
pub(crate) struct Home {
    pub(crate) dir: TempDir,
    pub(crate) data: PathBuf,
    pub(crate) videos: PathBuf,
}

/// How the program ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // As the library knows it: without links on the way.
        let root = dir.path().canonicalize().unwrap();
        let (data, videos) = (root.join("data"), root.join("videos"));
        std::fs::create_dir(&videos).unwrap();
        Self { dir, data, videos }
    }

    /// A second of video, other bytes for each name.
    pub(crate) fn clip(&self, name: &str) {
        self.clip_of(name, (25, 1));
    }

    /// The same, of so many pictures per second, and so many seconds.
    pub(crate) fn clip_of(&self, name: &str, (rate, seconds): (u32, u32)) {
        let path = self.videos.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let made = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i"])
            .arg(format!("testsrc2=size=160x90:rate={rate}:duration={seconds}"))
            .args(["-metadata", &format!("title={name}"), "-c:v", "mpeg4"])
            .arg(&path)
            .status()
            .unwrap();
        assert!(made.success());
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.videos.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Runs `aerial` on this data folder.
    pub(crate) fn aerial(&self, args: &[&str]) -> End {
        let output = self.command(args).output().unwrap();
        End::from(output)
    }

    /// The same, with something to read.
    pub(crate) fn aerial_with(&self, args: &[&str], input: &str) -> End {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        End::from(process.wait_with_output().unwrap())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin("aerial"));
        command.env_remove("RUST_LOG").args(args).arg("--data").arg(&self.data);
        command
    }

    pub(crate) fn scan(&self) -> End {
        self.aerial(&["scan", "--media", self.videos.to_str().unwrap()])
    }

    pub(crate) fn serve(&self) -> Server {
        Self::started(&mut self.serving(), Stdio::null())
    }

    /// With all that our own code has to say in the log.
    pub(crate) fn serve_loudly(&self) -> Server {
        self.serve_with_log("aerial=trace,tower_http=trace,hyper=trace", &[])
    }

    /// With this much of it in the log, and set so by variables.
    pub(crate) fn serve_with_log(&self, filter: &str, settings: &[(&str, String)]) -> Server {
        let mut command = self.serving();
        command.env("RUST_LOG", filter).current_dir(self.dir.path());
        command.envs(settings.iter().map(|(name, value)| (*name, value)));
        let log = Stdio::from(File::create(self.log()).unwrap());
        let mut server = Self::started(&mut command, log);
        server.log = Some(self.log());
        server
    }

    /// With these variables, its log kept, and no more open files at first than that.
    pub(crate) fn serve_as(&self, variables: &[(&str, &str)], open_files: Option<u32>) -> Server {
        let serving = self.serving();
        let mut command = match open_files {
            None => serving,
            Some(most) => {
                let mut shell = Command::new("sh");
                shell.arg("-c").arg(format!("ulimit -Sn {most} && exec \"$0\" \"$@\""));
                shell.arg(serving.get_program()).args(serving.get_args()).env_remove("RUST_LOG");
                shell
            }
        };
        command.envs(variables.iter().copied());
        let mut server =
            Self::started(&mut command, Stdio::from(File::create(self.log()).unwrap()));
        server.log = Some(self.log());
        server
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    fn serving(&self) -> Command {
        self.command(&["serve", "--no-keeper", "--listen", "127.0.0.1:0"])
    }

    fn started(command: &mut Command, log: Stdio) -> Server {
        let mut process = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").expect(&line).to_owned();
        Server { process, address, log: None }
    }
}

impl From<Output> for End {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A server, ended with the test.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: String,
    log: Option<PathBuf>,
}

impl Server {
    /// Ends it; all that it logged.
    pub(crate) fn ended(mut self) -> String {
        let log = self.log.take().unwrap();
        drop(self);
        std::fs::read_to_string(log).unwrap()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A killed server leaves no FFmpeg either.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => {
                std::fs::copy(entry.path(), to).unwrap();
            }
        }
    }
}
