// Keeps the device awake while something plays, and tells it what plays: the lock screen,
// headsets and keyboards have keys of their own.

/** Holds the screen on; the answer lets it go. Browsers take the lock away from a page that is not seen. */
export function holdAwake(): () => void {
  let lock: WakeLockSentinel | null = null;
  let over = false;
  const take = async () => {
    if (over || document.hidden || lock !== null || !("wakeLock" in navigator)) return;
    try {
      const taken = await navigator.wakeLock.request("screen");
      if (over) return void taken.release();
      lock = taken;
      taken.addEventListener("release", () => {
        lock = null;
      });
    } catch {
      // A battery that is nearly empty, or a page that may not.
    }
  };
  const seen = () => void take();
  document.addEventListener("visibilitychange", seen);
  void take();
  return () => {
    over = true;
    document.removeEventListener("visibilitychange", seen);
    void lock?.release();
  };
}

/** What the device's own keys do. */
export interface MediaKeys {
  play: () => void;
  pause: () => void;
  next: () => void;
  previous: () => void;
}

/** Gives the device's keys a meaning; the answer takes it away. */
export function mediaKeys({ play, pause, next, previous }: MediaKeys): () => void {
  if (!("mediaSession" in navigator)) return () => {};
  const { mediaSession } = navigator;
  const handlers = { play, pause, stop: pause, nexttrack: next, previoustrack: previous } as const;
  const actions = Object.keys(handlers) as (keyof typeof handlers)[];
  const set = (action: keyof typeof handlers, handler: (() => void) | null) => {
    try {
      mediaSession.setActionHandler(action, handler);
    } catch {
      // Not every browser knows every key.
    }
  };
  for (const action of actions) set(action, handlers[action]);
  return () => {
    for (const action of actions) set(action, null);
    mediaSession.metadata = null;
    mediaSession.playbackState = "none";
  };
}

/** Tells the device what plays. */
export function tellDevice(
  { title, artist, album }: { title: string; artist: string; album: string },
  paused: boolean,
): void {
  if (!("mediaSession" in navigator)) return;
  navigator.mediaSession.metadata = new MediaMetadata({ title, artist, album });
  navigator.mediaSession.playbackState = paused ? "paused" : "playing";
}
