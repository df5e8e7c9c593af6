//! A channel's uploaded logo in a list: the picture itself, as a `data:` URL (RFC 2397),
//! in place of an address that only this server has.
//!
//! Owns how it is written and read. Invariants: a list is never longer for its pictures
//! than what is read again ([`CARRIED`]); what cannot go along is told, and never becomes
//! an address at which there is nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;

use crate::http::extract::BODY_LIMIT;
use crate::http::logos::UPLOADED;
use crate::library::Uploads;

/// So many bytes of pictures go along in one list: half of what may be read of one
/// (`IMPORT_LIMIT`), as text. A usual logo has some ten thousand.
const CARRIED: usize = 12 << 20;

/// The pictures of a list that is written.
#[derive(Debug)]
pub(super) struct Pictures<'a> {
    uploads: &'a Uploads,
    left: usize,
}

impl<'a> Pictures<'a> {
    /// None yet.
    pub(super) fn new(uploads: &'a Uploads) -> Self {
        Self { uploads, left: CARRIED }
    }

    /// A channel's logo as the list has it.
    pub(super) async fn told(&mut self, logo: Option<String>) -> Option<String> {
        let logo = logo?;
        let Some(name) = logo.strip_prefix(UPLOADED) else { return Some(logo) };
        match self.uploads.get(name).await {
            Some((picture, media_type)) if picture.len() <= self.left => {
                self.left -= picture.len();
                Some(format!("data:{media_type};base64,{}", STANDARD.encode(&picture)))
            }
            _ => Some(logo),
        }
    }
}

/// What was taken out of a channel of a list that is read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// The picture that its logo is now the address of.
    pub(super) picture: Option<Bytes>,
    /// What is not there, in words.
    pub(super) lost: Option<String>,
}

/// Puts this server's own address in the place of a picture; takes away the address of
/// one that is not here, so that the channel keeps the logo it has, or the drawn one.
///
/// # Errors
/// Why it is no picture.
pub(super) async fn taken(channel: &mut Value, uploads: &Uploads) -> Result<Taken, String> {
    let Some(fields) = channel.as_object_mut() else { return Ok(Taken::default()) };
    let Some(Value::String(logo)) = fields.get_mut("logo") else { return Ok(Taken::default()) };
    if let Some(name) = logo.strip_prefix(UPLOADED) {
        if uploads.get(name).await.is_some() {
            return Ok(Taken::default());
        }
        let lost = format!("the picture `{logo}`: give the channel its logo again");
        fields.remove("logo");
        return Ok(Taken { picture: None, lost: Some(lost) });
    }
    let Some(data) = logo.strip_prefix("data:") else { return Ok(Taken::default()) };
    let picture = decoded(data).and_then(|picture| {
        let name = Uploads::name(&picture).map_err(|error| error.to_string())?;
        *logo = format!("{UPLOADED}{name}");
        Ok(picture)
    });
    match picture {
        Ok(picture) => Ok(Taken { picture: Some(picture), lost: None }),
        Err(said) => {
            // One fault of it is enough.
            fields.remove("logo");
            Err(said)
        }
    }
}

/// The bytes after `data:`.
fn decoded(data: &str) -> Result<Bytes, String> {
    let text = data.split_once(";base64,").map(|(_, text)| text);
    let text = text.ok_or("must be a picture as `data:image/png;base64,…`, or a URL")?;
    let bytes = STANDARD.decode(text).map_err(|error| format!("is no base64: {error}"))?;
    match bytes.len() <= BODY_LIMIT {
        true => Ok(bytes.into()),
        false => Err(format!("must have at most {} MiB", BODY_LIMIT >> 20)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\nlogo";

    fn uploads() -> (tempfile::TempDir, Uploads) {
        let dir = tempfile::tempdir().unwrap();
        let uploads = Uploads::new(dir.path().join("logos"));
        (dir, uploads)
    }

    #[tokio::test]
    async fn a_picture_goes_along_and_has_the_same_name_elsewhere() {
        let ((_here, here), (_there, there)) = (uploads(), uploads());
        let name = here.keep(Bytes::from_static(PICTURE)).await.unwrap();
        let logo = Some(format!("{UPLOADED}{name}"));
        let told = Pictures::new(&here).told(logo.clone()).await.unwrap();
        assert!(told.starts_with("data:image/png;base64,"), "{told}");
        let mut channel = json!({ "number": "5", "logo": told });
        let read = taken(&mut channel, &there).await.unwrap();
        assert_eq!(read, Taken { picture: Some(PICTURE.into()), lost: None });
        assert_eq!(channel["logo"].as_str(), logo.as_deref());
        let again = taken(&mut channel, &here).await.unwrap();
        assert_eq!((again, channel["logo"].as_str()), (Taken::default(), logo.as_deref()));
    }

    #[tokio::test]
    async fn what_is_too_much_stays_an_address_and_one_without_a_picture_is_told() {
        let (_dir, here) = uploads();
        let name = here.keep(Bytes::from_static(PICTURE)).await.unwrap();
        let logo = format!("{UPLOADED}{name}");
        let mut full = Pictures { uploads: &here, left: PICTURE.len() - 1 };
        assert_eq!(full.told(Some(logo.clone())).await, Some(logo.clone()));
        for other in [None, Some("https://tv/5.png".to_owned()), Some("/icon.svg".to_owned())] {
            assert_eq!(Pictures::new(&here).told(other.clone()).await, other);
        }
        let (_other, there) = uploads();
        let mut channel = json!({ "number": "5", "logo": logo });
        let lost = taken(&mut channel, &there).await.unwrap().lost.unwrap();
        assert!(lost.contains(&logo), "{lost}");
        assert_eq!(channel, json!({ "number": "5" }));
    }

    #[tokio::test]
    async fn what_is_no_picture_is_refused() {
        let (_dir, uploads) = uploads();
        let long = format!("data:image/png;base64,{}", STANDARD.encode(vec![0; BODY_LIMIT + 1]));
        for (logo, says) in [
            ("data:image/png,abc", "base64"),
            ("data:image/png;base64,a b", "is no base64"),
            ("data:image/svg+xml;base64,PHN2Zy8+", "PNG, JPEG or WebP"),
            (&long, "at most 4 MiB"),
        ] {
            let mut channel = json!({ "logo": logo });
            let said = taken(&mut channel, &uploads).await.unwrap_err();
            assert!(said.contains(says), "{said}");
            assert_eq!(channel, json!({}));
        }
        for other in [json!({ "logo": null }), json!({ "logo": "https://a/b" }), json!(5)] {
            let mut channel = other.clone();
            assert_eq!(taken(&mut channel, &uploads).await.unwrap(), Taken::default());
            assert_eq!(channel, other);
        }
    }
}
