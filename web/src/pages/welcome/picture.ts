// The picture at the end of the welcome: a channel in a video element, with the patience
// that a first picture needs. The watch page has the whole player; here nothing is chosen.

import { href } from "@/app/base";

/** Told when there is a picture, and when there is none for a while. */
export interface Told {
  onpicture: () => void;
  ontrouble: () => void;
}

/** A channel that plays until `end`. */
export interface Picture {
  end: () => void;
}

/** A fatal fault is answered after this; the server may be restarting. */
const AGAIN_MS = 1_500;
/** No picture for so long is told. */
const PATIENCE_MS = 15_000;

/** Plays the channel, without sound: browsers play nothing else unasked. */
export function play(video: HTMLVideoElement, channel: string, told: Told): Picture {
  const address = href(`/stream/${encodeURIComponent(channel)}/master.m3u8`);
  const timer = setTimeout(told.ontrouble, PATIENCE_MS);
  const shown = () => {
    clearTimeout(timer);
    told.onpicture();
  };
  video.addEventListener("playing", shown);
  let ended = false;
  let client: string | null = null;
  let stop = () => {};
  void begin();
  return {
    end() {
      ended = true;
      clearTimeout(timer);
      video.removeEventListener("playing", shown);
      stop();
      if (client !== null) leave(channel, client);
    },
  };

  async function begin(): Promise<void> {
    const { default: Hls, Events, ErrorTypes } = await import("hls.js");
    if (ended) return;
    if (!Hls.isSupported()) {
      video.src = address;
      stop = () => video.removeAttribute("src");
      return void video.play().catch(told.ontrouble);
    }
    const hls = new Hls({ progressive: true, lowLatencyMode: false, maxBufferHole: 0.3 });
    let again: ReturnType<typeof setTimeout> | undefined;
    stop = () => {
      clearTimeout(again);
      hls.destroy();
    };
    hls.on(Events.LEVEL_LOADING, (_, { url }) => {
      client = new URL(url, location.href).searchParams.get("client");
    });
    hls.on(Events.MANIFEST_PARSED, () => void video.play().catch(told.ontrouble));
    hls.on(Events.ERROR, (_, { fatal, type }) => {
      if (!fatal) return;
      clearTimeout(again);
      again = setTimeout(() => {
        if (type === ErrorTypes.MEDIA_ERROR) hls.recoverMediaError();
        else hls.loadSource(address);
      }, AGAIN_MS);
    });
    hls.loadSource(address);
    hls.attachMedia(video);
  }
}

/** Nobody watches any more; said also by a page that closes. */
function leave(channel: string, client: string): void {
  const [of, who] = [channel, client].map(encodeURIComponent);
  navigator.sendBeacon(href(`/stream/${of}/clients/${who}/leave`));
}
