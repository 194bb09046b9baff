import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { parseOciUrl } from "../../../../src/gitops/source/artifacts/oci/oci-url.ts";
import type { Secret } from "../../../../src/kube/kinds/secret.ts";
import { credentialsFor } from "../../../../src/server/repository-credentials.ts";
import { credentials, dataDirectory, problemOf, registry, sources, textOf } from "./opened.ts";
import { PASSWORD, sha256 } from "./registry.ts";
import { helm, packagedChart } from "./stock-helm.ts";
import { tar, tarOf } from "./tar-files.ts";

const LAYER = tarOf({ "app/deployment.yaml": "kind: Deployment\n", "README.md": "hello\n" });
let charts: string;
beforeAll(async () => {
  charts = await packagedChart("web", ["1.2.0", "1.10.0", "2.0.0-rc.1", "1.3.0+build.7"]);
}, 60_000);
afterAll(() => rmSync(charts, { recursive: true, force: true }));

test("a tag is a commit whose id is its digest", async () => {
  const server = await registry();
  const digest = server.push("team/app", "latest", LAYER, {
    annotations: {
      "org.opencontainers.image.created": "2026-01-02T03:04:05Z",
      "org.opencontainers.image.revision": "main@sha1:0123456789",
      "org.opencontainers.image.source": "https://git.example.com/team/app",
    },
  });
  const source = await sources().open({ repoURL: `oci://${server.host}/team/app` });
  expect(source.kind).toBe("oci");
  const commit = await source.resolve("HEAD");
  expect(commit).toMatchObject({
    id: digest,
    subject: "app:latest (main@sha1:0123456789)",
    dateMs: Date.parse("2026-01-02T03:04:05Z"),
    parents: [],
  });
  expect(await textOf(commit.tree, "app/deployment.yaml")).toBe("kind: Deployment\n");
  expect(await textOf(commit.tree, "missing")).toBeUndefined();
  expect((await source.history(commit.id, 5)).map(({ id }) => id)).toEqual([digest]);
  const pinned = await source.resolve(digest);
  expect(pinned.tree.id).toBe(commit.tree.id);
});

test("ranges choose among all pages of tags", async () => {
  const server = await registry({ pageSize: 2 });
  for (const tag of [
    "1.0.0",
    "1.9.0",
    "1.10.0",
    "v1.11.0",
    "2.0.0-rc.1",
    "2.0.0",
    "nightly",
    "main",
  ])
    server.push("app", tag, tarOf({ version: tag }));
  const source = await sources().open({ repoURL: `oci://${server.host}/app` });
  const chosen = async (range: string): Promise<string | undefined> =>
    textOf((await source.resolve(range)).tree, "version");
  expect(await chosen("1.x")).toBe("v1.11.0");
  expect(await chosen("^1.9.0 <1.11")).toBe("1.10.0");
  expect(await chosen(">=2.0.0-0 <2.0.0")).toBe("2.0.0-rc.1");
  expect(await chosen("1.9.0")).toBe("1.9.0");
  expect(await chosen("nightly")).toBe("nightly");
  expect(await problemOf(source.resolve(">=3"))).toMatchObject({ code: "revision-not-found" });
  expect(await problemOf(source.resolve("no such tag"))).toMatchObject({
    code: "revision-not-found",
  });
});

test("a tag that did not move costs one HEAD request; one that moved is told to its users", async () => {
  const server = await registry();
  server.push("app", "main", LAYER);
  const source = await sources().open({ repoURL: `oci://${server.host}/app` });
  await source.resolve("main");
  server.asked();
  await source.resolve("main");
  expect(server.asked()).toEqual(["HEAD /v2/app/manifests/main"]);
  await source.resolve("main", { maxAgeMs: 60_000 });
  expect(server.asked()).toEqual([]);
  let changes = 0;
  source.onChange(() => changes++);
  await source.resolve("main");
  expect(changes).toBe(0);
  server.push("app", "main", tarOf({ new: "yes" }));
  expect(await textOf((await source.resolve("main")).tree, "new")).toBe("yes");
  expect(changes).toBe(1);
});

test("many that ask at once are one request, and one download", async () => {
  const server = await registry();
  server.push("app", "main", LAYER);
  const all = sources();
  const source = await all.open({ repoURL: `oci://${server.host}/app` });
  const same = await all.open({ repoURL: `oci://${server.host}/app` });
  const commits = await Promise.all(
    [source, same, source, same].map((each) => each.resolve("main")),
  );
  expect(new Set(commits.map(({ id }) => id)).size).toBe(1);
  const asked = server.asked();
  expect(asked.filter((each) => each.includes("/blobs/"))).toHaveLength(1);
  expect(asked.filter((each) => each.startsWith("GET /v2/app/manifests"))).toHaveLength(1);
});

test("what was downloaded stays on disk, checked before it is used again", async () => {
  const server = await registry();
  const digest = server.push("app", "main", LAYER);
  const dataDir = dataDirectory();
  const first = sources(dataDir);
  await (await first.open({ repoURL: `oci://${server.host}/app` })).resolve("main");
  await first.stop();
  server.asked();
  const again = await sources(dataDir).open({ repoURL: `oci://${server.host}/app` });
  await again.resolve(digest);
  expect(server.asked()).toEqual([`GET /v2/app/manifests/${digest}`]);
  const file = join(dataDir, "artifacts", sha256(LAYER).replace(":", "-"));
  expect(readFileSync(file)).toEqual(LAYER);
  writeFileSync(file, "something else");
  const healed = await sources(dataDir).open({ repoURL: `oci://${server.host}/app` });
  expect(await textOf((await healed.resolve("main")).tree, "README.md")).toBe("hello\n");
});

test("credentials are given as asked: basic", async () => {
  const server = await registry({ auth: "basic" });
  server.push("private", "latest", LAYER);
  const all = sources();
  const repoURL = `oci://${server.host}/private`;
  const source = await all.open({ repoURL, credentials: credentials() });
  await source.resolve("latest");
  const anonymous = await all.open({ repoURL });
  const problem = await problemOf(anonymous.resolve("latest"));
  expect(problem.code).toBe("unauthorized");
});

test("credentials are given as asked: a token, asked for once, with this repository's scope", async () => {
  const server = await registry({ auth: "token" });
  server.push("private", "latest", LAYER);
  const repoURL = `oci://${server.host}/private`;
  const source = await sources().open({ repoURL, credentials: credentials() });
  await source.resolve("latest");
  await source.resolve("latest");
  const tokens = server.requests.filter(({ url }) => url.startsWith("/token"));
  expect(tokens).toHaveLength(1);
  const query = new URL(tokens[0]?.url ?? "", server.origin).searchParams;
  expect(query.get("scope")).toBe("repository:private:pull");
  expect(query.get("service")).toBe("registry, of a test");
  server.forgetTokens();
  await source.resolve("latest");
  expect(server.requests.filter(({ url }) => url.startsWith("/token"))).toHaveLength(2);
  const wrong = {
    id: "wrong",
    get: () => Promise.resolve({ kind: "basic", username: "a", password: PASSWORD } as const),
  };
  const refused = await sources().open({ repoURL, credentials: wrong });
  const problem = await problemOf(refused.resolve("latest"));
  expect(problem.code).toBe("unauthorized");
  expect(problem.message).not.toContain(PASSWORD);
});

test("tokens are not fetched over plain http from another host", async () => {
  const thief = createServer((_, response) => response.end('{"token":"t"}'));
  let asked = 0;
  thief.on("request", () => asked++);
  await new Promise<void>((resolve) => thief.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    thief.close();
  });
  const { port } = thief.address() as AddressInfo;
  for (const realm of [
    `http://127.0.0.1:${port}/token`,
    "http://169.254.169.254/token",
    "file:///etc/passwd",
    `http://robot:x@localhost:${port}/`,
    "no url",
  ]) {
    const server = await registry({ auth: "token", realm });
    server.push("app", "latest", LAYER);
    const repoURL = `oci://${server.host}/app`;
    const source = await sources().open({ repoURL, credentials: credentials() });
    expect(await problemOf(source.resolve("latest"))).toMatchObject({ code: "redirect-refused" });
  }
  const internal = await registry({ auth: "token", realm: "https://169.254.169.254/token" });
  const source = await sources().open({
    repoURL: `oci://${internal.host}/app`,
    credentials: credentials(),
  });
  expect(await problemOf(source.resolve("latest"))).toMatchObject({ code: "address-refused" });
  expect(asked).toBe(0);
});

test("blobs are fetched from where the registry says, without the credentials", async () => {
  const authorizations: (string | undefined)[] = [];
  const store = createServer(({ headers }, response) => {
    authorizations.push(headers.authorization);
    response.end(LAYER);
  });
  await new Promise<void>((resolve) => store.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    store.close();
  });
  const { port } = store.address() as AddressInfo;
  const server = await registry({
    auth: "token",
    redirectBlobs: (digest) => `http://localhost:${port}/${digest}`,
  });
  server.push("app", "latest", LAYER);
  const source = await sources().open({
    repoURL: `oci://${server.host}/app`,
    credentials: credentials(),
  });
  expect(await textOf((await source.resolve("latest")).tree, "README.md")).toBe("hello\n");
  expect(authorizations).toEqual([undefined]);
});

test.each([
  "http://169.254.169.254/latest/meta-data",
  "file:///etc/passwd",
  "http://u:p@localhost/",
])("blobs are not fetched from %s", async (target) => {
  const server = await registry({ redirectBlobs: () => target });
  server.push("app", "latest", LAYER);
  const source = await sources().open({ repoURL: `oci://${server.host}/app` });
  const { code } = await problemOf(source.resolve("latest"));
  expect(code).toMatch(/^(redirect|address)-refused$/);
});

test("a redirect that never ends", async () => {
  let server: Awaited<ReturnType<typeof registry>> | undefined;
  server = await registry({
    intercept: ({ url }, response) => {
      if (url?.includes("/blobs/") !== true) return false;
      response.writeHead(307, { location: `${url}x` }).end();
      return true;
    },
  });
  server.push("app", "latest", LAYER);
  const source = await sources().open({ repoURL: `oci://${server.host}/app` });
  expect(await problemOf(source.resolve("latest"))).toMatchObject({ code: "redirect-refused" });
});

test("content that is not what the digest says is never used", async () => {
  const server = await registry();
  const digest = server.push("app", "latest", LAYER);
  server.blobs.set(sha256(LAYER), tarOf({ "README.md": "forged\n" }));
  const source = await sources().open({ repoURL: `oci://${server.host}/app` });
  const problem = await problemOf(source.resolve("latest"));
  expect(problem.code).toBe("corrupt");
  expect(problem.message).toContain(sha256(LAYER));
  server.blobs.set(sha256(LAYER), LAYER);
  expect((await source.resolve("latest")).id).toBe(digest);
  const lying = await registry({
    intercept: ({ method, url }, response) => {
      if (method !== "GET" || url?.includes("/manifests/") !== true) return false;
      response.writeHead(200, { "content-type": "application/json" }).end('{"layers":[]}');
      return true;
    },
  });
  lying.push("app", "latest", LAYER);
  const forged = await sources().open({ repoURL: `oci://${lying.host}/app` });
  expect(await problemOf(forged.resolve("latest"))).toMatchObject({ code: "corrupt" });
});

test("an unwell registry is asked again; one that stays so is told", async () => {
  let failures = 2;
  const server = await registry({
    intercept: (_, response) => {
      if (failures-- <= 0) return false;
      response.writeHead(503).end("busy");
      return true;
    },
  });
  server.push("app", "latest", LAYER);
  const source = await sources().open({ repoURL: `oci://${server.host}/app` });
  await source.resolve("latest");
  failures = 1000;
  expect(await problemOf(source.resolve("latest"))).toMatchObject({ code: "server-error" });
});

test("a registry that hangs does not hold up the end of a source", async () => {
  let asked = (): void => undefined;
  const hanging = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const server = await registry({
    intercept: ({ url }, response) => {
      if (url?.includes("/blobs/") !== true) return false;
      response.writeHead(200, { "content-length": "1000" }).write("half");
      asked();
      return true;
    },
  });
  server.push("app", "latest", LAYER);
  const source = await sources().open({ repoURL: `oci://${server.host}/app` });
  const resolving = problemOf(source.resolve("latest"));
  await hanging;
  await source.close();
  expect((await resolving).code).toMatch(/^(aborted|truncated|unreachable)$/);
});

test("a caller that gives up does not wait", async () => {
  const server = await registry({ intercept: () => true });
  const source = await sources().open({ repoURL: `oci://${server.host}/app` });
  const abort = new AbortController();
  const resolving = problemOf(source.resolve("latest", { signal: abort.signal }));
  abort.abort(new Error("no longer wanted"));
  expect(await resolving).toMatchObject({ code: "aborted" });
});

test("an index leads to its one artifact; a container image leads nowhere", async () => {
  const server = await registry();
  const type = "application/vnd.oci.image.manifest.v1+json";
  const index = "application/vnd.oci.image.index.v1+json";
  const real = server.push("app", undefined, LAYER);
  const attestation = server.addManifest("app", undefined, type, { schemaVersion: 2, layers: [] });
  const digest = server.addManifest("app", "indexed", index, {
    schemaVersion: 2,
    mediaType: index,
    manifests: [
      {
        mediaType: type,
        digest: attestation,
        size: 1,
        annotations: { "vnd.docker.reference.type": "attestation-manifest" },
      },
      {
        mediaType: type,
        digest: real,
        size: 1,
        platform: { os: "unknown", architecture: "unknown" },
      },
    ],
  });
  const layer = (bytes: Buffer, mediaType: string) => ({
    mediaType,
    digest: server.addBlob(bytes),
    size: bytes.length,
  });
  const gzip = "application/vnd.oci.image.layer.v1.tar+gzip";
  server.addManifest("app", "image", type, {
    layers: [layer(LAYER, gzip), layer(tarOf({ b: "x" }), gzip)],
  });
  server.addManifest("app", "text", type, { layers: [layer(Buffer.from("x"), "text/plain")] });
  server.addManifest("app", "tar", type, {
    layers: [
      layer(
        tar([{ name: "a.yaml", content: "plain tar" }]),
        "application/vnd.oci.image.layer.v1.tar",
      ),
    ],
  });
  server.addManifest("app", "loop", index, { manifests: [] });
  const source = await sources().open({ repoURL: `oci://${server.host}/app` });
  const commit = await source.resolve("indexed");
  expect(commit.id).toBe(digest);
  expect(await textOf(commit.tree, "README.md")).toBe("hello\n");
  expect(await textOf((await source.resolve("tar")).tree, "a.yaml")).toBe("plain tar");
  expect((await problemOf(source.resolve("image"))).message).toContain("container image");
  expect((await problemOf(source.resolve("text"))).message).toContain("text/plain");
  expect(await problemOf(source.resolve("loop"))).toMatchObject({ code: "protocol" });
});

test("charts that the real helm pushed", async () => {
  const server = await registry();
  for (const version of ["1.2.0", "1.10.0", "2.0.0-rc.1", "1.3.0+build.7"])
    await helm(charts, "push", `web-${version}.tgz`, `oci://${server.host}/charts`, "--plain-http");
  const all = sources();
  const source = await all.open({ repoURL: `oci://${server.host}/charts`, chart: "web" });
  const version = async (wanted: string): Promise<string | undefined> =>
    textOf((await source.resolve(wanted)).tree, "values.yaml");
  expect(await version("1.2.0")).toBe("from: 1.2.0\n");
  expect(await version("1.x")).toBe("from: 1.10.0\n");
  expect(await version("1.3")).toBe("from: 1.3.0+build.7\n");
  expect(await version("1.3.0+build.7")).toBe("from: 1.3.0+build.7\n");
  expect(await version("")).toBe("from: 1.10.0\n");
  expect(await version(">1.10.0-0")).toBe("from: 2.0.0-rc.1\n");
  const commit = await source.resolve("1.10.0");
  expect(commit.subject).toBe("web:1.10.0");
  expect((await commit.tree.entries("")).map(({ name }) => name)).toEqual([
    "Chart.yaml",
    "templates",
    "values.yaml",
  ]);
  server.push("charts/web", "9.9.9", LAYER);
  expect((await problemOf(source.resolve("9.9.9"))).message).toContain("helm push");
  // As Argo CD has it: without a scheme.
  const bare = await all.open({ repoURL: `${server.host}/charts`, chart: "web" });
  expect((await bare.resolve("1.2.0")).subject).toBe("web:1.2.0");
  // As Flux has it: the whole name in the URL.
  const whole = await all.open({ repoURL: `oci://${server.host}/charts/web` });
  expect(await textOf((await whole.resolve("1.2.0")).tree, "values.yaml")).toBe("from: 1.2.0\n");
}, 60_000);

test("a registry with a certificate of its own authority, and with client certificates", async () => {
  const directory = mkdtempSync(join(tmpdir(), "tls-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  execFileSync(
    "openssl",
    [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-days",
      "2",
      "-subj",
      "/CN=localhost",
      "-addext",
      "subjectAltName=DNS:localhost",
      "-keyout",
      "key.pem",
      "-out",
      "cert.pem",
    ],
    { cwd: directory, stdio: "ignore" },
  );
  const [key, cert] = ["key.pem", "cert.pem"].map((name) =>
    readFileSync(join(directory, name), "utf8"),
  );
  const server = await registry({ auth: "basic", tls: { key: key ?? "", cert: cert ?? "" } });
  server.push("app", "latest", LAYER);
  const repoURL = `oci://${server.host}/app`;
  const trusted = await sources().open({ repoURL, credentials: credentials({ ca: cert ?? "" }) });
  expect(await textOf((await trusted.resolve("latest")).tree, "README.md")).toBe("hello\n");
  const other = execFileSync(
    "openssl",
    [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-days",
      "2",
      "-subj",
      "/CN=other",
      "-keyout",
      "/dev/null",
    ],
    { stdio: ["ignore", "pipe", "ignore"] },
  ).toString();
  const untrusted = await sources().open({ repoURL, credentials: credentials({ ca: other }) });
  expect(await problemOf(untrusted.resolve("latest"))).toMatchObject({ code: "tls" });
});

test.each([
  "oci://",
  "oci://registry.example.com",
  "oci://registry.example.com/Upper",
  "oci://registry.example.com/app:1.0",
  "oci://registry.example.com/app@sha256:00",
  "oci://robot:secret@registry.example.com/app",
  "oci://registry.example.com/../app",
  "oci://registry.example.com/app?x=y",
  `oci://registry.example.com/${"a".repeat(2000)}`,
])("%s is no repository", async (repoURL) => {
  const problem = await problemOf(sources().open({ repoURL }));
  expect(problem.code).toBe("bad-url");
  expect(problem.message).not.toContain("secret");
});

test("TLS unless a registry is on this machine, or its Secret says otherwise", () => {
  const origin = (host: string, connection = {}): string =>
    parseOciUrl(`oci://${host}/app`, undefined, connection).origin;
  expect(origin("registry.example.com")).toBe("https://registry.example.com");
  expect(origin("registry:5000", { plainHttp: true })).toBe("http://registry:5000");
  expect(origin("localhost:5000")).toBe("http://localhost:5000");
  expect(origin("localhost:5000", { ca: "…" })).toBe("https://localhost:5000");
  expect(origin("docker.io")).toBe("https://registry-1.docker.io");
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: "registry",
      namespace: "default",
      labels: { "gantry.dev/secret-type": "repo-creds" },
    },
    data: Object.fromEntries(
      Object.entries({
        url: "oci://registry:5000",
        insecureOCIForceHttp: "true",
        passCredentials: "true",
      }).map(([key, value]) => [key, Buffer.from(value).toString("base64")]),
    ),
  };
  const user = { namespace: "default", configMaps: [] };
  expect(credentialsFor([secret as Secret], "oci://registry:5000/app", user)?.connection).toEqual({
    plainHttp: true,
    passCredentials: true,
  });
});

test("registries at internal addresses are not asked", async () => {
  for (const host of ["169.254.169.254", "[fe80::1]", "0.0.0.0"]) {
    const source = await sources().open({ repoURL: `oci://${host}/app` });
    expect(await problemOf(source.resolve("latest"))).toMatchObject({ code: "address-refused" });
  }
});
