// The screen: the picture, the card that stands there before it comes, the banner
// over it, and the buttons. Owns sound and full screen; `player` owns what plays.

import type { Channel, Now } from "./api";
import { bars, element, icon, write } from "./dom";
import type { Picture } from "./player";
import { exactly, headline, hueOf, progress, remaining, timeOfDay, upcoming } from "./words";

const BANNER_MS = 4_000;

interface Actions {
  watch: () => void;
  off: () => void;
}

/** What the screen is told besides the channel shown. */
export interface Scene {
  /** The server's time in milliseconds. */
  at: number;
  /** The channel whose picture this is. */
  playing: Channel | null;
}

/** The picture and all that lies over it. */
export class Screen {
  readonly video = element("video", { playsinline: "", disableremoteplayback: "" });
  readonly element: HTMLElement;
  picture: Picture = { kind: "off" };
  readonly #number = element("p", { class: "number" });
  readonly #name = element("h2");
  readonly #title = element("p", { class: "title" });
  readonly #detail = element("span", { class: "detail" });
  readonly #fill = element("i");
  readonly #left = element("span");
  readonly #next = element("span", { class: "next" });
  readonly #words = element("p", { class: "words", role: "status" });
  readonly #watch: HTMLButtonElement;
  readonly #sound: HTMLButtonElement;
  readonly #full: HTMLButtonElement;
  readonly #unmute: HTMLButtonElement;
  #awakeUntil = 0;

  constructor({ watch, off }: Actions) {
    this.#watch = element("button", { type: "button", class: "watch" }, icon("play"), "Watch");
    this.#watch.addEventListener("click", watch);
    this.#sound = tool("Mute (m)", () => this.toggleSound());
    this.#full = tool("Full screen (f)", () => this.toggleFull());
    const stop = tool("Turn off", off);
    stop.append(icon("off"));
    this.#unmute = element(
      "button",
      { type: "button", class: "unmute" },
      icon("muted"),
      "Sound on",
    );
    this.#unmute.addEventListener("click", () => this.soundOn());
    this.element = element(
      "section",
      { class: "screen", "aria-label": "Picture" },
      this.video,
      element("div", { class: "card", "aria-hidden": "true" }, bars()),
      element(
        "div",
        { class: "banner" },
        this.#number,
        element(
          "div",
          { class: "about" },
          this.#name,
          this.#title,
          element("span", { class: "bar", "aria-hidden": "true" }, this.#fill),
          element("p", { class: "times" }, this.#left, this.#next),
        ),
        this.#watch,
        element("div", { class: "tools" }, this.#sound, this.#full, stop),
      ),
      this.#words,
      this.#unmute,
    );
    this.#listen();
  }

  /** Shows the banner for a while. */
  wake(): void {
    this.#awakeUntil = performance.now() + BANNER_MS;
    this.element.classList.add("awake");
    window.setTimeout(() => this.#doze(), BANNER_MS + 50);
  }

  soundOn(): void {
    this.video.muted = false;
    this.#drawTools();
  }

  toggleSound(): void {
    this.video.muted = !this.video.muted;
    this.#drawTools();
  }

  toggleFull(): void {
    if (document.fullscreenElement !== null) {
      void document.exitFullscreen();
    } else if (this.element.requestFullscreen !== undefined) {
      void this.element.requestFullscreen();
    } else {
      // Phones of Apple's know full screen for the video alone.
      (
        this.video as HTMLVideoElement & { webkitEnterFullscreen?: () => void }
      ).webkitEnterFullscreen?.();
    }
  }

  /** Brings everything over the picture up to date. */
  draw(channel: Channel, present: Now | null, { at, playing }: Scene): void {
    const isPlaying = playing !== null && playing.id === channel.id;
    const { classList, style } = this.element;
    style.setProperty("--hue", String(hueOf(channel.id)));
    classList.toggle("on", this.picture.kind !== "off");
    classList.toggle("tuning", this.picture.kind === "tuning");
    classList.toggle("choosing", !isPlaying);
    const words = this.picture.kind === "trouble" ? this.picture.words : "";
    write(this.#words, words);
    this.#words.hidden = words === "";
    write(this.#number, channel.number);
    write(this.#name, channel.name);
    this.#watch.hidden = isPlaying;
    this.#drawPresent(present, at);
    this.#drawTools();
  }

  #drawPresent(present: Now | null, at: number): void {
    const current = present?.current ?? null;
    const { title, detail } = current === null ? { title: "", detail: "" } : headline(current);
    write(this.#detail, detail);
    if (this.#title.firstChild?.textContent !== title)
      this.#title.replaceChildren(title, " ", this.#detail);
    this.#fill.style.setProperty("--done", String(current === null ? 0 : progress(current, at)));
    this.element.classList.toggle("off-air", current?.off_air === true);
    if (current === null) write(this.#left, "");
    else write(this.#left, remaining(current, at), `until ${exactly(current.end)}`);
    const next = present?.next ?? null;
    if (next === null) {
      write(this.#next, "");
    } else if (next.off_air) {
      write(this.#next, `Off air from ${timeOfDay(next.start)}`, exactly(next.start));
    } else {
      const following = headline(next);
      const name =
        following.title === title && following.detail ? following.detail : following.title;
      write(this.#next, `Next ${upcoming(next, at)}: ${name}`, exactly(next.start));
    }
  }

  #drawTools(): void {
    swapIcon(this.#sound, this.video.muted ? "muted" : "sound");
    swapIcon(this.#full, document.fullscreenElement === null ? "full" : "window");
    this.#unmute.hidden = !(this.video.muted && this.picture.kind === "playing");
  }

  #doze(): void {
    if (performance.now() >= this.#awakeUntil) this.element.classList.remove("awake");
  }

  #listen(): void {
    for (const event of ["pointermove", "pointerdown", "focusin"]) {
      this.element.addEventListener(event, () => this.wake());
    }
    this.element.addEventListener("dblclick", (event) => {
      if ((event.target as Element).closest("button") === null) this.toggleFull();
    });
    this.video.addEventListener("volumechange", () => this.#drawTools());
    document.addEventListener("fullscreenchange", () => this.#drawTools());
  }
}

function tool(label: string, action: () => void): HTMLButtonElement {
  const button = element("button", {
    type: "button",
    class: "tool",
    "aria-label": label,
    title: label,
  });
  button.addEventListener("click", action);
  return button;
}

function swapIcon(button: HTMLButtonElement, name: Parameters<typeof icon>[0]): void {
  if (button.dataset.icon === name) return;
  button.dataset.icon = name;
  button.replaceChildren(icon(name));
}
