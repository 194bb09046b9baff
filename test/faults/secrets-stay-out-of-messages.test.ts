/**
 * Whoever pushes, subscribes, or looks is told what happens to Secrets, and never what they hold:
 * the output of pushes, notifications of every form, what Kustomize and Helm stumble over, and
 * answers of services that repeat the credential they were shown.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Writable } from "node:stream";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openProcessRuntime } from "../../src/engine/node/runtime/process/process-runtime.ts";
import { internalUrl } from "../../src/gitops/push/internal-repository.ts";
import { ensurePushToken } from "../../src/gitops/push/push-token.ts";
import { alerts, TRIGGERS } from "../../src/kube/kinds/alert.ts";
import { type Application, applications } from "../../src/kube/kinds/application.ts";
import { applicationSets } from "../../src/kube/kinds/applicationset.ts";
import { events } from "../../src/kube/kinds/event.ts";
import { providers, type ProviderSpec } from "../../src/kube/kinds/provider.ts";
import { secrets } from "../../src/kube/kinds/secret.ts";
import { type Server, startServer } from "../../src/server/server.ts";
import { gantry } from "../cli/command-line.ts";
import { RecordingServer } from "../gitops/notify/recording-server.ts";
import { GitClone } from "../server/git/git-clone.ts";
import { findHelm, findKubectl, pathOf } from "../stock-tools.ts";
import { Canary } from "./canary.ts";
import { brokenSecrets, malformedSecrets } from "./malformed-secrets.ts";

const planted: Canary[] = [];
function plant(what: string): Canary {
  const canary = new Canary(what);
  planted.push(canary);
  return canary;
}
const pushed = plant("a pushed Secret");
const changed = plant("a pushed change of it");
const frozen = plant("an immutable Secret that is changed");
const broken = plant("a malformed Secret");
const drifted = plant("a value that somebody put into a Secret by hand");
const setToken = plant("the token of a generator of pull requests");
const providerToken = plant("the token of a Provider");
const providerPath = plant("the path of a Provider's address");

const SHOP = { namespace: "default", name: "shop" };
const CHATS: readonly ProviderSpec["type"][] = ["generic", "slack", "msteams", "discord"];
/** All of what a template can name. */
const REVEALING =
  "{{ app.status }} {{ app.metadata }} {{ app.spec }} {{ event.message }} {{ event.objects }}";
const secret = (name: string, rest: string): string =>
  `apiVersion: v1\nkind: Secret\nmetadata:\n  name: ${name}\n${rest}\n`;

let directory: string;
let server: Server;
let chat: RecordingServer;
let clone: GitClone;
const lines: string[] = [];
const outputs = new Map<string, string>();
function keep(what: string, text: string): void {
  outputs.set(what, `${outputs.get(what) ?? ""}${text}\n`);
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "gantry-messages-"));
  chat = await RecordingServer.start();
  // Says everything back: the worst that a service can do.
  chat.answer = ({ path, headers, text }) => ({
    status: path.startsWith("/pulls") ? 200 : 400,
    body: { said: `${path} ${JSON.stringify(headers)} ${text}` },
  });
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(chunk.toString());
      done();
    },
  });
  server = await startServer({
    dataDir: join(directory, "data"),
    api: { host: "127.0.0.1", port: 0 },
    web: { host: "127.0.0.1", port: 0 },
    nodeAddress: "127.0.0.1",
    nodeName: "test",
    createRuntime: (root) => openProcessRuntime({ podsDirectory: join(root, "pods") }),
    keepPods: false,
    rendering: {
      helm: pathOf(await findHelm()),
      kustomize: pathOf(await findKubectl()),
      sandbox: "best-effort",
    },
    allowLoopbackTargets: true,
    version: "test",
    logger: pino({ level: "debug", base: null }, sink),
  });
  await create("Application", SHOP.name, applicationSpec(internalUrl(SHOP), "main"));
  const token = await ensurePushToken(server.client, SHOP);
  const url = `${server.addresses.web.replace("://", `://git:${token}@`)}/git/shop.git`;
  clone = await GitClone.create(join(directory, "clone"), url);
  for (const type of CHATS) await tell(type);
});
afterAll(async () => {
  await server.stop();
  await chat.stop();
  rmSync(directory, { recursive: true, force: true });
});

const KINDS = { Application: applications, Provider: providers, Alert: alerts } as const;
async function create(kind: keyof typeof KINDS, name: string, spec: object): Promise<void> {
  const object = {
    apiVersion: "gantry.dev/v1",
    kind,
    metadata: { namespace: "default", name },
    spec,
  };
  await server.client.create(KINDS[kind] as typeof applications, object as Application);
}
function applicationSpec(repoURL: string, targetRevision?: string): Application["spec"] {
  return {
    source: { repoURL, ...(targetRevision === undefined ? {} : { targetRevision }) },
    destination: { namespace: "default" },
    syncPolicy: { automated: { prune: true, selfHeal: true }, retry: { limit: 0 } },
  };
}

/** A Provider that is told everything, and an Alert that words it as revealingly as it can. */
async function tell(type: ProviderSpec["type"]): Promise<void> {
  await server.client.create(secrets, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { namespace: "default", name: type },
    stringData: { address: `${chat.url}/${providerPath.value}`, token: providerToken.value },
  });
  await create("Provider", type, { type, secretRef: { name: type }, channel: "c" });
  await create("Alert", type, {
    providerRef: { name: type },
    eventSources: [{ kind: "Application", name: "*" }],
    triggers: [...TRIGGERS],
    ...(type === "generic" ? { template: REVEALING } : {}),
  });
}

async function push(...options: readonly string[]): Promise<number | null> {
  const { code, stderr, stdout } = await clone.push("-f", ...options, "HEAD:main");
  keep("push output", stdout + stderr);
  return code;
}
const data = async (name: string): Promise<Record<string, string>> =>
  (await server.client.get(secrets, { namespace: "default", name })).data ?? {};

test("a Secret is pushed, changed, planned and refused", async () => {
  await clone.commit({ "s.yaml": secret("keys", `stringData: {a: ${pushed.value}}`) }, "one");
  expect(await push("-o", "dry-run")).not.toBe(2);
  expect(await push()).toBe(0);
  expect(await data("keys")).toEqual({ a: pushed.base64 });
  await clone.commit({ "s.yaml": secret("keys", `data: {a: ${changed.base64}}`) }, "two");
  expect(await push("-o", "dry-run")).not.toBe(2);
  expect(await push()).toBe(0);
  expect(await data("keys")).toEqual({ a: changed.base64 });
  expect(outputs.get("push output")).toMatch(/~ Secret default\/keys/);
  await clone.commit(
    { "f.yaml": secret("frozen", `immutable: true\nstringData: {a: ${frozen.value}}`) },
    "three",
  );
  expect(await push()).toBe(0);
  await clone.commit(
    { "f.yaml": secret("frozen", `immutable: true\nstringData: {a: x${frozen.value}}`) },
    "four",
  );
  expect(await push()).toBe(1);
  await clone.git("reset", "-q", "--hard", "HEAD~1");
}, 60_000);

test("malformed Secrets are pushed, as they are and through Kustomize and Helm", async () => {
  const good = await clone.rev("HEAD");
  const everything = { ...malformedSecrets(broken), ...brokenSecrets(broken) };
  const accepted: string[] = [];
  for (const [name, rest] of Object.entries(everything)) {
    await clone.commit({ "m.yaml": secret(name, rest) }, name);
    if ((await push()) === 0) accepted.push(name);
    await clone.git("reset", "-q", "--hard", good);
  }
  // A tag that nobody knows says nothing about the text behind it, as for kubectl.
  expect(accepted).toEqual(["tag"]);
  const text = secret("s", `stringData:\n  key: *${broken.value}`);
  const folders: Readonly<Record<string, Record<string, string>>> = {
    kustomize: { "kustomization.yaml": "resources: [s.yaml]", "s.yaml": text },
    helm: { "Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0", "templates/s.yaml": text },
  };
  for (const [name, files] of Object.entries(folders)) {
    const folder = join(directory, name);
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), content);
    }
    await create("Application", name, applicationSpec(folder));
    await expect
      .poll(async () => JSON.stringify(await statusOf(name)), { timeout: 15_000 })
      .toContain("anchor");
  }
}, 120_000);

const statusOf = async (name: string): Promise<unknown> =>
  (await server.client.get(applications, { namespace: "default", name })).status ?? {};

test("somebody changes a Secret by hand, and it is healed", async () => {
  await server.client.patch(
    secrets,
    { namespace: "default", name: "keys" },
    { type: "merge", body: { data: { a: drifted.base64 } } },
    { fieldManager: "somebody" },
  );
  await expect.poll(() => data("keys"), { timeout: 10_000 }).toEqual({ a: changed.base64 });
  await expect
    .poll(async () => JSON.stringify(await statusOf("shop")), { timeout: 10_000 })
    .toMatch(/"drift":.*"healedAt"/);
}, 30_000);

test("a generator's service says back the token that it was shown", async () => {
  await server.client.create(secrets, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { namespace: "default", name: "pulls" },
    stringData: { token: setToken.value },
  });
  const pullRequest = { url: `${chat.url}/pulls`, secretRef: { name: "pulls" } };
  await server.client.create(applicationSets, {
    apiVersion: "gantry.dev/v1",
    kind: "ApplicationSet",
    metadata: { namespace: "default", name: "previews" },
    spec: {
      generators: [{ pullRequest }],
      template: {
        metadata: { name: "pr-{{number}}" },
        spec: { source: { repoURL: internalUrl(SHOP) }, destination: { namespace: "default" } },
      },
    },
  });
  await expect
    .poll(() =>
      chat.requests.some(({ headers }) => JSON.stringify(headers).includes(setToken.value)),
    )
    .toBe(true);
  const set = async (): Promise<string> =>
    JSON.stringify(
      await server.client.get(applicationSets, { namespace: "default", name: "previews" }),
    );
  await expect.poll(set, { timeout: 10_000 }).toContain("conditions");
  keep("ApplicationSet", await set());
});

test("nobody was told any of the values", async () => {
  const { client, addresses } = server;
  const flags = ["--data-dir", join(directory, "data")];
  for (const name of ["shop", "kustomize", "helm"])
    for (const command of ["status", "why", "history", "drift"])
      for (const output of ["text", "json"]) {
        const shown = await gantry(command, name, "-o", output, ...flags);
        keep(`gantry ${command}`, shown.stdout + shown.stderr);
      }
  for (const output of ["text", "json"]) {
    const shown = await gantry("blame", "secret/keys", "-o", output, ...flags);
    keep("gantry blame", shown.stdout + shown.stderr);
  }
  keep("metrics", await (await fetch(`${addresses.web}/metrics`)).text());
  keep("log", lines.join(""));
  keep("audit log", readFileSync(join(directory, "data", "logs", "audit.log"), "utf8"));
  keep("Events", JSON.stringify((await client.list(events)).items));
  for (const resource of [applications, alerts, providers, applicationSets])
    keep("objects", JSON.stringify((await client.list(resource as typeof applications)).items));
  // To whom they belong, the path and the token are shown; nothing else is.
  for (const { text, path } of chat.requests)
    if (!path.startsWith("/pulls")) keep("notifications", text);

  // Nothing would be found where nothing was told.
  expect(outputs.get("notifications")).toMatch(/Secret/);
  expect(outputs.get("Events")).toMatch(/"reason"/);
  expect(outputs.get("audit log")).toContain('"name":"keys"');
  expect(outputs.get("objects")).toMatch(/answered 400/);
  const leaks = [...outputs].flatMap(([where, text]) =>
    planted
      .filter((canary) => canary.isIn(text))
      .map((canary) => {
        const at = canary.indexIn(text);
        return `${canary.what} in ${where}: ${text.slice(Math.max(0, at - 150), at + 60)}`;
      }),
  );
  expect(leaks).toEqual([]);
}, 60_000);
