import { beforeAll, expect, test } from "vitest";
import { configMap, deployment, pod, service } from "./manifests.ts";
import { describeKubectl, useCluster } from "./real-cluster.ts";

describeKubectl("kubectl get", () => {
  const cluster = useCluster();
  const { kubectl } = cluster;

  beforeAll(async () => {
    await cluster.apply(
      deployment("web", 2, { labels: { tier: "front" } }),
      service("web"),
      pod("alone", { labels: { tier: "back" } }),
      ...Array.from({ length: 7 }, (_, index) =>
        configMap(
          `settings-${index}`,
          { index: String(index) },
          { parity: index % 2 === 0 ? "even" : "odd" },
        ),
      ),
    );
    await kubectl("wait --for=condition=Available deployment/web --timeout=20s");
    await kubectl("wait --for=condition=Ready pod/alone --timeout=20s");
  });

  test("prints the columns of upstream", async () => {
    const [pods = "", alone = ""] = (await kubectl("get pod alone")).split("\n");
    expect(pods.split(/ {2,}/).map((word) => word.trim())).toEqual([
      "NAME",
      "READY",
      "STATUS",
      "RESTARTS",
      "AGE",
    ]);
    expect(alone).toMatch(/^alone +1\/1 +Running +0 +\d+s$/);
    const [deployments, web] = (await kubectl("get deployments")).split("\n");
    expect(deployments).toMatch(/^NAME +READY +UP-TO-DATE +AVAILABLE +AGE *$/);
    expect(web).toMatch(/^web +2\/2 +2 +2 +\d+s$/);
    expect(await kubectl("get configmap settings-1 --no-headers")).toMatch(
      /^settings-1 +1 +\d+s\n$/,
    );
    expect(await kubectl("get services web")).toMatch(
      /web +ClusterIP +127\.96\.\d+\.\d+ +<none> +80\/TCP +\d+s/,
    );
  });

  test("-o wide adds columns", async () => {
    expect(await kubectl("get pod alone -o wide")).toMatch(
      /IP +NODE +NOMINATED NODE +READINESS GATES\nalone .* 127\.0\.0\.1 +node-1 +<none> +<none>/,
    );
    expect(await kubectl("get deploy web -o wide")).toMatch(
      /CONTAINERS +IMAGES +SELECTOR\nweb .*main +sleeper:1 +app=web/,
    );
    expect(await kubectl("get nodes -o wide")).toMatch(
      /node-1 +Ready +\S+ +\d+s +v1\.\d+\S* +127\.0\.0\.1/,
    );
  });

  test("-o yaml, json, name, jsonpath and custom-columns", async () => {
    const json = JSON.parse(await kubectl("get cm settings-3 -o json")) as Record<string, unknown>;
    expect(json).toMatchObject({ apiVersion: "v1", kind: "ConfigMap", data: { index: "3" } });
    expect(await kubectl("get cm settings-3 -o yaml")).toMatch(
      /^apiVersion: v1\ndata:\n {2}index: "3"\nkind: ConfigMap\n/,
    );
    expect(await kubectl("get cm settings-3 --show-managed-fields -o yaml")).toContain(
      "manager: kubectl-client-side-apply",
    );
    expect(await kubectl("get cm/settings-3 service/web -o name")).toBe(
      "configmap/settings-3\nservice/web\n",
    );
    expect(
      await kubectl("get deploy web -o jsonpath={.spec.replicas}/{.status.readyReplicas}"),
    ).toBe("2/2");
    expect(await kubectl("get cm -l parity=odd -o jsonpath={.items[*].data.index}")).toBe("1 3 5");
    expect(
      await kubectl("get cm settings-3 -o custom-columns=N:.metadata.name,I:.data.index"),
    ).toMatch(/^N +I\nsettings-3 +3\n$/);
    expect(JSON.parse(await kubectl("get cm -l parity=odd -o json"))).toMatchObject({
      kind: "List",
    });
  });

  test("selects by label and by field", async () => {
    expect(await kubectl("get pods -l tier=back -o name")).toBe("pod/alone\n");
    expect(await kubectl("get pods -l tier!=front,app!=web -o name")).toBe("pod/alone\n");
    const { stdout } = await cluster.run([
      "get",
      "cm",
      "-l",
      "parity in (even),parity notin (odd)",
      "-o",
      "name",
    ]);
    expect(stdout.trim().split("\n")).toHaveLength(4);
    expect(await kubectl("get pods --field-selector metadata.name=alone -o name")).toBe(
      "pod/alone\n",
    );
    expect(
      await kubectl("get pods --field-selector status.phase=Running,spec.nodeName=node-1 -o name"),
    ).toMatch(/alone/);
    expect(await cluster.failing("get pods --field-selector spec.unknown=1")).toContain(
      "field label not supported",
    );
    expect(await cluster.failing("get pods -l a==b==c")).toMatch(
      /Bad Request|BadRequest|unable to parse|found/,
    );
  });

  test("pages give the same as one list", async () => {
    const whole = await kubectl("get cm -l parity -o name");
    expect(whole.trim().split("\n")).toHaveLength(7);
    expect(await kubectl("get cm -l parity -o name --chunk-size=2")).toBe(whole);
    expect(await kubectl("get cm -l parity --no-headers --chunk-size=3")).toMatch(
      /settings-0[^]*settings-6/,
    );
  });

  test("all, several kinds, all namespaces, labels, sorting", async () => {
    const all = await kubectl("get all");
    for (const name of [
      "pod/alone",
      "pod/web-",
      "service/web",
      "deployment.apps/web",
      "replicaset.apps/web-",
    ])
      expect(all).toContain(name);
    expect(await kubectl("get deploy,svc -l app=web -o name")).toBe(
      "deployment.apps/web\nservice/web\n",
    );
    expect(await kubectl("get pods -A")).toMatch(/^NAMESPACE +NAME[^]*default +alone/);
    expect(await kubectl("get namespaces -o name")).toContain("namespace/kube-system");
    expect(await kubectl("get cm settings-1 --show-labels -L parity")).toMatch(
      /PARITY +LABELS\nsettings-1 .*odd +parity=odd/,
    );
    const sorted = await kubectl("get cm -l parity=odd --sort-by=.data.index --no-headers");
    expect(sorted.split("\n").map((line) => line.split(" ")[0])).toEqual([
      "settings-1",
      "settings-3",
      "settings-5",
      "",
    ]);
    expect(
      await kubectl("get deploy web --subresource=status -o jsonpath={.status.replicas}"),
    ).toBe("2");
    expect(await kubectl("get --raw /api/v1/namespaces/default/configmaps/settings-1")).toContain(
      '"index":"1"',
    );
    expect(await kubectl("get --raw /readyz")).toBe("ok");
  });

  test("says what is not there", async () => {
    expect(await cluster.failing("get cm nothing")).toBe(
      'Error from server (NotFound): configmaps "nothing" not found\n',
    );
    expect(await kubectl("get cm nothing --ignore-not-found")).toBe("");
    expect(await cluster.failing("get unicorns")).toContain(
      `the server doesn't have a resource type "unicorns"`,
    );
    expect((await cluster.run(["get", "cm", "-n", "nowhere"])).stderr).toBe(
      "No resources found in nowhere namespace.\n",
    );
  });

  test("--watch shows what changes", async () => {
    await cluster.apply(configMap("watched", {}, { watched: "yes" }));
    const watch = cluster.start("get cm -l watched=yes --watch");
    const events = cluster.start("get cm watched --watch --output-watch-events");
    await watch.until(/NAME +DATA +AGE\nwatched +0/);
    await events.until(/ADDED +watched/);
    await cluster.apply(configMap("watched", { a: "1", b: "2" }, { watched: "yes" }));
    await watch.until(/watched +2/);
    await events.until(/MODIFIED +watched/);
    await kubectl("delete cm watched");
    await events.until(/DELETED +watched/);
    await Promise.all([watch.stop(), events.stop()]);
  });
});
