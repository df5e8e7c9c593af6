// Moves what moves with time. Owns the one loop that all strips share: a frame at a time
// while the page is seen, once a second for whoever wants no motion.

const STILL_EVERY_MS = 1_000;

const movers = new Set<() => void>();
let frame: number | null = null;
let still: ReturnType<typeof setInterval> | null = null;

function wantsNoMotion(): boolean {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** Calls `move` again and again; the answer ends that. A browser calls nobody of a page that is not seen. */
export function eachFrame(move: () => void): () => void {
  movers.add(move);
  move();
  if (movers.size === 1) begin();
  return () => {
    movers.delete(move);
    if (movers.size === 0) end();
  };
}

function begin(): void {
  if (wantsNoMotion()) still = setInterval(moveAll, STILL_EVERY_MS);
  else frame = requestAnimationFrame(next);
}

function next(): void {
  moveAll();
  frame = requestAnimationFrame(next);
}

function moveAll(): void {
  for (const move of movers) move();
}

function end(): void {
  if (frame !== null) cancelAnimationFrame(frame);
  if (still !== null) clearInterval(still);
  frame = null;
  still = null;
}
