/** How a repository's server is reached: proxies, client certificates, own authorities. */
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ensureCertificates } from "../../../src/engine/apiserver/pki/certificates.ts";
import type { ConnectionOptions, Credential } from "../../../src/gitops/source/source.ts";
import { SourceError } from "../../../src/gitops/source/source-error.ts";
import { Sources } from "../../../src/gitops/source/sources.ts";
import { proxyFor } from "../../../src/gitops/source/wire/proxy.ts";
import { type ConnectProxy, startConnectProxy } from "../../connect-proxy.ts";
import { git, temporaryDirectory, WorkTree } from "../../git-fixture.ts";
import { type GitServer, type GitServerOptions, startGitServer } from "../../git-http-server.ts";
import { type GitSshServer, sshKeyPair, startGitSshServer } from "../../git-ssh-server.ts";

const run = promisify(execFile);

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
const closing: { close(): Promise<void> }[] = [];
const opened: Sources[] = [];

beforeEach(async () => {
  directory = await temporaryDirectory();
  const work = await WorkTree.init(join(directory.path, "work"));
  await work.commit({ "web.yaml": "kind: Deployment\n" }, "first");
  await git(directory.path, "clone", "-q", "--bare", "work", "served/app.git");
});
afterEach(async () => {
  for (const sources of opened.splice(0)) await sources.stop();
  for (const server of closing.splice(0)) await server.close();
  await directory.dispose();
});

function closed<T extends { close(): Promise<void> }>(server: T): T {
  closing.push(server);
  return server;
}
const serve = async (options: Partial<GitServerOptions> = {}): Promise<GitServer> =>
  closed(await startGitServer({ root: join(directory.path, "served"), ...options }));
const proxyTo = async ({ url }: { readonly url: string }): Promise<ConnectProxy> =>
  closed(await startConnectProxy(Number(new URL(url).port)));

/** The subject of the newest commit. */
async function read(repoURL: string, connection: ConnectionOptions, credential?: Credential) {
  const sources = new Sources({ dataDir: join(directory.path, "data") });
  opened.push(sources);
  const source = await sources.open({
    repoURL,
    credentials: { id: "test", connection, get: () => Promise.resolve(credential) },
  });
  try {
    return (await source.resolve("main")).subject;
  } finally {
    await source.close();
  }
}

async function failure(work: Promise<unknown>): Promise<SourceError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SourceError);
  return error as SourceError;
}

describe("a proxy", () => {
  test("carries http, with its own credential and nobody else's", async () => {
    const auth = { username: "robot", password: "for-git-only" };
    const proxy = await proxyTo(await serve({ auth }));
    const settings = { proxy: proxy.url.replace("//", "//corp:pr%40xy@") };
    const subject = await read("http://git.test/app.git", settings, { kind: "basic", ...auth });
    expect(subject).toBe("first");
    const pair = Buffer.from("corp:pr@xy").toString("base64");
    expect(new Set(proxy.asked)).toEqual(new Set([`git.test:80 Basic ${pair}`]));
  });

  test("carries https, whose certificate is still that of the server", async () => {
    const { ca, server: pair } = await ensureCertificates({
      directory: join(directory.path, "pki"),
      names: ["git.test"],
      nowMs: Date.now(),
    });
    const proxy = await proxyTo(await serve({ tls: { key: pair.key, cert: pair.certificate } }));
    expect(await read("https://git.test/app.git", { proxy: proxy.url, ca })).toBe("first");
    expect(proxy.asked[0]).toBe("git.test:443 none");
    const other = await failure(read("https://other.test/app.git", { proxy: proxy.url, ca }));
    expect(other.code).toBe("tls");
  });

  test("carries SSH", async () => {
    const key = sshKeyPair("ed25519");
    const server: GitSshServer = closed(
      await startGitSshServer({
        root: join(directory.path, "served"),
        authorized: [key.public],
      }),
    );
    const proxy = closed(await startConnectProxy(server.port));
    const knownHosts = `git.test ${server.hostPublicKeys[0] ?? ""}`;
    const credential: Credential = { kind: "ssh-key", privateKey: key.private };
    const settings = { proxy: proxy.url, knownHosts };
    expect(await read("git@git.test:app.git", settings, credential)).toBe("first");
    expect(proxy.asked).toEqual(["git.test:22 none"]);
  });

  test("that refuses is named, without its password", async () => {
    const proxy = await proxyTo(await serve());
    proxy.status = 407;
    const settings = { proxy: proxy.url.replace("//", "//corp:s3cret@") };
    const error = await failure(read("http://git.test/app.git", settings));
    expect(error).toMatchObject({ code: "proxy", retryable: true });
    expect(error.what).toContain("(407)");
    const shown = JSON.stringify(error, Object.getOwnPropertyNames(error));
    expect(shown).not.toContain("s3cret");
  });

  test("that is not there is named", async () => {
    const error = await failure(read("http://git.test/app.git", { proxy: "http://localhost:1" }));
    expect(error.what).toMatch(/proxy http:\/\/localhost:1 cannot be reached \(ECONNREFUSED\)/);
  });

  test.each(["http://169.254.169.254", "http://[fe80::1]:80"])(
    "at %s is never connected to",
    async (proxy) => {
      const error = await failure(read("http://git.test/app.git", { proxy }));
      expect(error.code).toBe("address-refused");
    },
  );

  test("is not asked for internal addresses in its place", async () => {
    const proxy = await proxyTo(await serve());
    const settings = { proxy: proxy.url };
    const error = await failure(read("http://169.254.169.254/app.git", settings));
    expect(error.code).toBe("address-refused");
    expect(proxy.asked).toEqual([]);
  });

  const target = (url: string) => {
    const { protocol, hostname, port } = new URL(url);
    return { protocol, hostname, port: Number(port || (protocol === "https:" ? 443 : 80)) };
  };
  test.each([
    ["https://git.test/", "", true],
    ["https://git.test/", "git.test", false],
    ["https://a.git.test/", "git.test", false],
    ["https://a.git.test/", ".git.test", false],
    ["https://a.git.test/", "*.git.test", false],
    ["https://agit.test/", "git.test", true],
    ["https://git.test/", "other.test, git.test:443", false],
    ["https://git.test:8443/", "git.test:443", true],
    ["https://git.test/", "*", false],
    ["https://10.1.2.3/", "10.0.0.0/8", false],
    ["https://11.1.2.3/", "10.0.0.0/8", true],
    ["https://[fd00::1]/", "fd00::/8", false],
    ["https://[fd00::1]/", "fd00::1", false],
    ["https://git.test/", "10.0.0.0/8,garbage/99", true],
    ["https://localhost/", "", false],
    ["https://127.0.0.1/", "", false],
  ])("for %s with noProxy %j is used: %s", (url, noProxy, used) => {
    const found = proxyFor(target(url), { proxy: "proxy.test:3128", noProxy }, {});
    expect(found?.href).toBe(used ? "http://proxy.test:3128/" : undefined);
  });

  test("of the environment holds where the repository names none", () => {
    const environment = { HTTPS_PROXY: "http://env:1", NO_PROXY: "inside.test" };
    const find = (url: string, own = {}) => proxyFor(target(url), own, environment)?.host;
    expect(find("https://git.test/")).toBe("env:1");
    expect(find("https://inside.test/")).toBeUndefined();
    expect(find("http://git.test/")).toBeUndefined();
    expect(find("https://inside.test/", { proxy: "http://own:2" })).toBe("own:2");
  });
});

describe("TLS", () => {
  async function certificates() {
    const at = (name: string): string => join(directory.path, name);
    const openssl = (...args: string[]) => run("openssl", args, { cwd: directory.path });
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    const authority = ["req", "-x509", ...curve, "-days", "2", "-subj", "/CN=test"];
    await openssl(...authority, "-keyout", at("ca.key"), "-out", at("ca.crt"));
    const request = ["req", ...curve, "-subj", "/CN=robot"];
    await openssl(...request, "-keyout", at("robot.key"), "-out", at("robot.csr"));
    const sign = ["x509", "-req", "-in", at("robot.csr"), "-CA", at("ca.crt")];
    const signed = ["-CAkey", at("ca.key"), "-CAcreateserial", "-days", "2"];
    await openssl(...sign, ...signed, "-out", at("robot.crt"));
    const { ca, server } = await ensureCertificates({
      directory: at("pki"),
      names: ["127.0.0.1"],
      nowMs: Date.now(),
    });
    return {
      ca,
      server,
      clientCa: await readFile(at("ca.crt"), "utf8"),
      certificate: await readFile(at("robot.crt"), "utf8"),
      key: await readFile(at("robot.key"), "utf8"),
    };
  }

  test("shows the client's certificate where the server asks for it", async () => {
    const { ca, server: pair, clientCa, certificate, key } = await certificates();
    const tls = { key: pair.key, cert: pair.certificate, ca: clientCa };
    const server = await serve({ tls });
    const url = `${server.url}/app.git`;
    expect(await read(url, { ca, clientCertificate: { certificate, key } })).toBe("first");
    await failure(read(url, { ca }));
    const broken = {
      certificate,
      key: "-----BEGIN PRIVATE KEY-----\nbm9uc2Vuc2U=\n-----END PRIVATE KEY-----",
    };
    const error = await failure(read(url, { ca, clientCertificate: broken }));
    expect(error).toMatchObject({ code: "bad-credential", retryable: false });
  });

  test("does not check the certificate where the repository is marked insecure, and only there", async () => {
    const { server: pair } = await certificates();
    const server = await serve({ tls: { key: pair.key, cert: pair.certificate } });
    const url = `${server.url}/app.git`;
    expect(await read(url, { insecure: true })).toBe("first");
    expect((await failure(read(url, {}))).code).toBe("tls");
  });
});

test("what is read is the same whether servers know version 2 of the protocol or not", async () => {
  const old = await serve({ version2: false });
  expect(await read(`${old.url}/app.git`, {})).toBe("first");
  await writeFile(join(directory.path, "served/app.git/HEAD"), "ref: refs/heads/gone\n");
  expect(await read(`${old.url}/app.git`, {})).toBe("first");
});
