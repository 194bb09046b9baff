import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { silentLogger } from "../../../src/client/logger.ts";
import type { AuditRecord } from "../../../src/engine/apiserver/audit.ts";
import { AuditLog, isForeignWrite } from "../../../src/engine/apiserver/audit-log.ts";
import { RecentWriters } from "../../../src/engine/apiserver/recent-writers.ts";
import { StatusError } from "../../../src/kube/status-error.ts";

const record = (
  changes: Partial<AuditRecord> & {
    verb?: AuditRecord["request"]["verb"];
    name?: string;
    user?: string;
  } = {},
): AuditRecord => {
  const { verb = "patch", name = "web", user = "ann", ...rest } = changes;
  return {
    request: {
      user: { name: user, groups: ["dev"] },
      verb,
      group: "apps",
      version: "v1",
      plural: "deployments",
      namespace: "default",
      name,
    },
    fieldManager: "kubectl-edit",
    userAgent: "kubectl/v1.35.2 (linux/amd64)",
    dryRun: false,
    startedAtMs: 1_000,
    finishedAtMs: 2_000,
    ...rest,
  };
};

/** WebSockets begin with a GET. */
const stream = (subresource: string): AuditRecord => {
  const one = record({ verb: "get" });
  return { ...one, request: { ...one.request, group: "", plural: "pods", subresource } };
};

describe("what the audit log keeps", () => {
  it.each([
    ["a person's write", record(), true],
    ["a refused one", record({ failure: StatusError.of("Forbidden", "no") }), true],
    ["a read", record({ verb: "get" }), false],
    ["a dry run", record({ dryRun: true }), false],
    ["a controller's write", record({ user: "system:deployment-controller" }), false],
    ["a pod's write", record({ user: "system:serviceaccount:default:robot" }), true],
    ["a command in a container", stream("exec"), true],
    ["a terminal on a container", stream("attach"), true],
    ["a way to a port of a pod", stream("portforward"), true],
    ["a look at logs", stream("log"), false],
    ["the operator's write", record({ fieldManager: "gantry" }), false],
  ])("%s: %#", (_what, one, expected) => {
    expect(isForeignWrite(one)).toBe(expected);
  });
});

describe("the audit log", () => {
  let directory = "";
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "audit-"));
  });
  afterEach(() => rm(directory, { recursive: true }));
  const path = (): string => join(directory, "logs", "audit.log");

  it("writes audit.k8s.io/v1 events, readable by the owner only", async () => {
    const log = await AuditLog.open(path(), silentLogger);
    log.record(record());
    log.record(record({ failure: StatusError.of("Forbidden", "no") }));
    await log.close();
    const events = (await readFile(path(), "utf8"))
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    expect(events[0]).toMatchObject({
      apiVersion: "audit.k8s.io/v1",
      level: "Metadata",
      verb: "patch",
      user: { username: "ann" },
      objectRef: { resource: "deployments", apiGroup: "apps", namespace: "default", name: "web" },
      responseStatus: { code: 200 },
      requestReceivedTimestamp: "1970-01-01T00:00:01.000Z",
    });
    expect(events[1]).toMatchObject({ responseStatus: { code: 403 } });
  });

  it("goes on where it was after a restart", async () => {
    for (let start = 0; start < 2; start++) {
      const log = await AuditLog.open(path(), silentLogger);
      log.record(record());
      await log.close();
    }
    expect((await readFile(path(), "utf8")).trimEnd().split("\n")).toHaveLength(2);
  });

  it("rotates, and keeps so many files", async () => {
    const log = await AuditLog.open(path(), silentLogger);
    const large = record({ userAgent: "x".repeat(1024 * 1024) });
    for (let at = 0; at < 120; at++) {
      log.record(large);
      await log.flushed();
    }
    await log.close();
    expect((await readdir(join(directory, "logs"))).sort()).toEqual([
      "audit.log",
      ...[1, 2, 3, 4, 5].map((at) => `audit.log.${at}`),
    ]);
  });
});

describe("recent writers", () => {
  const address = { group: "apps", plural: "deployments", namespace: "default", name: "web" };

  it("are known by object and field manager", () => {
    const writers = new RecentWriters();
    writers.record(record());
    writers.record(record({ user: "bob", fieldManager: "kubectl-scale", finishedAtMs: 3_000 }));
    writers.record(record({ user: "eve", failure: StatusError.of("Forbidden", "no") }));
    expect(writers.find(address, "kubectl-edit")).toEqual({ user: "ann", atMs: 2_000 });
    expect(writers.find(address, "kubectl-scale")).toEqual({ user: "bob", atMs: 3_000 });
    expect(writers.find({ ...address, name: "api" }, "kubectl-edit")).toBeUndefined();
  });

  it("forget the objects that were left alone longest", () => {
    const writers = new RecentWriters();
    for (let at = 0; at < 10_001; at++) {
      writers.record(record({ name: `object-${at}` }));
      if (at === 5_000) writers.record(record({ name: "object-0" }));
    }
    expect(writers.find({ ...address, name: "object-0" }, "kubectl-edit")).toBeDefined();
    expect(writers.find({ ...address, name: "object-1" }, "kubectl-edit")).toBeUndefined();
  });
});
