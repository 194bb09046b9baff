/** What the cluster hands out to service accounts: its authority, and tokens in Secrets. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { Informers } from "../../../src/client/informers.ts";
import {
  type RunningControllers,
  startControllers,
} from "../../../src/engine/controllers/index.ts";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { namespaces } from "../../../src/kube/kinds/namespace.ts";
import { type Secret, secrets } from "../../../src/kube/kinds/secret.ts";
import { type ServiceAccount, serviceAccounts } from "../../../src/kube/kinds/serviceaccount.ts";
import { isStatus } from "../../../src/kube/status-error.ts";
import { inDefault, startServer, type TestServer } from "../apiserver/test-server.ts";

const CA = "-----BEGIN CERTIFICATE-----\n";
let test: TestServer;
let informers: Informers;
let controllers: RunningControllers;
const issued: string[] = [];

beforeEach(async () => {
  issued.length = 0;
  test = await startServer();
  const { client, clock } = test;
  informers = new Informers(client, { clock });
  const issue = (namespace: string, { name }: { name: string }, secretName: string): string => {
    issued.push(`${namespace}/${name}/${secretName}`);
    return `token-${issued.length}`;
  };
  controllers = await startControllers({
    client,
    informers,
    clock,
    serviceAccounts: { ca: CA, issue },
  });
});
afterEach(async () => {
  await controllers.stop();
  await informers.stop();
  await test.server.close();
  await test.store.close();
});

/** Simulated time goes on while a test waits. */
const eventually = (check: () => Promise<unknown>) =>
  expect.poll(async () => {
    await test.clock.advance(50);
    return check();
  });
const published = async (namespace: string): Promise<unknown> =>
  test.client
    .get(configMaps, { namespace, name: "kube-root-ca.crt" })
    .then(({ data }) => data)
    .catch((error: unknown) => (isStatus(error, "NotFound") ? undefined : error));
const tokenSecret = (name: string, account = "robot"): Secret => ({
  apiVersion: "v1",
  kind: "Secret",
  type: "kubernetes.io/service-account-token",
  metadata: {
    ...inDefault(name),
    annotations: { "kubernetes.io/service-account.name": account },
  },
});
const robot: ServiceAccount = {
  apiVersion: "v1",
  kind: "ServiceAccount",
  metadata: inDefault("robot"),
};
const secret = async (): Promise<Secret | undefined> =>
  test.client.get(secrets, inDefault("forever")).catch(() => undefined);
const text = (value: string | undefined): string => Buffer.from(value ?? "", "base64").toString();

it("the authority is in every namespace, also in new ones, and put back when it is changed", async () => {
  await eventually(() => published("default")).toEqual({ "ca.crt": CA });
  await test.client.create(namespaces, {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "shop" },
  });
  await eventually(() => published("shop")).toEqual({ "ca.crt": CA });
  const key = { namespace: "shop", name: "kube-root-ca.crt" };
  await test.client.patch(configMaps, key, {
    type: "merge",
    body: { data: { "ca.crt": "mine", more: "x" } },
  });
  await eventually(() => published("shop")).toEqual({ "ca.crt": CA });
  await test.client.delete(configMaps, key);
  await eventually(() => published("shop")).toEqual({ "ca.crt": CA });
});

it("a Secret is filled once, and filled up when a part of it is taken out", async () => {
  const { metadata } = await test.client.create(serviceAccounts, robot);
  await test.client.create(secrets, tokenSecret("forever"));
  await eventually(async () => text((await secret())?.data?.["token"])).toBe("token-1");
  const filled = await secret();
  expect(text(filled?.data?.["ca.crt"])).toBe(CA);
  expect(text(filled?.data?.["namespace"])).toBe("default");
  expect(filled?.metadata.annotations?.["kubernetes.io/service-account.uid"]).toBe(metadata.uid);
  await test.client.patch(secrets, inDefault("forever"), {
    type: "merge",
    body: { data: { namespace: null } },
  });
  await eventually(async () => text((await secret())?.data?.["namespace"])).toBe("default");
  expect(issued).toEqual(["default/robot/forever"]);
});

it("a Secret goes with its account, and does not pass to one of its name", async () => {
  await test.client.create(serviceAccounts, robot);
  await test.client.create(secrets, tokenSecret("forever"));
  await eventually(async () => (await secret())?.data !== undefined).toBe(true);
  await test.client.delete(serviceAccounts, inDefault("robot"));
  await test.client.create(serviceAccounts, robot);
  await eventually(secret).toBeUndefined();
});

it("a Secret of an account that there is not is not kept", async () => {
  await test.client.create(secrets, tokenSecret("forever", "nobody"));
  await eventually(secret).toBeUndefined();
  expect(issued).toEqual([]);
});
