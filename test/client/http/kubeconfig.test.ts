import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accessFromText, loadClusterAccess } from "../../../src/client/http/cluster-access.ts";
import {
  KubeconfigError,
  mergeKubeconfigs,
  parseKubeconfig,
  selectContext,
} from "../../../src/client/http/kubeconfig.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const config = (user: string, cluster = ""): string => `
apiVersion: v1
kind: Config
current-context: here
contexts:
- name: here
  context: {cluster: c, user: u, namespace: team-a}
- name: there
  context: {cluster: d}
clusters:
- name: c
  cluster:
    server: https://127.0.0.1:6443/
    certificate-authority-data: ${base64("CA PEM")}
${cluster}
- name: d
  cluster: {server: "https://other:6443", insecure-skip-tls-verify: true}
users:
- name: u
  user:
${user}
`;

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "gantry-kubeconfig-"));
});
afterAll(() => rm(dir, { recursive: true }));

test("the current context gives server, namespace, CA and client certificate", async () => {
  const access = await accessFromText(
    config(
      `    client-certificate-data: ${base64("CERT")}\n    client-key-data: ${base64("KEY")}`,
      "    tls-server-name: kubernetes",
    ),
    "test",
  );
  expect(access).toEqual({
    server: "https://127.0.0.1:6443",
    namespace: "team-a",
    context: "here",
    insecureSkipTlsVerify: false,
    ca: "CA PEM",
    clientCertificate: "CERT",
    clientKey: "KEY",
    tlsServerName: "kubernetes",
  });
});

test("another context can be named; an unknown one is told with those there are", () => {
  const parsed = parseKubeconfig(config("    {token: t}"), "f");
  expect(selectContext(parsed, "there")).toMatchObject({
    server: "https://other:6443",
    namespace: "default",
    insecureSkipTlsVerify: true,
  });
  expect(() => selectContext(parsed, "nowhere")).toThrow(
    'f: there is no context "nowhere" (known: here, there)',
  );
});

test("tokens, token files and basic credentials become the Authorization header", async () => {
  const bearer = await accessFromText(config("    token: secret"), "test");
  expect(await bearer.authorization?.()).toBe("Bearer secret");
  const basic = await accessFromText(config("    {username: a, password: b}"), "test");
  expect(await basic.authorization?.()).toBe(`Basic ${base64("a:b")}`);
  await writeFile(join(dir, "token"), "from-file\n");
  await writeFile(join(dir, "config"), config("    {token: ignored, tokenFile: token}"));
  const file = await loadClusterAccess({ path: join(dir, "config") });
  expect(await file.authorization?.()).toBe("Bearer from-file");
});

test.each(["exec", "auth-provider"])("an %s plugin is refused, never run", (plugin) => {
  const parsed = parseKubeconfig(config(`    ${plugin}: {command: "touch /tmp/owned"}`), "f");
  expect(() => selectContext(parsed)).toThrow(KubeconfigError);
  expect(() => selectContext(parsed)).toThrow(`f: user "u" authenticates with an ${plugin} plugin`);
});

test("a kubeconfig from elsewhere cannot name files of this machine", async () => {
  const text = config("    client-certificate: /etc/passwd");
  await expect(accessFromText(text, "Secret a/b")).rejects.toThrow(
    "Secret a/b: names the file /etc/passwd",
  );
});

test("several files of KUBECONFIG merge, the first entry of a name counts, missing ones do not matter", async () => {
  await writeFile(join(dir, "one"), "clusters: [{name: c, cluster: {server: https://one}}]\n");
  await writeFile(join(dir, "two"), config("    token: t"));
  const env = {
    KUBECONFIG: [join(dir, "one"), join(dir, "none"), join(dir, "two")].join(delimiter),
  };
  expect(await loadClusterAccess({ env })).toMatchObject({
    server: "https://one",
    namespace: "team-a",
  });
  expect(mergeKubeconfigs([]).currentContext).toBeUndefined();
});

test.each([
  ["not YAML", "a: [", /not valid YAML/],
  ["a list", "- a", /a kubeconfig is a YAML mapping/],
  ["no current context", "{}", /no current-context: name one with --context \(there are none\)/],
  ["clusters of a wrong type", "clusters: 5", /clusters must be a list/],
  ["a nameless user", "users: [{user: {}}]", /users\[0\] needs a name and a user/],
  [
    "a server without scheme",
    config("    token: t").replace("https://127.0.0.1", "localhost"),
    /starts with https/,
  ],
  ["too many aliases", `a: &a [x]\nb: [${"*a,".repeat(200)}]`, /not valid YAML/],
])("%s is one clear error", async (_, text, message) => {
  await expect(accessFromText(text, "some/file")).rejects.toThrow(message);
  await expect(accessFromText(text, "some/file")).rejects.toThrow("some/file");
});

test("a missing file is named", async () => {
  await expect(loadClusterAccess({ path: join(dir, "nope") })).rejects.toThrow(
    /nope: cannot be read/,
  );
});
