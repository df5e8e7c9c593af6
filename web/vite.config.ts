import { defineConfig } from "vitest/config";

// The server that `npm run dev` passes requests on to.
const server = process.env.AERIAL_URL ?? "http://127.0.0.1:8400";

// The host stays the page's own, by which the server knows its own pages.
const passedOn = { target: server, changeOrigin: false };

export default defineConfig({
  build: {
    target: "es2022",
    // Fonts and pictures stay files: the page's policy allows no data: fonts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 800,
  },
  server: { proxy: { "/api": passedOn, "/logos": passedOn, "/stream": passedOn } },
  test: { environment: "happy-dom", include: ["src/**/*.test.ts", "test/**/*.test.ts"] },
});
