/** Repositories that the real helm packaged and indexed, served over HTTP. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { chartVersions } from "../../../../src/gitops/source/artifacts/helm/chart-versions.ts";
import { credentials, dataDirectory, problemOf, sources, textOf } from "./opened.ts";
import { PASSWORD, sha256 } from "./registry.ts";
import { helm, packagedChart } from "./stock-helm.ts";

const VERSIONS = ["1.2.0", "1.10.0", "2.0.0-rc.1"];
let charts: string;
beforeAll(async () => {
  charts = await packagedChart("web", VERSIONS);
  await helm(charts, "repo", "index", charts);
}, 60_000);
afterAll(() => rmSync(charts, { recursive: true, force: true }));

interface Served {
  readonly url: string;
  readonly requests: { url: string; authorization: string | undefined; status: number }[];
}

type Intercept = (request: IncomingMessage, response: ServerResponse) => boolean;

/** Serves a folder with ETags below `/charts`. */
async function serve(directory: string, intercept: Intercept = () => false): Promise<Served> {
  const requests: Served["requests"] = [];
  const server = createServer((request, response) => {
    const { url = "", headers } = request;
    response.on("finish", () => {
      const { authorization } = headers;
      requests.push({ url, authorization, status: response.statusCode });
    });
    if (intercept(request, response)) return;
    const file = join(directory, basename(url));
    if (!url.startsWith("/charts/") || !existsSync(file)) return void response.writeHead(404).end();
    const content = readFileSync(file);
    const etag = `"${sha256(content)}"`;
    if (headers["if-none-match"] === etag) return void response.writeHead(304).end();
    response.writeHead(200, { etag }).end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://localhost:${(server.address() as AddressInfo).port}/charts`, requests };
}

/** A folder with an index of our own. */
function indexed(entries: string): string {
  const directory = mkdtempSync(join(tmpdir(), "index-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  writeFileSync(join(directory, "index.yaml"), `apiVersion: v1\nentries:\n${entries}`);
  return directory;
}

const archive = (version: string): Buffer => readFileSync(join(charts, `web-${version}.tgz`));

test("a version is a commit whose id is the digest of its archive", async () => {
  const { url } = await serve(charts);
  const source = await sources().open({ repoURL: `${url}/`, chart: "web" });
  expect(source).toMatchObject({ kind: "helm", where: url });
  const commit = await source.resolve("1.2.0");
  expect(commit).toMatchObject({ id: sha256(archive("1.2.0")), subject: "web:1.2.0", parents: [] });
  expect(commit.dateMs).toBeGreaterThan(Date.parse("2020-01-01"));
  expect(await textOf(commit.tree, "values.yaml")).toBe("from: 1.2.0\n");
  expect((await commit.tree.entries("")).map(({ name }) => name)).toEqual([
    "Chart.yaml",
    "templates",
    "values.yaml",
  ]);
  expect((await source.resolve(commit.id)).subject).toBe("web:1.2.0");
});

test("versions are chosen as helm chooses them", async () => {
  const { url } = await serve(charts);
  const source = await sources().open({ repoURL: url, chart: "web" });
  const chosen = async (range: string): Promise<string> => (await source.resolve(range)).subject;
  expect(await chosen("")).toBe("web:1.10.0");
  expect(await chosen("HEAD")).toBe("web:1.10.0");
  expect(await chosen("1.2")).toBe("web:1.2.0");
  expect(await chosen("^1")).toBe("web:1.10.0");
  expect(await chosen(">0-0")).toBe("web:2.0.0-rc.1");
  expect(await problemOf(source.resolve("3.x"))).toMatchObject({ code: "revision-not-found" });
  const other = await sources().open({ repoURL: url, chart: "none" });
  expect((await problemOf(other.resolve("1"))).message).toContain('no chart "none"');
});

test("an index that did not change is not sent again, however many charts are followed", async () => {
  const served = await serve(charts);
  const all = sources();
  const [one, same] = await Promise.all([
    all.open({ repoURL: served.url, chart: "web" }),
    all.open({ repoURL: served.url, chart: "web" }),
  ]);
  const other = await all.open({ repoURL: served.url, chart: "other" });
  await Promise.allSettled([one.resolve("1.x"), same.resolve("1.2.0"), other.resolve("*")]);
  await one.resolve("1.x");
  const index = served.requests.filter(({ url }) => url.endsWith("index.yaml"));
  expect(index.filter(({ status }) => status === 200)).toHaveLength(1);
  expect(index.at(-1)?.status).toBe(304);
  expect(served.requests.filter(({ url }) => url.endsWith("web-1.10.0.tgz"))).toHaveLength(1);
});

test("a new version is found, and told", async () => {
  const directory = await packagedChart("web", ["1.0.0"]);
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  await helm(directory, "repo", "index", directory);
  const { url } = await serve(directory);
  const source = await sources().open({ repoURL: url, chart: "web" });
  let changes = 0;
  source.onChange(() => changes++);
  const before = await source.resolve("1.x");
  for (const name of ["web-1.10.0.tgz"])
    writeFileSync(join(directory, name), readFileSync(join(charts, name)));
  await helm(directory, "repo", "index", directory);
  expect((await source.resolve("1.x")).subject).toBe("web:1.10.0");
  expect(changes).toBe(1);
  expect((await source.resolve(before.id)).subject).toBe("web:1.0.0");
}, 30_000);

test("the credentials go to the repository, not to other hosts that its index names", async () => {
  const elsewhere = await serve(charts);
  const digest = sha256(archive("1.2.0"));
  const directory = indexed(
    `  web:\n  - version: 1.2.0\n    digest: ${digest.slice(7)}\n    urls: ["${elsewhere.url}/web-1.2.0.tgz"]\n`,
  );
  const served = await serve(directory);
  const source = await sources().open({
    repoURL: served.url,
    chart: "web",
    credentials: credentials(),
  });
  await source.resolve("1.2.0");
  expect(served.requests[0]?.authorization).toMatch(/^Basic /);
  expect(elsewhere.requests.map(({ authorization }) => authorization)).toEqual([undefined]);
  const trusting = await sources().open({
    repoURL: served.url,
    chart: "web",
    credentials: credentials({ passCredentials: true }),
  });
  await trusting.resolve("1.2.0");
  expect(elsewhere.requests.at(-1)?.authorization).toMatch(/^Basic /);
});

test("an archive that is not what the index says is never used", async () => {
  const directory = indexed(
    `  web:\n  - version: 1.2.0\n    digest: ${"0".repeat(64)}\n    urls: [web-1.2.0.tgz]\n`,
  );
  writeFileSync(join(directory, "web-1.2.0.tgz"), archive("1.2.0"));
  const { url } = await serve(directory);
  const source = await sources().open({ repoURL: url, chart: "web" });
  expect(await problemOf(source.resolve("1.2.0"))).toMatchObject({ code: "corrupt" });
});

test("an index without digests, and a second start", async () => {
  const directory = indexed("  web:\n  - version: 1.2.0\n    urls: [web-1.2.0.tgz]\n");
  writeFileSync(join(directory, "web-1.2.0.tgz"), archive("1.2.0"));
  const served = await serve(directory);
  const dataDir = dataDirectory();
  const source = await sources(dataDir).open({ repoURL: served.url, chart: "web" });
  const { id } = await source.resolve("1.2.0");
  expect(id).toBe(sha256(archive("1.2.0")));
  await source.resolve("1.x");
  expect(served.requests.filter(({ url }) => url.endsWith(".tgz"))).toHaveLength(1);
});

test.each([
  "http://169.254.169.254/web.tgz",
  "file:///etc/passwd",
  "http://user:secret@localhost/web.tgz",
  "oci://registry/web",
])("archives are not fetched from %s", async (target) => {
  const directory = indexed(
    `  web:\n  - version: 1.2.0\n    digest: ${"0".repeat(64)}\n    urls: ["${target}"]\n`,
  );
  const { url } = await serve(directory);
  const source = await sources().open({ repoURL: url, chart: "web" });
  const { code, message } = await problemOf(source.resolve("1.2.0"));
  expect(code).toMatch(/^(protocol|address-refused)$/);
  expect(message).not.toContain("secret");
});

test("private repositories: refused without credentials, which no error shows", async () => {
  const served = await serve(charts, ({ headers }, response) => {
    if (headers.authorization !== undefined && !headers.authorization.includes("d3Jvbmc"))
      return false;
    response.writeHead(401).end();
    return true;
  });
  const source = await sources().open({ repoURL: served.url, chart: "web" });
  const problem = await problemOf(source.resolve("1.x"));
  expect(problem.code).toBe("unauthorized");
  const inUrl = served.url.replace("://", `://robot:${PASSWORD}@`);
  const open = await sources().open({ repoURL: inUrl, chart: "web" });
  await open.resolve("1.x");
  expect(open.where).not.toContain(PASSWORD);
});

test("a chart is looked for neither in a folder nor over SSH", async () => {
  for (const repoURL of [charts, "git@git.example.com:team/app.git"])
    expect(await problemOf(sources().open({ repoURL, chart: "web" }))).toMatchObject({
      code: "bad-url",
    });
});

test("a web page instead of an index", async () => {
  const { url } = await serve(charts, (_, response) => {
    response.end("<!doctype html><title>Not found</title>: {");
    return true;
  });
  const source = await sources().open({ repoURL: url, chart: "web" });
  const { code } = await problemOf(source.resolve("*"));
  expect(code).toMatch(/^(protocol|revision-not-found)$/);
});

const entry = (version: string): string =>
  `  - apiVersion: v2\n    description: |-\n      several\n      lines: of text\n\n      web:\n    version: ${version}\n    urls:\n    - charts/x-${version}.tgz\n`;

test("only the chart's part of a large index is read", () => {
  const others = Array.from(
    { length: 2000 },
    (_, i) => `  other-${i}:\n${entry("1.0.0").repeat(20)}`,
  );
  const index = `apiVersion: v1\nentries:\n${others.join("")}  web:\n${entry("1.2.3")}${entry("1.2.4")}  zz:\n${entry("9.0.0")}generated: "2026-01-01"\n`;
  expect(index.length).toBeGreaterThan(5_000_000);
  const startedAt = performance.now();
  expect(chartVersions(index, "web", "here")?.map(({ version }) => version)).toEqual([
    "1.2.3",
    "1.2.4",
  ]);
  expect(chartVersions(index, "zz", "here")?.map(({ url }) => url)).toEqual(["charts/x-9.0.0.tgz"]);
  expect(chartVersions(index, "absent", "here")).toBeUndefined();
  expect(performance.now() - startedAt).toBeLessThan(2000);
});

test("indexes in other styles", () => {
  const flow = '{"entries": {"web": [{"version": "1.0.0", "urls": ["web.tgz"]}]}}';
  const versions = [{ version: "1.0.0", url: "web.tgz", createdMs: 0, description: "" }];
  expect(chartVersions(flow, "web", "here")).toEqual(versions);
  expect(chartVersions(`entries: ${flow.slice(12, -1)}\n`, "web", "here")).toEqual(versions);
  const deep = `entries:\n    "web":\n        - version: 1.0.0\n          urls:\n              - web.tgz\n`;
  expect(chartVersions(deep, "web", "here")).toEqual(versions);
  const odd = `entries:\n  web:\n  - version: latest\n    urls: [x]\n  - version: 1.0.0\n  - 7\n  - version: 1.0.0\n    urls: [web.tgz]\n`;
  expect(chartVersions(odd, "web", "here")).toEqual(versions);
});
