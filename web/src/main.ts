// The page: channels on one side, the screen on the other. Owns which channel is
// chosen and what the keys do; what is on comes from `listings`, the picture from
// `player`.

import "@fontsource-variable/inter/wght.css";
import "./style.css";
import type { Channel } from "./api";
import { bars, element, write } from "./dom";
import { ChannelList } from "./list";
import { Listings } from "./listings";
import { Player } from "./player";
import { Screen } from "./screen";

const TICK_MS = 1_000;

const root = document.getElementById("app");
if (root === null) throw new Error("index.html has no #app");

const notice = element("p", { class: "notice", role: "status", hidden: "" });
const main = element("main");
root.append(
  element(
    "header",
    {},
    element("h1", {}, bars(), "Aerial"),
    notice,
    element(
      "p",
      { class: "keys", "aria-hidden": "true" },
      ...(
        [
          [["↑", "↓"], "choose"],
          [["Enter"], "watch"],
          [["m"], "mute"],
          [["f"], "full screen"],
        ] as const
      ).map(([keys, does]) =>
        element("span", {}, ...keys.map((key) => element("kbd", {}, key)), does),
      ),
    ),
  ),
  main,
);

const listings = new Listings(draw);
const list = new ChannelList(choose, watch);
const screen = new Screen({ watch: () => chosen !== null && watch(chosen), off: turnOff });
const player = new Player(screen.video, (picture) => {
  screen.picture = picture;
  draw();
});
let chosen: string | null = null;

function find(id: string | null): Channel | undefined {
  return listings.channels.find((channel) => channel.id === id);
}

/** Puts the mark on a channel without watching it. */
function choose(id: string): void {
  chosen = id;
  const channel = find(id);
  if (channel !== undefined) history.replaceState(null, "", `#${channel.number}`);
  screen.wake();
  draw();
}

/** Shows a channel, with sound: whoever asks for it has clicked or pressed a key. */
function watch(id: string): void {
  choose(id);
  if (player.channel === id && screen.picture.kind !== "trouble") return;
  screen.soundOn();
  player.tune(id);
}

function turnOff(): void {
  if (document.fullscreenElement !== null) void document.exitFullscreen();
  player.off();
}

/** Keeps the mark on a channel that exists: the address's, else the first. */
function keepChosen(): void {
  if (find(chosen) !== undefined) return;
  const wanted = decodeURIComponent(location.hash.slice(1));
  const first = listings.channels.find(({ number }) => number === wanted) ?? listings.channels[0];
  chosen = first?.id ?? null;
}

function draw(): void {
  keepChosen();
  const at = listings.clock.now();
  const away = listings.reach === "away";
  notice.hidden = !away;
  if (away) write(notice, "The server does not answer. Trying again.");
  document.body.classList.toggle("away", away);

  if (listings.channels.length === 0) {
    main.replaceChildren(listings.reach === "there" ? welcome : waiting);
    return;
  }
  if (list.element.parentElement !== main) main.replaceChildren(screen.element, list.element);
  list.draw(listings, { chosen, playing: player.channel, at });
  const playing = find(player.channel);
  const shown = find(chosen) ?? playing;
  if (shown !== undefined) {
    screen.draw(shown, listings.present(shown.id), { at, playing: playing ?? null });
    document.title = playing === undefined ? "Aerial" : `${playing.name} · Aerial`;
  }
}

const waiting = element("div", { class: "waiting", "aria-label": "Loading" }, bars());
const welcome = element(
  "section",
  { class: "welcome" },
  bars(),
  element("h2", {}, "Nothing on the air yet"),
  element(
    "p",
    {},
    "Aerial makes channels from your own videos. Stop the server and start it with a folder that has some in it:",
  ),
  element("pre", {}, element("code", {}, "aerial serve --media /path/to/videos")),
  element(
    "p",
    {},
    "Every show becomes a channel, and all films together one more. Just looking? ",
    element("code", {}, "aerial demo"),
    " brings three channels of its own.",
  ),
);

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const keys: Record<string, () => void> = {
    ArrowUp: () => list.move(-1, chosen),
    ArrowDown: () => list.move(1, chosen),
    Enter: () => chosen !== null && watch(chosen),
    m: () => screen.toggleSound(),
    f: () => screen.toggleFull(),
  };
  const action = keys[event.key];
  if (action === undefined) return;
  // Enter on a button presses that button; the list's own buttons watch anyway.
  if (event.key === "Enter" && (event.target as Element).closest(".screen button") !== null) return;
  event.preventDefault();
  screen.wake();
  action();
});
document.addEventListener("visibilitychange", () => void listings.refresh());
window.addEventListener("online", () => void listings.refresh());

draw();
void listings.refresh();
window.setInterval(() => {
  draw();
  void listings.refresh();
}, TICK_MS);
