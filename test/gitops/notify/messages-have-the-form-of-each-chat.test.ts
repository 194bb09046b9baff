import { createHmac } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { failed, REVISION, ToldCluster } from "./told-cluster.ts";
import { containing, having, including, matching } from "./matching.ts";

let told: ToldCluster;
beforeEach(async () => {
  told = await ToldCluster.start();
  await told.application();
});
afterEach(() => told.stop());

const HOSTILE = "<!channel> @everyone [click](javascript:alert(1)) <script>";

test("Slack: an incoming webhook", async () => {
  await told.provider({
    type: "slack",
    channel: "#ops",
    username: "gantry",
    address: `${told.server.url}/services/T0/B0/x`,
  });
  await told.alert();
  await told.synced();
  await told.told(1);
  const [request] = told.server.requests;
  expect(request).toMatchObject({ method: "POST", path: "/services/T0/B0/x" });
  expect(request?.headers["authorization"]).toBeUndefined();
  expect(told.server.bodies[0]).toMatchObject({
    channel: "#ops",
    username: "gantry",
    text: "*default/app*",
    attachments: [
      {
        color: "good",
        text: "default/app: synced to 0123456789ab: 1 created, 2 changed",
        title_link: `https://git.example.com/team/shop/commit/${REVISION}`,
        fields: including([
          { title: "commit", value: "Sell more", short: true },
          { title: "author", value: "Ada Lovelace", short: true },
        ]),
      },
    ],
  });
});

test("Slack: the API with a token, whose refusals come with status 200", async () => {
  told.server.answer = () => ({ body: { ok: false, error: "channel_not_found" } });
  await told.provider(
    { type: "slack", channel: "#ops", address: `${told.server.url}/api/chat.postMessage` },
    { token: "xoxb-secret-token" },
  );
  await told.alert();
  await told.synced();
  await told.told(1);
  expect(told.server.requests[0]?.headers["authorization"]).toBe("Bearer xoxb-secret-token");
  expect((await told.alertNow()).status?.conditions).toMatchObject([
    {
      type: "Ready",
      status: "False",
      reason: "DeliveryFailed",
      message: containing("channel_not_found"),
    },
  ]);
});

test("Slack: nobody is called by what a repository says", async () => {
  await told.provider({ type: "slack" });
  await told.alert();
  await told.status(failed(REVISION, HOSTILE));
  await told.told(1);
  expect(told.server.requests[0]?.text).not.toMatch(/<!channel>|<script>/);
  expect(told.server.requests[0]?.text).toContain("&lt;!channel&gt;");
});

test("Discord: an embed that mentions nobody", async () => {
  await told.provider({
    type: "discord",
    username: "gantry",
    address: `${told.server.url}/api/webhooks/1/x`,
  });
  told.server.answer = () => ({ status: 204 });
  await told.alert();
  await told.status(failed(REVISION, HOSTILE));
  await told.told(1);
  expect(told.server.bodies[0]).toMatchObject({
    username: "gantry",
    allowed_mentions: { parse: [] },
    embeds: [{ title: "default/app", color: 15_158_332, url: matching(/^https:/) }],
  });
  expect(told.server.requests[0]?.text).not.toContain("](javascript:");
});

test("Microsoft Teams: an Adaptive Card", async () => {
  await told.provider({
    type: "msteams",
    address: `${told.server.url}/workflows/x/triggers/manual?sig=s`,
  });
  told.server.answer = () => ({ status: 202 });
  await told.alert();
  await told.status(failed(REVISION, HOSTILE));
  await told.told(1);
  expect(told.server.requests[0]?.path).toBe("/workflows/x/triggers/manual?sig=s");
  expect(told.server.bodies[0]).toMatchObject({
    type: "message",
    attachments: [
      {
        contentType: "application/vnd.microsoft.card.adaptive",
        content: {
          type: "AdaptiveCard",
          version: "1.4",
          body: including([
            having({ type: "TextBlock", text: "default/app", weight: "bolder" }),
            having({ type: "FactSet" }),
          ]),
          actions: [{ type: "Action.OpenUrl", url: matching(/^https:/) }],
        },
      },
    ],
  });
  expect(told.server.requests[0]?.text).not.toContain("](javascript:");
});

test("a generic webhook: signed, with headers of its own", async () => {
  const headers = "X-Team: shop\nAuthorization: Bearer further-secret";
  await told.provider({ type: "generic-hmac" }, { token: "signing-key", headers });
  await told.alert();
  await told.synced();
  await told.told(1);
  const [request] = told.server.requests;
  const signature = createHmac("sha256", "signing-key")
    .update(request?.text ?? "")
    .digest("hex");
  expect(request?.headers).toMatchObject({
    "x-signature": `sha256=${signature}`,
    "x-team": "shop",
    authorization: "Bearer further-secret",
    "content-type": "application/json",
  });
  expect(told.server.bodies[0]).toMatchObject({
    involvedObject: {
      apiVersion: "gantry.dev/v1",
      kind: "Application",
      namespace: "default",
      name: "app",
    },
    reason: "SyncSucceeded",
    trigger: "on-sync-succeeded",
    severity: "info",
    reportingController: "gantry",
    revision: REVISION,
    sync: "Synced",
    health: "Healthy",
  });
});

test.each([
  ["no map", "just a text"],
  ["a header of the connection", "Host: elsewhere"],
  ["a line break", 'X-A: "b\\r\\nX-C: d"'],
])("headers that are %s are refused, without being shown", async (_what, headers) => {
  await told.provider({}, { headers });
  await told.alert();
  await told.synced();
  await told.quiet();
  expect(told.server.requests).toEqual([]);
  const [ready] = (await told.alertNow()).status?.conditions ?? [];
  expect(ready).toMatchObject({
    status: "False",
    reason: "DeliveryFailed",
    message: containing("headers"),
  });
  expect(ready?.message).not.toContain(headers);
});

test("a link that is no http(s) URL is no link", async () => {
  await told.provider({});
  await told.alert({ triggers: ["on-sync-running"] });
  for (const [index, link] of [
    "javascript:alert(1)",
    "data:text/html,x",
    "https://u:p@host/",
    "https://ok.example/",
  ].entries()) {
    const name = `app-${index}`;
    await told.application("https://git.example.com/team/shop.git", name);
    await told.client.patch(
      (await import("../../../src/kube/kinds/application.ts")).applications,
      { namespace: "default", name },
      {
        type: "merge",
        body: { metadata: { annotations: { "link.argocd.argoproj.io/external-link": link } } },
      },
    );
    await told.synced(REVISION, "Healthy", name);
  }
  await told.told(4);
  const commit = `https://git.example.com/team/shop/commit/${REVISION}`;
  expect(told.server.bodies.map(({ link }) => link)).toEqual([
    commit,
    commit,
    commit,
    "https://ok.example/",
  ]);
});
