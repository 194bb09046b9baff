/** App of apps: an Application brings an ApplicationSet from Git, whose generator reads the same repository. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { silentLogger } from "../../../src/client/logger.ts";
import type { Resource } from "../../../src/kube/kind.ts";
import { applications } from "../../../src/kube/kinds/application.ts";
import { applicationSets } from "../../../src/kube/kinds/applicationset.ts";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import type { KubeObject } from "../../../src/kube/object.ts";
import { isStatus } from "../../../src/kube/status-error.ts";
import { type ServerFixture, startServerFixture } from "../../cli/server-fixture.ts";

const configMap = (name: string): string =>
  JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: { from: name } });
const set = (repoURL: string, extra: object = {}): string =>
  JSON.stringify({
    apiVersion: "gantry.dev/v1",
    kind: "ApplicationSet",
    metadata: { name: "apps" },
    spec: {
      generators: [{ git: { repoURL, directories: [{ path: "apps/*" }] } }],
      template: {
        metadata: { name: "{{path.basename}}" },
        spec: {
          source: { repoURL, path: "{{path}}" },
          destination: { namespace: "default" },
          syncPolicy: { automated: { prune: true } },
        },
      },
      ...extra,
    },
  });

let fixture: ServerFixture;
beforeEach(async () => {
  const files = {
    "root/nothing.yaml": configMap("root"),
    "apps/a/cm.yaml": configMap("a"),
    "apps/b/cm.yaml": configMap("b"),
    "apps/c/cm.yaml": configMap("c"),
    "apps/d/cm.yaml": configMap("d"),
  };
  fixture = await startServerFixture(files, silentLogger, "root");
  fixture.commit({ "root/set.yaml": set(fixture.repository) }, "declare the set");
});
afterEach(() => fixture.stop());

const find = async <T extends KubeObject>(
  resource: Resource<T>,
  name: string,
): Promise<T | undefined> => {
  try {
    return await fixture.server.client.get(resource, { namespace: "default", name });
  } catch (error) {
    if (isStatus(error, "NotFound")) return undefined;
    throw error;
  }
};
/** Until a watch of the resource has shown what is waited for. */
const until = async <T extends KubeObject>(
  resource: Resource<T>,
  check: () => Promise<boolean>,
): Promise<void> => {
  if (await check()) return;
  const signal = AbortSignal.timeout(20_000);
  for await (const event of fixture.server.client.watch(resource, { namespace: "default", signal }))
    if (event.type !== "BOOKMARK" && (await check())) return;
};
const exists = (name: string) => async () => (await find(configMaps, name)) !== undefined;
const isGone = (name: string) => async () => (await find(configMaps, name)) === undefined;

test("directories come and go as Applications, with what they manage", async () => {
  await until(configMaps, exists("d"));
  fixture.commit(
    { "apps/e/cm.yaml": configMap("e"), "apps/a/cm.yaml": null },
    "one comes, one goes",
  );
  await until(configMaps, exists("e"));
  await until(configMaps, isGone("a"));
  await until(applications, async () => (await find(applications, "a")) === undefined);
  const status = (await find(applicationSets, "apps"))?.status;
  expect(status?.applications?.map(({ name }) => name).sort()).toEqual(["b", "c", "d", "e"]);
});

test("an Application that somebody changes is put right again", async () => {
  await until(configMaps, exists("a"));
  await fixture.server.client.patch(
    applications,
    { namespace: "default", name: "a" },
    { type: "merge", body: { spec: { source: { path: "elsewhere" } } } },
    { fieldManager: "kubectl-edit" },
  );
  await until(
    applications,
    async () => (await find(applications, "a"))?.spec.source?.path === "apps/a",
  );
});

test("when most of them vanish at once, they are kept until somebody approves", async () => {
  await until(configMaps, exists("d"));
  const gone = Object.fromEntries(
    ["a", "b", "c", "d"].map((name) => [`apps/${name}/cm.yaml`, null]),
  );
  fixture.commit({ ...gone, "apps/z/cm.yaml": configMap("z") }, "a mistake");
  await until(configMaps, exists("z"));
  const held = async () =>
    (await find(applicationSets, "apps"))?.status?.conditions?.find(
      ({ type, reason }) => type === "ResourcesUpToDate" && reason === "DeletionHeld",
    );
  await until(applicationSets, async () => (await held()) !== undefined);
  expect(await exists("a")()).toBe(true);
  const approval = /(gantry\.dev\/deletion-approved)=(\w+)/.exec((await held())?.message ?? "");
  await fixture.server.client.patch(
    applicationSets,
    { namespace: "default", name: "apps" },
    {
      type: "merge",
      body: { metadata: { annotations: { [approval?.[1] ?? ""]: approval?.[2] ?? "" } } },
    },
  );
  for (const name of ["a", "b", "c", "d"]) await until(configMaps, isGone(name));
});

test("a generator that fails leaves everything as it is, and says why", async () => {
  await until(configMaps, exists("d"));
  const broken = JSON.parse(set(fixture.repository)) as {
    spec: { template: { metadata: object } };
  };
  broken.spec.template.metadata = { name: "{{nothing}}" };
  fixture.commit({ "root/set.yaml": JSON.stringify(broken) }, "a broken template");
  const failure = async () =>
    (await find(applicationSets, "apps"))?.status?.conditions?.find(
      ({ type, status }) => type === "ParametersGenerated" && status === "False",
    );
  await until(applicationSets, async () => (await failure()) !== undefined);
  expect((await failure())?.message).toMatch(/there is no such parameter/);
  expect(await exists("a")()).toBe(true);
});
