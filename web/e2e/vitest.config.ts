import { defineConfig } from "vitest/config";

// The app in a real browser against the real server. One file at a time: each starts a
// server of its own, and machines that test have few cores.
export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    include: ["e2e/**/*.test.ts"],
    globalSetup: ["e2e/support/setup.ts"],
    environment: "node",
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
