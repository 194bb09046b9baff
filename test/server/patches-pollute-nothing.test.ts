import { mkdtemp, rm } from "node:fs/promises";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLogger } from "../../src/client/logger.ts";
import { staticTokens } from "../../src/engine/apiserver/http/authenticate.ts";
import {
  type HttpsServer,
  startHttpsServer,
} from "../../src/engine/apiserver/http/https-server.ts";
import { ensureCertificates } from "../../src/engine/apiserver/pki/certificates.ts";
import { admin, startServer } from "../engine/apiserver/test-server.ts";

const MAPS = "/api/v1/namespaces/default/configmaps";
const faults: unknown[] = [];
let directory: string;
let server: HttpsServer;
let agent: Agent;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "gantry-pollution-"));
  const certificates = await ensureCertificates({
    directory,
    names: ["127.0.0.1"],
    nowMs: Date.now(),
  });
  agent = new Agent({ ca: certificates.ca, keepAlive: true });
  const { server: api } = await startServer();
  server = await startHttpsServer({
    api,
    authenticator: staticTokens(new Map([["token", admin]])),
    certificate: certificates.server,
    host: "127.0.0.1",
    port: 0,
    logger: { ...silentLogger, error: (fields) => void faults.push(fields) },
    gantryVersion: "test",
    notReady: () => [],
  });
  const body = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"k":"v"}}';
  expect((await ask("POST", MAPS, "application/json", body)).code).toBe(201);
});
afterAll(async () => {
  agent.destroy();
  await server.close();
  await rm(directory, { recursive: true });
});

function ask(
  method: string,
  path: string,
  type: string,
  body?: string,
): Promise<{ code: number; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: "127.0.0.1", port: server.port, path, method, agent },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (piece: string) => void (text += piece));
        response.on("end", () => resolve({ code: response.statusCode ?? 0, text }));
      },
    );
    asked.setHeader("authorization", "Bearer token");
    asked.setHeader("content-type", type);
    asked.on("error", reject);
    asked.end(body);
  });
}

const POISON = [
  '{"__proto__":{"polluted":"yes"}}',
  '{"constructor":{"prototype":{"polluted":"yes"}}}',
  '{"metadata":{"__proto__":{"polluted":"yes"},"labels":{"__proto__":{"polluted":"yes"}}}}',
  '{"metadata":{"annotations":{"__proto__":"x","constructor":"y","toString":"z"}}}',
  '{"data":{"__proto__":"x","constructor":"y","hasOwnProperty":"z","toString":"t"}}',
  '{"data":{"__proto__":{"polluted":"yes"}}}',
  '{"data":{"$patch":"replace","__proto__":"x"}}',
  '{"metadata":{"$setElementOrder/__proto__":["a"],"$deleteFromPrimitiveList/__proto__":["a"]}}',
];
const OPERATIONS = [
  '[{"op":"add","path":"/__proto__/polluted","value":"yes"}]',
  '[{"op":"add","path":"/constructor/prototype/polluted","value":"yes"}]',
  '[{"op":"add","path":"/data/__proto__","value":"x"},{"op":"add","path":"/data/__proto__/polluted","value":"yes"}]',
  '[{"op":"copy","from":"/data","path":"/__proto__"}]',
  '[{"op":"move","from":"/data/k","path":"/metadata/labels/__proto__"}]',
  '[{"op":"remove","path":"/data/toString"}]',
  '[{"op":"test","path":"/data/hasOwnProperty","value":null}]',
];
const PATCHES = [
  ...["application/merge-patch+json", "application/strategic-merge-patch+json"].flatMap((type) =>
    POISON.map((body) => [type, body] as const),
  ),
  ...POISON.map(
    (body) =>
      [
        "application/apply-patch+yaml",
        `{"apiVersion":"v1","kind":"ConfigMap",${body.slice(1)}`,
      ] as const,
  ),
  ...OPERATIONS.map((body) => ["application/json-patch+json", body] as const),
];

test.each(PATCHES)("%s %s changes that object or nothing", async (type, body) => {
  const { code, text } = await ask("PATCH", `${MAPS}/a?fieldManager=me&force=true`, type, body);
  expect(code, text).toBeLessThan(500);
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(text).not.toMatch(/"polluted":"yes".*"kind":"ConfigMap"/);
  // Everybody else's objects are as they were.
  const other = await ask("GET", "/api/v1/namespaces/default", "");
  expect(other.code).toBe(200);
  expect(other.text).not.toContain("polluted");
  expect(faults).toEqual([]);
});

test("keys that objects inherit are ordinary keys of data", async () => {
  const body = '{"data":{"constructor":"y","hasOwnProperty":"z","toString":"t"}}';
  const { code, text } = await ask("PATCH", `${MAPS}/a`, "application/merge-patch+json", body);
  expect(code).toBe(200);
  expect((JSON.parse(text) as { data: object }).data).toMatchObject(
    (JSON.parse(body) as { data: object }).data,
  );
});

test.each([
  "labelSelector=__proto__",
  "labelSelector=constructor%3Dx",
  "labelSelector=toString",
  "fieldSelector=__proto__%3Dx",
  "fieldSelector=metadata.__proto__%3Dx",
  "fieldSelector=constructor.name%3DObject",
])("?%s finds nothing that is not there", async (query) => {
  const { code, text } = await ask("GET", `${MAPS}?${query}`, "");
  expect([200, 400]).toContain(code);
  if (code === 200) expect((JSON.parse(text) as { items: unknown[] }).items).toEqual([]);
  expect(faults).toEqual([]);
});

test.each(["/api/v1/__proto__", "/apis/__proto__/v1/x", "/apis/constructor", "/api/constructor/x"])(
  "%s is not found",
  async (path) => {
    expect((await ask("GET", path, "")).code).toBe(404);
    expect(faults).toEqual([]);
  },
);
