/** Which Secret and which ConfigMaps say how an Application reaches its repository. */
import { generateKeyPairSync, verify } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import type { ConfigMap } from "../../src/kube/kinds/configmap.ts";
import type { Secret } from "../../src/kube/kinds/secret.ts";
import { credentialsFor, type RepositoryUser } from "../../src/server/repository-credentials.ts";

const signal = new AbortController().signal;
const USER: RepositoryUser = { namespace: "team", configMaps: [] };

interface Given {
  readonly type?: string;
  readonly label?: string;
  readonly namespace?: string;
  readonly name?: string;
}

function secret(
  data: Readonly<Record<string, string>>,
  {
    type = "repository",
    label = "gantry.dev/secret-type",
    namespace = "default",
    name,
  }: Given = {},
): Secret {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: name ?? data["url"] ?? "secret",
      namespace,
      uid: "1",
      resourceVersion: "1",
      labels: { [label]: type },
    },
    data: Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString("base64")]),
    ),
  } as Secret;
}

function configMap(name: string, data: Record<string, string>, labels: Record<string, string>) {
  const metadata = { name, namespace: "argocd", labels };
  return { apiVersion: "v1", kind: "ConfigMap", metadata, data } as ConfigMap;
}

const URL_ = "https://git.example.com/team/app.git";
const credential = (secrets: readonly Secret[], url = URL_, user = USER) =>
  credentialsFor(secrets, url, user)?.get(signal);

describe("which Secret", () => {
  const basic = (url: string, password: string, given: Given = {}) =>
    secret({ url, username: "u", password }, given);

  test.each([
    [URL_],
    ["https://git.example.com/team/app"],
    ["https://git.example.com/team/app/"],
    ["HTTPS://GIT.example.com:443/team/app.git"],
    ["https://someone@git.example.com/team/app.git"],
  ])("%s is the same repository", async (url) => {
    expect(await credential([basic(url, "p")])).toMatchObject({ password: "p" });
  });

  test.each([
    ["https://git.example.com/team/app2.git"],
    ["https://git.example.com/team"],
    ["http://git.example.com/team/app.git"],
    ["https://git.example.com.evil.test/team/app.git"],
  ])("%s is another", async (url) => {
    expect(await credential([basic(url, "p")])).toBeUndefined();
  });

  test.each([
    ["https://git.example.com", true],
    ["https://git.example.com/", true],
    ["https://git.example.com/team", true],
    ["https://git.example.com/te", false],
    ["https://git.example.co", false],
    ["https://git.example.com/team/app", true],
  ])("the prefix %s covers it: %s", async (url, covers) => {
    const found = await credential([basic(url, "p", { type: "repo-creds" })]);
    expect(found !== undefined).toBe(covers);
  });

  test("a prefix ends at the host: another that begins the same gets nothing", async () => {
    const prefix = basic("https://git.example.com", "p", { type: "repo-creds" });
    expect(await credential([prefix], "https://git.example.com.evil.test/a.git")).toBeUndefined();
    expect(await credential([prefix], "https://git.example.com@evil.test/a.git")).toBeUndefined();
  });

  test("the own namespace wins, then the exact URL, then the longest prefix", async () => {
    const all = [
      basic("https://git.example.com", "short", { type: "repo-creds" }),
      basic("https://git.example.com/team", "long", { type: "repo-creds" }),
      basic(URL_, "exact"),
      basic("https://git.example.com", "own", { type: "repo-creds", namespace: "team" }),
    ];
    expect(await credential(all)).toMatchObject({ password: "own" });
    expect(await credential(all.slice(0, 3))).toMatchObject({ password: "exact" });
    expect(await credential(all.slice(0, 2))).toMatchObject({ password: "long" });
  });

  test("a Secret of another team is not used, whatever it says", async () => {
    const foreign = secret(
      { url: URL_, proxy: "http://evil.test", insecure: "true" },
      { namespace: "other" },
    );
    expect(credentialsFor([foreign], URL_, USER)).toBeUndefined();
  });

  test("both spellings of an ssh URL are one", async () => {
    const key = secret({ url: "git@git.example.com:team/app.git", sshPrivateKey: "K" });
    expect(await credential([key], "ssh://git@git.example.com/team/app.git")).toMatchObject({
      kind: "ssh-key",
    });
    expect(await credential([key], "git@other.example.com:team/app.git")).toBeUndefined();
  });

  test("Argo CD's label counts; other types do not", async () => {
    const label = "argocd.argoproj.io/secret-type";
    expect(await credential([basic(URL_, "p", { label })])).toMatchObject({ password: "p" });
    expect(await credential([basic(URL_, "p", { type: "webhook" })])).toBeUndefined();
  });
});

describe("what it holds", () => {
  test.each([
    ["basic", { username: "u", password: "p" }, { kind: "basic", username: "u", password: "p" }],
    ["a bearer token", { bearerToken: "t\n" }, { kind: "bearer", token: "t" }],
    ["Argo CD's key", { sshPrivateKey: "K" }, { kind: "ssh-key", privateKey: "K" }],
    [
      "Flux's key",
      { identity: "K", password: "p" },
      { kind: "ssh-key", privateKey: "K", passphrase: "p" },
    ],
    ["no credential", { caData: "CA" }, undefined],
  ])("%s", async (_, data, expected) => {
    expect(await credential([secret({ url: URL_, ...data })])).toEqual(expected);
  });

  test.each([
    [
      "Argo CD",
      {
        tlsClientCertData: "C",
        tlsClientCertKey: "K",
        insecure: "true",
        proxy: "http://p",
        noProxy: "n",
      },
      {
        clientCertificate: { certificate: "C", key: "K" },
        insecure: true,
        proxy: "http://p",
        noProxy: "n",
      },
    ],
    [
      "Flux",
      { "ca.crt": "CA", "tls.crt": "C", "tls.key": "K", known_hosts: "H" },
      { ca: "CA", clientCertificate: { certificate: "C", key: "K" }, knownHosts: "H" },
    ],
    [
      "old Flux",
      { caFile: "CA", certFile: "C", keyFile: "K" },
      { ca: "CA", clientCertificate: { certificate: "C", key: "K" } },
    ],
    ["Gantry", { caData: "CA", knownHosts: "H" }, { ca: "CA", knownHosts: "H" }],
    ["not insecure", { insecure: "false" }, {}],
  ])("%s's connection", (_, data, expected) => {
    const found = credentialsFor([secret({ url: URL_, ...data })], URL_, USER);
    expect(found?.connection).toEqual(expected);
  });

  test("a change of the Secret or of what is trusted is another id, which shows nothing", () => {
    const id = (data: Record<string, string>) =>
      credentialsFor([secret({ url: URL_, ...data })], URL_, USER)?.id ?? "";
    expect(id({ caData: "one" })).not.toBe(id({ caData: "two" }));
    expect(id({ proxy: "http://u:s3cret@p" })).not.toContain("s3cret");
  });
});

describe("whom all repositories are trusted by", () => {
  const maps = [
    configMap("argocd-tls-certs-cm", { "git.example.com": "CA", "other.test": "NO" }, {}),
    configMap(
      "hosts",
      { file: "git.example.com ssh-ed25519 AAAA" },
      { "gantry.dev/config": "ssh-known-hosts" },
    ),
    configMap("unrelated", { "git.example.com": "NO" }, {}),
  ];
  test("is read from ConfigMaps; the repository's own Secret wins", () => {
    const user = { namespace: "team", configMaps: maps };
    expect(credentialsFor([], URL_, user)?.connection).toEqual({
      ca: "CA",
      knownHosts: "git.example.com ssh-ed25519 AAAA",
    });
    const own = secret({ url: URL_, caData: "OWN" });
    expect(credentialsFor([own], URL_, user)?.connection?.ca).toBe("OWN");
    expect(credentialsFor([], "https://else.test/a.git", user)?.connection?.ca).toBeUndefined();
  });
});

describe("a GitHub App", () => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = privateKey.export({ type: "pkcs1", format: "pem" }).toString();
  let close = (): Promise<void> => Promise.resolve();
  afterEach(() => close());

  /** Answers as GitHub does, and keeps what it was asked. */
  async function github(answer: { status?: number; lifeMs?: number } = {}) {
    const asked: { line: string; claims: Record<string, unknown> }[] = [];
    const server = createServer((request, response) => {
      const jwt = request.headers.authorization?.replace("Bearer ", "") ?? "";
      const [head = "", body = "", signature = ""] = jwt.split(".");
      const isSigned = verify(
        "RSA-SHA256",
        Buffer.from(`${head}.${body}`),
        publicKey,
        Buffer.from(signature, "base64url"),
      );
      const claims = isSigned
        ? (JSON.parse(Buffer.from(body, "base64url").toString()) as Record<string, unknown>)
        : {};
      asked.push({ line: `${request.method ?? ""} ${request.url ?? ""}`, claims });
      response.writeHead(answer.status ?? (request.method === "POST" ? 201 : 200));
      const expiresAt = new Date(Date.now() + (answer.lifeMs ?? 3_600_000)).toISOString();
      response.end(
        JSON.stringify(
          request.method === "POST"
            ? { token: `ghs_${asked.length}`, expires_at: expiresAt }
            : { id: 77 },
        ),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    close = () => new Promise((resolve) => void server.close(() => resolve()));
    return { asked, base: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v3` };
  }
  const app = (base: string, data: Record<string, string> = { githubAppInstallationID: "42" }) =>
    secret({
      url: URL_,
      githubAppID: "7",
      githubAppPrivateKey: pem,
      githubAppEnterpriseBaseUrl: base,
      ...data,
    });

  test("gets a token by a signed statement, and keeps it for its time", async () => {
    const { asked, base } = await github();
    const given = app(base);
    expect(await credential([given])).toEqual({
      kind: "basic",
      username: "x-access-token",
      password: "ghs_1",
    });
    expect(await credential([given])).toMatchObject({ password: "ghs_1" });
    expect(asked.map(({ line }) => line)).toEqual([
      "POST /api/v3/app/installations/42/access_tokens",
    ]);
    const { iss, iat, exp } = asked[0]?.claims ?? {};
    expect(iss).toBe("7");
    expect(Number(exp) - Number(iat)).toBeLessThanOrEqual(600);
    expect(Number(iat) * 1000).toBeLessThanOrEqual(Date.now());
  });

  test("renews a token that ends soon", async () => {
    const { base } = await github({ lifeMs: 60_000 });
    const given = app(base);
    expect(await credential([given])).toMatchObject({ password: "ghs_1" });
    expect(await credential([given])).toMatchObject({ password: "ghs_2" });
  });

  test("finds its installation by the repository", async () => {
    const { asked, base } = await github();
    expect(await credential([app(base, {})])).toMatchObject({ password: "ghs_2" });
    expect(asked.map(({ line }) => line)).toEqual([
      "GET /api/v3/repos/team/app/installation",
      "POST /api/v3/app/installations/77/access_tokens",
    ]);
  });

  test("that is refused, or whose key is none, is a clear error without the key", async () => {
    const { base } = await github({ status: 401 });
    await expect(credential([app(base)])).rejects.toMatchObject({ code: "unauthorized" });
    const broken = app(base, { githubAppPrivateKey: "-----BEGIN KEY-----s3cret" });
    const error = await Promise.resolve(credential([broken])).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "bad-credential" });
    expect(String(error)).not.toContain("s3cret");
  });
});
