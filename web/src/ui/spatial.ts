// Arrow keys move the focus to what lies that way: a remote has nothing else. Only where
// no page took the key, and, but on a television, only from something that has the focus
// already, so that arrows still scroll for whoever reads.

import { isTyping, openDialog } from "./shortcuts.svelte";

const FOCUSABLE =
  'a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea:not(:disabled), [tabindex]:not([tabindex="-1"])';
const WAYS: Record<string, readonly [number, number]> = {
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
};
const TELEVISION =
  /SmartTV|SMART-TV|Web0S|webOS|Tizen|BRAVIA|HbbTV|NetCast|AFT[A-Z]|Android TV|GoogleTV|CrKey|TV Safari/i;

/** Whether this is a television's browser. */
export function isTelevision(): boolean {
  return TELEVISION.test(navigator.userAgent);
}

/** Moves the focus for an arrow key that nobody took. */
export function moveFocus(event: KeyboardEvent): void {
  const way = WAYS[event.key];
  if (way === undefined || event.defaultPrevented) return;
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  if (isTyping(event.target) && !leavesLine(event)) return;
  if (event.target instanceof HTMLInputElement && event.target.type === "range" && way[0] !== 0)
    return;
  const from = document.activeElement;
  const nowhere = from === null || from === document.body || from.matches("main, [tabindex='-1']");
  if (nowhere && !isTelevision()) return;
  const scope: ParentNode = openDialog() ?? document;
  const all = [...scope.querySelectorAll<HTMLElement>(FOCUSABLE)].filter(isSeen);
  const next = nowhere ? all[0] : nearest(from.getBoundingClientRect(), way, all, from);
  if (next === undefined) return;
  event.preventDefault();
  next.focus();
  next.scrollIntoView({ block: "nearest", inline: "nearest" });
}

/** Up and down mean nothing in a line of text. */
function leavesLine(event: KeyboardEvent): boolean {
  const line = event.target instanceof HTMLInputElement && event.target.type !== "number";
  return line && (event.key === "ArrowUp" || event.key === "ArrowDown") && !event.target.list;
}

function isSeen(element: HTMLElement): boolean {
  const { width, height } = element.getBoundingClientRect();
  return width > 0 && height > 0 && getComputedStyle(element).visibility !== "hidden";
}

/** The nearest that way; what is not in line counts as further off. */
export function nearest<E extends { getBoundingClientRect(): DOMRect }>(
  from: DOMRect,
  [right, down]: readonly [number, number],
  all: readonly E[],
  except: unknown,
): E | undefined {
  let best: E | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const element of all) {
    if (element === except) continue;
    const to = element.getBoundingClientRect();
    const along =
      right !== 0
        ? gap(from.left, from.right, to.left, to.right, right)
        : gap(from.top, from.bottom, to.top, to.bottom, down);
    if (along === null) continue;
    const aside =
      right !== 0
        ? apart(from.top, from.bottom, to.top, to.bottom)
        : apart(from.left, from.right, to.left, to.right);
    const distance = along + aside * 3;
    if (distance < bestDistance) [best, bestDistance] = [element, distance];
  }
  return best;
}

/** How far `to` lies ahead, or `null` where it does not. */
function gap(from0: number, from1: number, to0: number, to1: number, way: number): number | null {
  const middle = ((to0 + to1) / 2 - (from0 + from1) / 2) * way;
  if (middle <= 1) return null;
  const between = way > 0 ? to0 - from1 : from0 - to1;
  // What overlaps along the way is beside, not ahead.
  return between < -Math.min(from1 - from0, to1 - to0) / 2 ? null : Math.max(0, between);
}

function apart(from0: number, from1: number, to0: number, to1: number): number {
  return Math.max(0, to0 - from1, from0 - to1);
}
