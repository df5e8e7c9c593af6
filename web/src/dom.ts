// The little that building a page by hand needs.

type Attributes = Record<string, string>;

/** Makes an element with attributes and children. */
export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Writes a text only where it changed, so that nothing is repainted or read aloud anew. */
export function write(node: HTMLElement, text: string, title = ""): void {
  if (node.textContent !== text) node.textContent = text;
  if (node.title !== title) node.title = title;
}

const ICONS = {
  play: "M8 5.5v13l11-6.5z",
  sound: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15 9a4 4 0 0 1 0 6M17.5 6.5a7.5 7.5 0 0 1 0 11",
  muted: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9.5l5 5m0-5l-5 5",
  full: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  window: "M9 4v5H4M15 4v5h5M9 20v-5H4M15 20v-5h5",
  off: "M12 4v8M7.2 7.2a7 7 0 1 0 9.6 0",
} as const;

/** The name of a drawing. */
export type Icon = keyof typeof ICONS;

/** Draws an icon; the words beside it or `aria-label` say what it means. */
export function icon(name: Icon): SVGSVGElement {
  const space = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(space, "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  drawing.setAttribute("class", name === "play" ? "icon solid" : "icon");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  drawing.append(path);
  return drawing;
}

/** The test card's seven bars. */
export function bars(): HTMLElement {
  const made = element("span", { class: "bars", "aria-hidden": "true" });
  for (let bar = 0; bar < 7; bar++) made.append(element("i"));
  return made;
}
