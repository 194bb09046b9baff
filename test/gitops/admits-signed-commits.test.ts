/** What is not signed as its source demands is not deployed; what was deployed stays. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../src/client/clock.ts";
import { silentLogger } from "../../src/client/logger.ts";
import { CommitAdmission } from "../../src/gitops/admit-commits.ts";
import { Repositories } from "../../src/gitops/repositories.ts";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { secrets } from "../../src/kube/kinds/secret.ts";
import { readSecret } from "../../src/server/repository-credentials.ts";
import { temporaryDirectory, WorkTree } from "../git-fixture.ts";
import { OperatedCluster } from "./operated-cluster.ts";

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let work: WorkTree;
let cluster: OperatedCluster;
let repositories: Repositories;
let admission: CommitAdmission;
let publicKey: string;

beforeEach(async () => {
  directory = await temporaryDirectory();
  work = await WorkTree.init(join(directory.path, "work"));
  const key = join(directory.path, "ada");
  await promisify(execFile)("ssh-keygen", ["-q", "-N", "", "-C", "ada", "-f", key]);
  publicKey = await readFile(`${key}.pub`, "utf8");
  await work.git("config", "gpg.format", "ssh");
  await work.git("config", "user.signingKey", key);
  cluster = new OperatedCluster();
  await cluster.createNamespace("default");
  admission = new CommitAdmission({
    dataDir: directory.path,
    clock: systemClock,
    secretOf: (namespace, name) => readSecret(cluster.client, namespace, name),
    credentialsOf: () => undefined,
  });
  repositories = new Repositories({
    dataDir: join(directory.path, "data"),
    clock: systemClock,
    logger: silentLogger,
    credentialsOf: () => undefined,
    onChange: () => undefined,
    admit: (commit) => admission.admit(commit),
  });
  await cluster.startOperator({ manifests: repositories });
});
afterEach(async () => {
  await cluster.stop();
  await repositories.stop();
  await admission.stop();
  await directory.dispose();
});

async function commit(value: string, sign: boolean): Promise<string> {
  const data = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {key: "${value}"}\n`;
  await work.write({ "app/all.yaml": data });
  await work.git("add", "-A");
  await work.git("commit", "-q", ...(sign ? ["-S"] : []), "-m", value);
  return work.git("rev-parse", "HEAD");
}

async function trust(keys: Readonly<Record<string, string>>): Promise<void> {
  await cluster.client.create(secrets, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "signers", namespace: "default" },
    data: Object.fromEntries(
      Object.entries(keys).map(([name, text]) => [name, Buffer.from(text).toString("base64")]),
    ),
  } as never);
}

const deployed = async (): Promise<string | undefined> =>
  (await cluster.client.get(configMaps, { namespace: "default", name: "a" })).data?.["key"];
const follow = (): Promise<unknown> =>
  cluster.createApplication(
    {
      source: {
        repoURL: work.path,
        path: "app",
        verify: { mode: "HEAD", secretRef: { name: "signers" } },
      },
    },
    "a",
  );
const syncedTo = (revision: string): Promise<boolean> =>
  cluster.until(async () => {
    const { sync } = await cluster.status("a");
    return sync?.status === "Synced" && sync.revision === revision;
  });
const complaint = async (): Promise<string> => {
  let found = "";
  await cluster.until(async () => {
    cluster.operator?.refresh(["default/a"]);
    const { conditions = [] } = await cluster.status("a");
    found = conditions.map(({ message }) => message).join("\n");
    return found !== "";
  });
  return found;
};

test("a signed commit is deployed; an unsigned one after it is refused and changes nothing", async () => {
  await trust({ "ada.pub": publicKey });
  await follow();
  const signed = await commit("one", true);
  cluster.operator?.refresh(["default/a"]);
  await syncedTo(signed);
  const unsigned = await commit("two", false);
  expect(await complaint()).toContain(`commit ${unsigned} is not signed`);
  expect(await deployed()).toBe("one");
  const next = await commit("three", true);
  cluster.operator?.refresh(["default/a"]);
  await syncedTo(next);
  expect(await deployed()).toBe("three");
});

test("without the Secret nothing is deployed, and the status says what is missing", async () => {
  await commit("one", true);
  await follow();
  expect(await complaint()).toContain("no Secret default/signers");
});

test("a key taken out of the Secret counts no more", async () => {
  await trust({ "ada.pub": publicKey });
  const signed = await commit("one", true);
  await follow();
  await syncedTo(signed);
  await cluster.client.patch(secrets, { namespace: "default", name: "signers" }, {
    type: "merge",
    body: { data: { "ada.pub": Buffer.from("# nobody").toString("base64") } },
  } as never);
  expect(await complaint()).toContain("is not among the allowed ones");
  expect(await deployed()).toBe("one");
});
