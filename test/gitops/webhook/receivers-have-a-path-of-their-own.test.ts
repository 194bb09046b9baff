import { createHash, createHmac } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createApiServer } from "../../../src/engine/apiserver/api-server.ts";
import { InProcessClient } from "../../../src/engine/apiserver/in-process-client.ts";
import { MemoryStore } from "../../../src/engine/store/memory-store.ts";
import { Receivers, type Verdict } from "../../../src/gitops/webhook/receivers.ts";
import { namespaces } from "../../../src/kube/kinds/namespace.ts";
import {
  type ReceiverSpec,
  type ReceiverType,
  receivers,
} from "../../../src/kube/kinds/receiver.ts";
import { secrets } from "../../../src/kube/kinds/secret.ts";
import { ManualClock } from "../../manual-clock.ts";
import { application } from "../operated-cluster.ts";
import { TokenIssuer } from "./token-issuer.ts";

const TOKEN = "receiver-token-5f1";
const hmac = (body: string, algorithm: string): string =>
  createHmac(algorithm, TOKEN).update(body).digest("hex");

let clock: ManualClock;
let client: InProcessClient;
let running: Receivers;
let stopApi: () => Promise<void>;
beforeEach(async () => {
  clock = new ManualClock(Date.now());
  const api = createApiServer({ store: new MemoryStore({ clock }), clock });
  stopApi = () => api.close();
  client = new InProcessClient(api, { name: "admin", groups: ["system:masters"] });
  await client.create(namespaces, {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "default" },
  });
  running = new Receivers({
    client,
    clock,
    allowLoopback: true,
    applicationOf: (key) =>
      key === "default/missing" ? undefined : application({}, key.slice("default/".length)),
  });
  await running.start();
});
afterEach(async () => {
  await running.stop();
  await stopApi();
});

async function receiver(
  spec: Partial<ReceiverSpec> & { type: ReceiverType },
  secret: Record<string, string> | undefined = { token: TOKEN },
): Promise<string> {
  const metadata = { name: "hook", namespace: "default" };
  if (secret !== undefined)
    await client.create(secrets, {
      apiVersion: "v1",
      kind: "Secret",
      metadata,
      stringData: secret,
    });
  await client.create(receivers, {
    apiVersion: "gantry.dev/v1",
    kind: "Receiver",
    metadata,
    spec: {
      secretRef: { name: "hook" },
      resources: [{ kind: "Application", name: "app" }],
      ...spec,
    },
  });
  return await pathNow();
}
async function pathNow(): Promise<string> {
  await settled();
  return (
    (await client.get(receivers, { namespace: "default", name: "hook" })).status?.webhookPath ?? ""
  );
}
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  await running.settled();
}
function send(
  path: string,
  body: unknown = {},
  headers: Record<string, string> = {},
): Promise<Verdict> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return running.receive(
    path,
    (name) => headers[name],
    Buffer.from(text),
    new AbortController().signal,
  );
}
const selected = (verdict: Verdict): boolean | undefined =>
  verdict.code === 200 ? verdict.selects?.("default/app") : undefined;

test("the path is Flux's, told in the status, and nobody's without the token", async () => {
  const path = await receiver({ type: "generic" });
  const digest = createHash("sha256").update(`${TOKEN}hookdefault`).digest("hex");
  expect(path).toBe(`/hook/${digest}`);
  const verdict = await send(path, "anything");
  expect(selected(verdict)).toBe(true);
  expect(verdict.code === 200 && verdict.selects?.("default/other")).toBe(false);
  expect(verdict.code === 200 && verdict.selects?.("default/missing")).toBe(false);
  for (const other of [
    "/hook/",
    `/hook/${"0".repeat(64)}`,
    `${path}/`,
    path.toUpperCase(),
    "/hook/../etc",
  ])
    expect((await send(other)).code).toBe(404);
});

test("a token that is changed makes the old path nobody's at once, and another one soon", async () => {
  const path = await receiver({ type: "generic" });
  const patch = {
    type: "merge",
    body: { data: { token: Buffer.from("another").toString("base64") } },
  } as const;
  await client.patch(secrets, { namespace: "default", name: "hook" }, patch);
  expect((await send(path)).code).toBe(404);
  await clock.advance(60_000);
  const next = await pathNow();
  expect(next).not.toBe(path);
  expect((await send(next)).code).toBe(200);
});

test("suspended, without its Secret, or called without end, it answers so", async () => {
  const path = await receiver({ type: "generic" });
  for (let call = 0; call < 60; call++) expect((await send(path)).code).toBe(200);
  expect((await send(path)).code).toBe(429);
  await clock.advance(5_000);
  expect((await send(path)).code).toBe(200);
  await client.patch(
    receivers,
    { namespace: "default", name: "hook" },
    { type: "merge", body: { spec: { suspend: true } } },
  );
  await settled();
  expect((await send(path)).code).toBe(503);
  await client.delete(secrets, { namespace: "default", name: "hook" });
  expect((await send(path)).code).toBe(503);
  await clock.advance(60_000);
  await settled();
  expect(
    (await client.get(receivers, { namespace: "default", name: "hook" })).status?.conditions,
  ).toMatchObject([{ type: "Ready", status: "False", reason: "TokenNotFound" }]);
});

interface Genuine {
  readonly body: unknown;
  readonly headers: (text: string) => Record<string, string>;
  readonly nothing?: unknown;
}
const push = { ref: "refs/heads/main", repository: { clone_url: "https://x/y" } };
const GENUINE: Partial<Record<ReceiverType, Genuine>> = {
  "generic-hmac": {
    body: "anything",
    headers: (text) => ({ "x-signature": `sha512=${hmac(text, "sha512")}` }),
  },
  github: {
    body: push,
    headers: (text) => ({
      "x-github-event": "push",
      "x-hub-signature-256": `sha256=${hmac(text, "sha256")}`,
    }),
  },
  gitea: {
    body: push,
    headers: (text) => ({ "x-gitea-event": "push", "x-gitea-signature": hmac(text, "sha256") }),
  },
  gogs: {
    body: push,
    headers: (text) => ({ "x-gogs-event": "push", "x-gogs-signature": hmac(text, "sha256") }),
  },
  gitlab: {
    body: { object_kind: "push", project: { git_http_url: "https://x/y" } },
    headers: () => ({ "x-gitlab-event": "Push Hook", "x-gitlab-token": TOKEN }),
  },
  bitbucket: {
    body: { push: { changes: [] } },
    headers: (text) => ({
      "x-event-key": "repo:push",
      "x-hub-signature": `sha256=${hmac(text, "sha256")}`,
    }),
  },
  azuredevops: {
    body: { eventType: "git.push", resource: {} },
    headers: () => ({ authorization: `Basic ${Buffer.from(`:${TOKEN}`).toString("base64")}` }),
  },
  ghcr: {
    body: { package: { package_type: "container", namespace: "a", name: "b" } },
    headers: (text) => ({
      "x-github-event": "package",
      "x-hub-signature-256": `sha256=${hmac(text, "sha256")}`,
    }),
  },
  harbor: {
    body: { type: "PUSH_ARTIFACT", event_data: { resources: [{ resource_url: "h/a/b:1" }] } },
    headers: () => ({ authorization: TOKEN }),
    nothing: { type: "DELETE_ARTIFACT" },
  },
  nexus: {
    body: { action: "CREATED", component: { name: "a" } },
    headers: (text) => ({ "x-nexus-webhook-signature": hmac(text, "sha1") }),
    nothing: { action: "DELETED" },
  },
  quay: {
    body: { docker_url: "quay.io/a/b", updated_tags: ["1"] },
    headers: () => ({}),
    nothing: {},
  },
  dockerhub: {
    body: {
      push_data: { tag: "1" },
      repository: { repo_url: "https://hub/r/a/b", repo_name: "a/b" },
    },
    headers: () => ({}),
    nothing: { push_data: {} },
  },
  acr: {
    body: {
      action: "push",
      target: { repository: "b", tag: "1" },
      request: { host: "a.azurecr.io" },
    },
    headers: () => ({}),
    nothing: { action: "delete" },
  },
  cdevents: {
    body: {
      context: {
        version: "0.4.1",
        id: "1",
        source: "/ci",
        type: "dev.cdevents.artifact.published.0.2.0",
        timestamp: "2026-01-01T00:00:00Z",
      },
      subject: { id: "pkg:oci/shop", content: {} },
    },
    headers: () => ({ "ce-type": "dev.cdevents.artifact.published.0.2.0" }),
    nothing: { context: { type: "dev.cdevents.artifact.published.0.2.0" } },
  },
};

describe.each(Object.entries(GENUINE))("%s", (type, { body, headers, nothing }) => {
  const text = typeof body === "string" ? body : JSON.stringify(body);

  test("what is genuine wakes the Applications", async () => {
    const path = await receiver({ type: type as ReceiverType });
    expect(selected(await send(path, text, headers(text)))).toBe(true);
    if (nothing !== undefined) {
      const other = JSON.stringify(nothing);
      expect(await send(path, other, headers(other))).toMatchObject({
        code: 200,
        selects: undefined,
      });
    }
  });

  test("what is not genuine does not, before anything is read", async () => {
    const path = await receiver({ type: type as ReceiverType });
    const given = headers(text);
    const proof = Object.keys(given).find((name) => /signature|token|authorization/.test(name));
    if (proof === undefined) return expect((await send(path, "no json", given)).code).toBe(400);
    for (const wrong of ["", "sha256=00", `${given[proof]}0`, "Basic Og=="])
      expect((await send(path, "no json", { ...given, [proof]: wrong })).code).toBe(401);
    const { [proof]: _proof, ...without } = given;
    expect((await send(path, text, without)).code).toBe(401);
  });

  test("any field of its payload may be missing, empty, deep or of another type", async () => {
    const path = await receiver({ type: type as ReceiverType });
    const broken: unknown[] = [];
    const visit = (value: unknown, replace: (by: unknown) => unknown): void => {
      for (const by of [
        undefined,
        null,
        0,
        "",
        [],
        {},
        [null],
        { toString: 1 },
        "x".repeat(10_000),
      ])
        broken.push(replace(by));
      if (typeof value !== "object" || value === null) return;
      for (const [key, child] of Object.entries(value))
        visit(child, (by) => replace({ ...value, [key]: by }));
    };
    visit(body, (by) => by);
    for (const payload of broken) {
      const sent = JSON.stringify(payload) ?? "null";
      await clock.advance(1_000);
      expect([200, 400]).toContain((await send(path, sent, headers(sent))).code);
    }
  });
});

test("only the events that are asked for count", async () => {
  const path = await receiver({ type: "github", events: ["release"] });
  const text = JSON.stringify({});
  const signature = { "x-hub-signature-256": `sha256=${hmac(text, "sha256")}` };
  expect(selected(await send(path, text, { ...signature, "x-github-event": "release" }))).toBe(
    true,
  );
  expect(await send(path, text, { ...signature, "x-github-event": "push" })).toMatchObject({
    selects: undefined,
  });
});

describe("tokens", () => {
  let issuer: TokenIssuer;
  beforeEach(async () => {
    issuer = await TokenIssuer.start();
  });
  afterEach(() => issuer.stop());
  const claims = (more: object = {}): object => ({
    iss: issuer.url,
    aud: "gantry",
    exp: clock.now() / 1_000 + 300,
    repository: "team/shop",
    ...more,
  });
  const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
  const oidc = (): Promise<string> =>
    receiver(
      {
        type: "generic-oidc",
        oidcProviders: [
          {
            issuerURL: issuer.url,
            audience: "gantry",
            validations: [
              { expression: "claims.repository == 'team/shop'", message: "not the shop" },
            ],
          },
        ],
      },
      { token: TOKEN },
    );

  test("of the issuer, for us, with the claims that are asked for, are taken", async () => {
    const path = await oidc();
    expect(selected(await send(path, "", bearer(issuer.token(claims()))))).toBe(true);
    expect(
      selected(await send(path, "{}", bearer(issuer.token(claims({ aud: ["x", "gantry"] }))))),
    ).toBe(true);
    // The keys are asked for once.
    expect(issuer.server.requests).toHaveLength(2);
  });

  test.each([
    ["another repository", { repository: "team/other" }, "not the shop"],
    ["no repository", { repository: undefined }, /do not fit/],
    ["another audience", { aud: "other" }, /audience/],
    ["another issuer", { iss: "https://evil.example" }, /issuer/],
    ["no end", { exp: undefined }, /expired/],
  ])("of %s are refused", async (_what, more, message) => {
    const path = await oidc();
    const verdict = await send(path, "", bearer(issuer.token(claims(more))));
    expect(verdict).toMatchObject({ code: 401 });
    expect(verdict.code === 200 ? "" : verdict.message).toMatch(message);
  });

  test("that are expired, unsigned, signed by another, or none are refused", async () => {
    const path = await oidc();
    const other = await TokenIssuer.start();
    const good = issuer.token(claims());
    for (const token of [
      issuer.token(claims({ exp: clock.now() / 1_000 - 600 })),
      other.token(claims()),
      `${good.split(".").slice(0, 2).join(".")}.`,
      `${good.split(".").slice(0, 2).join(".")}.AAAA`,
      issuer.token(claims(), { alg: "none" }),
      "x",
    ])
      expect((await send(path, "", bearer(token))).code).toBe(401);
    expect((await send(path, "")).code).toBe(401);
    expect((await send(path, "", { authorization: `Basic ${good}` })).code).toBe(401);
    await other.stop();
  });

  test("an issuer that is somebody else in its own words, or that is away, is not believed", async () => {
    const path = await oidc();
    issuer.server.answer = () => ({
      body: { issuer: "https://other", jwks_uri: `${issuer.url}/keys` },
    });
    expect((await send(path, "", bearer(issuer.token(claims())))).code).toBe(503);
    issuer.server.answer = () => ({ status: 500 });
    expect((await send(path, "", bearer(issuer.token(claims())))).code).toBe(503);
  });
});
