import { createHmac } from "node:crypto";
import { request } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import { silentLogger } from "../../src/client/logger.ts";
import { followerOf } from "../../src/server/start-webhooks.ts";
import { startWebListener, type WebListener } from "../../src/server/web-listener.ts";
import {
  type Follower,
  type WebhookEndpoint,
  webhookEndpoint,
} from "../../src/server/webhook-endpoint.ts";
import { application } from "../gitops/operated-cluster.ts";
import { ManualClock } from "../manual-clock.ts";

const SECRET = "webhook-secret";
const URL_OF = "https://git.example.com/team/shop.git";

let clock: ManualClock;
let endpoint: WebhookEndpoint;
let listener: WebListener;
let followers: Follower[];
let refreshed: string[][];
let codes: number[];
beforeEach(async () => {
  clock = new ManualClock();
  refreshed = [];
  codes = [];
  const source = { repoURL: URL_OF, revision: "main" };
  followers = [{ key: "default/shop", sources: [source], isFailing: false }];
  endpoint = webhookEndpoint({
    clock,
    secretOf: () => SECRET,
    followers: () => followers,
    refresh: (keys) => refreshed.push([...keys]),
    onAnswer: (code) => codes.push(code),
    logger: silentLogger,
  });
  listener = await startWebListener(
    { host: "127.0.0.1", port: 0 },
    new Map([["POST /api/webhook", endpoint.handle]]),
    silentLogger,
    undefined,
    [{ prefix: "/hook/", handle: endpoint.handleReceiver, requestTimeoutMs: 30_000 }],
  );
});
afterEach(async () => {
  endpoint.stop();
  await listener.close();
});

const url = (path: string): string => `http://127.0.0.1:${listener.port}${path}`;
async function push(repository: string = URL_OF, ref = "refs/heads/main"): Promise<Response> {
  const body = JSON.stringify({ repository, ref });
  const signature = createHmac("sha256", SECRET).update(body).digest("hex");
  return await fetch(url("/api/webhook"), {
    method: "POST",
    body,
    headers: { "x-signature": `sha256=${signature}` },
  });
}

test("many pushes, or one that is replayed, make one look at once and one later", async () => {
  const answers = [];
  for (let round = 0; round < 20; round++) answers.push((await push()).status);
  expect(answers).toEqual([200, ...Array.from({ length: 19 }, () => 202)]);
  expect(refreshed).toEqual([["default/shop"]]);
  await clock.advance(1_000);
  expect(refreshed).toHaveLength(2);
  await clock.advance(60_000);
  expect(refreshed).toHaveLength(2);
  expect((await push()).status).toBe(200);
});

test("an Application wakes for each of its sources, and for those only", async () => {
  const extra = { repoURL: "git@git.example.com:team/values.git", revision: "v1" };
  followers = [
    {
      key: "default/shop",
      sources: [{ repoURL: URL_OF, revision: "main" }, extra],
      isFailing: false,
    },
  ];
  expect((await push("https://git.example.com/team/other.git")).status).toBe(200);
  expect((await push("https://git.example.com/team/values", "refs/heads/main")).status).toBe(200);
  expect(refreshed).toEqual([]);
  await push("https://git.example.com/team/values", "refs/tags/v1");
  expect(refreshed).toEqual([["default/shop"]]);
});

test("a repository that cannot be reached is asked again after its pause, not because of a webhook", async () => {
  const failing = {
    ...application({ source: { repoURL: URL_OF, targetRevision: "main" } }, "shop"),
    status: {
      conditions: [
        {
          type: "ComparisonError",
          status: "True" as const,
          reason: "Unreachable",
          message: "",
          lastTransitionTime: "2026-01-01T00:00:00Z",
        },
      ],
    },
  };
  followers = [followerOf(failing)];
  const response = await push();
  expect(await response.text()).toContain("1 wait until their repository can be reached");
  expect(refreshed).toEqual([]);
  // A branch that was not there may be there now.
  const [condition] = failing.status.conditions;
  followers = [
    followerOf({
      ...failing,
      status: {
        conditions: condition === undefined ? [] : [{ ...condition, reason: "RevisionNotFound" }],
      },
    }),
  ];
  await push();
  expect(refreshed).toEqual([["default/shop"]]);
});

test("a path that is nobody's is not found, another method is not allowed", async () => {
  expect((await fetch(url(`/hook/${"0".repeat(64)}`), { method: "POST", body: "{}" })).status).toBe(
    404,
  );
  expect((await fetch(url(`/hook/${"0".repeat(64)}`))).status).toBe(405);
});

test("more senders at once than can be kept in memory are told to come back, and the others are served", async () => {
  const slow = Array.from({ length: 32 }, () => {
    const sending = request(url("/api/webhook"), {
      method: "POST",
      headers: { "content-length": "100" },
    });
    sending.on("error", () => undefined);
    sending.write("{");
    return sending;
  });
  let refused: Response;
  do refused = await push();
  while (refused.status !== 503);
  expect(refused.headers.get("retry-after")).toBe("5");
  for (const sending of slow) sending.destroy();
  let served: Response;
  do served = await push();
  while (served.status === 503);
  expect([200, 202]).toContain(served.status);
  expect(codes).toContain(503);
});
