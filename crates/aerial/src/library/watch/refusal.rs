//! Why a folder has no watch, in words for people, with what to do.

use std::io;

use notify_debouncer_full::notify::{self, ErrorKind};

pub(super) fn says(error: &notify::Error) -> String {
    match &error.kind {
        ErrorKind::MaxFilesWatch => "the system's limit of watched folders is reached: raise \
            fs.inotify.max_user_watches (sysctl), then restart aerial"
            .to_owned(),
        ErrorKind::Io(source) if source.raw_os_error() == Some(EMFILE) => {
            "the system's limit of watchers is reached: raise fs.inotify.max_user_instances \
             (sysctl), then restart aerial"
                .to_owned()
        }
        ErrorKind::Io(source) if source.kind() == io::ErrorKind::NotFound => {
            "the folder is not there".to_owned()
        }
        _ => format!("the folder cannot be watched ({error})"),
    }
}

/// What inotify answers when there are too many watchers.
const EMFILE: i32 = rustix::io::Errno::MFILE.raw_os_error();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_the_system_are_said_with_what_to_do() {
        let text = says(&notify::Error::new(ErrorKind::MaxFilesWatch));
        assert!(text.contains("max_user_watches"), "{text}");
        let many = io::Error::from_raw_os_error(EMFILE);
        assert!(says(&notify::Error::io(many)).contains("max_user_instances"));
        let gone = io::Error::from(io::ErrorKind::NotFound);
        assert_eq!(says(&notify::Error::io(gone)), "the folder is not there");
    }
}
