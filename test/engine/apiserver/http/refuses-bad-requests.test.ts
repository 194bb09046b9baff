import { afterAll, describe, expect, test } from "vitest";
import { configMap, deployment } from "../test-server.ts";
import { type Asked, CONFIG_MAPS, useHttpsServer } from "./https-fixture.ts";

const server = useHttpsServer();
afterAll(() => expect(server.faults).toEqual([]));

interface StatusBody {
  readonly kind: string;
  readonly code: number;
  readonly reason: string;
  readonly message: string;
}
async function status(path: string, asked?: Asked): Promise<StatusBody> {
  const { code, text, headers } = await server.ask(path, asked);
  expect(headers["content-type"]).toBe("application/json");
  const body = JSON.parse(text) as StatusBody;
  expect(body).toMatchObject({ kind: "Status", apiVersion: "v1", status: "Failure", code });
  return body;
}
const post = (body: unknown, headers: Record<string, string> = {}): Asked => ({
  method: "POST",
  body,
  headers,
});

describe("who asks", () => {
  test("nobody gets anything without a token, or with a wrong one", async () => {
    for (const path of ["/api", "/apis", "/version", "/openapi/v3", CONFIG_MAPS, "/nothing"]) {
      expect(await status(path, { token: undefined })).toMatchObject({
        code: 401,
        reason: "Unauthorized",
      });
      expect((await status(path, { token: "guess" })).code).toBe(401);
    }
    const basic = { token: undefined, headers: { authorization: "Basic YTpi" } };
    expect((await server.ask(CONFIG_MAPS, basic)).headers["www-authenticate"]).toMatch(/^Bearer/);
  });
  test("who asks in another's name is refused, rather than answered in their own", async () => {
    const headers = { "Impersonate-User": "bob" };
    const asked: Asked[] = [
      { headers },
      { headers: { "Impersonate-Group": "devs" } },
      post(configMap("a"), headers),
      { headers: { ...headers, Connection: "Upgrade", Upgrade: "websocket" } },
    ];
    for (const one of asked)
      expect(await status(CONFIG_MAPS, one)).toMatchObject({
        code: 403,
        message: expect.stringContaining("--as") as string,
      });
  });
  test("health needs no token", async () => {
    for (const path of ["/healthz", "/livez", "/readyz"])
      expect(await server.ask(path, { token: undefined })).toMatchObject({ code: 200, text: "ok" });
  });
});

describe("what is asked for", () => {
  test.each([
    "/nothing",
    "/api/v2/pods",
    "/apis/apps/v1/nothings",
    "/apis/nothing.example.com/v1/things",
    "/api/v1/namespaces/default/nodes",
    "/api/v1/pods/web",
    `${CONFIG_MAPS}/none`,
    `${CONFIG_MAPS}/none/status`,
    `${CONFIG_MAPS}/none/no/such/thing`,
  ])("%s is not there", async (path) => {
    expect(await status(path)).toMatchObject({ code: 404, reason: "NotFound" });
  });

  test.each([
    ["PUT", CONFIG_MAPS],
    ["PATCH", CONFIG_MAPS],
    ["OPTIONS", CONFIG_MAPS],
    ["POST", "/api/v1/configmaps"],
    ["DELETE", "/api/v1/configmaps"],
    ["POST", `${CONFIG_MAPS}/x`],
    ["DELETE", "/api/v1/namespaces/default/pods/x/log"],
    ["DELETE", "/apis/apps/v1/namespaces/default/deployments/x/status"],
  ])("%s %s is not allowed", async (method, path) => {
    expect(await status(path, { method })).toMatchObject({ code: 405, reason: "MethodNotAllowed" });
  });

  test.each([
    "/api/v1/namespaces/default/configmaps/a%2Fb",
    "/api/v1/namespaces/default/configmaps/..",
    "/api/v1/namespaces/%2e%2e/configmaps",
    "/api/v1/namespaces/default/../kube-system/secrets",
    "/api/v1/namespaces/default/configmaps/a%00b",
    "/api/v1/namespaces/default/configmaps/a%5Cb",
    "/api/v1/namespaces/default/configmaps/%E0%A4%A",
    "/api//v1/configmaps",
  ])("%s is no path", async (path) => {
    expect(await status(path)).toMatchObject({ code: 400, reason: "BadRequest" });
  });

  test("URLs and numbers are bounded", async () => {
    expect((await status(`${CONFIG_MAPS}?labelSelector=${"a".repeat(20_000)}`)).code).toBe(400);
    for (const query of [
      "limit=many",
      "limit=1.5",
      "resourceVersion=new",
      "timeoutSeconds=soon&watch=1",
    ])
      expect((await status(`${CONFIG_MAPS}?${query}`)).code).toBe(400);
    expect((await status(`${CONFIG_MAPS}?labelSelector=a%20in%20b`)).code).toBe(400);
    expect((await status(`${CONFIG_MAPS}?continue=garbage`)).code).toBe(400);
  });

  test("only JSON can be had", async () => {
    for (const accept of ["application/vnd.kubernetes.protobuf", "text/html", "application/yaml"])
      expect(await status(CONFIG_MAPS, { headers: { accept } })).toMatchObject({
        code: 406,
        reason: "NotAcceptable",
      });
    for (const accept of [
      "*/*",
      "application/vnd.kubernetes.protobuf,application/json",
      "application/json;q=0.5",
    ])
      expect((await server.ask(CONFIG_MAPS, { headers: { accept } })).code).toBe(200);
  });
});

describe("bodies", () => {
  test.each([
    ["no JSON", "{"],
    ["text after JSON", "{} {}"],
    ["an array", "[]"],
    ["null", "null"],
    ["nothing", ""],
    ["no UTF-8", Buffer.from([0x7b, 0xff, 0x7d])],
    ["nested too deep", `${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}`],
    ["another kind", { apiVersion: "v1", kind: "Secret", metadata: { name: "x" } }],
    ["another version", { apiVersion: "v2", kind: "ConfigMap", metadata: { name: "x" } }],
    ["another namespace", { ...configMap("x"), metadata: { name: "x", namespace: "kube-system" } }],
    ["metadata that is no object", { apiVersion: "v1", kind: "ConfigMap", metadata: "x" }],
  ])("with %s are refused", async (_what, body) => {
    const { code, reason, message } = await status(CONFIG_MAPS, post(body));
    expect({ code, reason }).toEqual({ code: 400, reason: "BadRequest" });
    expect(message).not.toBe("");
  });

  test("of other media types are refused", async () => {
    for (const type of ["application/cbor", "text/plain", "multipart/form-data"])
      expect(await status(CONFIG_MAPS, post("x", { "content-type": type }))).toMatchObject({
        code: 415,
        reason: "UnsupportedMediaType",
      });
    const protobuf = { "content-type": "application/vnd.kubernetes.protobuf" };
    expect(await status(CONFIG_MAPS, post("x", protobuf))).toMatchObject({ code: 400 });
    const patch = { method: "PATCH", body: {} };
    expect((await status(`${CONFIG_MAPS}/x`, patch)).code).toBe(415);
    const json = { ...patch, headers: { "content-type": "application/json-patch+json" } };
    expect((await status(`${CONFIG_MAPS}/x`, json)).code).toBe(400);
  });

  test("that are too large are refused, announced or not, and the connection goes on", async () => {
    const large = JSON.stringify(configMap("large", { a: "x".repeat(4 * 1024 * 1024) }));
    expect(await status(CONFIG_MAPS, post(large))).toMatchObject({
      code: 413,
      reason: "RequestEntityTooLarge",
    });
    const session = server.http2();
    try {
      const stream = session.request({
        ":path": CONFIG_MAPS,
        ":method": "POST",
        authorization: "Bearer the-administrators-token",
        "content-type": "application/json",
      });
      stream.on("error", () => undefined);
      const code = new Promise((resolve) =>
        stream.once("response", (headers) => resolve(headers[":status"])),
      );
      stream.end(large);
      expect(await code).toBe(413);
    } finally {
      session.destroy();
    }
    expect((await server.ask(CONFIG_MAPS)).code).toBe(200);
  });

  test("YAML is read, with bounds", async () => {
    const yaml = (body: string) => post(body, { "content-type": "application/yaml" });
    const good = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-yaml}\ndata: {a: 'on'}\n";
    expect((await server.ask(CONFIG_MAPS, yaml(good))).code).toBe(201);
    const levels = Array.from(
      { length: 9 },
      (_, index) =>
        `l${index + 1}: &l${index + 1} [${Array.from({ length: 9 }, () => `*l${index}`).join(",")}]`,
    );
    const bomb = `l0: &l0 [x,x,x,x,x,x,x,x,x]\n${levels.join("\n")}\n`;
    expect((await status(CONFIG_MAPS, yaml(bomb))).code).toBe(400);
    expect((await status(CONFIG_MAPS, yaml("a: [1\nb: 2"))).code).toBe(400);
    expect((await status(CONFIG_MAPS, yaml("\tkind: ConfigMap"))).code).toBe(400);
  });

  test("YAML nested deep is refused, however it is written", async () => {
    const yaml = (body: string) => post(body, { "content-type": "application/yaml" });
    const indented = Array.from({ length: 600 }, (_, index) => `${" ".repeat(index)}a:`).join("\n");
    for (const body of [
      "[".repeat(50_000),
      `a: ${"[".repeat(5_000)}${"]".repeat(5_000)}`,
      indented,
      "- ".repeat(5_000),
    ])
      expect((await status(CONFIG_MAPS, yaml(body))).code).toBe(400);
  });

  test("a mistake in JSON is placed, and never quoted: it may be in a Secret", async () => {
    const body = '{"stringData":{"password":\n "swordfish",}}';
    const { message } = await status("/api/v1/namespaces/default/secrets", post(body));
    expect(message).not.toContain("swordfish");
  });
});

describe("fieldValidation", () => {
  const doubled = (name: string): string =>
    `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"${name}"},"data":{"a":"1","a":"2"},"extra":1}`;

  test("Strict refuses unknown and duplicate fields", async () => {
    const { code, message } = await status(
      `${CONFIG_MAPS}?fieldValidation=Strict`,
      post(doubled("strict")),
    );
    expect(code).toBe(400);
    expect(message).toContain('duplicate field "data.a"');
    expect(message).toContain('unknown field "extra"');
    expect((await status(`${CONFIG_MAPS}/strict`)).code).toBe(404);
  });

  test("Strict finds them in YAML as well", async () => {
    const yaml =
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: strict}\ndata:\n  a: '1'\n  a: '2'\n";
    const { code, message } = await status(
      `${CONFIG_MAPS}?fieldValidation=Strict`,
      post(yaml, { "content-type": "application/yaml" }),
    );
    expect(code).toBe(400);
    expect(message).toMatch(/duplicate field "data\.a"/);
  });

  test("Warn says so in headers, as no value does, and Ignore says nothing", async () => {
    for (const [name, query] of [
      ["warn", "?fieldValidation=Warn"],
      ["plain", ""],
    ] as const) {
      const { code, headers } = await server.ask(`${CONFIG_MAPS}${query}`, post(doubled(name)));
      expect(code).toBe(201);
      expect(headers["warning"]).toContain('299 - "duplicate field \\"data.a\\""');
      expect(headers["warning"]).toContain('299 - "unknown field \\"extra\\""');
    }
    const { headers } = await server.ask(
      `${CONFIG_MAPS}?fieldValidation=Ignore`,
      post(doubled("ignore")),
    );
    expect(headers["warning"]).toBeUndefined();
    expect(
      (await status(`${CONFIG_MAPS}?fieldValidation=Often`, post(configMap("often")))).code,
    ).toBe(422);
  });
});

describe("dryRun", () => {
  test("All changes nothing; anything else is refused", async () => {
    expect((await server.ask(`${CONFIG_MAPS}?dryRun=All`, post(configMap("dry")))).code).toBe(201);
    expect((await status(`${CONFIG_MAPS}/dry`)).code).toBe(404);
    await server.ask(CONFIG_MAPS, post(configMap("wet")));
    const remove = { method: "DELETE", body: { dryRun: ["All"] } };
    expect((await server.ask(`${CONFIG_MAPS}/wet`, remove)).code).toBe(200);
    expect((await server.ask(`${CONFIG_MAPS}/wet?dryRun=All`, { method: "DELETE" })).code).toBe(
      200,
    );
    expect((await server.ask(`${CONFIG_MAPS}/wet`)).code).toBe(200);
    expect((await status(`${CONFIG_MAPS}?dryRun=true`, post(configMap("dry")))).code).toBe(422);
    const some = { method: "DELETE", body: { dryRun: ["Some"] } };
    expect((await status(`${CONFIG_MAPS}/wet`, some)).code).toBe(422);
  });
});

test("deleting a subresource deletes nothing, creating one neither", async () => {
  const deployments = "/apis/apps/v1/namespaces/default/deployments";
  await server.ask(deployments, post(deployment("web", 1)));
  for (const subresource of ["status", "scale", "nothing"]) {
    const path = `${deployments}/web/${subresource}`;
    expect((await status(path, { method: "DELETE" })).code).toBe(405);
    const scale = {
      apiVersion: "autoscaling/v1",
      kind: "Scale",
      metadata: { name: "web" },
      spec: {},
    };
    expect([404, 405]).toContain((await status(path, post(scale))).code);
  }
  expect((await server.ask(`${deployments}/web`)).code).toBe(200);
});

test("deletion options of the wrong type are refused", async () => {
  await server.ask(CONFIG_MAPS, post(configMap("kept")));
  for (const body of [
    { gracePeriodSeconds: "soon" },
    { gracePeriodSeconds: 1.5 },
    { propagationPolicy: "Slowly" },
    { preconditions: { uid: 1 } },
    { preconditions: "none" },
    { dryRun: "All" },
    [],
  ]) {
    const { code } = await status(`${CONFIG_MAPS}/kept`, { method: "DELETE", body });
    expect([400, 422]).toContain(code);
  }
  expect((await server.ask(`${CONFIG_MAPS}/kept`)).code).toBe(200);
});
