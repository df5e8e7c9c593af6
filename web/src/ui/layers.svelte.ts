// Which windows are open over the page, the last on top. Owns only their order: what has
// to be seen and pressed over all of them (`Toasts`) goes into the topmost, for nothing
// outside of it can be reached.

let open = $state.raw<readonly HTMLElement[]>([]);

export const layers = {
  /** The topmost open window; none, where the page itself is. */
  get top(): HTMLElement | undefined {
    return open.at(-1);
  },

  /** Puts a window on top; the answer takes it away. */
  add(layer: HTMLElement): () => void {
    open = [...open, layer];
    return () => {
      open = open.filter((one) => one !== layer);
    };
  },
};
