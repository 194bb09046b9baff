/** A whole server: keys that come later, keys of the server, files that change. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { silentLogger } from "../../../src/client/logger.ts";
import { type Application, applications } from "../../../src/kube/kinds/application.ts";
import { secrets } from "../../../src/kube/kinds/secret.ts";
import { gantry } from "../../cli/command-line.ts";
import { type ServerFixture, startServerFixture } from "../../cli/server-fixture.ts";
import { fixture as sopsFile } from "./sops-files.ts";

const RULES = sopsFile("encrypted/rules.yaml").toString();

let directory: string;
let fixture: ServerFixture | undefined;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "deploys-secrets-"));
});
afterEach(async () => {
  await fixture?.stop();
  fixture = undefined;
  rmSync(directory, { recursive: true, force: true });
});

async function dataOf(name: string): Promise<Record<string, string> | undefined> {
  const found = await fixture?.server.client
    .get(secrets, { namespace: "default", name })
    .catch(() => undefined);
  return found?.data;
}

const problem = (application: Application): string =>
  (application.status?.conditions ?? []).map(({ message }) => message).join("\n");

test("what is encrypted waits for its key, and is applied once the Secret is there", async () => {
  fixture = await startServerFixture({ "empty.yaml": "" }, silentLogger);
  const { client } = fixture.server;
  fixture.commit({ "secret.yaml": RULES.replace(/^(replicas|ratio|big): .*\n/gm, "") }, "changed");
  const unkeyed = await fixture.application((it) => problem(it).includes("no key is configured"));
  expect(problem(unkeyed)).toContain("secret.yaml:1:1");
  const documents = sopsFile("encrypted/documents.yaml").toString();
  const revision = fixture.commit({ "secret.yaml": documents }, "encrypted");
  await fixture.application((it) => it.status?.sync?.revision === revision);
  const current = await client.get(applications, { namespace: "default", name: "default" });
  await client.patch(
    applications,
    { namespace: "default", name: current.metadata.name },
    {
      type: "merge",
      body: { spec: { decryption: { provider: "sops", secretRef: { name: "keys" } } } },
    },
  );
  await fixture.application((it) => problem(it).includes("keys, which does not exist"));
  expect(await dataOf("first")).toBeUndefined();
  await client.create(secrets, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "keys", namespace: "default" },
    stringData: { "age.agekey": sopsFile("keys/one.agekey").toString() },
  } as never);
  await fixture.application((it) => it.status?.sync?.status === "Synced");
  expect(await dataOf("first")).toEqual({ key: Buffer.from("one").toString("base64") });
  expect(await dataOf("second")).toEqual({ key: Buffer.from("two").toString("base64") });
}, 60_000);

test("the server's keys, for Applications that name none; what does not fit its MAC is not applied", async () => {
  const ageKeyFile = join(directory, "keys.txt");
  writeFileSync(ageKeyFile, sopsFile("keys/one.agekey"));
  const documents = sopsFile("encrypted/documents.yaml").toString();
  fixture = await startServerFixture({ "s.yaml": documents }, silentLogger, undefined, {
    ageKeyFile,
  });
  await fixture.application((it) => it.status?.sync?.status === "Synced");
  expect(await dataOf("first")).toEqual({ key: Buffer.from("one").toString("base64") });
  const forged = documents.replace("name: first", "name: forged");
  fixture.commit({ "s.yaml": forged }, "forged");
  await fixture.application((it) => problem(it).includes("its MAC does not fit"));
  expect(await dataOf("forged")).toBeUndefined();
  expect(await dataOf("first")).toBeDefined();
}, 60_000);

test("a file that a Secret refers to is applied when it changed", async () => {
  const file = join(directory, "password");
  writeFileSync(file, "before");
  const secret = `apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData:\n  password: ref+file://password\n`;
  fixture = await startServerFixture({ "s.yaml": secret }, silentLogger, undefined, {
    filesDir: directory,
  });
  await fixture.application((it) => it.status?.sync?.status === "Synced");
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  expect(await dataOf("s")).toEqual({ password: base64("before") });
  writeFileSync(file, "after");
  fixture.commit({ "README.md": "something else changed" }, "look again");
  await expect.poll(() => dataOf("s"), { timeout: 10_000 }).toEqual({ password: base64("after") });
  writeFileSync(file, "later");
  const flags = ["--data-dir", fixture.dataDir];
  expect(await gantry("sync", "default", "--wait", ...flags)).toMatchObject({ exitCode: 0 });
  await expect.poll(() => dataOf("s"), { timeout: 10_000 }).toEqual({ password: base64("later") });
}, 60_000);
