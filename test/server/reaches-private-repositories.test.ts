/**
 * A whole server and a private repository: a deploy key and known hosts as Argo CD users have them,
 * a range of versions, signed tags, a submodule.
 */
import { execFile } from "node:child_process";
import { createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { KubeObject } from "../../src/kube/object.ts";
import { applications } from "../../src/kube/kinds/application.ts";
import { type ConfigMap, configMaps } from "../../src/kube/kinds/configmap.ts";
import { namespaces } from "../../src/kube/kinds/namespace.ts";
import { secrets } from "../../src/kube/kinds/secret.ts";
import { type ServerFixture, startServerFixture } from "../cli/server-fixture.ts";
import { git, temporaryDirectory, WorkTree } from "../git-fixture.ts";
import { type GitSshServer, sshKeyPair, startGitSshServer } from "../git-ssh-server.ts";

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let fixture: ServerFixture;
let ssh: GitSshServer;
let work: WorkTree;
let signingKey: string;
const WEBHOOK_SECRET = "tell-me-of-pushes";
const deployKey = sshKeyPair("ed25519", "open sesame");

beforeEach(async () => {
  directory = await temporaryDirectory();
  signingKey = join(directory.path, "ada");
  await promisify(execFile)("ssh-keygen", ["-q", "-N", "", "-C", "ada", "-f", signingKey]);
  const lib = await WorkTree.init(join(directory.path, "lib"));
  await lib.commit({ "lib.yaml": configMap("from-lib", "lib") });
  await git(directory.path, "clone", "-q", "--bare", "lib", "served/lib.git");
  work = await WorkTree.init(join(directory.path, "app"));
  const modules = '[submodule "lib"]\n\tpath = deploy/lib\n\turl = ../lib.git\n';
  await work.write({ ".gitmodules": modules, "deploy/app.yaml": configMap("app", "one") });
  await work.git("add", "-A");
  const id = await lib.git("rev-parse", "HEAD");
  await work.git("update-index", "--add", "--cacheinfo", `160000,${id},deploy/lib`);
  await work.git("commit", "-q", "-m", "one");
  await git(directory.path, "init", "-q", "--bare", "-b", "main", "served/app.git");
  await release("v1.0.0", true);
  ssh = await startGitSshServer({
    root: join(directory.path, "served"),
    authorized: [deployKey.public],
  });
  fixture = await startServerFixture({ "README.md": "nothing here" });
});
afterEach(async () => {
  await fixture.stop();
  await ssh.close();
  await directory.dispose();
});

function configMap(name: string, value: string): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: {key: "${value}"}\n`;
}

async function release(tag: string, isSigned: boolean): Promise<void> {
  const sign = ["-c", "gpg.format=ssh", "-c", `user.signingKey=${signingKey}`];
  await work.git(...(isSigned ? sign : []), "tag", isSigned ? "-s" : "-a", "-m", tag, tag);
  await work.git("push", "-q", join(directory.path, "served/app.git"), "main", tag);
}

const made = (kind: string, name: string, namespace: string, rest: object): KubeObject => ({
  apiVersion: "v1",
  kind,
  metadata: { name, namespace },
  ...rest,
});

async function configure(): Promise<void> {
  const { client } = fixture.server;
  const url = `ssh://git@127.0.0.1:${ssh.port}`;
  await client.create(namespaces, {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "argocd" },
  });
  await client.create(secrets, {
    ...made("Secret", "private", "argocd", {}),
    metadata: {
      name: "private",
      namespace: "argocd",
      labels: { "argocd.argoproj.io/secret-type": "repo-creds" },
    },
    stringData: {
      url,
      sshPrivateKey: deployKey.private,
      sshPrivateKeyPassphrase: "open sesame",
    },
  } as KubeObject as never);
  await client.create(configMaps, {
    ...made("ConfigMap", "argocd-ssh-known-hosts-cm", "argocd", {}),
    metadata: {
      name: "argocd-ssh-known-hosts-cm",
      namespace: "argocd",
      labels: { "app.kubernetes.io/part-of": "argocd" },
    },
    data: { ssh_known_hosts: ssh.knownHosts },
  } as ConfigMap);
  await client.create(secrets, {
    ...made("Secret", "gantry-webhook", "default", {}),
    metadata: {
      name: "gantry-webhook",
      namespace: "default",
      labels: { "gantry.dev/secret-type": "webhook" },
    },
    stringData: { generic: WEBHOOK_SECRET },
  } as KubeObject as never);
  const publicKey = await readFile(`${signingKey}.pub`, "utf8");
  await client.create(
    secrets,
    made("Secret", "signers", "default", { stringData: { "ada.pub": publicKey } }) as never,
  );
}

async function value(name: string): Promise<string | undefined> {
  const found = await fixture.server.client
    .get(configMaps, { namespace: "default", name })
    .catch(() => undefined);
  return found?.data?.["key"];
}

test("the newest signed version is deployed with its submodule; an unsigned one is not", async () => {
  await configure();
  const { client } = fixture.server;
  const key = { namespace: "default", name: "private" };
  await client.create(applications, {
    apiVersion: "gantry.dev/v1",
    kind: "Application",
    metadata: key,
    spec: {
      source: {
        repoURL: `ssh://git@127.0.0.1:${ssh.port}/app.git`,
        targetRevision: "1.x",
        path: "deploy",
        submodules: true,
        verify: { mode: "Tag", secretRef: { name: "signers" } },
      },
      destination: { namespace: "default" },
      syncPolicy: { automated: { prune: true } },
    },
  });
  const synced = async (): Promise<string> => {
    const { status } = await client.get(applications, key);
    const problems = (status?.conditions ?? []).map(({ message }) => message).join("\n");
    return problems === "" ? (status?.sync?.status ?? "") : problems;
  };
  await expect.poll(synced, { timeout: 15_000 }).toBe("Synced");
  expect([await value("app"), await value("from-lib")]).toEqual(["one", "lib"]);

  await work.write({ "deploy/app.yaml": configMap("app", "two") });
  // Not all: the submodule is not checked out here.
  await work.git("add", "deploy/app.yaml");
  await work.git("commit", "-q", "-m", "two");
  await release("v1.1.0", false);
  await fetchNow();
  await expect.poll(synced, { timeout: 15_000 }).toContain("tag v1.1.0 is not signed");
  expect([await value("app"), await value("from-lib")]).toEqual(["one", "lib"]);

  await release("v1.2.0", true);
  await fetchNow();
  await expect.poll(synced, { timeout: 15_000 }).toBe("Synced");
  expect([await value("app"), await value("from-lib")]).toEqual(["two", "lib"]);

  async function fetchNow(): Promise<void> {
    const repository = `ssh://git@127.0.0.1:${ssh.port}/app.git`;
    const body = JSON.stringify({ repository, ref: "refs/heads/main" });
    const hmac = createHmac("sha256", WEBHOOK_SECRET).update(body).digest("hex");
    const headers = { "content-type": "application/json", "x-signature": `sha256=${hmac}` };
    const url = `${fixture.server.addresses.web}/api/webhook`;
    expect((await fetch(url, { method: "POST", headers, body })).ok).toBe(true);
  }
});
