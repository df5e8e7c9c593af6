//! `aerial password`: the administrator's password, set on the server's machine.
//!
//! Owns the asking. It is also the way back for who has forgotten it: whoever can read
//! the data folder needs no password. Invariant: what is typed is not shown, and is in
//! no argument, where others on the machine could read it.

use std::io::{self, BufRead as _, IsTerminal as _, Write};
use std::thread;

use axum::http::Method;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use serde_json::json;
use thiserror::Error;
use tokio::sync::oneshot;

use super::desk::{Desk, DeskError};
use crate::config::Settings;

/// Why no password was set.
#[derive(Debug, Error)]
pub enum PasswordFault {
    /// The server or the catalogue could not be asked, or refused it.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// Nothing could be read or printed.
    #[error("cannot ask for the password: {0}")]
    Terminal(#[from] io::Error),
    /// The two are not the same.
    #[error("the two passwords are not the same; nothing was changed")]
    NotTheSame,
    /// There is none.
    #[error("no password was given; type one, or pass it as a line to the standard input")]
    Nothing,
    /// Ctrl-C.
    #[error("nothing was changed")]
    Interrupted,
}

/// Asks for the password and sets it, with the account's name if one is given.
///
/// # Errors
/// When it could not be asked for, or was refused.
pub async fn run(
    settings: &Settings,
    name: Option<&str>,
    out: &mut impl Write,
) -> Result<(), PasswordFault> {
    // First: whoever may not is not asked.
    let desk = Desk::open(settings).await?;
    let password = ask().await?;
    if password.is_empty() {
        return Err(PasswordFault::Nothing);
    }
    let mut body = json!({ "password": password });
    if let Some(name) = name {
        body["name"] = name.into();
    }
    let answer = desk.ask(Method::PUT, "/api/v1/account/password", Some(&body)).await?;
    answer.accepted()?;
    writeln!(out, "The password is set. Whoever was signed in has to sign in again.")?;
    Ok(())
}

async fn ask() -> Result<String, PasswordFault> {
    if !io::stdin().is_terminal() {
        return line();
    }
    // Shown again in whatever way this ends.
    let _hidden = Hidden::start()?;
    let (answer, typed) = oneshot::channel();
    // A thread of its own: a line that is waited for cannot be taken back, and the
    // process ends without it.
    thread::spawn(move || answer.send(twice()));
    tokio::select! {
        typed = typed => typed.unwrap_or(Err(PasswordFault::Interrupted)),
        _ = tokio::signal::ctrl_c() => Err(PasswordFault::Interrupted),
    }
}

fn twice() -> Result<String, PasswordFault> {
    let prompted = |prompt: &str| {
        let mut err = io::stderr();
        write!(err, "{prompt}")?;
        err.flush()?;
        let typed = line();
        writeln!(err)?;
        typed
    };
    let password = prompted("New password: ")?;
    match prompted("Once more: ")? == password {
        true => Ok(password),
        false => Err(PasswordFault::NotTheSame),
    }
}

fn line() -> Result<String, PasswordFault> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// The terminal shows nothing of what is typed while this lives.
struct Hidden(Termios);

impl Hidden {
    fn start() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &hidden)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // There is no other way to show it again.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}
