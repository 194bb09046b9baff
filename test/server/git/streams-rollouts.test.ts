import { afterAll, beforeAll, expect, test } from "vitest";
import { applications } from "../../../src/kube/kinds/application.ts";
import { configMaps } from "../../../src/kube/kinds/configmap.ts";
import { deployments } from "../../../src/kube/kinds/deployment.ts";
import { configMap } from "./git-clone.ts";
import { type PushedServer, startPushedServer } from "./pushed-server.ts";

const web = (command: string): string => `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - name: web
          image: web
          command: [sh, -c, ${JSON.stringify(command)}]
`;
const service = `apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  type: NodePort
  selector: { app: web }
  ports: [{ port: 80, targetPort: 8080 }]
`;

let fixture: PushedServer;
beforeAll(async () => {
  fixture = await startPushedServer();
});
afterAll(() => fixture.stop());

test("the output shows the plan, the rollout with counts, and ends with the address", async () => {
  const { clone, server } = fixture;
  const commit = await clone.commit({
    "a.yaml": configMap("a", "1"),
    "web.yaml": web("exec sleep 1000"),
    "service.yaml": service,
  });
  const { code, stderr } = await clone.push("main");
  expect(code).toBe(0);
  expect(stderr).toContain(`Checking default/shop at ${commit.slice(0, 10)} (change)`);
  expect(stderr).toMatch(/remote: +\+ Deployment\.apps default\/web {2}\(web\.yaml:1\)/);
  expect(stderr).toContain("3 to create, 0 unchanged");
  expect(stderr).toMatch(/remote: +deployment\/web \d of 2 updated/);
  expect(stderr).toMatch(/remote: +deployment\/web is ready \(2 of 2\)/);
  expect(stderr).toMatch(
    new RegExp(`✓ default/shop is live at http://127\\.0\\.0\\.1:\\d+ \\(${commit.slice(0, 10)}, `),
  );
  // The output ended when it was so, not before.
  const { status } = await server.client.get(deployments, { namespace: "default", name: "web" });
  expect(status?.availableReplicas).toBe(2);
});

test("a change shows its fields, and what is gone is pruned", async () => {
  const { clone, server } = fixture;
  await clone.commit({
    "a.yaml": null,
    "b.yaml": configMap("b", "1"),
    "web.yaml": web("exec sleep 1001"),
  });
  const { stderr } = await clone.push("main");
  expect(stderr).toMatch(/~ Deployment\.apps default\/web/);
  expect(stderr).toMatch(/command.*exec sleep 1000.*→.*exec sleep 1001/);
  expect(stderr).toMatch(/- ConfigMap default\/a/);
  expect(stderr).toContain("✓ default/shop is live");
  await expect(server.client.get(configMaps, { namespace: "default", name: "a" })).rejects.toThrow(
    "not found",
  );
});

test("a rollout that fails shows the pod's reason and its last words, and says so loudly", async () => {
  const { clone } = fixture;
  const commit = await clone.commit({ "web.yaml": web("echo 'no database at db:5432'; exit 3") });
  const { code, stderr } = await clone.push("main");
  // The ref has moved: for git the push is a success.
  expect(code).toBe(0);
  expect(stderr).toMatch(/pod web-[\w-]+: container web: CrashLoopBackOff: ended with exit code 3/);
  expect(stderr).toMatch(/remote: +no database at db:5432/);
  expect(stderr).toMatch(/more: kubectl -n default logs web-[\w-]+ -c web/);
  expect(stderr).toMatch(
    new RegExp(`✗ FAILED: default/shop does not run ${commit.slice(0, 10)}: .*exit code 3`),
  );
}, 60_000);

test("Applications of one repository: who is not touched is left alone, and objects may move", async () => {
  const { clone, server } = fixture;
  const source = { repoURL: "gantry://default/shop.git", targetRevision: "main" };
  await clone.commit({ "web.yaml": web("exec sleep 1002") });
  expect((await clone.push("main")).code).toBe(0);
  const { metadata, spec } = await server.client.get(applications, {
    namespace: "default",
    name: "shop",
  });
  // Of the same repository, beside the folder of the first.
  await server.client.update(applications, {
    apiVersion: "gantry.dev/v1",
    kind: "Application",
    metadata,
    spec: { ...spec, source: { ...source, directory: { exclude: "{other,third}/*" } } },
  });
  await server.client.create(applications, {
    apiVersion: "gantry.dev/v1",
    kind: "Application",
    metadata: { namespace: "default", name: "other" },
    spec: { ...spec, source: { ...source, path: "other" } },
  });
  await server.client.create(applications, {
    apiVersion: "gantry.dev/v1",
    kind: "Application",
    metadata: { namespace: "default", name: "third" },
    spec: { ...spec, source: { ...source, path: "third" } },
  });
  await clone.commit({ "third/e.yaml": configMap("e", "1"), "other/z.yaml": configMap("z", "1") });
  expect((await clone.push("main")).stderr).toContain("✓ default/third is live");
  await clone.commit({ "other/c.yaml": configMap("c", "1") });
  const added = await clone.push("main");
  expect(added.stderr).toMatch(/\+ ConfigMap default\/c/);
  expect(added.stderr).toContain("✓ default/other is live");
  await clone.commit({ "other/c.yaml": configMap("c", "2") });
  const changed = await clone.push("main");
  expect(changed.stderr).toContain("✓ default/other is live");
  expect(changed.stderr).toMatch(/default\/third is as it was|nothing of theirs is touched/);
  const { uid } = (await server.client.get(configMaps, { namespace: "default", name: "c" }))
    .metadata;
  await clone.commit({
    "other/c.yaml": null,
    "other/d.yaml": configMap("d", "1"),
    "c.yaml": configMap("c", "2"),
  });
  const moved = await clone.push("main");
  expect(moved.stderr).toContain("✓ default/shop is live");
  expect(moved.code).toBe(0);
  const after = await server.client.get(configMaps, { namespace: "default", name: "c" });
  expect(after.metadata.uid).toBe(uid);
}, 60_000);

test("the next push is deployed all the same, and one that does not wait returns at once", async () => {
  const { clone, server } = fixture;
  const broken = await clone.commit({ "web.yaml": web("exit 1") });
  const at = await clone.push("-o", "no-wait", "main");
  expect(at.stderr).toContain(broken.slice(0, 10));
  expect(at.stderr).not.toMatch(/FAILED|live|deployment\//);
  await clone.commit({ "web.yaml": web("exec sleep 1002") });
  expect((await clone.push("main")).stderr).toContain("✓ default/shop is live");
  const { status } = await server.client.get(deployments, { namespace: "default", name: "web" });
  expect(status?.availableReplicas).toBe(2);
}, 60_000);
