// One thing that is dragged by mouse, finger or pen. Owns the press, the way and the end
// of it; what is dragged and where it lands, the panes say. Escape puts it back.

import { isDrag, place, type Seen, speed } from "./drop";
import type { What } from "./items";

/** What is dragged: items of the lineup, or something of the library. */
export type Load = { label: string } & (
  | { from: "lineup"; keys: ReadonlySet<string> }
  | { from: "library"; whats: readonly What[] }
);

/** A list that takes what is dragged. */
export interface Target {
  element: () => HTMLElement | undefined;
  row: () => number;
  count: () => number;
  drop: (load: Load, at: number) => void;
}

/** How far beside a list still means it, in pixels. */
const BESIDE = 32;

class Drag {
  /** Null while nothing is dragged. */
  load = $state.raw<Load | null>(null);
  at = $state.raw({ x: 0, y: 0 });
  /** The place it would land before. */
  over = $state<number | null>(null);
  target: Target | null = null;
  /** The click that ends a drag is none. */
  #endedAt = Number.NEGATIVE_INFINITY;
  #frame = 0;

  get justEnded(): boolean {
    return performance.now() - this.#endedAt < 80;
  }

  /** A press that may become a drag. */
  press(event: PointerEvent, load: () => Load): void {
    const from = { x: event.clientX, y: event.clientY };
    const pointer = event.pointerId;
    const ours = (other: PointerEvent) => other.pointerId === pointer;
    const moved = (move: PointerEvent) => {
      if (!ours(move)) return;
      const to = { x: move.clientX, y: move.clientY };
      if (this.load === null) {
        if (!isDrag(from, to)) return;
        this.load = load();
        this.#scroll();
      }
      this.at = to;
      this.#look();
    };
    const ended = (up: PointerEvent) => {
      if (!ours(up)) return;
      const { load, over } = this;
      end();
      if (up.type === "pointerup" && load !== null && over !== null) this.target?.drop(load, over);
    };
    const keyed = (key: KeyboardEvent) => {
      if (key.key !== "Escape" || this.load === null) return;
      key.preventDefault();
      key.stopPropagation();
      end();
    };
    const end = () => {
      if (this.load !== null) this.#endedAt = performance.now();
      this.load = null;
      this.over = null;
      cancelAnimationFrame(this.#frame);
      window.removeEventListener("pointermove", moved);
      window.removeEventListener("pointerup", ended);
      window.removeEventListener("pointercancel", ended);
      window.removeEventListener("keydown", keyed, true);
    };
    window.addEventListener("pointermove", moved);
    window.addEventListener("pointerup", ended);
    window.addEventListener("pointercancel", ended);
    window.addEventListener("keydown", keyed, true);
  }

  #seen(): { seen: Seen; beside: boolean } | null {
    const element = this.target?.element();
    if (element === undefined) return null;
    const { top, left, right, bottom } = element.getBoundingClientRect();
    const { x, y } = this.at;
    const beside =
      x < left - BESIDE || x > right + BESIDE || y < top - BESIDE || y > bottom + BESIDE;
    return { seen: { top, height: element.clientHeight, scrolled: element.scrollTop }, beside };
  }

  #look(): void {
    const found = this.#seen();
    const target = this.target;
    if (found === null || target === null) return;
    this.over = found.beside ? null : place(this.at.y, found.seen, target.row(), target.count());
  }

  #scroll(): void {
    let before = performance.now();
    const step = (now: number) => {
      const found = this.#seen();
      const element = this.target?.element();
      if (found !== null && element !== undefined && !found.beside) {
        const by = (speed(this.at.y, found.seen) * (now - before)) / 1_000;
        if (by !== 0) {
          element.scrollTop += by;
          this.#look();
        }
      }
      before = now;
      this.#frame = requestAnimationFrame(step);
    };
    this.#frame = requestAnimationFrame(step);
  }
}

export const drag = new Drag();
