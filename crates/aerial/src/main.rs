//! The `aerial` program: from the command line to the part that does the work.
//!
//! Exit codes: 0, 1 (failed), 2 (wrong use, wrong settings).

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use aerial::app::{self, End, Startup};
use aerial::cli::{self, Cli, Command, PrintCommand, RestoreArgs, ServeArgs};
use aerial::config::{ConfigError, Flags, Loaded, Log, Settings};
use aerial::discovery;
use aerial::doctor;
use aerial::ffmpeg::sandbox::trial;
use aerial::ffmpeg::{Spawner, own_binary, shim};
use aerial::keeper::{self, Inherited};
use aerial::telemetry;
use anyhow::Context;
use clap::Parser;

/// Gives back what is not needed any more: the system's own keeps it, in holes between what
/// stays, and a server took more from hour to hour. How it does that, the keeper says.
#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Exit code for wrong use.
const USAGE: u8 = 2;

/// What blocking work may take that the server's end has left: only what waits for a disk
/// that hangs takes longer, and that may be for ever.
const LEFT_OVER: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    match args.next() {
        Some(first) if first == shim::ARGUMENT => return shim::run(args),
        Some(first) if first == trial::ARGUMENT => return trial::run(args),
        _ => {}
    }
    let cli = Cli::parse();
    if let Command::Print(command) = &cli.command {
        // Before the settings are read: wrong ones are no reason to print nothing.
        return ended(print(command));
    }
    let flags = Flags::from(cli.command.settings());
    match Settings::load_with_origins(&flags, std::env::vars_os()) {
        Ok(loaded) => ended(run(cli.command, loaded)),
        Err(error) => without_settings(cli.command, &flags, error),
    }
}

/// What can be done though the settings are wrong: to say so, and to put back right ones.
fn without_settings(command: Command, flags: &Flags, wrong: ConfigError) -> ExitCode {
    let variables = std::env::vars_os;
    match command {
        Command::Doctor(_) => {
            ended(doctor(&Settings::without_file(flags, variables()), Some(&wrong)))
        }
        // The server that runs goes on with those it has.
        Command::Health(_) => {
            complain(&anyhow::Error::from(wrong).context("asking in spite of the settings"));
            ended(health(&Settings::without_file(flags, variables())))
        }
        Command::Restore(args) => match Settings::data_without_file(flags, variables()) {
            Some(data) => {
                complain(&anyhow::Error::from(wrong).context("restoring in spite of the settings"));
                let mut settings = Settings::default();
                settings.server.data = data;
                ended(restore(&args, &settings))
            }
            None => {
                let advice = "give the data folder with --data to restore in spite of the settings";
                complain(&anyhow::Error::from(wrong).context(advice));
                ExitCode::from(USAGE)
            }
        },
        _ => {
            complain(&wrong.into());
            ExitCode::from(USAGE)
        }
    }
}

fn ended(done: anyhow::Result<ExitCode>) -> ExitCode {
    match done {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, loaded: Loaded) -> anyhow::Result<ExitCode> {
    let settings = loaded.settings().clone();
    match command {
        Command::Serve(args) => serve(&args, loaded, false),
        Command::Demo(args) => serve(&args, loaded, true),
        Command::Doctor(_) => doctor(&settings, None),
        Command::Health(_) => health(&settings),
        Command::Scan(_) => {
            quietly(&settings)?;
            runtime()?.block_on(cli::scan::run(&settings, &mut std::io::stdout()))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Password(args) => {
            quietly(&settings)?;
            let (name, mut out) = (args.name.as_deref(), std::io::stdout());
            runtime()?.block_on(cli::password::run(&settings, name, &mut out))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Channel(command) => {
            quietly(&settings)?;
            let mut out = std::io::stdout();
            runtime()?.block_on(cli::channel::run(&command, &settings, &mut out))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Backup(args) => {
            quietly(&settings)?;
            let (config, to) = (args.settings.config.as_deref(), args.file.as_deref());
            let mut out = std::io::stdout();
            runtime()?.block_on(cli::backup::make(&settings, config, to, &mut out))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Restore(args) => restore(&args, &settings),
        Command::Print(command) => print(&command),
    }
}

fn print(command: &PrintCommand) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout();
    match command {
        PrintCommand::Settings => out.write_all(cli::template::settings()?.as_bytes())?,
        PrintCommand::Completions { shell } => out.write_all(&cli::manual::completions(*shell))?,
        PrintCommand::Man { folder } => cli::manual::write(folder)
            .with_context(|| format!("cannot write the manual to {}", folder.display()))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The server, or its keeper.
fn serve(args: &ServeArgs, loaded: Loaded, demo: bool) -> anyhow::Result<ExitCode> {
    if args.check_settings {
        return try_settings(loaded.settings());
    }
    // Before any thread is started, because it changes the environment.
    let inherited = keeper::inherit()?;
    if args.no_keeper || !inherited.listeners.is_empty() {
        return serve_here(args, loaded, inherited, demo);
    }
    let settings = loaded.settings();
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let mut server_args: Vec<_> = std::env::args_os().skip(1).collect();
    server_args.push("--no-keeper".into());
    let sockets = vec![keeper::bind(settings.server.listen)?];
    let wanted = settings.discovery.hdhomerun;
    // Where this fails the server will, and says so in its log.
    let discovery = || discovery::bind(&settings.discovery, settings.server.listen.ip()).ok();
    let discovery = wanted.then(discovery).flatten();
    let code = keeper::keep(&keeper::Plan { program, args: server_args, sockets, discovery })?;
    Ok(ExitCode::from(code))
}

/// Whether a server would start with them, as the machine is now.
fn try_settings(settings: &Settings) -> anyhow::Result<ExitCode> {
    with_spawner(settings, async |spawner| app::try_settings(settings, spawner).await)??;
    Ok(ExitCode::SUCCESS)
}

/// Does some work with processes, of which none is left then.
fn with_spawner<T>(
    settings: &Settings,
    work: impl AsyncFnOnce(&Spawner) -> T,
) -> anyhow::Result<T> {
    let runtime = runtime()?;
    let done = runtime.block_on(async {
        let shim = own_binary().context("cannot find this program's own file")?;
        let spawner = Spawner::sandboxed(shim, settings.ffmpeg.sandbox)?;
        let done = work(&spawner).await;
        spawner.shut_down().await;
        anyhow::Ok(done)
    });
    // Whatever still waits for a disk that hangs.
    runtime.shutdown_background();
    done
}

fn serve_here(
    args: &ServeArgs,
    loaded: Loaded,
    inherited: Inherited,
    demo: bool,
) -> anyhow::Result<ExitCode> {
    telemetry::start(&loaded.settings().log)?;
    let runtime = runtime()?;
    let startup = Startup {
        settings: loaded.settings().clone(),
        loaded,
        inherited,
        restarts: args.restarts,
        demo,
    };
    let end = runtime.block_on(app::serve(startup));
    match end {
        // Without waiting for blocking work, which a second signal is meant to skip.
        Ok(End::AtOnce) => runtime.shutdown_background(),
        _ => runtime.shutdown_timeout(LEFT_OVER),
    }
    match end? {
        End::Finished => Ok(ExitCode::SUCCESS),
        // To whoever holds the sockets a failure is what a new server is started for.
        End::AtOnce | End::Renew => Ok(ExitCode::FAILURE),
    }
}

fn health(settings: &Settings) -> anyhow::Result<ExitCode> {
    quietly(settings)?;
    runtime()?.block_on(cli::health::run(settings, &mut std::io::stdout()))?;
    Ok(ExitCode::SUCCESS)
}

fn restore(args: &RestoreArgs, settings: &Settings) -> anyhow::Result<ExitCode> {
    quietly(settings)?;
    let (how, mut out) = ((args.check, args.force), std::io::stdout());
    runtime()?.block_on(cli::backup::restore(settings, &args.file, how, &mut out))?;
    Ok(ExitCode::SUCCESS)
}

/// `wrong`: what is wrong with the settings, if these are not all of them.
fn doctor(settings: &Settings, wrong: Option<&ConfigError>) -> anyhow::Result<ExitCode> {
    telemetry::start(&settings.log)?;
    let examine = async |spawner: &Spawner| doctor::examine(settings, wrong, spawner).await;
    let report = with_spawner(settings, examine)?;
    writeln!(std::io::stdout(), "Aerial {}\n\n{report}", env!("CARGO_PKG_VERSION"))?;
    Ok(if report.can_serve() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Logs of a command that says itself what it does: only what is wrong.
fn quietly(settings: &Settings) -> anyhow::Result<()> {
    Ok(telemetry::start(&Log { filter: "warn".to_owned(), ..settings.log.clone() })?)
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")
}

/// The error and its causes on one line, but no cause that was told already.
fn complain(error: &anyhow::Error) {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    // A closed stderr is no reason to panic.
    let _ = writeln!(std::io::stderr(), "aerial: {text}");
}
