// The list of channels. Owns its rows; is told what is on and which row is marked.

import type { Channel, Now } from "./api";
import { element, write } from "./dom";
import type { Listings } from "./listings";
import { exactly, headline, hueOf, progress, remaining, timeOfDay, upcoming } from "./words";

interface Row {
  item: HTMLLIElement;
  button: HTMLButtonElement;
  number: HTMLElement;
  name: HTMLElement;
  title: HTMLElement;
  detail: HTMLElement;
  left: HTMLElement;
  fill: HTMLElement;
  next: HTMLElement;
}

/** What the list shows besides what is on. */
export interface Marks {
  chosen: string | null;
  playing: string | null;
  /** The server's time in milliseconds. */
  at: number;
}

/** The channels, one a row. */
export class ChannelList {
  readonly element = element("nav", { class: "channels", "aria-label": "Channels" });
  readonly #rows = new Map<string, Row>();
  readonly #list = element("ul");
  readonly #choose: (id: string) => void;
  readonly #watch: (id: string) => void;

  constructor(choose: (id: string) => void, watch: (id: string) => void) {
    this.#choose = choose;
    this.#watch = watch;
    this.element.append(this.#list);
  }

  /** Moves the mark by `step` rows, round the ends. */
  move(step: number, chosen: string | null): void {
    const ids = [...this.#rows.keys()];
    if (ids.length === 0) return;
    const at = chosen === null ? -1 : ids.indexOf(chosen);
    const id = ids[(at + step + ids.length) % ids.length];
    if (id === undefined) return;
    this.#choose(id);
    const row = this.#rows.get(id);
    row?.button.focus({ preventScroll: true });
    row?.item.scrollIntoView({ block: "nearest" });
  }

  /** Brings the rows up to date. */
  draw(listings: Listings, marks: Marks): void {
    this.#keepRows(listings.channels);
    for (const channel of listings.channels) {
      const row = this.#rows.get(channel.id);
      if (row === undefined) continue;
      write(row.number, channel.number);
      write(row.name, channel.name);
      row.item.classList.toggle("chosen", channel.id === marks.chosen);
      row.item.classList.toggle("playing", channel.id === marks.playing);
      row.button.setAttribute("aria-pressed", String(channel.id === marks.playing));
      row.button.tabIndex = channel.id === marks.chosen ? 0 : -1;
      drawPresent(row, listings.present(channel.id), marks.at);
    }
  }

  #keepRows(channels: readonly Channel[]): void {
    const wanted = channels.map(({ id }) => id);
    if (wanted.join() === [...this.#rows.keys()].join()) return;
    const before = new Map(this.#rows);
    this.#rows.clear();
    for (const { id } of channels) this.#rows.set(id, before.get(id) ?? this.#row(id));
    this.#list.replaceChildren(...[...this.#rows.values()].map(({ item }) => item));
  }

  #row(id: string): Row {
    const number = element("span", { class: "number" });
    const name = element("span", { class: "name" });
    const title = element("span", { class: "title" });
    const detail = element("span", { class: "detail" });
    const left = element("span", { class: "left" });
    const fill = element("i");
    const next = element("span", { class: "next" });
    const button = element(
      "button",
      { type: "button" },
      number,
      element(
        "span",
        { class: "what" },
        element("span", { class: "line" }, name, left),
        element("span", { class: "line" }, title, detail),
        element("span", { class: "bar", "aria-hidden": "true" }, fill),
        next,
      ),
    );
    button.addEventListener("click", () => this.#watch(id));
    const item = element("li", {}, button);
    item.style.setProperty("--hue", String(hueOf(id)));
    return { item, button, number, name, title, detail, left, fill, next };
  }
}

function drawPresent(row: Row, present: Now | null, at: number): void {
  const current = present?.current ?? null;
  row.item.classList.toggle("off-air", current?.off_air === true);
  if (current === null) {
    write(row.title, present === null ? "" : "Off air");
    write(row.detail, "");
    write(row.left, "");
    write(row.next, "");
    row.fill.style.setProperty("--done", "0");
    return;
  }
  const { title, detail } = headline(current);
  write(row.title, title);
  write(row.detail, detail);
  write(row.left, remaining(current, at), `until ${exactly(current.end)}`);
  row.fill.style.setProperty("--done", String(progress(current, at)));
  const next = present?.next ?? null;
  if (next === null || next.off_air) {
    write(row.next, next === null ? "" : `Off air from ${timeOfDay(next.start)}`);
    return;
  }
  const following = headline(next);
  const name = following.title === title && following.detail ? following.detail : following.title;
  write(row.next, `Next ${upcoming(next, at)}: ${name}`, exactly(next.start));
}
