import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Client } from "../../../src/client/client.ts";
import { type Diagnosis, diagnose } from "../../../src/gitops/diagnose/diagnose.ts";
import { diagnosisLines } from "../../../src/gitops/diagnose/diagnosis-lines.ts";
import { type Deployment, deployments } from "../../../src/kube/kinds/deployment.ts";
import { events } from "../../../src/kube/kinds/event.ts";
import { type Pod, pods } from "../../../src/kube/kinds/pod.ts";
import { type ReplicaSet, replicaSets } from "../../../src/kube/kinds/replicaset.ts";
import { startServer, type TestServer } from "../../engine/apiserver/test-server.ts";

type PodStatus = NonNullable<Pod["status"]>;
type ContainerStatus = NonNullable<PodStatus["containerStatuses"]>[number];
const labels = { app: "web" };
const template = { metadata: { labels }, spec: { containers: [{ name: "web", image: "web:1" }] } };

let api: TestServer;
let deployment: Deployment;
/** Asked for logs, as `pod/container`, with `previous` where that was asked for. */
let asked: string[];
let logs: string;
beforeEach(async () => {
  api = await startServer();
  asked = [];
  logs = "";
  deployment = await api.client.create(deployments, {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { namespace: "default", name: "web" },
    spec: { replicas: 2, selector: { matchLabels: labels }, template },
  });
});
afterEach(() => api.server.close());

/** Logs come from nodes, and there are none here. */
function client(): Client {
  return new Proxy<Client>(api.client, {
    get(target, name) {
      const own = Reflect.get(target, name) as (...given: readonly unknown[]) => unknown;
      if (name !== "logs") return own.bind(target);
      return async function* (
        ...[{ name: pod }, { container = "", previous = false }]: Parameters<Client["logs"]>
      ): AsyncGenerator<Uint8Array> {
        asked.push(`${pod}/${container}${previous ? " previous" : ""}`);
        yield Buffer.from(logs);
      };
    },
  });
}

async function replicaSet(name: string, revision: number): Promise<ReplicaSet> {
  return api.client.create(replicaSets, {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: {
      namespace: "default",
      name,
      labels,
      annotations: { "deployment.kubernetes.io/revision": String(revision) },
      ownerReferences: [ownedBy(deployment)],
    },
    spec: { selector: { matchLabels: labels }, template },
  });
}
const ownedBy = ({ apiVersion, kind, metadata }: Deployment | ReplicaSet) => ({
  apiVersion,
  kind,
  name: metadata.name,
  uid: metadata.uid ?? "",
  controller: true,
});

async function pod(owner: ReplicaSet, name: string, status: PodStatus): Promise<Pod> {
  const created = await api.client.create(pods, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: "default", name, labels, ownerReferences: [ownedBy(owner)] },
    spec: template.spec,
  });
  return api.client.update(pods, { ...created, status }, { subresource: "status" });
}
const container = (state: Partial<ContainerStatus>): PodStatus => ({
  phase: "Running",
  containerStatuses: [
    { name: "web", image: "web:1", imageID: "", ready: false, restartCount: 0, ...state },
  ],
});
const waiting = (reason: string, message = ""): PodStatus =>
  container({ state: { waiting: { reason, message } } });

async function warn(of: Pod | ReplicaSet, reason: string, message: string): Promise<void> {
  const { namespace = "", name, uid } = of.metadata;
  await api.client.create(events, {
    apiVersion: "v1",
    kind: "Event",
    metadata: { namespace, name: `${name}.${reason.toLowerCase()}` },
    involvedObject: { kind: of.kind, namespace, name, ...(uid === undefined ? {} : { uid }) },
    type: "Warning",
    reason,
    message,
    lastTimestamp: "2026-01-01T00:00:00Z",
  });
}

function look(): Promise<Diagnosis> {
  const { signal } = new AbortController();
  return diagnose(deployment, { client: client(), nowMs: api.clock.now(), signal });
}

describe("why a Deployment is not ready", () => {
  let newest: ReplicaSet;
  beforeEach(async () => {
    const old = await replicaSet("web-old", 9);
    newest = await replicaSet("web-new", 10);
    await pod(old, "web-old-1", waiting("CrashLoopBackOff", "of the version before"));
  });

  test("pods of older revisions do not count", async () => {
    expect((await look()).cause).toBeUndefined();
  });

  test("a program that ends again and again: its exit code and its last words", async () => {
    logs = `${Array.from({ length: 40 }, (_, at) => `line ${at}`).join("\n")}\n\nno database\n`;
    await pod(
      newest,
      "web-new-1",
      container({
        state: { waiting: { reason: "CrashLoopBackOff" } },
        lastState: { terminated: { exitCode: 3, reason: "Error" } },
        restartCount: 2,
      }),
    );
    const diagnosis = await look();
    expect(diagnosis.cause).toMatchObject({
      reason: "CrashLoopBackOff",
      isFinal: true,
      pod: "web-new-1",
      container: "web",
      isPreviousLog: true,
    });
    expect(asked).toEqual(["web-new-1/web previous"]);
    expect(diagnosis.cause?.log).toHaveLength(12);
    expect(diagnosis.cause?.log.at(-1)).toBe("no database");
    expect(diagnosis.next).toBe("kubectl -n default logs web-new-1 -c web --previous");
    const lines = diagnosisLines(diagnosis).join("\n");
    expect(lines).toMatch(/^deployment\/web: /);
    expect(lines).toContain("CrashLoopBackOff: ended with exit code 3, restarted 2 times");
    expect(lines).toContain("    no database");
  });

  test("the first crash may be that of a program that waits for another: not final", async () => {
    const ended = { terminated: { exitCode: 1 } };
    await pod(
      newest,
      "web-new-1",
      container({ state: { waiting: { reason: "CrashLoopBackOff" } }, lastState: ended }),
    );
    expect((await look()).cause).toMatchObject({ isFinal: false });
  });

  test.each(["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError"])(
    "what somebody has to mend is final, and has no log: %s",
    async (reason) => {
      await pod(newest, "web-new-1", waiting(reason, 'secret "db" not found'));
      const { cause, next } = await look();
      expect(cause).toMatchObject({ reason, isFinal: true, log: [] });
      expect(cause?.message).toContain('secret "db" not found');
      expect(asked).toEqual([]);
      expect(next).toBe("kubectl -n default describe pod web-new-1");
    },
  );

  test("a probe that fails says what it saw, with the log of the running program", async () => {
    logs = "listening on 3000\n";
    const running = container({ state: { running: {} } });
    const failing = await pod(newest, "web-new-1", running);
    await warn(failing, "Unhealthy", "Readiness probe failed: connection refused");
    const { cause } = await look();
    expect(cause).toMatchObject({
      reason: "Unhealthy",
      isFinal: false,
      log: ["listening on 3000"],
    });
    expect(cause?.message).toContain("Readiness probe failed: connection refused");
    expect(asked).toEqual(["web-new-1/web"]);
  });

  test("a volume that cannot be mounted", async () => {
    const failing = await pod(newest, "web-new-1", waiting("ContainerCreating"));
    await warn(failing, "FailedMount", 'configmap "settings" not found');
    expect((await look()).cause).toMatchObject({
      reason: "FailedMount",
      message: 'configmap "settings" not found',
    });
  });

  test("a pod that fits no node: at once as a note, after a while for good", async () => {
    const message = "0/1 nodes are available: 1 Insufficient cpu";
    const lastTransitionTime = new Date(api.clock.now()).toISOString();
    const scheduled = {
      type: "PodScheduled",
      status: "False",
      reason: "Unschedulable",
      message,
      lastTransitionTime,
    };
    await pod(newest, "web-new-1", { phase: "Pending", conditions: [scheduled] });
    expect((await look()).cause).toMatchObject({ message, isFinal: false });
    await api.clock.advance(20_000);
    const later = (await look()).cause;
    expect(later).toMatchObject({ reason: "Unschedulable", isFinal: true });
    expect(later?.message).toContain("Insufficient cpu");
  });

  test("a quota that allows no pod at all", async () => {
    await warn(newest, "FailedCreate", 'pods "web-new-" is forbidden: exceeded quota: compute');
    const diagnosis = await look();
    expect(diagnosis.cause?.message).toContain("exceeded quota: compute");
    expect(diagnosis.next).toBe("kubectl -n default describe deployment web");
  });

  test("a pod that cannot become ready comes before one that may", async () => {
    const slow = await pod(newest, "web-new-1", container({ state: { running: {} } }));
    await warn(slow, "Unhealthy", "Readiness probe failed: 503");
    await pod(newest, "web-new-2", waiting("InvalidImageName", "web::1"));
    expect((await look()).cause).toMatchObject({ pod: "web-new-2", isFinal: true });
  });

  test("a log that cannot be had is no reason to say nothing", async () => {
    await pod(
      newest,
      "web-new-1",
      container({
        state: { waiting: { reason: "CrashLoopBackOff" } },
        lastState: { terminated: { exitCode: 9 } },
      }),
    );
    const { signal } = new AbortController();
    const { cause } = await diagnose(deployment, { client: api.client, nowMs: 0, signal });
    expect(cause).toMatchObject({ reason: "CrashLoopBackOff", log: [] });
  });
});
