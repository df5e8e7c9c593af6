// What this browser remembers between visits. A browser that keeps nothing (private
// windows, full disks) is no fault: everything has a default.

const PREFIX = "aerial.";

/** What was kept under this name, or `fallback`. */
export function kept<T>(name: string, fallback: T): T {
  try {
    const text = localStorage.getItem(PREFIX + name);
    return text === null ? fallback : (JSON.parse(text) as T);
  } catch {
    return fallback;
  }
}

/** Keeps a value. */
export function keep(name: string, value: unknown): void {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // Then it is forgotten.
  }
}
