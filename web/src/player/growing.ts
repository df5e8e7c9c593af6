// Segments that are sent as they are made. How fast they come says how fast they are made,
// not what the line carries: measured like others they hold the estimate at the stream's
// own rate, and it never climbs again. Owns what keeps hls.js from measuring them, and
// from giving one up as too slow.

import {
  AbrController,
  FetchLoader,
  type FragmentLoaderContext,
  type HlsConfig,
  type Loader,
  type LoaderCallbacks,
  type LoaderConfiguration,
} from "hls.js";

/** What of hls.js is replaced: a loader that sees which grow, and a measure that skips them. */
export function measured(): Pick<HlsConfig, "abrController" | "fLoader"> {
  const growing = new WeakSet<object>();
  let stop: () => void = () => {};

  class Measure extends AbrController {
    constructor(...made: ConstructorParameters<typeof AbrController>) {
      super(...made);
      stop = () => this.clearTimer();
    }
  }
  // Of hls.js's own, which it does not offer to others: missing, all are measured.
  const own = AbrController.prototype as unknown as { ignoreFragment?: (one: object) => boolean };
  const usual = own.ignoreFragment;
  if (usual !== undefined) {
    Object.defineProperty(Measure.prototype, "ignoreFragment", {
      value(this: unknown, one: object) {
        return growing.has(one) || usual.call(this, one);
      },
    });
  }

  class Watching extends FetchLoader {
    override load(
      context: FragmentLoaderContext,
      config: LoaderConfiguration,
      callbacks: LoaderCallbacks<FragmentLoaderContext>,
    ): void {
      const { onProgress } = callbacks;
      if (onProgress !== undefined) {
        callbacks.onProgress = (stats, of, data, details) => {
          if (isGrowing(details) && !growing.has(context.frag)) {
            growing.add(context.frag);
            stop();
          }
          onProgress(stats, of, data, details);
        };
      }
      super.load(context, config, callbacks as never);
    }
  }

  return {
    abrController: Measure,
    fLoader: Watching as unknown as new (config: HlsConfig) => Loader<FragmentLoaderContext>,
  };
}

/** What is finished says its length. */
function isGrowing(details: unknown): boolean {
  return details instanceof Response && !details.headers.has("content-length");
}
