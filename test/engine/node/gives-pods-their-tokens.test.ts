import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openSigningKeys } from "../../../src/engine/apiserver/service-accounts/signing-keys.ts";
import { VolumeDrivers } from "../../../src/engine/storage/volume-drivers.ts";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { csiDrivers } from "../../../src/kube/kinds/csidriver.ts";
import { serviceAccounts } from "../../../src/kube/kinds/serviceaccount.ts";
import {
  type FakeHarness,
  isRunning,
  pass,
  serving,
  settle,
  startFakeHarness,
} from "./fake-harness.ts";
import { type FakeDriver, fakeDriver } from "./volumes/fake-driver.ts";

const HOUR_MS = 3_600_000;
const PATH = "/var/run/secrets/kubernetes.io/serviceaccount";
let directory: string;
let driver: FakeDriver;
let fake: FakeHarness;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "gantry-tokens-"));
  driver = fakeDriver(directory);
  const drivers = new VolumeDrivers();
  drivers.add(driver);
  fake = await startFakeHarness({ tokenKeys: await openSigningKeys(directory), drivers });
});
afterEach(async () => {
  await fake.harness.close();
  await rm(directory, { recursive: true });
  expect(fake.harness.problems).toEqual([]);
});

const account = () => fake.harness.create(serviceAccounts, { metadata: { name: "default" } });
const authority = () =>
  fake.harness.create(configMaps, {
    metadata: { name: "kube-root-ca.crt" },
    data: { "ca.crt": "CA" },
  });
const file = (name: string): string => {
  const { mounts } = fake.runtime.configOf("web");
  const mount = mounts.find(({ containerPath }) => containerPath === PATH);
  return join(mount?.hostPath ?? "", name);
};
const claims = async (): Promise<Record<string, unknown>> => {
  const payload = (await readFile(file("token"), "utf8")).split(".")[1] ?? "";
  return JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
};

it("waits for the account and the authority, and starts with both", async () => {
  await fake.harness.createPod("web", { containers: [serving("web")] });
  expect((await fake.harness.untilEvent("web", "FailedMount")).message).toMatch(
    /^MountVolume.SetUp failed for volume "kube-api-access-\w{5}" : /,
  );
  await account();
  await authority();
  await pass(fake, 5_000);
  await fake.harness.until("web", isRunning);
  expect(await readFile(file("ca.crt"), "utf8")).toBe("CA");
  expect(await readFile(file("namespace"), "utf8")).toBe("default");
  expect(await claims()).toMatchObject({ sub: "system:serviceaccount:default:default" });
});

it("renews the token in time, in the file that the pod reads", async () => {
  await account();
  await authority();
  await fake.harness.createPod("web", { containers: [serving("web")] });
  await fake.harness.until("web", isRunning);
  const first = await claims();
  await pass(fake, 0.75 * HOUR_MS);
  expect((await claims())["jti"]).toBe(first["jti"]);
  await pass(fake, 0.1 * HOUR_MS);
  const second = await claims();
  expect(second["jti"]).not.toBe(first["jti"]);
  expect(Number(second["exp"])).toBeGreaterThan(Number(first["exp"]) + 2_000);
});

it("does not turn in circles when the token is due and the authority is gone", async () => {
  await account();
  await authority();
  await fake.harness.createPod("web", { containers: [serving("web")] });
  await fake.harness.until("web", isRunning);
  await fake.harness.client.delete(configMaps, { namespace: "default", name: "kube-root-ca.crt" });
  await fake.harness.untilEvent("web", "FailedMount");
  await pass(fake, HOUR_MS);
  await settle(fake);
  const before = fake.clock.now();
  await fake.clock.advance(10);
  expect(fake.clock.now()).toBe(before + 10);
  expect(fake.runtime.isRunning("web")).toBe(true);
  await authority();
  await expect.poll(async () => Number((await claims())["iat"])).toBeGreaterThan(0);
});

it("is the user's alone where all containers have the same", async () => {
  await account();
  await authority();
  await fake.harness.createPod("web", {
    containers: [serving("web")],
    securityContext: { runAsUser: 4321 },
  });
  await fake.harness.until("web", isRunning);
  const { mode, uid } = await stat(file("token"));
  expect((mode & 0o777).toString(8)).toBe("600");
  if (process.getuid?.() === 0) expect(uid).toBe(4321);
  expect(((await stat(file("ca.crt"))).mode & 0o777).toString(8)).toBe("644");
});

it("gives drivers that ask for it tokens of the pod, one for each audience", async () => {
  await account();
  await fake.harness.create(csiDrivers, {
    metadata: { name: driver.name },
    spec: {
      volumeLifecycleModes: ["Ephemeral"],
      tokenRequests: [{ audience: "vault", expirationSeconds: 900 }],
    },
  });
  await fake.harness.createPod("web", {
    automountServiceAccountToken: false,
    containers: [serving("web", { volumeMounts: [{ name: "v", mountPath: "/v" }] })],
    volumes: [{ name: "v", csi: { driver: driver.name } }],
  });
  await fake.harness.until("web", isRunning);
  const [line = ""] = driver.journal;
  const { context } = driver.requests[line] as { context: Record<string, string> };
  const tokens = JSON.parse(context["csi.storage.k8s.io/serviceAccount.tokens"] ?? "{}") as {
    vault: { token: string; expirationTimestamp: string };
  };
  const payload = Buffer.from(tokens.vault.token.split(".")[1] ?? "", "base64url").toString();
  expect(JSON.parse(payload)).toMatchObject({
    aud: ["vault"],
    "kubernetes.io": { pod: { name: "web" } },
  });
  expect(Date.parse(tokens.vault.expirationTimestamp) - fake.clock.now()).toBeGreaterThan(800_000);
});
