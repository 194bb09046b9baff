import { expect, test } from "vitest";
import { hookRuns } from "../../../src/gitops/apply/hook-runs.ts";
import { placeholderName } from "../../../src/gitops/plan/hooks.ts";
import { validatePaths } from "../../../src/gitops/check/validate-paths.ts";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const job = (prefix: string, annotations: string): string => `apiVersion: batch/v1
kind: Job
metadata:
  generateName: ${prefix}
  annotations: ${annotations}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: main, image: "main:1"}]
`;

test("a hook may leave its name to be made up for each sync; nothing else may", async () => {
  const folder = await mkdtemp(join(tmpdir(), "gantry-hooks-"));
  try {
    await writeFile(
      join(folder, "hook.yaml"),
      job("migrate-", "{argocd.argoproj.io/hook: PreSync}"),
    );
    await writeFile(join(folder, "plain.yaml"), job("plain-", "{}"));
    const { findings } = await validatePaths([folder], {});
    expect(findings.map(({ rule, file }) => [rule, file?.endsWith("plain.yaml")])).toEqual([
      ["manifest/missing-name", true],
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("the name that is made up says revision, phase and time", () => {
  const name = placeholderName("migrate-");
  const object = {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name,
      generateName: "migrate-",
      namespace: "default",
      annotations: { "argocd.argoproj.io/hook": "PreSync" },
    },
  };
  const ref = { group: "batch", version: "v1", kind: "Job", namespace: "default", name };
  const desired = { ref, object, hash: "" } as unknown as Parameters<typeof hookRuns>[0][number];
  const [run] = hookRuns([desired], ["PreSync"], {
    application: {
      apiVersion: "gantry.dev/v1",
      kind: "Application",
      metadata: { name: "app", namespace: "default" },
      spec: { source: { repoURL: "fake" }, destination: {} },
    },
    syncId: "1-x",
    startedAt: "2026-01-01T00:00:00Z",
    revision: "ABCDEF0123",
  });
  expect(run?.desired.object.metadata.name).toBe("migrate-abcdef0-presync-1767225600");
  expect(run?.desired.object.metadata).not.toHaveProperty("generateName");
});
