import { defineConfig } from "vitest/config";

/**
 * Tests that change nothing of their process share it, and with it the modules: loading those anew
 * for every file takes as long as a fifth of all tests.
 */
const SHARING = [
  "test/client/**/*.test.ts",
  "test/engine/{apiserver,controllers,scheduler,simulation}/**/*.test.ts",
  "test/gitops/{apply,blame,check,decrypt,diagnose,gates,generators,health,notify,plan,policy,report,sync,template,webhook}/**/*.test.ts",
  "test/kube/**/*.test.ts",
];

export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ["default", "./test/closing-line.ts"],
    projects: [
      { extends: true, test: { name: "alone", include: ["test/**/*.test.ts"], exclude: SHARING } },
      { extends: true, test: { name: "sharing", include: SHARING, isolate: false } },
    ],
  },
});
