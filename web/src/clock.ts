// The server's clock, as far as its answers tell it. The device's own may be wrong
// by minutes (televisions, kiosks); what is on is decided by the server's.

/** Adds the difference seen in the server's answers to the device's clock. */
export class ServerClock {
  #offsetMs = 0;

  /** `at` came with an answer to a request sent at `sentMs`, received at `receivedMs`. */
  learn(at: string, sentMs: number, receivedMs: number): void {
    const server = Date.parse(at);
    if (Number.isNaN(server)) return;
    this.#offsetMs = server - (sentMs + receivedMs) / 2;
  }

  /** The server's time in milliseconds since the epoch. */
  now(deviceMs: number = Date.now()): number {
    return deviceMs + this.#offsetMs;
  }
}
