// The real server, on a free port of this machine, with a data folder of its own.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { CLIPS } from "./clips";

const ROOT = new URL("../../..", import.meta.url).pathname;
const TARGET = resolve(ROOT, process.env.CARGO_TARGET_DIR ?? "target");

/** The program that is tested; `AERIAL_BIN` names another. */
export const PROGRAM = process.env.AERIAL_BIN ?? join(TARGET, "debug/aerial");

/** A busy machine takes its time. */
export const PATIENCE_MS = 60_000;

export interface ServerOptions {
  /** The folder of media; the clips, unless said; `null` for none. */
  media?: string | null;
  /** Lines for the settings file. */
  settings?: string;
  /** With its keeper, which keeps the sockets open and starts the server anew. */
  keeper?: boolean;
  /** Answers when the server does; else when the first scan has made channels. */
  bare?: boolean;
}

/** A server that was started. */
export class Server {
  readonly folder = mkdtempSync(join(tmpdir(), "aerial-e2e-"));
  #child: ChildProcess | null = null;

  private constructor(
    readonly port: number,
    readonly options: ServerOptions,
  ) {}

  /** Starts one, and waits until it has channels (if it is to have some). */
  static async start(options: ServerOptions = {}): Promise<Server> {
    const server = new Server(await freePort(), options);
    await server.run();
    if (options.media !== null && !options.bare) {
      await until("channels", async () => {
        const { items } = await server.ask<{ items: unknown[] }>("/api/v1/channels");
        const scan = await server.ask<{ state: string }>("/api/v1/scan");
        return items.length > 0 && scan.state !== "running";
      });
    }
    return server;
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
    const data = join(this.folder, "data");
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
      // The program takes every `AERIAL_…` for a setting.
      { stdio: ["ignore", log, log], cwd: this.folder, env: withoutOurs() },
    );
    this.#child = child;
    await until("the server", async () => {
      if (child.exitCode !== null) throw new Error(`the server ended: ${this.log}`);
      return (await fetch(`${this.url}/readyz`).catch(() => null))?.ok === true;
    });
  }

  /** Ends the program, the data stays: `run` starts it again. */
  async end(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
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
    await this.end();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Asks the API; throws what it says where that is an error. */
  async ask<T>(path: string, method = "GET", body?: unknown): Promise<T> {
    const answer = await fetch(this.url + path, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
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

function withoutOurs(): NodeJS.ProcessEnv {
  const { AERIAL_BIN: _, ...env } = process.env;
  return env;
}

function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const probe = createServer();
    probe.once("error", failed);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => {
        if (address === null || typeof address === "string") failed(new Error("no port"));
        else done(address.port);
      });
    });
  });
}
