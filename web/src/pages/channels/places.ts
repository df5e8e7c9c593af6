// Which item of a lineup an error of the server's is about. Owns the reading of its
// paths (`items[3].media`).

/** The messages by the item's place; what is about no item is under -1. */
export function byPlace(fields: Readonly<Record<string, string>>): Map<number, string> {
  const told = new Map<number, string>();
  for (const [path, message] of Object.entries(fields)) {
    const place = /^items\[(\d+)\]/.exec(path)?.[1];
    const at = place === undefined ? -1 : Number(place);
    if (!told.has(at)) told.set(at, message);
  }
  return told;
}
