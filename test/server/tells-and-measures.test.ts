import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Logger } from "../../src/client/logger.ts";
import { openProcessRuntime } from "../../src/engine/node/runtime/process/process-runtime.ts";
import { alerts } from "../../src/kube/kinds/alert.ts";
import { providers } from "../../src/kube/kinds/provider.ts";
import { receivers } from "../../src/kube/kinds/receiver.ts";
import { secrets } from "../../src/kube/kinds/secret.ts";
import { type Server, startServer } from "../../src/server/server.ts";
import { RecordingServer } from "../gitops/notify/recording-server.ts";

const CANARY = "canary-9b27";
const manifest = (value: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: one\ndata:\n  key: ${value}\n`;

let directory: string;
let server: Server;
let chat: RecordingServer;
const logged: string[] = [];
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "gantry-tells-"));
  const repository = join(directory, "repo");
  mkdirSync(repository);
  writeFileSync(join(repository, "one.yaml"), manifest("first"));
  chat = await RecordingServer.start();
  const log = (fields: object, message: string): void =>
    void logged.push(`${message} ${JSON.stringify(fields)}`);
  const logger: Logger = { debug: log, info: log, warn: log, error: log };
  server = await startServer({
    dataDir: join(directory, "data"),
    api: { host: "127.0.0.1", port: 0 },
    web: { host: "127.0.0.1", port: 0 },
    nodeAddress: "127.0.0.1",
    nodeName: "test",
    createRuntime: (root) => openProcessRuntime({ podsDirectory: join(root, "pods") }),
    keepPods: false,
    application: {
      repoURL: repository,
      revision: undefined,
      path: undefined,
      namespace: "default",
    },
    allowLoopbackTargets: true,
    version: "test",
    logger,
  });
});
afterAll(async () => {
  await server.stop();
  await chat.stop();
  rmSync(directory, { recursive: true });
});

async function until<T>(check: () => Promise<T | undefined | false>): Promise<T> {
  const deadlineMs = performance.now() + 20_000;
  for (;;) {
    const found = await check();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadlineMs) throw new Error(`never happened: ${check.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
const metrics = async (): Promise<string> =>
  await (await fetch(`${server.addresses.web}/metrics`)).text();

test("a commit is told to a chat, a webhook at a Receiver's path is taken, and every stage is counted", async () => {
  await until(async () =>
    (await metrics()).includes('gantry_applications_sync{status="Synced"} 1'),
  );
  const metadata = { name: "chat", namespace: "default" };
  const apiVersion = "gantry.dev/v1";
  await server.client.create(secrets, {
    apiVersion: "v1",
    kind: "Secret",
    metadata,
    stringData: { address: `${chat.url}/${CANARY}-path`, token: `${CANARY}-token` },
  });
  await server.client.create(providers, {
    apiVersion,
    kind: "Provider",
    metadata,
    spec: { type: "generic-hmac", secretRef: { name: "chat" } },
  });
  await server.client.create(alerts, {
    apiVersion,
    kind: "Alert",
    metadata,
    spec: { providerRef: { name: "chat" }, eventSources: [{ kind: "Application", name: "*" }] },
  });
  await server.client.create(receivers, {
    apiVersion,
    kind: "Receiver",
    metadata,
    spec: {
      type: "generic",
      secretRef: { name: "chat" },
      resources: [{ kind: "Application", name: "*" }],
    },
  });
  const ready = await until(async () => {
    const { status } = await server.client.get(alerts, metadata);
    return status?.conditions !== undefined;
  });
  expect(ready).toBe(true);
  writeFileSync(join(directory, "repo", "one.yaml"), manifest("second"));
  await until(() => Promise.resolve(chat.requests.length > 0));
  expect(chat.requests[0]?.path).toBe(`/${CANARY}-path`);
  expect(chat.bodies[0]).toMatchObject({ trigger: "on-sync-succeeded", plan: { update: 1 } });

  const path = await until(
    async () => (await server.client.get(receivers, metadata)).status?.webhookPath,
  );
  const answer = await fetch(`${server.addresses.web}${path}`, { method: "POST", body: "{}" });
  expect(answer.status).toBe(200);
  expect(await answer.text()).toBe("ok: 1 applications look at their repository again\n");

  const text = await until(async () => {
    const found = await metrics();
    return /gantry_stage_total\{stage="notify",outcome="success"\} [1-9]/.test(found)
      ? found
      : undefined;
  });
  for (const stage of ["resolve", "render", "check", "plan", "apply", "webhook"])
    expect(text).toMatch(
      new RegExp(`gantry_stage_total\\{stage="${stage}",outcome="success"\\} [1-9]`),
    );
  expect(text).toContain('gantry_webhook_requests_total{code="200"} 1\n');
  expect(text).toMatch(/gantry_application_info\{namespace="default",name="default",sync="Synced"/);

  chat.answer = ({ path: asked, text: body }) => ({ status: 400, body: `${asked} ${body}` });
  writeFileSync(join(directory, "repo", "one.yaml"), manifest("third"));
  await until(() =>
    Promise.resolve(logged.some((line) => line.startsWith("a notification is given up"))),
  );
  expect([...logged, await metrics()].join("\n")).not.toContain(CANARY);
});
