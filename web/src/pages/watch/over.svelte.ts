// Whether what lies over the picture is seen: for a while after each sign of life, and
// while somebody is at it.

const SEEN_MS = 4_000;
const HELD_MS = 1_000;

export class Over {
  isSeen = $state(true);
  #untilMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `isHeld`: somebody uses what lies over it. */
  constructor(readonly isHeld: () => boolean) {}

  wake(): void {
    this.isSeen = true;
    this.#untilMs = performance.now() + SEEN_MS;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#doze(), SEEN_MS);
  }

  hide(): void {
    clearTimeout(this.#timer);
    this.isSeen = false;
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #doze(): void {
    const wait = this.#untilMs - performance.now();
    if (wait > 5 || this.isHeld()) {
      this.#timer = setTimeout(() => this.#doze(), Math.max(wait, HELD_MS));
    } else {
      this.isSeen = false;
    }
  }
}
