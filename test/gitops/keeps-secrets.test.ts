/** No value of a Secret leaves the Secret: not into plans, status, Events or logs. */
import { expect, test } from "vitest";
import { FetchedObjects } from "../../src/gitops/plan/live-objects.ts";
import { sha256, toDesired } from "../../src/gitops/plan/desired.ts";
import { makePlan } from "../../src/gitops/plan/planner.ts";
import { applicationOptions } from "../../src/gitops/plan/sync-options.ts";
import { trackingLabel } from "../../src/gitops/plan/tracking.ts";
import { secrets } from "../../src/kube/kinds/secret.ts";
import type { KubeObject } from "../../src/kube/object.ts";
import { OperatedCluster } from "./operated-cluster.ts";

const CANARY = "canary-7f3a9";
const encoded = (text: string): string => Buffer.from(text).toString("base64");
const secret = (value: string, more: object = {}): object => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "s" },
  stringData: { token: value },
  ...more,
});

test("not by syncing, healing, refusing or failing", async () => {
  const cluster = await OperatedCluster.start();
  await cluster.push([secret(`${CANARY}-one`)]);
  await cluster.createApplication();
  await cluster.push([secret(`${CANARY}-two`)]);
  const theirs = { token: encoded(`${CANARY}-theirs`) };
  await cluster.meddle(secrets, "s", { data: theirs });
  expect((await cluster.find(secrets, "s"))?.data).toEqual({ token: encoded(`${CANARY}-two`) });
  await cluster.push([secret(`${CANARY}-three`, { immutable: true })]);
  await cluster.push([secret(`${CANARY}-four`, { immutable: true })]);
  expect((await cluster.status()).operationState?.phase).toBe("Failed");
  await cluster.push([secret(CANARY, { data: { broken: `${CANARY} is no base64` } })]);
  expect((await cluster.status()).operationState?.phase).toBe("Failed");
  await cluster.push([secret(CANARY, { stringData: { token: [`${CANARY}-list`] } })]);
  await cluster.pass(60_000);
  const told = JSON.stringify([await cluster.application(), await cluster.events()]);
  expect(told).not.toContain(CANARY);
  expect(told).not.toContain(encoded(CANARY).slice(0, 12));
  expect(told).toContain("Secret");
  await cluster.stop();
});

test("not by a plan that changes one", async () => {
  const cluster = await OperatedCluster.start();
  await cluster.push([secret(`${CANARY}-one`)]);
  await cluster.createApplication({ syncPolicy: {} });
  await cluster.operate({});
  const applied = { [LAST_APPLIED]: JSON.stringify(secret(`${CANARY}-applied`)) };
  await cluster.meddle(secrets, "s", { metadata: { annotations: applied } });
  const options = applicationOptions(undefined);
  const manifest: KubeObject = {
    apiVersion: "v1",
    kind: "Secret",
    ...secret(`${CANARY}-two`),
    metadata: { name: "s", annotations: { [LAST_APPLIED]: "{}" } },
  };
  const { desired } = await toDesired([{ object: manifest, origin: { file: "s.yaml", line: 1 } }], {
    client: cluster.client,
    applicationKey: "default/app",
    namespace: "default",
    options,
  });
  const plan = await makePlan({
    client: cluster.client,
    live: new FetchedObjects(cluster.client),
    owner: trackingLabel("default/app", sha256),
    desired,
    inventory: [],
    prune: { options, forbidden: undefined },
  });
  const changes = plan.entries[0]?.changes ?? [];
  expect(changes.map(({ path }) => path)).toContain("data.token");
  expect(JSON.stringify(changes)).not.toContain(CANARY);
  expect(JSON.stringify(changes)).not.toContain(encoded(CANARY).slice(0, 12));
  await cluster.stop();
});

const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";
