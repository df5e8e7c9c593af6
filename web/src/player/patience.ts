// How patient the player is. With hls.js's defaults a page stays frozen for ever once the
// server was away for 4 s; with these it came back by itself after 20 s.

import type { HlsConfig, LoadPolicy } from "hls.js";

const ERROR_RETRIES = 60;
const TIMEOUT_RETRIES = 20;
const RETRY_AFTER_MS = 500;
const RETRY_AT_MOST_MS = 2_000;
const PLAYLIST_FIRST_BYTE_MS = 4_000;
/** Of a fragment, once one has come. */
export const FRAGMENT_FIRST_BYTE_MS = 6_000;
/** The first fragment is still being made when it is asked for. */
const FIRST_FRAGMENT_FIRST_BYTE_MS = 30_000;
const LOAD_MS = 30_000;
const LATENCY_LIMIT_SEGMENTS = 12;
/** What is kept behind the picture: a minute's pause is taken up where it stopped. */
const BACK_BUFFER_S = 60;
/** A stream at home is not started at its worst for want of an estimate: what a film's own
 * file needs at its peak. */
const FIRST_ESTIMATE_BITS = 60_000_000;

function policy(firstByteMs: number): LoadPolicy {
  return {
    default: {
      maxTimeToFirstByteMs: firstByteMs,
      maxLoadTimeMs: LOAD_MS,
      timeoutRetry: { maxNumRetry: TIMEOUT_RETRIES, retryDelayMs: 0, maxRetryDelayMs: 0 },
      errorRetry: {
        maxNumRetry: ERROR_RETRIES,
        retryDelayMs: RETRY_AFTER_MS,
        maxRetryDelayMs: RETRY_AT_MOST_MS,
        backoff: "linear",
        // Nothing answered, which hls.js takes for a refusal for good.
        shouldRetry: (retry, count, _isTimeout, response, usual) =>
          usual || (response?.code === 0 && count < (retry?.maxNumRetry ?? 0)),
      },
    },
  };
}

/** The settings; new for each tuning, since the player changes them. */
export function patience(estimateBits: number | null): Partial<HlsConfig> {
  return {
    progressive: true,
    // What keeps step is `step`, not this.
    lowLatencyMode: false,
    liveSyncDurationCount: 3,
    liveMaxLatencyDurationCount: LATENCY_LIMIT_SEGMENTS,
    maxBufferHole: 0.3,
    backBufferLength: BACK_BUFFER_S,
    // A test fragment of another rendition would start another encoder.
    testBandwidth: false,
    abrEwmaDefaultEstimate: estimateBits ?? FIRST_ESTIMATE_BITS,
    abrEwmaDefaultEstimateMax: FIRST_ESTIMATE_BITS,
    manifestLoadPolicy: policy(PLAYLIST_FIRST_BYTE_MS),
    playlistLoadPolicy: policy(PLAYLIST_FIRST_BYTE_MS),
    fragLoadPolicy: policy(FIRST_FRAGMENT_FIRST_BYTE_MS),
  };
}

/** How many segments behind counts as lost: not at all where a viewer means to be. */
export function latencyLimit(behindOnPurpose: boolean): number {
  return behindOnPurpose ? Number.POSITIVE_INFINITY : LATENCY_LIMIT_SEGMENTS;
}
