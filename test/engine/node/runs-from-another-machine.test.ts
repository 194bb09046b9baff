/** The seam for remote nodes: an agent that has nothing but an HTTP client and a board of its own. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadClusterAccess } from "../../../src/client/http/cluster-access.ts";
import { HttpClient } from "../../../src/client/http/http-client.ts";
import { silentLogger } from "../../../src/client/logger.ts";
import { staticTokens } from "../../../src/engine/apiserver/http/authenticate.ts";
import { startHttpsServer } from "../../../src/engine/apiserver/http/https-server.ts";
import { writeKubeconfig } from "../../../src/engine/apiserver/pki/admin-credentials.ts";
import { ensureCertificates } from "../../../src/engine/apiserver/pki/certificates.ts";
import { createApiServer } from "../../../src/engine/apiserver/api-server.ts";
import { InProcessClient } from "../../../src/engine/apiserver/in-process-client.ts";
import { createRoutingBoard } from "../../../src/engine/network/in-process-board.ts";
import { startNodeAgent } from "../../../src/engine/node/node-agent.ts";
import { openProcessRuntime } from "../../../src/engine/node/runtime/process/process-runtime.ts";
import { MemoryStore } from "../../../src/engine/store/memory-store.ts";
import { isConditionTrue } from "../../../src/kube/conditions.ts";
import { leases } from "../../../src/kube/kinds/lease.ts";
import { namespaces } from "../../../src/kube/kinds/namespace.ts";
import { nodes } from "../../../src/kube/kinds/node.ts";
import { type Pod, pods } from "../../../src/kube/kinds/pod.ts";
import { admin } from "../apiserver/test-server.ts";

test("an agent with the HTTP client registers its node and runs, shows and ends pods", async () => {
  const directory = await mkdtemp(join(tmpdir(), "gantry-remote-"));
  const server = createApiServer({ store: new MemoryStore() });
  const local = new InProcessClient(server, admin);
  for (const name of ["default", "kube-node-lease"])
    await local.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  const certificates = await ensureCertificates({
    directory: join(directory, "pki"),
    names: ["127.0.0.1"],
    nowMs: Date.now(),
  });
  const https = await startHttpsServer({
    api: server,
    authenticator: staticTokens(new Map([["secret", admin]])),
    certificate: certificates.server,
    host: "127.0.0.1",
    port: 0,
    logger: silentLogger,
    gantryVersion: "0.0.0-test",
    notReady: () => [],
  });
  const path = join(directory, "kubeconfig");
  const url = `https://127.0.0.1:${https.port}`;
  await writeKubeconfig(path, { server: url, ca: certificates.ca, token: "secret" });
  const client = new HttpClient(await loadClusterAccess({ path }));
  const agent = await startNodeAgent({
    client,
    runtime: await openProcessRuntime({ podsDirectory: join(directory, "pods") }),
    board: createRoutingBoard(),
    nodeName: "far",
    dataDir: directory,
  });
  const disconnect = server.nodes.connect("far", agent.connection);
  const key = { namespace: "default", name: "p" };
  const untilPod = async (check: (pod: Pod) => boolean): Promise<void> => {
    const options = { namespace: "default", signal: AbortSignal.timeout(10_000) };
    for await (const event of local.watch(pods, options))
      if (event.type !== "BOOKMARK" && check(event.object)) return;
    throw new Error("the watch ended");
  };
  try {
    const node = await local.get(nodes, { name: "far" });
    expect(isConditionTrue(node.status?.conditions, "Ready")).toBe(true);
    const holders = async () =>
      (await local.list(leases)).items.map(({ spec }) => spec?.holderIdentity);
    await expect.poll(holders, { timeout: 10_000 }).toEqual(["far"]);
    await local.create(pods, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: key,
      spec: {
        nodeName: "far",
        terminationGracePeriodSeconds: 1,
        containers: [{ name: "app", image: "x", command: ["sh", "-c", "echo far away; sleep 60"] }],
      },
    });
    await untilPod(({ status }) => isConditionTrue(status?.conditions, "Ready"));
    const pieces: Uint8Array[] = [];
    for await (const piece of client.logs(key, {})) pieces.push(piece);
    expect(Buffer.concat(pieces).toString()).toBe("far away\n");
    const gone = untilPod(({ metadata }) => metadata.deletionTimestamp !== undefined);
    await client.delete(pods, key);
    await gone;
    await expect
      .poll(async () => (await local.list(pods)).items.length, { timeout: 10_000 })
      .toBe(0);
  } finally {
    disconnect();
    await agent.stop();
    await client.close();
    await https.close();
    await server.close();
    await rm(directory, { recursive: true, force: true });
  }
});
