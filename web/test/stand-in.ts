// A small server for the page's tests: the built page, the part of the API that it
// reads, and one live stream made by FFmpeg's own sources in real time.

import { type ChildProcess, spawn } from "node:child_process";
import { createReadStream, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
  ".m3u8": "application/vnd.apple.mpegurl",
  ".ts": "video/mp2t",
};

/** What the real server allows the page (`http::assets`). */
const POLICY = "default-src 'self'; media-src 'self' blob:; worker-src 'self' blob:";

/** A programme, its length in seconds; `null` is off the air. */
export type Show = [title: string, seconds: number, more?: Record<string, unknown>] | null;

export interface Lineup {
  id: string;
  number: string;
  name: string;
  shows: Show[];
}

/** The server under the page. */
export class StandIn {
  /** While true, everything is answered with 503. */
  away = false;
  /** Every POST seen. */
  readonly posts: string[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), "aerial-page-"));
  readonly #server: Server;
  #stream: ChildProcess | null = null;

  constructor(
    readonly lineups: Lineup[],
    readonly dist: string,
  ) {
    this.#server = createServer((request, response) => {
      const url = new URL(request.url ?? "/", "http://page");
      if (request.method === "POST") {
        this.posts.push(url.pathname);
        response.writeHead(204).end();
      } else if (this.away) {
        response.writeHead(503).end();
      } else {
        this.#answer(url, response);
      }
    });
  }

  /** Listens, and gives the address. */
  async start(): Promise<string> {
    await new Promise<void>((done) => this.#server.listen(0, "127.0.0.1", done));
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    return `http://127.0.0.1:${address.port}/`;
  }

  /** Ends the stream and the server. */
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
    if (this.#stream !== null && this.#stream.exitCode === null) {
      const ended = new Promise((done) => this.#stream?.once("exit", done));
      this.#stream.kill("SIGKILL");
      await ended;
    }
    rmSync(this.#folder, { recursive: true });
  }

  #answer({ pathname }: URL, response: ServerResponse): void {
    const [, kind, ...rest] = pathname.split("/");
    if (kind === "api") this.#listing(rest[2], response);
    else if (kind === "stream") this.#segment(rest.slice(1).join("/"), response);
    else
      this.#file(join(this.dist, pathname === "/" ? "index.html" : normalize(pathname)), response);
  }

  #listing(id: string | undefined, response: ServerResponse): void {
    const lineup = this.lineups.find((one) => one.id === id);
    if (id === undefined) json(response, { items: this.lineups, next: null });
    else if (lineup === undefined) response.writeHead(404).end();
    else json(response, present(lineup, Date.now()));
  }

  #segment(name: string, response: ServerResponse): void {
    if (name === "master.m3u8") {
      this.#broadcast();
      response.writeHead(200, { "content-type": TYPES[".m3u8"] });
      response.end(
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=900000,RESOLUTION=640x360\nlive.m3u8?client=viewer-7\n",
      );
      return;
    }
    this.#file(join(this.#folder, normalize(`/${name}`)), response);
  }

  #broadcast(): void {
    if (this.#stream !== null) return;
    const source =
      "gradients=s=640x360:r=25:n=5:c0=#0b1030:c1=#3a1d5c:c2=#b1345f:c3=#f08a4b:c4=#ffd9a0:seed=5:speed=0.01";
    this.#stream = spawn(
      "ffmpeg",
      `-nostdin -v error -re -f lavfi -i ${source} -f lavfi -i sine=220 -pix_fmt yuv420p -c:v libx264 -preset ultrafast -g 25 -c:a aac -f hls -hls_time 1 -hls_flags independent_segments+temp_file ${join(this.#folder, "live.m3u8")}`.split(
        " ",
      ),
      { stdio: "ignore" },
    );
  }

  #file(path: string, response: ServerResponse): void {
    if (!existsSync(path) || !statSync(path).isFile()) {
      response.writeHead(503).end();
      return;
    }
    response.writeHead(200, {
      "content-type": TYPES[extname(path)] ?? "application/octet-stream",
      "cache-control": "no-cache",
      "content-security-policy": POLICY,
    });
    if (path.endsWith(".m3u8")) response.end(readFileSync(path));
    else createReadStream(path).pipe(response);
  }
}

function json(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
}

/** What a looping lineup shows at an instant. */
function present({ id, shows }: Lineup, atMs: number) {
  const at = new Date(atMs).toISOString();
  if (shows.length === 0) return { at, channel: id, current: null, next: null };
  const length = (show: Show) => (show === null ? 600 : show[1]) * 1000;
  const cycle = shows.reduce((sum, show) => sum + length(show), 0);
  let start = Math.floor(atMs / cycle) * cycle;
  let index = 0;
  while (start + length(shows[index] ?? null) <= atMs) {
    start += length(shows[index] ?? null);
    index += 1;
  }
  const airing = (show: Show, from: number) => ({
    start: new Date(from).toISOString(),
    end: new Date(from + length(show)).toISOString(),
    title: show === null ? "Off air" : show[0],
    off_air: show === null,
    ...(show?.[2] ?? {}),
  });
  const current = airing(shows[index] ?? null, start);
  const next = airing(shows[(index + 1) % shows.length] ?? null, Date.parse(current.end));
  return { at, channel: id, current, next };
}
