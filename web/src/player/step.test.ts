import { describe, expect, test } from "vitest";
import { DELAY_MS, decide, joining, type Seen, type Step, type Told, toLive, told } from "./step";

/** The same chances in each run. */
function chances(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

interface Set_ {
  /** How far into its segment the channel is when the viewer joins. */
  intoMs: number;
  /** The first picture comes so long after the key. */
  firstMs: number;
  /** How fast the stream is made, times real time. */
  made: number;
  /** How long this player takes to jump. */
  jumpMs: number;
  /** How fast its clock runs. */
  drift: number;
  /** By how much it knows the channel's time wrongly. */
  clockMs: number;
}

/** A player with a picture that moves, as far as it is made. */
class Screen {
  atMs = 0;
  pictureMs: number;
  step: Step = joining();
  paused = false;
  /** Until then nothing more is made. */
  stallsUntilMs = 0;
  jumps = 0;
  holds = 0;
  readonly rates: number[] = [];
  told: Told = { kind: "joining" };
  #madeMs: number;
  #playing = false;
  #rate = 1;
  #seeksUntilMs = 0;
  #nextLookMs = 0;

  /** The channel's time is the simulation's. */
  constructor(readonly set: Set_) {
    this.pictureMs = -set.intoMs;
    this.#madeMs = -set.intoMs;
  }

  get offMs(): number {
    return this.atMs - DELAY_MS - this.pictureMs;
  }

  run(forMs: number): this {
    const until = this.atMs + forMs;
    for (; this.atMs < until; this.atMs += 10) this.#move(10);
    return this;
  }

  #move(ms: number): void {
    const { firstMs, made, drift } = this.set;
    // Lists reach 8 s past now.
    if (this.atMs >= firstMs && this.atMs >= this.stallsUntilMs) {
      this.#madeMs = Math.min(this.#madeMs + made * ms, this.atMs + 8_000);
    }
    if (this.#playing && this.atMs >= this.#seeksUntilMs) {
      this.pictureMs = Math.min(this.pictureMs + ms * this.#rate * drift, this.#madeMs);
    }
    if (this.atMs >= this.#nextLookMs) this.#look();
  }

  #look(): void {
    const has = this.#madeMs > this.pictureMs;
    const seen: Seen = {
      atMs: this.atMs,
      targetMs: this.atMs + this.set.clockMs - DELAY_MS,
      pictureMs: this.#madeMs > -this.set.intoMs ? this.pictureMs : null,
      aheadMs: this.#madeMs - this.pictureMs,
      ready: has && this.atMs >= this.#seeksUntilMs,
      paused: this.paused,
    };
    const [step, todo] = decide(this.step, seen);
    this.step = step;
    this.told = told(step, seen);
    if (seen.ready && !todo.playing && !this.paused && this.#playing) this.holds += 1;
    if (todo.jumpMs !== 0) {
      this.jumps += 1;
      this.pictureMs += todo.jumpMs;
      expect(this.pictureMs).toBeLessThanOrEqual(this.#madeMs);
      this.#seeksUntilMs = this.atMs + this.set.jumpMs;
    }
    this.#playing = todo.playing;
    this.#rate = todo.rate;
    this.rates.push(todo.rate);
    this.#nextLookMs = this.atMs + Math.min(250, todo.againInMs ?? 250);
  }
}

const PLAIN: Set_ = { intoMs: 3_000, firstMs: 400, made: 4, jumpMs: 80, drift: 1, clockMs: 0 };

describe("two screens", () => {
  test("show the same instant within 200 ms after 10 s, however they joined", () => {
    const chance = chances(5);
    for (let round = 0; round < 400; round += 1) {
      const [one, two] = [0, 1].map(() =>
        new Screen({
          intoMs: chance() * 4_000,
          firstMs: 100 + chance() * 900,
          made: 1.7 + chance() * 20,
          jumpMs: 20 + chance() * 280,
          drift: 1 + (chance() - 0.5) * 0.001,
          clockMs: (chance() - 0.5) * 40,
        }).run(10_000),
      ) as [Screen, Screen];
      expect(
        Math.abs(one.pictureMs - two.pictureMs),
        JSON.stringify([one.set, two.set]),
      ).toBeLessThan(200);
      for (const { jumps, holds, rates } of [one, two]) {
        expect(jumps + holds).toBeLessThanOrEqual(1);
        expect(Math.max(...rates)).toBeLessThanOrEqual(1.05 + 1e-9);
        expect(Math.min(...rates)).toBeGreaterThanOrEqual(0.95 - 1e-9);
      }
    }
  });

  test("stay there for an hour where their clocks run at different speeds", () => {
    const one = new Screen({ ...PLAIN, drift: 1.0005 }).run(3_600_000);
    const two = new Screen({ ...PLAIN, intoMs: 100, drift: 0.9995 }).run(3_600_000);
    expect(Math.abs(one.pictureMs - two.pictureMs)).toBeLessThan(80);
    expect(one.jumps + two.jumps).toBeLessThanOrEqual(2);
  });
});

test("who is early stands on the first picture and then goes, without a jump", () => {
  const screen = new Screen({ ...PLAIN, intoMs: 200 }).run(1_500);
  expect(screen.pictureMs).toBe(-200);
  screen.run(3_000);
  expect(Math.abs(screen.offMs)).toBeLessThan(60);
  expect(screen.jumps).toBe(0);
});

test("who is late jumps before the picture moves, where all is made", () => {
  const screen = new Screen({ ...PLAIN, made: 100, firstMs: 50 });
  screen.run(600);
  expect(screen.jumps).toBe(1);
  expect(Math.abs(screen.offMs)).toBeLessThan(130);
});

test("where it is still being made the picture moves at once, and jumps when it can", () => {
  const screen = new Screen({ ...PLAIN, intoMs: 4_000, made: 1.8 });
  screen.run(1_200);
  expect(screen.jumps).toBe(0);
  expect(screen.pictureMs).toBeGreaterThan(-4_000);
  screen.run(9_000);
  expect(screen.jumps).toBe(1);
  expect(Math.abs(screen.offMs)).toBeLessThan(100);
});

test("small differences are made good by rates alone, and then the rate is 1", () => {
  const screen = new Screen(PLAIN).run(12_000);
  screen.pictureMs -= 300;
  screen.run(12_000);
  expect(Math.abs(screen.offMs)).toBeLessThan(40);
  expect(screen.jumps).toBe(1);
  expect(screen.rates.slice(-5)).toEqual([1, 1, 1, 1, 1]);
});

test("after a stall it is put right with one jump", () => {
  const screen = new Screen(PLAIN).run(12_000);
  screen.stallsUntilMs = screen.atMs + 14_000;
  screen.run(13_900);
  expect(screen.told.kind).toBe("behind");
  screen.run(8_000);
  expect(screen.jumps).toBe(2);
  expect(Math.abs(screen.offMs)).toBeLessThan(120);
  expect(screen.told.kind).toBe("in-step");
});

test("a stream that is made too slowly is not chased with jumps", () => {
  const screen = new Screen({ ...PLAIN, made: 0.9 }).run(60_000);
  expect(screen.jumps).toBe(0);
  expect(screen.told).toMatchObject({ kind: "joining" });
});

test("who paused stays behind until they ask for what is on now", () => {
  const screen = new Screen(PLAIN).run(12_000);
  screen.paused = true;
  screen.run(5_000);
  expect(screen.told).toMatchObject({ kind: "behind", paused: true });
  screen.paused = false;
  screen.run(20_000);
  expect(screen.told).toMatchObject({ kind: "behind", paused: false });
  expect(screen.offMs).toBeGreaterThan(4_800);
  expect(screen.rates.slice(-50).every((rate) => rate === 1)).toBe(true);
  screen.step = toLive(screen.step, screen.atMs);
  screen.run(2_000);
  expect(screen.told.kind).toBe("in-step");
  expect(screen.jumps).toBe(2);
});

test("a pause too short to mean anything is made good", () => {
  const screen = new Screen(PLAIN).run(12_000);
  screen.paused = true;
  screen.run(400);
  screen.paused = false;
  screen.run(12_000);
  expect(screen.told.kind).toBe("in-step");
  expect(Math.abs(screen.offMs)).toBeLessThan(60);
});

test("a seek by the viewer is followed by one of ours, not by two", () => {
  const screen = new Screen(PLAIN).run(12_000);
  screen.pictureMs -= 20_000;
  screen.run(12_000);
  expect(screen.jumps).toBe(2);
  expect(Math.abs(screen.offMs)).toBeLessThan(120);
});

test("a clock that cannot be right holds nothing up", () => {
  const screen = new Screen({ ...PLAIN, clockMs: -3_600_000 }).run(10_000);
  expect(screen.holds + screen.jumps).toBe(0);
  expect(screen.pictureMs).toBeGreaterThan(4_000);
});

test("without a clock the picture comes all the same", () => {
  const seen: Seen = {
    atMs: 0,
    targetMs: null,
    pictureMs: 5_000,
    aheadMs: 3_000,
    ready: true,
    paused: false,
  };
  const [first] = decide(joining(), seen);
  const [step, todo] = decide(first, { ...seen, atMs: 400 });
  expect(todo.playing).toBe(true);
  expect(told(step, seen)).toEqual({ kind: "joining" });
});
