/**
 * Values that must stay secret are planted wherever Gantry is given some, everything that can go
 * wrong with them goes wrong, and then every output is searched for them.
 */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Writable } from "node:stream";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { pino } from "pino";
import { Agent, request } from "undici";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { type Application, applications } from "../../src/kube/kinds/application.ts";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { events } from "../../src/kube/kinds/event.ts";
import { pods } from "../../src/kube/kinds/pod.ts";
import { secrets } from "../../src/kube/kinds/secret.ts";
import { gantry } from "../cli/command-line.ts";
import { type ServerFixture, startServerFixture } from "../cli/server-fixture.ts";
import { encryptYaml } from "../gitops/decrypt/sops-encryptor.ts";
import { Canary } from "./canary.ts";
import { brokenSecrets, malformedSecrets } from "./malformed-secrets.ts";

const planted: Canary[] = [];
function plant(what: string): Canary {
  const canary = new Canary(what);
  planted.push(canary);
  return canary;
}

const good = plant("stringData of a Secret");
const encoded = plant("data of a Secret");
const broken = plant("a malformed Secret");
const drifted = plant("a value that somebody put into a Secret by hand");
const lastApplied = plant("kubectl's last-applied annotation on a Secret");
const sent = plant("a Secret that the API server refuses");
const repositoryPassword = plant("the password of a repository credential Secret");
const urlPassword = plant("a password in a repository URL");
const urlToken = plant("a token in the query of a repository URL");
const webhookSecret = plant("a webhook secret");
const environment = plant("the operator's own environment");
const encrypted = plant("a Secret that was encrypted with SOPS");
const encryptedMap = plant("a ConfigMap that was encrypted with SOPS");
const encryptedDrift = plant("a value that somebody put by hand where an encrypted one belongs");
const tampered = plant("a SOPS file that was changed");
const referredFile = plant("a file that a Secret refers to");
const referredVariable = plant("a variable that a Secret refers to");
const ageKey = plant("a private key of age");

const secret = (name: string, rest: string): string =>
  `apiVersion: v1\nkind: Secret\nmetadata:\n  name: ${name}\n${rest}\n`;
const PROGRAM = `console.log("environment " + JSON.stringify(process.env)); setInterval(() => {}, 1000);`;

const MALFORMED = malformedSecrets(broken);
const SYNTAX = brokenSecrets(broken);

const lines: string[] = [];
let fixture: ServerFixture;
let gitServer: HttpServer;
let token: string;
let ca: string;
let agent: Agent;
let recipient: string;
let privateKey: string;
let secretsDirectory: string;
const outputs = new Map<string, string>();

beforeAll(async () => {
  process.env["GANTRY_TEST_OPERATOR_TOKEN"] = environment.value;
  gitServer = createServer((_request, response) => response.writeHead(401).end("no"));
  await new Promise<void>((resolve) => gitServer.listen(0, "127.0.0.1", resolve));
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(chunk.toString());
      done();
    },
  });
  const logger = pino({ level: "debug", base: null }, sink);
  const files: Record<string, string> = {
    "s.yaml": secret("keys", `stringData:\n  a: ${good.value}\ndata:\n  b: ${encoded.base64}`),
    "pod.yaml": `apiVersion: v1\nkind: Pod\nmetadata:\n  name: shows\nspec:\n  containers:\n  - name: main\n    image: node\n    command: [node, -e, '${PROGRAM}']\n`,
  };
  secretsDirectory = mkdtempSync(join(tmpdir(), "gantry-secrets-"));
  const identity = await generateX25519Identity();
  recipient = await identityToRecipient(identity);
  const ageKeyFile = join(secretsDirectory, "keys.txt");
  writeFileSync(ageKeyFile, `# ${ageKey.value}\n${identity}\n`);
  privateKey = identity;
  const filesDir = join(secretsDirectory, "files");
  mkdirSync(filesDir);
  writeFileSync(join(filesDir, "value"), referredFile.value);
  writeFileSync(join(filesDir, "broken"), `[: ${referredFile.value}`);
  process.env["GANTRY_TEST_REFERRED"] = referredVariable.value;
  fixture = await startServerFixture(files, logger, undefined, {
    ageKeyFile,
    filesDir,
    envPrefix: "GANTRY_TEST_REFERRED",
  });
  const kubeconfig = parse(readFileSync(fixture.server.kubeconfig, "utf8")) as {
    clusters: { cluster: Record<string, string> }[];
    users: { user: { token: string } }[];
  };
  token = kubeconfig.users[0]?.user.token ?? "";
  ca = Buffer.from(
    kubeconfig.clusters[0]?.cluster["certificate-authority-data"] ?? "",
    "base64",
  ).toString();
  agent = new Agent({ connect: { ca } });
  await fixture.application(({ status }) => status?.sync?.status === "Synced");
});
afterAll(async () => {
  delete process.env["GANTRY_TEST_OPERATOR_TOKEN"];
  delete process.env["GANTRY_TEST_REFERRED"];
  rmSync(secretsDirectory, { recursive: true, force: true });
  await fixture.stop();
  await agent.close();
  gitServer.close();
});

function keep(what: string, text: string): void {
  outputs.set(what, `${outputs.get(what) ?? ""}${text}\n`);
}

async function cli(...args: string[]): Promise<number> {
  const { exitCode, stdout, stderr } = await gantry(...args);
  keep(`gantry ${args.join(" ").replaceAll(fixture.dataDir, "")}`, stdout + stderr);
  return exitCode;
}

async function api(
  method: "GET" | "POST" | "PUT" | "PATCH",
  path: string,
  body?: string,
  headers: Record<string, string> = {},
): Promise<number> {
  const response = await request(`${fixture.server.addresses.api}${path}`, {
    method,
    dispatcher: agent,
    headers: { authorization: `Bearer ${token}`, ...headers },
    body: body ?? null,
  });
  const shown = `${JSON.stringify(response.headers)}\n${await response.body.text()}`;
  // Who may write a Secret is answered with it.
  if (response.statusCode > 299) keep(`${method} ${path} ${headers["content-type"] ?? ""}`, shown);
  return response.statusCode;
}

/** An Application of its own on a folder or a repository. */
async function follow(name: string, repoURL: string): Promise<void> {
  await fixture.server.client.create(applications, {
    apiVersion: "gantry.dev/v1",
    kind: "Application",
    metadata: { name, namespace: "default" },
    spec: {
      source: { repoURL },
      destination: { namespace: "default" },
      syncPolicy: { automated: { prune: true, selfHeal: true }, retry: { limit: 0 } },
    },
  });
  await expect
    .poll(async () => settled((await fixture.server.client.get(applications, key(name))).status), {
      timeout: 15_000,
    })
    .toBe(true);
}
const key = (name: string) => ({ namespace: "default", name });
const settled = (status: Application["status"]): boolean =>
  (status?.conditions ?? []).length > 0 ||
  status?.operationState?.phase === "Failed" ||
  status?.sync?.status === "Synced";

function folder(name: string, rests: Readonly<Record<string, string>>): string {
  const directory = join(dirname(fixture.dataDir), name);
  mkdirSync(directory);
  for (const [file, rest] of Object.entries(rests))
    writeFileSync(join(directory, `${file}.yaml`), secret(file, rest));
  return directory;
}

test("malformed Secrets fail to be read, planned, compared and applied, one by one", async () => {
  const flags = ["--data-dir", fixture.dataDir];
  for (const [name, rest] of [...Object.entries(MALFORMED), ...Object.entries(SYNTAX)]) {
    const directory = folder(`one-${name}`, { [name]: rest });
    const formats = ["text", "json", "markdown"];
    for (const format of formats) await cli("diff", directory, "--output", format, ...flags);
    // What can be read is printed, as asked.
    if ((await cli("render", directory)) === 0) outputs.delete(`gantry render ${directory}`);
    for (const format of ["text", "json", "junit", "tap", "sarif", "github"])
      for (const scan of [[], ["--scan"]])
        await cli("validate", directory, "--output", format, ...scan);
    await follow(`app-${name}`, directory);
  }
}, 60_000);

test("repositories refuse their credentials", async () => {
  const { port } = gitServer.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/private.git`;
  await fixture.server.client.create(secrets, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: "credential",
      namespace: "default",
      labels: { "argocd.argoproj.io/secret-type": "repository" },
    },
    stringData: { url, username: "robot", password: repositoryPassword.value },
  } as never);
  await follow("credential", url);
  await follow(
    "userinfo",
    `http://robot:${urlPassword.value}@127.0.0.1:${port}/other.git?token=${urlToken.value}`,
  );
  await follow("no-url", `http://robot:${urlPassword.value}@[::bad/other.git`);
  await follow("scp", `robot:${urlPassword.value}@git.invalid:other.git`);
  for (const name of ["credential", "userinfo", "no-url", "scp"])
    for (const command of ["diff", "drift", "status", "history", "sync"])
      await cli(command, name, "--data-dir", fixture.dataDir);
}, 60_000);

test("somebody changes a Secret by hand", async () => {
  const flags = ["--data-dir", fixture.dataDir];
  await cli("suspend", "default", ...flags);
  await fixture.server.client.patch(
    secrets,
    key("keys"),
    {
      type: "merge",
      body: {
        metadata: {
          annotations: {
            "kubectl.kubernetes.io/last-applied-configuration": JSON.stringify({
              data: { a: lastApplied.base64 },
            }),
          },
        },
        data: { a: drifted.base64, more: drifted.base64 },
      },
    },
    { fieldManager: "somebody" },
  );
  for (const format of ["text", "json", "markdown"]) {
    expect(await cli("diff", "default", "--output", format, ...flags)).toBe(1);
    expect(await cli("drift", "default", "--output", format, ...flags)).toBe(1);
  }
  await cli("drift", "default", "--output", "junit", ...flags);
  for (const format of ["text", "json"]) {
    expect(await cli("blame", "secret/keys", "--output", format, ...flags)).toBe(0);
    await cli("why", "default", "--output", format, ...flags);
  }
  await cli("resume", "default", ...flags);
  const live = async (): Promise<string | undefined> =>
    (await fixture.server.client.get(secrets, key("keys"))).data?.["a"];
  await expect.poll(live, { timeout: 10_000 }).toBe(good.base64);
  fixture.commit({ "s.yaml": secret("keys", `stringData:\n  a: changed-${good.value}`) }, "new");
  await expect.poll(live, { timeout: 10_000 }).not.toBe(good.base64);
  for (const output of ["text", "json"]) {
    for (const command of ["status", "history", "why"]) await cli(command, "-o", output, ...flags);
    await cli("drift", "-o", output, ...flags);
    await cli("sync", "default", "--wait", "-o", output, ...flags);
    await cli("rollback", "default", "--wait", "-o", output, ...flags);
  }
}, 60_000);

/** A folder of files with any content. */
function filesIn(name: string, contents: Readonly<Record<string, string>>): string {
  const directory = join(dirname(fixture.dataDir), name);
  mkdirSync(directory);
  for (const [file, content] of Object.entries(contents))
    writeFileSync(join(directory, file), content);
  return directory;
}

test("what is encrypted in the repository is applied, drifts, is damaged and cannot be read", async () => {
  const { client } = fixture.server;
  const object = (kind: string, name: string, fields: Readonly<Record<string, unknown>>) => ({
    apiVersion: "v1",
    kind,
    metadata: { name },
    ...fields,
  });
  const under = /^(data|stringData)$/;
  const sealed = (content: Readonly<Record<string, unknown>>, to = recipient): Promise<string> =>
    encryptYaml(content, { recipient: to, under });
  const secretFile = await sealed(
    object("Secret", "sealed", { stringData: { token: encrypted.value } }),
  );
  const mapFile = await sealed(
    object("ConfigMap", "sealed", { data: { token: encryptedMap.value, port: "1" } }),
  );
  const directory = filesIn("sealed", { "secret.yaml": secretFile, "map.yaml": mapFile });
  await follow("sealed", directory);
  const token = async (): Promise<string | undefined> =>
    (await client.get(secrets, key("sealed"))).data?.["token"];
  await expect.poll(token, { timeout: 10_000 }).toBe(encrypted.base64);
  expect((await client.get(configMaps, key("sealed"))).data?.["token"]).toBe(encryptedMap.value);

  const flags = ["--data-dir", fixture.dataDir];
  process.env["SOPS_AGE_KEY_FILE"] = join(secretsDirectory, "keys.txt");
  await cli("suspend", "sealed", ...flags);
  const body = { data: { token: encryptedDrift.value } };
  await client.patch(configMaps, key("sealed"), { type: "merge", body }, { fieldManager: "me" });
  for (const format of ["text", "json", "markdown"])
    for (const command of ["diff", "drift"])
      expect(await cli(command, "sealed", "--output", format, ...flags)).toBe(1);
  delete process.env["SOPS_AGE_KEY_FILE"];
  // Without the key, from outside: said so, and nothing shown.
  expect(await cli("diff", "sealed", ...flags)).toBe(2);
  await cli("resume", "sealed", ...flags);
  for (const command of ["status", "history"]) await cli(command, "sealed", ...flags);

  const other = await identityToRecipient(await generateX25519Identity());
  const damaged = await sealed(
    object("Secret", "damaged", { stringData: { token: tampered.value } }),
  );
  const broken: Readonly<Record<string, string>> = {
    moved: damaged.replace("token:", "other:"),
    cut: damaged.replace(/data:.{4}/, "data:"),
    added: damaged.replace("kind: Secret", "kind: Secret\ntype: other"),
    stray: damaged.slice(0, damaged.indexOf("sops:")),
    syntax: `${damaged}\n"never closed: [`,
    foreign: await sealed(object("Secret", "x", { stringData: { t: tampered.value } }), other),
    invalid: await sealed(object("Secret", "x", { data: { t: `${tampered.value}!` } })),
    unknown: await sealed(object("ConfigMap", "x", { data: { t: { inner: tampered.value } } })),
    template: await sealed(object("Secret", "x", { stringData: { t: `\${${tampered.value}` } })),
  };
  for (const [name, content] of Object.entries(broken)) {
    const folder = filesIn(`sealed-${name}`, { "s.yaml": content });
    await follow(`sealed-${name}`, folder);
    for (const command of ["diff", "status"]) await cli(command, `sealed-${name}`, ...flags);
    await cli("validate", folder);
  }
}, 90_000);

test("references of Secrets lead to values, or are refused", async () => {
  const { client } = fixture.server;
  const flags = ["--data-dir", fixture.dataDir];
  const good = `stringData:\n  file: ref+file://value\n  variable: ref+env://GANTRY_TEST_REFERRED`;
  await follow("referring", folder("referring", { referring: good }));
  const data = async (): Promise<unknown> =>
    (await client.get(secrets, key("referring"))).data ?? {};
  await expect
    .poll(data, { timeout: 10_000 })
    .toEqual({ file: referredFile.base64, variable: referredVariable.base64 });
  const refused = {
    outside: "ref+file://../keys.txt",
    broken: "ref+file://broken#key",
    member: "ref+file://value#key",
    variable: "ref+env://GANTRY_TEST_OPERATOR_TOKEN",
    absent: "ref+env://GANTRY_TEST_REFERRED_NOT",
  };
  for (const [name, reference] of Object.entries(refused))
    await follow(
      `refused-${name}`,
      folder(`refused-${name}`, { [name]: `stringData:\n  key: ${reference}` }),
    );
  for (const name of ["referring", "refused-broken"])
    for (const command of ["diff", "drift", "status"]) await cli(command, name, ...flags);
  const { status } = await client.get(applications, key("refused-outside"));
  expect(JSON.stringify(status)).toContain("leaves the directory of secrets");
}, 60_000);

test("the API server refuses Secrets", async () => {
  const path = "/api/v1/namespaces/default/secrets";
  const json = { "content-type": "application/json" };
  const meta = { apiVersion: "v1", kind: "Secret", metadata: { name: "refused" } };
  const { value, base64 } = sent;
  const bodies = [
    { ...meta, data: { key: `${value}!` } },
    { ...meta, data: [value] },
    { ...meta, data: value },
    { ...meta, data: { key: { inner: value } } },
    { ...meta, data: { key: 1, other: base64 } },
    { ...meta, stringData: { key: [value] } },
    { ...meta, stringData: { key: 12, other: value } },
    { ...meta, stringData: value },
    { ...meta, immutable: value },
    { ...meta, type: "kubernetes.io/dockerconfigjson", data: { ".dockerconfigjson": base64 } },
    { ...meta, metadata: { name: "UPPER" }, stringData: { key: value } },
    { ...meta, stringData: { "bad key/": value } },
    { ...meta, stringData: { key: value }, unknown: { key: value } },
  ];
  const texts = [
    `{"apiVersion":"v1","stringData":{"key":"${value}}`,
    `{"apiVersion":"v1","stringData":{"key":${value}}}`,
    value,
    `"${value}"`,
    `{"stringData":{"key":"${value}"}}${value}`,
  ];
  for (const body of bodies) {
    const text = JSON.stringify(body);
    expect(await api("POST", `${path}?fieldValidation=Strict`, text, json), text).toBeGreaterThan(
      399,
    );
    for (const [type, query] of [
      ["application/merge-patch+json", ""],
      ["application/strategic-merge-patch+json", ""],
      ["application/apply-patch+yaml", "&fieldManager=me&force=true"],
    ])
      await api("PATCH", `${path}/keys?dryRun=All&fieldValidation=Strict${query ?? ""}`, text, {
        "content-type": type ?? "",
      });
    await api("PUT", `${path}/keys?dryRun=All`, text, json);
  }
  for (const text of texts)
    for (const type of ["application/json", "application/yaml", "application/xml"])
      expect(await api("POST", path, text, { "content-type": type })).toBeGreaterThan(399);
  for (const rest of [...Object.values(MALFORMED), ...Object.values(SYNTAX)])
    await api("POST", `${path}?dryRun=All&fieldValidation=Strict`, secret("refused", rest), {
      "content-type": "application/yaml",
    });
  const op = (body: unknown): Promise<number> =>
    api("PATCH", `${path}/keys?dryRun=All`, JSON.stringify(body), {
      "content-type": "application/json-patch+json",
    });
  await op([{ op: "test", path: "/data/a", value: base64 }]);
  await op([{ op: "replace", path: "/data/a", value: `${value}!` }]);
  await op([{ op: "add", path: "/data/none/deeper", value }]);
  await op([{ op: "copy", from: "/data/a", path: "/metadata/resourceVersion" }]);
  await op([{ op: "copy", from: "/data", path: "/type" }]);
  await api("GET", path, undefined, {
    accept: "application/json;as=Table;v=v1;g=meta.k8s.io",
  });
  await api("GET", `${path}?fieldSelector=data.a%3D${value}`);
  await api("GET", `${path}?includeObject=None`, undefined, {
    accept: "application/json;as=Table;v=v1;g=meta.k8s.io",
  });
  await api("GET", "/api/v1/secrets", undefined, { authorization: `Bearer ${value}` });
}, 60_000);

test("webhooks are refused and taken", async () => {
  await fixture.server.client.create(secrets, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: "gantry-webhook",
      namespace: "default",
      labels: { "gantry.dev/secret-type": "webhook" },
    },
    stringData: { gitlab: webhookSecret.value },
  } as never);
  for (const presented of ["wrong", webhookSecret.value, `${webhookSecret.value}x`])
    for (const body of ["{}", "no json", "[]"]) {
      const response = await fetch(`${fixture.server.addresses.web}/api/webhook`, {
        method: "POST",
        body,
        headers: { "x-gitlab-event": "Push Hook", "x-gitlab-token": presented },
      });
      keep("POST /api/webhook", await response.text());
    }
});

test("a program that does not refer to a Secret is given none, nor what the operator was given", async () => {
  const read = async (): Promise<string> => {
    const pieces: Uint8Array[] = [];
    const log = fixture.server.client.logs(key("shows"), { container: "main" });
    for await (const piece of log) pieces.push(piece);
    return Buffer.concat(pieces).toString();
  };
  await expect.poll(read, { timeout: 15_000 }).toMatch(/environment \{/);
  keep("a pod's log", await read());
  const pod = await fixture.server.client.get(pods, key("shows"));
  keep("a pod", JSON.stringify(pod));
});

test("none of the outputs has any of the values", async () => {
  const { addresses, client } = fixture.server;
  for (const path of ["/metrics", "/healthz", "/readyz", "/none"])
    keep(path, await (await fetch(`${addresses.web}${path}`)).text());
  keep("audit log", readFileSync(join(fixture.dataDir, "logs", "audit.log"), "utf8"));
  keep("addresses.json", readFileSync(join(fixture.dataDir, "addresses.json"), "utf8"));
  keep("log", lines.join(""));
  for (const application of (await client.list(applications)).items) {
    keep("Application status", JSON.stringify(application.status));
    keep("Application annotations", JSON.stringify(application.metadata.annotations ?? {}));
  }
  keep("Events", JSON.stringify((await client.list(events)).items));
  await cli("status", "-o", "json", "--data-dir", fixture.dataDir);
  await cli("verify-store", "--data-dir", fixture.dataDir);

  expect(outputs.get("audit log")).toContain('"name":"keys"');
  // The test is worth nothing if the outputs are empty or the search is blind.
  expect(outputs.get("Events")).toMatch(/"reason"/);
  expect(outputs.get("log")).toMatch(/ready/);
  expect(outputs.get("Application status")).toMatch(/not-base64/);
  expect(good.isIn(Buffer.from(`x${good.value}y`).toString("base64"))).toBe(true);

  const leaks: string[] = [];
  const administrator = new Canary("the administrator's token");
  for (const [where, text] of outputs) {
    for (const canary of planted)
      if (canary.isIn(text)) leaks.push(`${canary.what} in ${where}: ${around(text, canary)}`);
    if (text.includes(privateKey)) leaks.push(`the private key of age in ${where}`);
    if (text.includes(token)) leaks.push(`${administrator.what} in ${where}`);
  }
  expect(leaks).toEqual([]);
});

function around(text: string, canary: Canary): string {
  const at = canary.indexIn(text);
  return text.slice(Math.max(0, at - 150), at + 60);
}

test("files of the data directory are for their owner only, even in a directory that is not", () => {
  const open: string[] = [];
  const walk = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (entry.isSymbolicLink()) continue;
      const { mode } = statSync(path);
      if ((mode & 0o077) === 0) continue;
      if (entry.isDirectory()) walk(path);
      else if (path !== join(fixture.dataDir, "addresses.json"))
        open.push(`${path.slice(fixture.dataDir.length)} ${(mode & 0o777).toString(8)}`);
    }
  };
  expect(statSync(fixture.dataDir).mode & 0o077).toBe(0);
  walk(fixture.dataDir);
  expect(open).toEqual([]);
});
