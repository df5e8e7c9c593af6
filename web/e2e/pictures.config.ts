import { defineConfig } from "vitest/config";

// Pictures of every page (scripts/screenshots): no tests, but made with the same browser.
export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    include: ["e2e/pictures/**/*.ts"],
    environment: "node",
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 120_000,
  },
});
