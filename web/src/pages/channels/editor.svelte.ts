// A lineup while it is edited: what is saved, what is not, and what somebody else did
// meanwhile. Owns the edit's life from loading to saving; how lists change is in `items`,
// what the page looks like in the panes. Invariant: nothing that was arranged is lost by
// a reload, another page or an absent server; it is kept by the browser until it is saved
// or put away by whoever made it.

import { api, call, clock, type LineupItem, large, type Problem } from "@/api";
import { problemOf } from "@/api/problem";
import { t } from "@/text";
import { episodeNumber } from "@/text/programme";
import { begun, done, type History, mapped, redone, undone } from "./history";
import {
  alike,
  duplicated,
  type Item,
  inserted,
  made,
  moved,
  rekeyed,
  removed,
  same,
  shuffled,
  stepped,
  total,
  type What,
  wanted,
} from "./items";
import { forget, keep, recall } from "./kept";
import { type TheirEdit, theirEdit, together } from "./merge";
import { byPlace } from "./places";
import { LivePreview, type Question } from "./preview.svelte";
import { kept, NOTHING, only, type Selection } from "./selection";

const PAGE = 500;
/** How often a lineup that changes while it is read is read again. */
const READINGS = 3;
const KEEP_AFTER_MS = 250;

interface Saved {
  items: readonly Item[];
  revision: string;
}

type Items = readonly Item[];

export class Editor {
  history = $state.raw<History<Items>>(begun<Items>([]));
  selection = $state.raw<Selection>(NOTHING);
  saved = $state.raw<Saved | null>(null);
  /** Why it could not be read. */
  problem = $state.raw<Problem | null>(null);
  saving = $state(false);
  /** Why it could not be saved. */
  refused = $state.raw<Problem | null>(null);
  /** What is wrong with which item. */
  wrong = $state.raw<ReadonlyMap<string, string>>(new Map());
  /** What somebody else saved while this was edited. */
  conflict = $state.raw<{ theirs: Saved; edit: TheirEdit } | null>(null);
  /** When what was brought back had been kept. */
  broughtBack = $state<number | null>(null);
  /** The browser keeps nothing. */
  unkept = $state(false);
  /** When what was saved last is seen. */
  takesEffect = $state<string | null>(null);
  /** For screen readers: what was done. */
  said = $state("");

  readonly items: Items = $derived(this.history.present);
  readonly total = $derived(total(this.items));
  readonly isChanged = $derived(this.saved !== null && !same(this.items, this.saved.items));
  readonly preview: LivePreview;
  readonly #name: string;
  #made = 0;
  #keeping: ReturnType<typeof setTimeout> | null = null;
  #ended = false;
  /** Readings and saves are counted: one that began before the last that counts tells what was. */
  #begun = 0;
  #counts = 0;
  /** Something changed while this was being saved. */
  #missed = false;

  constructor(readonly channel: string) {
    this.preview = new LivePreview(
      channel,
      () => this.#question(),
      (problem, sent) => this.#blame(problem, sent),
    );
    this.#name = `new-${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`;
  }

  /** Reads the lineup, and brings back what was not saved. */
  async open(): Promise<void> {
    this.problem = null;
    try {
      const saved = await this.#read();
      if (this.#ended) return;
      this.saved = saved;
      this.history = begun(saved.items);
      this.#bringBack(saved);
      this.preview.again();
    } catch (thrown) {
      this.problem = problemOf(thrown, undefined);
    }
  }

  /** The page is left: what is not kept yet is, at once. */
  end(): void {
    this.flush();
    this.#ended = true;
    this.preview.end();
  }

  // What people do.

  add(whats: readonly What[], at: number): void {
    const added = made(whats, () => this.#key());
    this.#do(t.channels.lineup.did.added(added.length), inserted(this.items, at, added));
    this.selection = only(added.map(({ key }) => key));
  }

  move(keys: ReadonlySet<string>, at: number): void {
    this.#do(t.channels.lineup.did.moved(keys.size), moved(this.items, keys, at));
  }

  step(by: -1 | 1): void {
    const { chosen } = this.selection;
    this.#do(t.channels.lineup.did.moved(chosen.size), stepped(this.items, chosen, by));
  }

  remove(): void {
    const { chosen } = this.selection;
    const before = this.items.map(({ key }) => key);
    this.#do(t.channels.lineup.did.removed(chosen.size), removed(this.items, chosen));
    const after = this.items.map(({ key }) => key);
    const left = kept(this.selection, before, after);
    this.selection = left.mark === null ? left : only([left.mark]);
  }

  duplicate(): void {
    const { items, copies } = duplicated(this.items, this.selection.chosen, () => this.#key());
    this.#do(t.channels.lineup.did.duplicated(copies.length), items);
    if (copies.length > 0) this.selection = only(copies.map(({ key }) => key));
  }

  shuffle(): void {
    const { chosen } = this.selection;
    this.#do(t.channels.lineup.did.shuffled, shuffled(this.items, chosen, Math.random));
  }

  undo(): void {
    const label = this.history.past.at(-1)?.label;
    if (label === undefined) return;
    this.#become(undone(this.history));
    this.said = t.channels.lineup.did.undone(label);
  }

  redo(): void {
    const label = this.history.future[0]?.label;
    if (label === undefined) return;
    this.#become(redone(this.history));
    this.said = t.channels.lineup.did.redone(label);
  }

  /** Back to what is saved; can be undone. */
  discard(): void {
    if (this.saved === null) return;
    this.broughtBack = null;
    this.#do(t.channels.lineup.did.discarded, this.saved.items);
  }

  async save(): Promise<void> {
    if (this.saved?.revision === "") await this.look();
    const { saved } = this;
    if (saved === null || this.saving || !this.isChanged || this.conflict !== null) return;
    this.saving = true;
    const about = this.#begin();
    this.refused = null;
    this.wrong = new Map();
    const sent = this.items;
    const ids = new Set(saved.items.flatMap(({ id }) => (id === null ? [] : [id])));
    try {
      const change = await call(
        api.putLineup({
          ...large,
          path: { channel: this.channel },
          body: { items: wanted(sent, ids), revision: saved.revision },
        }),
      );
      this.#counts = about;
      this.takesEffect = change.takes_effect_at;
      this.broughtBack = null;
      await this.#wasSaved(sent);
    } catch (thrown) {
      await this.#wasRefused(problemOf(thrown, undefined), sent);
    } finally {
      this.saving = false;
    }
    if (this.#missed && !this.#ended) void this.look();
  }

  // What others do.

  /** The server says that the lineup, or what is known of it, changed. */
  async look(): Promise<void> {
    if (this.saved === null) return this.problem === null ? undefined : this.open();
    if (this.saving) {
      this.#missed = true;
      return;
    }
    this.#missed = false;
    const about = this.#begin();
    try {
      const theirs = await this.#read();
      if (this.#ended || this.saved === null) return;
      if (this.saving || about < this.#counts) {
        this.#missed = this.saving;
        return;
      }
      this.#counts = about;
      if (theirs.revision === this.saved.revision) this.#learn(theirs);
      else if (this.#isOurs(theirs)) this.#adopt(theirs, this.saved.items);
      else if (this.isChanged) this.#meet(theirs);
      else {
        this.saved = theirs;
        this.#become(begun(theirs.items));
        this.said = t.channels.lineup.did.theirs;
      }
    } catch {
      // The banner says that the server is away; it is asked again when it is back.
    }
    this.preview.again();
  }

  /** Of two edits: both, ours, or theirs. */
  settle(how: "both" | "ours" | "theirs"): void {
    const { conflict, saved } = this;
    if (conflict === null || saved === null) return;
    const base = saved.items.flatMap(({ id }) => (id === null ? [] : [id]));
    const ours = this.items;
    this.saved = conflict.theirs;
    this.conflict = null;
    this.refused = null;
    const theirs = conflict.theirs.items;
    const chosen = {
      both: () => together(base, ours, theirs),
      ours: () => ours,
      theirs: () => theirs,
    };
    this.#do(t.channels.lineup.conflict[how], chosen[how]());
    this.#keepSoon();
  }

  // How it is done.

  #begin(): number {
    this.#begun += 1;
    return this.#begun;
  }

  #key(): string {
    this.#made += 1;
    return `${this.#name}-${this.#made}`;
  }

  #do(label: string, items: Items): void {
    if (items === this.items) return;
    this.#become(done(this.history, label, items));
    this.said = label;
  }

  #become(history: History<Items>): void {
    const before = this.items.map(({ key }) => key);
    this.history = history;
    this.selection = kept(
      this.selection,
      before,
      this.items.map(({ key }) => key),
    );
    this.takesEffect = null;
    if (this.wrong.size > 0) this.wrong = new Map();
    this.refused = null;
    this.#keepSoon();
    this.preview.soon();
  }

  async #read(): Promise<Saved> {
    for (let reading = 1; ; reading++) {
      const items: LineupItem[] = [];
      let cursor: string | null = null;
      let revision: string | null = null;
      let torn = false;
      do {
        const query: { limit: number; cursor?: string } = { limit: PAGE };
        if (cursor !== null) query.cursor = cursor;
        const page = await call(api.getLineup({ path: { channel: this.channel }, query }));
        torn ||= revision !== null && revision !== page.revision;
        revision = page.revision;
        items.push(...page.items);
        cursor = page.next;
      } while (cursor !== null && !torn);
      if (!torn || reading === READINGS)
        return { items: items.map(itemOf), revision: revision ?? "" };
    }
  }

  #bringBack(saved: Saved): void {
    const left = recall(localStorage, this.channel);
    if (left === null) return;
    // What is alike was saved, and its answer never came here.
    if (same(left.items, saved.items) || alike(left.items, saved.items)) {
      forget(localStorage, this.channel);
      return;
    }
    this.broughtBack = left.at;
    const ids = saved.items.map(({ id }) => id);
    const untouched =
      left.base.length === ids.length && left.base.every((id, at) => id === ids[at]);
    // What it began from stands in for what was saved then, until it is settled.
    if (!untouched) {
      const edit = theirEdit(left.base, saved.items);
      const known = new Map([...left.items, ...saved.items].map((item) => [item.id, item]));
      const base = left.base.map((id) => known.get(id) ?? gone(id));
      this.saved = { items: base, revision: "" };
      this.conflict = { theirs: saved, edit };
    }
    this.history = done(begun(this.saved?.items ?? []), t.channels.lineup.did.before, left.items);
  }

  async #wasSaved(sent: Items): Promise<void> {
    let answered: Saved;
    try {
      answered = await this.#read();
    } catch {
      // It is saved; its ids come when the server is back.
      this.saved = { items: sent, revision: "" };
      return;
    }
    this.#adopt(answered, sent);
    this.said = t.channels.lineup.saved;
    this.preview.again();
  }

  /** Whether this is what was saved when the server went away before its ids were read. */
  #isOurs(answered: Saved): boolean {
    const { saved, conflict } = this;
    if (saved === null || conflict !== null || saved.revision !== "") return false;
    return alike(answered.items, saved.items);
  }

  /** What was sent has its ids now. */
  #adopt(answered: Saved, sent: Items): void {
    const items = rekeyed(answered.items, sent);
    this.saved = { items, revision: answered.revision };
    const ids = new Map(items.map((item) => [item.key, item]));
    this.history = mapped(this.history, (state) => state.map((item) => ids.get(item.key) ?? item));
    this.#keepSoon();
  }

  async #wasRefused(problem: Problem, sent: Items): Promise<void> {
    if (problem.status === 409) {
      try {
        this.#meet(await this.#read());
        return;
      } catch {
        // Told as it was refused.
      }
    }
    this.refused = problem;
    this.#blame(problem, sent);
  }

  #blame(problem: Problem, sent: Items): void {
    const wrong = new Map<string, string>();
    for (const [place, message] of byPlace(problem.fields)) {
      const item = sent[place];
      if (item !== undefined) wrong.set(item.key, message);
    }
    this.wrong = wrong;
  }

  #meet(theirs: Saved): void {
    if (this.saved === null) return;
    // One's own save whose answer was lost is nobody else's.
    if (same(theirs.items, this.items) || alike(theirs.items, this.items)) {
      this.conflict = null;
      this.refused = null;
      this.broughtBack = null;
      this.#adopt(theirs, this.items);
      this.said = t.channels.lineup.saved;
      return;
    }
    const base = this.saved.items.flatMap(({ id }) => (id === null ? [] : [id]));
    this.conflict = { theirs, edit: theirEdit(base, theirs.items) };
    this.said = t.channels.lineup.conflict.title;
  }

  /** Lengths, titles and states may be others; the items are the same. */
  #learn(now: Saved): void {
    const known = new Map(now.items.map((item) => [item.id, item]));
    const look = (items: Items) =>
      items.map((item) => {
        const found = item.id === null ? undefined : known.get(item.id);
        return found === undefined ? item : { ...found, key: item.key };
      });
    this.saved = { items: look(this.saved?.items ?? []), revision: now.revision };
    this.history = mapped(this.history, look);
  }

  #keepSoon(): void {
    if (this.#keeping !== null) clearTimeout(this.#keeping);
    this.#keeping = setTimeout(() => this.flush(), KEEP_AFTER_MS);
  }

  /** Keeps what is not saved, now. */
  flush(): void {
    if (this.#keeping === null) return;
    clearTimeout(this.#keeping);
    this.#keeping = null;
    if (this.saved === null) return;
    // What is derived stands still once the page is left.
    const items = this.history.present;
    if (same(items, this.saved.items)) {
      if (!this.#ended || this.#isKept(items)) forget(localStorage, this.channel);
      return;
    }
    if (this.#ended) return;
    const base = this.saved.items.flatMap(({ id }) => (id === null ? [] : [id]));
    const draft = { base, items: [...items], at: clock.ms };
    this.unkept = !keep(localStorage, this.channel, draft);
  }

  /** Whether this is what the browser keeps: who came back may have arranged more since. */
  #isKept(items: Items): boolean {
    const left = recall(localStorage, this.channel);
    return left !== null && alike(left.items, items);
  }

  /** The lineup as it stands here; what is saved, the server knows. */
  #question(): Question | null {
    if (this.saved === null) return null;
    const server = (this.conflict?.theirs ?? this.saved).items;
    const sent = this.items;
    if (same(sent, server)) return { sent };
    const ids = new Set(server.flatMap(({ id }) => (id === null ? [] : [id])));
    return { sent, items: wanted(sent, ids) };
  }
}

function itemOf(item: LineupItem): Item {
  const { id, media, show, title, length_ms, state } = item;
  const episodes = item.episodes ?? null;
  const part = [item.episode_of, episodeNumber(item)].filter(Boolean).join(" · ");
  return { key: id, id, media, show, title, part, length_ms, episodes, state };
}

/** An item of which only the id is known. */
function gone(id: string): Item {
  const nothing = { show: null, title: "", part: "", length_ms: null, episodes: null };
  return { key: id, id, media: id, ...nothing, state: "missing" };
}
