//! The command line: what can be asked of the program, and its words.
//!
//! Owns the shape of commands and flags. Does nothing of what is asked (`app`).

pub mod backup;
pub mod channel;
mod desk;
mod exchange;
pub mod health;
pub mod manual;
pub mod password;
pub mod scan;
pub mod template;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::config::{CONFIG_VARIABLE, Flags, listen_address};

/// Turns folders of videos into live TV channels.
#[derive(Debug, Parser)]
#[command(name = "aerial", version, about, long_about = None, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Put the channels on the air
    Serve(ServeArgs),
    /// The same with a library of generated clips, to look at
    Demo(ServeArgs),
    /// Look for new and changed media in the library's folders
    Scan(SettingsArgs),
    /// Set the password with which the server is managed
    Password(PasswordArgs),
    /// Say what works here and what to do about what does not
    Doctor(SettingsArgs),
    /// Say whether a server answers here that can serve, for scripts and health checks
    Health(SettingsArgs),
    /// List, add, export and import channels, for scripts
    #[command(subcommand)]
    Channel(ChannelCommand),
    /// Put all that must not be lost into one file, while the server runs or not
    Backup(BackupArgs),
    /// Put what is in a backup in the place of what is in the data folder
    Restore(RestoreArgs),
    /// What is printed whatever the settings are.
    #[command(flatten)]
    Print(PrintCommand),
}

/// What the program says of itself.
#[derive(Debug, Subcommand)]
pub enum PrintCommand {
    /// Print a settings file with every setting, its default and what may stand there
    Settings,
    /// Print what lets a shell complete this program's commands and flags
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Write the pages of the manual
    #[command(hide = true)]
    Man {
        /// The folder for them
        folder: PathBuf,
    },
}

/// Flags for settings, which every command has.
#[derive(Clone, Debug, Default, Args)]
pub struct SettingsArgs {
    /// The file with the settings
    #[arg(long, value_name = "FILE", env = CONFIG_VARIABLE)]
    pub config: Option<PathBuf>,
    /// The folder for the catalogue and the segments [default: ./aerial-data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// A folder of media, in place of those in the settings; can be given several times
    #[arg(long, value_name = "DIR")]
    pub media: Vec<PathBuf>,
    /// Address and port of the server [default: 127.0.0.1:8400]
    #[arg(long, value_name = "ADDR:PORT", value_parser = listen_address)]
    pub listen: Option<SocketAddr>,
}

/// Flags of `serve` and `demo`.
#[derive(Clone, Debug, Default, Args)]
pub struct ServeArgs {
    /// Settings.
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// Run the server alone, without the process that keeps its sockets open
    /// while it restarts
    #[arg(long)]
    pub no_keeper: bool,
    /// How often the keeper has started the server before; only it says so.
    #[arg(long, hide = true, default_value_t = 0)]
    pub restarts: u32,
    /// Only read the settings, and say what is wrong with them; the keeper asks so before
    /// it ends a server for a new one.
    #[arg(long, hide = true)]
    pub check_settings: bool,
}

/// Flags of `password`; the password itself is asked for.
#[derive(Clone, Debug, Default, Args)]
pub struct PasswordArgs {
    /// Settings.
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// What the account is called from now on [default: as it is; `admin` at first]
    #[arg(long)]
    pub name: Option<String>,
}

/// Flags of `backup`.
#[derive(Clone, Debug, Default, Args)]
pub struct BackupArgs {
    /// Settings.
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// The file to make, or the folder to make it in [default: where the server keeps
    /// its own, `backups` in the data folder]
    pub file: Option<PathBuf>,
}

/// Flags of `restore`.
#[derive(Clone, Debug, Default, Args)]
pub struct RestoreArgs {
    /// Settings.
    #[command(flatten)]
    pub settings: SettingsArgs,
    /// The backup
    pub file: PathBuf,
    /// Only read it, and say whether it is whole and what is in it
    #[arg(long, conflicts_with = "force")]
    pub check: bool,
    /// Also where the data folder has something in it, which is set aside there
    #[arg(long)]
    pub force: bool,
}

/// What can be done with channels.
#[derive(Debug, Subcommand)]
pub enum ChannelCommand {
    /// Show all channels
    List {
        /// Settings.
        #[command(flatten)]
        settings: SettingsArgs,
        /// How to show them
        #[arg(long, value_enum, default_value_t = ListFormat::Table)]
        format: ListFormat,
    },
    /// Add a channel
    Add {
        /// Settings.
        #[command(flatten)]
        settings: SettingsArgs,
        /// Its name
        name: String,
        /// Its number, such as 5 or 5.1 [default: the next free one]
        #[arg(long)]
        number: Option<String>,
        /// The order in which its items play
        #[arg(long, value_enum, default_value_t = OrderArg::Sequential)]
        order: OrderArg,
        /// A show of the library to play; can be given several times
        #[arg(long, value_name = "NAME")]
        show: Vec<String>,
        /// A media to play, by its id or path; can be given several times
        #[arg(long = "item", value_name = "ID|PATH")]
        items: Vec<String>,
    },
    /// Write channels and their lineups as JSON
    Export {
        /// Settings.
        #[command(flatten)]
        settings: SettingsArgs,
        /// The file to write [default: the standard output]
        file: Option<PathBuf>,
    },
    /// Read channels and their lineups from JSON that `export` wrote
    Import {
        /// Settings.
        #[command(flatten)]
        settings: SettingsArgs,
        /// The file to read; `-` is the standard input
        file: PathBuf,
        /// Leave out what the library does not have, instead of importing nothing
        #[arg(long)]
        partly: bool,
    },
}

/// How a list is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// For people.
    Table,
    /// For programs, as the API gives it.
    Json,
}

/// An order of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OrderArg {
    /// One after the other.
    Sequential,
    /// Mixed; each once before any comes again.
    Shuffle,
}

impl From<&SettingsArgs> for Flags {
    fn from(args: &SettingsArgs) -> Self {
        Self {
            config: args.config.clone(),
            data: args.data.clone(),
            media: args.media.clone(),
            listen: args.listen,
        }
    }
}

impl Command {
    /// The flags for settings of whatever command this is.
    pub fn settings(&self) -> &SettingsArgs {
        static NONE: SettingsArgs =
            SettingsArgs { config: None, data: None, media: Vec::new(), listen: None };
        match self {
            Self::Print(_) => &NONE,
            Self::Serve(args) | Self::Demo(args) => &args.settings,
            Self::Scan(settings) | Self::Doctor(settings) | Self::Health(settings) => settings,
            Self::Password(args) => &args.settings,
            Self::Backup(args) => &args.settings,
            Self::Restore(args) => &args.settings,
            Self::Channel(
                ChannelCommand::List { settings, .. }
                | ChannelCommand::Add { settings, .. }
                | ChannelCommand::Export { settings, .. }
                | ChannelCommand::Import { settings, .. },
            ) => settings,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_and_flags_agree_with_each_other() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn what_the_keeper_adds_is_understood() {
        let line = ["aerial", "serve", "--no-keeper", crate::keeper::CHECK_ARGUMENT];
        let cli = Cli::try_parse_from(line).unwrap();
        assert!(matches!(cli.command, Command::Serve(args) if args.check_settings));
    }

    #[test]
    fn every_flag_of_serve_is_understood() {
        let line = "aerial serve --config f.toml --data d --media a --media b --listen [::1]:9";
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        let flags = Flags::from(cli.command.settings());
        assert_eq!(flags.config.as_deref(), Some("f.toml".as_ref()));
        assert_eq!(flags.data.as_deref(), Some("d".as_ref()));
        assert_eq!(flags.media, [PathBuf::from("a"), PathBuf::from("b")]);
        assert_eq!(flags.listen, Some("[::1]:9".parse().unwrap()));
    }
}
