import { defineConfig } from "vitest/config";

// The app in a real browser against the real server. One file at a time: each starts a
// server of its own, and machines that test have few cores. What is waited for may take its
// time; no test says how long anything took but where the time is what it is about.
export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    include: ["e2e/**/*.test.ts"],
    globalSetup: ["e2e/support/setup.ts"],
    environment: "node",
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 360_000,
    // Where nobody watches, what failed is tried once more: see .config/nextest.toml.
    retry: process.env.CI ? 1 : 0,
    expect: { poll: { timeout: 60_000, interval: 100 } },
  },
});
