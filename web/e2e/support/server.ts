// The real server, on a free port of this machine, with a data folder of its own.

import { type ChildProcess, spawn } from "node:child_process";
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { onTestFinished } from "vitest";
import { CHANNELS_OF, CLIPS } from "./clips";

const ROOT = new URL("../../..", import.meta.url).pathname;
const TARGET = resolve(ROOT, process.env.CARGO_TARGET_DIR ?? "target");

/** The program that is tested; `AERIAL_BIN` names another. */
export const PROGRAM = process.env.AERIAL_BIN ?? join(TARGET, "debug/aerial");

/** A busy machine takes its time. */
export const PATIENCE_MS = 60_000;
/** A first scan reads every file, and what comes before a file's tests is not tried twice. */
const SCAN_PATIENCE_MS = 150_000;

export interface ServerOptions {
  /** The folder of media; the clips, unless said; `null` for none. */
  media?: string | null;
  /** Lines for the settings file. */
  settings?: string;
  /** With its keeper, which keeps the sockets open and starts the server anew. */
  keeper?: boolean;
  /** Answers when the server does; else when the first scan has made all channels. */
  bare?: boolean;
}

/** A channel, as far as tests need to know it. */
export interface Channel {
  id: string;
  number: string;
  name: string;
}

/**
 * Where the data of scanned libraries is kept for this run (`setup` makes it): whoever
 * starts on the same clips begins with a copy, and neither reads them again nor tries the
 * machine's encoders again.
 */
const SEEDS = process.env.E2E_SEEDS;

/** A server that was started. */
export class Server {
  readonly folder = mkdtempSync(join(tmpdir(), "aerial-e2e-"));
  #child: ChildProcess | null = null;

  private constructor(
    readonly port: number,
    readonly options: ServerOptions,
  ) {}

  /** Starts one, and waits until it has all of its channels (if it is to have some). */
  static async start(options: ServerOptions = {}): Promise<Server> {
    const server = new Server(await freePort(), options);
    const { media = CLIPS, bare = false } = options;
    const seeded = media !== null && !bare && media in CHANNELS_OF;
    if (seeded) cpSync(await seedOf(media), server.#data, { recursive: true });
    await server.run();
    if (media !== null && !bare) await server.#settled(CHANNELS_OF[media] ?? 1);
    return server;
  }

  /** The data of a server that has read this library. */
  static async scanned(media: string, to: string): Promise<void> {
    const server = new Server(await freePort(), { media });
    try {
      await server.run();
      await server.#settled(CHANNELS_OF[media] ?? 1);
      // What the machine can encode is found out once, too.
      await until(
        "the encoders' test",
        async () => {
          const system = await server.ask<{ encoders_tested_at: string | null }>("/api/v1/system");
          return system.encoders_tested_at !== null;
        },
        SCAN_PATIENCE_MS,
      );
      await server.#kill("SIGTERM");
      renameSync(server.#data, to);
    } finally {
      await server.stop();
    }
  }

  /** The scan is over, and has made so many channels: they come one after the other. */
  async #settled(count: number): Promise<void> {
    const isMade = async () => {
      const scan = await this.ask<{ state: string; error: string | null }>("/api/v1/scan");
      if (scan.state === "failed") throw new Error(`the scan failed: ${scan.error}`);
      return scan.state === "done" && (await this.channels()).length >= count;
    };
    await until(`${count} channels`, isMade, SCAN_PATIENCE_MS);
  }

  get #data(): string {
    return join(this.folder, "data");
  }

  /** All channels, in the order of their numbers. */
  async channels(): Promise<Channel[]> {
    const { items } = await this.ask<{ items: Channel[] }>("/api/v1/channels");
    return items.sort((a, b) => Number(a.number) - Number(b.number));
  }

  /** Makes a channel, in the place of one that a first try of the test left behind. */
  async make(channel: { number: string; [part: string]: unknown }): Promise<{ id: string }> {
    await this.without(channel.number);
    return await this.ask("/api/v1/channels", "POST", channel);
  }

  /** Deletes the channel of that number, if there is one. */
  async without(number: string): Promise<void> {
    if ((await this.channels()).some((one) => one.number === number)) {
      await this.ask(`/api/v1/channels/${number}`, "DELETE");
    }
  }

  /** `http://127.0.0.1:…`, without a slash at its end. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What it wrote to its log. */
  get log(): string {
    return readFileSync(join(this.folder, "log"), "utf8");
  }

  /** Starts the program (again), and waits until it answers. */
  async run(): Promise<void> {
    const data = this.#data;
    mkdirSync(data, { recursive: true });
    const log = openSync(join(this.folder, "log"), "a");
    const { media = CLIPS, settings, keeper = false } = this.options;
    const file = join(this.folder, "aerial.toml");
    if (settings !== undefined) writeFileSync(file, settings);
    const child = spawn(
      PROGRAM,
      [
        "serve",
        ...(keeper ? [] : ["--no-keeper"]),
        ...(settings === undefined ? [] : ["--config", file]),
        "--data",
        data,
        "--listen",
        `127.0.0.1:${this.port}`,
        ...(media === null ? [] : ["--media", media]),
      ],
      { stdio: ["ignore", log, log], cwd: this.folder, env: environment(settings) },
    );
    closeSync(log);
    this.#child = child;
    await until("the server", async () => {
      if (child.exitCode !== null) throw new Error(`the server ended: ${this.log}`);
      return (await fetch(`${this.url}/readyz`).catch(() => null))?.ok === true;
    });
  }

  /**
   * Ends the program under a test, the data stays: `run` starts it again. So does the end of
   * the test, whatever becomes of that: the next one needs a server.
   */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    onTestFinished(async () => {
      const isStopped = !existsSync(this.folder);
      if (!this.#runs && !isStopped) await this.run();
    });
    await this.#kill(signal);
  }

  get #runs(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  async #kill(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.once("exit", done));
    child.kill(signal);
    await ended;
  }

  /** Behind its keeper: kills the server, or has it begin anew. Answers when the next one does. */
  async restart(signal: "SIGKILL" | "SIGHUP"): Promise<void> {
    const { pid } = await this.ask<{ pid: number }>("/api/v1/system");
    if (signal === "SIGKILL") process.kill(pid, signal);
    else this.#child?.kill(signal);
    await until("the next server", async () => {
      const answer = await fetch(`${this.url}/api/v1/system`).catch(() => null);
      return answer?.ok === true && ((await answer.json()) as { pid: number }).pid !== pid;
    });
  }

  /** Ends it for good. */
  async stop(): Promise<void> {
    await this.#kill("SIGTERM");
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Asks the API; throws what it says where that is an error. */
  async ask<T>(path: string, method = "GET", body?: unknown): Promise<T> {
    const send = () =>
      fetch(this.url + path, {
        method,
        ...(body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
      });
    // A server that restarts closes the connection that was kept for the next question.
    const answer = await send().catch((error) => {
      if (method !== "GET") throw error;
      return send();
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }
}

/** Asks again and again, a few times a second, until it is so. */
export async function until(
  what: string,
  isSo: () => Promise<boolean> | boolean,
  withinMs: number = PATIENCE_MS,
): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`${what} did not come within ${withinMs} ms`);
    await new Promise((done) => setTimeout(done, 150));
  }
}

/** The data of this library's first scan; made when it is first asked for. */
async function seedOf(media: string): Promise<string> {
  const folder = SEEDS ?? mkdtempSync(join(tmpdir(), "aerial-e2e-seeds-"));
  const seed = join(folder, basename(media));
  if (!existsSync(seed)) await Server.scanned(media, seed);
  return seed;
}

/**
 * The program takes every `AERIAL_…` for a setting. How much this machine carries is not
 * measured: that takes all of it for ten seconds, whenever a test lets it be quiet.
 */
function environment(settings = ""): NodeJS.ProcessEnv {
  const { AERIAL_BIN: _, ...env } = process.env;
  return settings.includes("encodes") ? env : { AERIAL_STREAM_ENCODES: "8", ...env };
}

/**
 * A port that is free, and stays so while a server that had it begins anew: the system
 * hands out those from 32768 on to whoever asks somebody something.
 */
async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = 11_000 + Math.floor(Math.random() * 21_000);
    if (await isFree(port)) return port;
  }
  throw new Error("no port");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const probe = createServer();
    probe.once("error", () => done(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => done(true)));
  });
}
