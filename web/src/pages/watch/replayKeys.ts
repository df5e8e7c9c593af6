// What the keys of a keyboard and of a remote mean while something is watched again.

import { t } from "@/text";
import { BACK_KEYS, type Shortcut } from "@/ui";
import { MUTE_KEYS, PAUSE_KEYS } from "./keys";

/** A film has nothing else for Enter to do. */
export const GO_KEYS = [...PAUSE_KEYS, "Enter"];

export interface ReplayDoes {
  /** A button under the picture is marked: then arrows go along the buttons. */
  inTools: () => boolean;
  inButton: () => boolean;
  toTools: () => void;
  outOfTools: () => void;
  pause: () => void;
  step: (way: 1 | -1) => void;
  begin: () => void;
  live: () => void;
  mute: () => void;
  louder: (way: 1 | -1) => void;
  full: () => void;
  leave: () => void;
}

export function replayKeys(does: ReplayDoes): Shortcut[] {
  const [k, own] = [t.watch.keys, t.watch.replay.keys];
  const along = (run: () => void) => () => {
    if (does.inTools()) return false;
    run();
    return true;
  };
  return [
    { keys: ["ArrowLeft"], shown: "← →", label: own.seek, run: along(() => does.step(-1)) },
    { keys: ["ArrowRight"], shown: "", label: "", run: along(() => does.step(1)) },
    { keys: ["MediaRewind"], shown: "", label: "", run: () => does.step(-1) },
    { keys: ["MediaFastForward"], shown: "", label: "", run: () => does.step(1) },
    { keys: ["ArrowUp", "ArrowDown"], label: own.tools, run: along(does.toTools) },
    {
      keys: GO_KEYS,
      shown: "␣",
      label: k.pause,
      run: (event) =>
        (event.key === " " || event.key === "Enter") && does.inButton() ? false : does.pause(),
    },
    { keys: ["Home", "s"], label: own.begin, run: does.begin },
    { keys: ["l", "End"], label: k.live, run: does.live },
    { keys: MUTE_KEYS, label: k.mute, run: does.mute },
    { keys: ["+", "=", "AudioVolumeUp"], shown: "+", label: k.louder, run: () => does.louder(1) },
    { keys: ["-", "AudioVolumeDown"], shown: "−", label: k.quieter, run: () => does.louder(-1) },
    { keys: ["f"], label: k.full, run: does.full },
    {
      keys: ["Escape", ...BACK_KEYS],
      label: k.leave,
      run: () => (does.inTools() ? does.outOfTools() : does.leave()),
    },
  ];
}
