import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { leases } from "../../../src/kube/kinds/lease.ts";
import { nodes } from "../../../src/kube/kinds/node.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { Harness, isReady, NODE_NAME } from "./agent-harness.ts";

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.start();
});
afterEach(async () => {
  await harness.close();
  expect(harness.problems).toEqual([]);
});

const SERVER = `
  const http = require("node:http");
  http.createServer((request, response) => response.end("hello from " + process.env.WHO))
    .listen(process.env.PORT, () => console.log("listening"));
`;
const web = {
  containers: [
    {
      name: "web",
      image: "example/web:1",
      command: ["node", "-e", SERVER],
      env: [{ name: "WHO", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
      ports: [{ name: "http", containerPort: 8080 }],
      readinessProbe: { httpGet: { path: "/", port: "http" }, periodSeconds: 60 },
    },
  ],
};

it("runs a pod from binding to deletion", async () => {
  await harness.createPod("web-0", web);
  const ready = await harness.until("web-0", isReady);
  expect(ready.status).toMatchObject({
    phase: "Running",
    podIP: "127.0.0.1",
    containerStatuses: [
      { name: "web", ready: true, started: true, restartCount: 0, state: { running: {} } },
    ],
  });
  const ports = JSON.parse(ready.metadata.annotations?.["gantry.dev/host-ports"] ?? "{}") as {
    8080: number;
  };
  const answer = await fetch(`http://127.0.0.1:${ports[8080]}/`);
  expect(await answer.text()).toBe("hello from web-0");
  expect(await harness.logs("web-0")).toBe("listening\n");

  await harness.deletePod("web-0");
  await harness.untilGone("web-0");
  expect(await harness.runtime.listSandboxes()).toEqual([]);
  expect(await readdir(join(harness.directory, "pods"))).toEqual([]);
  expect(await readdir(join(harness.directory, "logs", "pods"))).toEqual([]);
  await expect(fetch(`http://127.0.0.1:${ports[8080]}/`)).rejects.toThrow();
});

it("finishes a pod that ends by itself, and keeps its log", async () => {
  await harness.createPod("job", {
    restartPolicy: "Never",
    containers: [{ name: "main", image: "x", command: ["sh", "-c", "echo done; exit 0"] }],
  });
  const { status } = await harness.until("job", (pod) => pod.status?.phase === "Succeeded");
  expect(status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({
    exitCode: 0,
    reason: "Completed",
  });
  expect(await harness.logs("job")).toBe("done\n");
  await harness.deletePod("job");
  await harness.untilGone("job");
});

it("registers the node and renews its lease", async () => {
  const node = await harness.client.get(nodes, { name: NODE_NAME });
  expect(node.status?.capacity).toHaveProperty("cpu");
  expect(node.status?.conditions?.find(({ type }) => type === "Ready")?.status).toBe("True");
  expect(node.metadata.labels).toHaveProperty(["kubernetes.io/hostname"]);
  await vi.waitFor(async () => {
    const key = { namespace: "kube-node-lease", name: NODE_NAME };
    expect((await harness.client.get(leases, key)).spec?.holderIdentity).toBe(NODE_NAME);
  });
});

it("lets pods of other nodes alone", async () => {
  await harness.createPod("other", { ...web, nodeName: "node-2" });
  await harness.createPod("web-0", web);
  await harness.until("web-0", isReady);
  const other = await harness.client.get(pods, { namespace: "default", name: "other" });
  expect(other.status?.phase).toBe("Pending");
});
