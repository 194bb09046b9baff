import { expect, test } from "vitest";
import { configMap, deployment, pod, service } from "./manifests.ts";
import { describeKubectl, manifest, useCluster } from "./real-cluster.ts";

describeKubectl("kubectl create, run and expose", () => {
  const cluster = useCluster();
  const { kubectl } = cluster;

  test("create -f, once", async () => {
    const objects = manifest(configMap("made"), service("made"));
    expect(await kubectl("create -f -", objects)).toBe(
      "configmap/made created\nservice/made created\n",
    );
    expect(await cluster.failing("create -f -", objects)).toContain(
      'configmaps "made" already exists',
    );
    const generated = { apiVersion: "v1", kind: "ConfigMap", metadata: { generateName: "gen-" } };
    expect(await kubectl("create -f -", manifest(generated))).toMatch(
      /^configmap\/gen-\w{5} created\n$/,
    );
    expect(await kubectl("create --dry-run=server -f -", manifest(configMap("dry")))).toContain(
      "created (server dry run)",
    );
    expect(await cluster.failing("create -n nowhere -f -", manifest(configMap("lost")))).toContain(
      'namespaces "nowhere" not found',
    );
  });

  test("run starts a pod", async () => {
    expect(await kubectl("run once --image=x --restart=Never --command -- sh -c true")).toBe(
      "pod/once created\n",
    );
    await kubectl("wait --for=jsonpath={.status.phase}=Succeeded pod/once --timeout=20s");
    const env = await kubectl(
      "run shown --image=x --env=A=1 --labels=a=b --dry-run=server -o json",
    );
    expect(JSON.parse(env)).toMatchObject({
      metadata: { labels: { a: "b" } },
      spec: { containers: [{ env: [{ name: "A", value: "1" }] }] },
    });
  });

  test("expose makes a service for a deployment and for a pod", async () => {
    await cluster.apply(deployment("web", 0), pod("lone", { labels: { lone: "yes" } }));
    expect(await kubectl("expose deployment web --port=80 --target-port=8080")).toBe(
      "service/web exposed\n",
    );
    expect(
      await kubectl("get svc web -o jsonpath={.spec.selector.app}:{.spec.ports[0].targetPort}"),
    ).toBe("web:8080");
    await kubectl("expose pod lone --port=81 --type=NodePort");
    expect(
      Number(await kubectl("get svc lone -o jsonpath={.spec.ports[0].nodePort}")),
    ).toBeGreaterThanOrEqual(30000);
    await kubectl("delete pod lone svc/lone".replace("pod lone", "pod/lone"));
  });
});
