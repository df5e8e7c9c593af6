// What the keys of a keyboard and of a remote mean while something is watched.

import { t } from "@/text";
import { BACK_KEYS, type Shortcut } from "@/ui";

/** What they do. What gives `false` did not mean it: the key goes on to whoever is next. */
export interface Does {
  /** A button under the picture is marked: then arrows go along the buttons. */
  inTools: () => boolean;
  /** A button or link anywhere has the focus. */
  inButton: () => boolean;
  wake: () => void;
  zap: (way: 1 | -1) => void;
  guide: () => void;
  dial: (key: string) => boolean;
  /** `0` and Back. */
  back: (event: KeyboardEvent) => unknown;
  enter: () => unknown;
  info: () => void;
  mute: () => void;
  louder: (way: 1 | -1) => void;
  full: () => void;
  menu: (name: "quality" | "captions") => void;
  pip: () => void;
  pause: () => void;
  live: () => void;
  /** Gives `false` where that cannot be. */
  fromStart: () => boolean;
  leave: () => void;
}

export const MUTE_KEYS = ["m", "AudioVolumeMute"];
export const PAUSE_KEYS = [" ", "k", "MediaPlayPause", "MediaPlay", "MediaPause", "Play", "Pause"];

export function keys(does: Does): Shortcut[] {
  const k = t.watch.keys;
  const along = (run: () => void) => () => {
    does.wake();
    if (does.inTools()) return false;
    run();
    return true;
  };
  const seen = (run: () => void) => () => {
    does.wake();
    run();
  };
  return [
    { keys: ["ArrowUp"], label: k.up, run: along(() => does.zap(1)) },
    { keys: ["ArrowDown"], label: k.down, run: along(() => does.zap(-1)) },
    { keys: ["ChannelUp", "PageUp"], shown: "CH +", label: k.up, run: () => does.zap(1) },
    { keys: ["ChannelDown", "PageDown"], shown: "CH −", label: k.down, run: () => does.zap(-1) },
    { keys: ["ArrowLeft", "ArrowRight"], label: k.guide, run: along(does.guide) },
    { keys: ["g", "Guide"], label: k.guide, run: does.guide },
    {
      keys: [..."123456789", ".", ","],
      shown: "0 – 9",
      label: k.digits,
      run: (event) => does.dial(event.key),
    },
    {
      keys: ["0", ...BACK_KEYS],
      shown: "0 · ⌫",
      label: k.last,
      run: does.back,
    },
    { keys: ["Enter"], label: k.controls, run: does.enter },
    { keys: ["i", "Info"], label: k.info, run: does.info },
    { keys: MUTE_KEYS, label: k.mute, run: seen(does.mute) },
    {
      keys: ["+", "=", "AudioVolumeUp"],
      shown: "+",
      label: k.louder,
      run: seen(() => does.louder(1)),
    },
    {
      keys: ["-", "AudioVolumeDown"],
      shown: "−",
      label: k.quieter,
      run: seen(() => does.louder(-1)),
    },
    { keys: ["f"], label: k.full, run: does.full },
    { keys: ["c", "Subtitle"], label: k.captions, run: () => does.menu("captions") },
    { keys: ["q"], label: k.quality, run: () => does.menu("quality") },
    { keys: ["p"], label: k.pip, run: does.pip },
    {
      keys: PAUSE_KEYS,
      shown: "␣",
      label: k.pause,
      run: (event) => (event.key === " " && does.inButton() ? false : does.pause()),
    },
    { keys: ["l", "End"], label: k.live, run: seen(does.live) },
    { keys: ["s"], label: k.fromStart, run: does.fromStart },
    { keys: ["Escape"], label: k.leave, run: does.leave },
  ];
}
