/** What is served to who shows no token: a list of what may be, not of what may not. */
import { readFileSync } from "node:fs";
import { Agent, request } from "undici";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { type PushedServer, startPushedServer } from "./git/pushed-server.ts";

let fixture: PushedServer;
let agent: Agent;
beforeAll(async () => {
  fixture = await startPushedServer();
  const { clusters } = parse(readFileSync(fixture.server.kubeconfig, "utf8")) as {
    clusters: { cluster: Record<string, string> }[];
  };
  const authority = clusters[0]?.cluster["certificate-authority-data"] ?? "";
  agent = new Agent({ connect: { ca: Buffer.from(authority, "base64").toString() } });
});
afterAll(async () => {
  await agent.close();
  await fixture.stop();
});

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;
const PATHS = [
  ..."/ /healthz /readyz /livez /metrics /version /api /apis /api/v1 /api/v1/secrets".split(" "),
  ..."/api/v1/namespaces/default/secrets/gantry /api/v1/settings /openapi/v2 /openapi/v3".split(
    " ",
  ),
  ..."/apis/gantry.dev/v1/applications /apis/gantry.dev/v1/namespaces/default/applications/shop".split(
    " ",
  ),
  ..."/apis/none.example/v1 /logs /debug/pprof /debug /stats /config /.env /addresses.json".split(
    " ",
  ),
  ..."/api/webhook /hook/ /hook/0000 /git/ /git/shop.git /git/shop.git/HEAD /git/shop.git/config".split(
    " ",
  ),
  "/git/shop.git/info/refs?service=git-upload-pack",
  "/git/shop.git/info/refs?service=git-receive-pack",
  "/git/none.git/info/refs?service=git-upload-pack",
  "/git/shop.git/git-upload-pack",
  "/git/shop.git/git-receive-pack",
  "/git/shop.git/objects/info/packs",
  "/git/../data/credentials",
  "/%2e%2e/etc/passwd",
];

async function answered(origin: string, authorization?: string): Promise<string[]> {
  const found: string[] = [];
  for (const path of PATHS)
    for (const method of METHODS) {
      const headers = authorization === undefined ? {} : { authorization };
      const answer = await request(`${origin}${path}`, { method, dispatcher: agent, headers });
      await answer.body.text();
      if (answer.statusCode < 400) found.push(`${method} ${path} ${answer.statusCode}`);
      expect(answer.statusCode, `${method} ${path}`).toBeLessThan(500);
    }
  return found;
}

test("the web listener: health and metrics", async () => {
  const found = await answered(fixture.server.addresses.web);
  expect(found.filter((line) => line.startsWith("GET"))).toEqual([
    "GET /healthz 200",
    "GET /readyz 200",
    "GET /metrics 200",
  ]);
  expect(found.filter((line) => !/^(GET|HEAD) \/(healthz|readyz|metrics) 200$/.test(line))).toEqual(
    [],
  );
});

test.each([
  undefined,
  "",
  "Bearer",
  "Bearer ",
  "Bearer wrong",
  "bearer null",
  "Bearer eyJhbGciOiJub25lIn0.e30.",
  "Basic OnVuZGVmaW5lZA==",
])("the API listener, with authorization %j: health alone", async (authorization) => {
  const found = await answered(fixture.server.addresses.api, authorization);
  expect(found.filter((line) => !/ \/(healthz|readyz|livez) 200$/.test(line))).toEqual([]);
  expect(found).toContain("GET /healthz 200");
});
