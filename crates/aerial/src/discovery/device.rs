//! The device that this server is to TV apps.
//!
//! Owns its names. Invariant: they are chosen once for an install and kept, since
//! clients tie recordings and channel settings to them.

use aerial_model::discovery::DeviceId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::db::{Db, DbError};

/// Under this key among the settings that the program keeps.
const KEY: &str = "device";

/// By what names TV apps know this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// To HDHomeRun's clients.
    pub id: DeviceId,
    /// To UPnP's.
    pub uuid: Uuid,
}

impl Device {
    /// A new one.
    pub fn random() -> Self {
        // The low half of such an id is random.
        let random = Uuid::now_v7().as_u128() as u32;
        Self { id: DeviceId::of_random(random), uuid: Uuid::now_v7() }
    }

    /// The one of this install; chosen now if there is none yet.
    ///
    /// # Errors
    /// The catalogue's.
    pub async fn of_install(db: &Db) -> Result<Self, DbError> {
        if let Some(kept) = db.setting(KEY).await? {
            return Ok(kept);
        }
        let device = Self::random();
        db.set_setting(KEY, &device).await?;
        Ok(device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_install_keeps_its_device_and_another_has_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalogue.db");
        let db = Db::open(&path).await.unwrap();
        let first = Device::of_install(&db).await.unwrap();
        db.close().await.unwrap();
        let again = Db::open(&path).await.unwrap();
        assert_eq!(Device::of_install(&again).await.unwrap(), first);
        let other = Db::open(&folder.path().join("other.db")).await.unwrap();
        let other = Device::of_install(&other).await.unwrap();
        assert_ne!((other.id, other.uuid), (first.id, first.uuid));
    }

    #[test]
    fn devices_made_at_the_same_moment_differ() {
        let ids: std::collections::HashSet<DeviceId> =
            (0..100).map(|_| Device::random().id).collect();
        assert_eq!(ids.len(), 100);
    }
}
