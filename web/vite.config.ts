import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// The server that `npm run dev` passes requests on to.
const server = process.env.AERIAL_URL ?? "http://127.0.0.1:8400";
const passed = ["/api", "/stream", "/logos", "/channels.m3u", "/xmltv.xml", "/healthz"];

// The host stays the page's own, by which the server knows its own pages.
const passedOn = { target: server, changeOrigin: false };

export default defineConfig({
  plugins: [svelte()],
  // Addresses are relative to the page's <base>, which the server fills in: the app
  // works under any path that a proxy puts before it.
  base: "./",
  resolve: {
    alias: { "@": new URL("./src", import.meta.url).pathname },
    ...(process.env.VITEST === undefined ? {} : { conditions: ["browser"] }),
  },
  build: {
    target: "es2022",
    // Fonts and pictures stay files: the page's policy allows no data: fonts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 800,
  },
  server: { proxy: Object.fromEntries(passed.map((path) => [path, passedOn])) },
  test: { environment: "happy-dom", include: ["src/**/*.test.ts"] },
});
