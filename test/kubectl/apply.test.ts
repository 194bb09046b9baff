import { expect, test } from "vitest";
import { configMap, deployment } from "./manifests.ts";
import { describeKubectl, manifest, useCluster } from "./real-cluster.ts";

const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

describeKubectl("kubectl apply", () => {
  const cluster = useCluster();
  const { kubectl } = cluster;

  test("creates, changes, leaves alone, and removes what a manifest no longer has", async () => {
    expect(await cluster.apply(configMap("one", { a: "1", b: "2" }))).toBe(
      "configmap/one created\n",
    );
    expect(await cluster.apply(configMap("one", { a: "1", b: "2" }))).toBe(
      "configmap/one unchanged\n",
    );
    await kubectl('patch cm one --type=merge -p {"data":{"other":"mine"}}');
    expect(await cluster.apply(configMap("one", { a: "3" }))).toBe("configmap/one configured\n");
    const live = JSON.parse(await kubectl("get cm one -o json")) as {
      data: object;
      metadata: { annotations: Record<string, string> };
    };
    expect(live.data).toEqual({ a: "3", other: "mine" });
    expect(live.metadata.annotations[LAST_APPLIED]).toContain('"data":{"a":"3"}');
  });

  test("merges lists by their keys", async () => {
    const container = {
      env: [
        { name: "A", value: "1" },
        { name: "B", value: "2" },
      ],
    };
    await cluster.apply(deployment("listed", 0, { container }));
    await kubectl("set env deployment/listed ADDED=later");
    await cluster.apply(
      deployment("listed", 0, { container: { env: [{ name: "B", value: "3" }] } }),
    );
    const names = await kubectl(
      "get deploy listed -o jsonpath={.spec.template.spec.containers[0].env[*]['name','value']}",
    );
    expect(names.split(" ").sort()).toEqual(["3", "ADDED", "B", "later"]);
  });

  test("--dry-run=server shows what would be, and changes nothing", async () => {
    expect(await kubectl("apply --dry-run=server -f -", manifest(configMap("ghost")))).toBe(
      "configmap/ghost created (server dry run)\n",
    );
    expect(await cluster.failing("get cm ghost")).toContain("not found");
    await cluster.apply(configMap("solid", { a: "1" }));
    const shown = await kubectl(
      "apply --dry-run=server -o yaml -f -",
      manifest(configMap("solid", { a: "2" })),
    );
    expect(shown).toContain('a: "2"');
    expect(await kubectl("get cm solid -o jsonpath={.data.a}")).toBe("1");
    const refused = await cluster.failing(
      "apply --dry-run=server -f -",
      manifest({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "Not_A_Name" } }),
    );
    expect(refused).toContain('metadata.name: Invalid value: "Not_A_Name"');
  });

  test("refuses unknown and duplicate fields, wrong types and missing ones, all at once", async () => {
    const wrong = { ...(deployment("wrong", 1) as object), speck: {} };
    expect(await cluster.failing("apply -f -", manifest(wrong))).toMatch(
      /strict decoding error: unknown field "speck"/,
    );
    const noImage = deployment("bare", 1, { container: { image: "" } });
    expect(await cluster.failing("apply -f -", manifest(noImage))).toMatch(
      /Deployment.apps "bare" is invalid|The Deployment "bare" is invalid: spec\.template\.spec\.containers\[0\]\.image: Required value/,
    );
    const replicas = deployment("typed", 1, { more: { replicas: "three" } });
    expect(await cluster.failing("apply -f -", manifest(replicas))).toMatch(/replicas/);
    expect(await kubectl("get deploy wrong bare typed --ignore-not-found")).toBe("");
    expect(await kubectl("apply --validate=ignore -f -", manifest(wrong))).toContain("created");
    const warned = await cluster.run(["apply", "--validate=warn", "-f", "-"], {
      stdin: manifest({ ...(deployment("wrong", 2) as object), speck: {} }),
    });
    expect(warned.stderr).toContain('Warning: unknown field "speck"');
    expect(await cluster.failing("apply -f -", "a: [1\nb")).toMatch(/error parsing STDIN/);
    expect(
      await cluster.failing(
        "apply -f -",
        manifest({ apiVersion: "v1", kind: "Nothing", metadata: { name: "x" } }),
      ),
    ).toContain('no matches for kind "Nothing" in version "v1"');
  });

  test("recreates with --force what cannot be changed, and says so without it", async () => {
    await cluster.apply(deployment("moving", 0));
    const other = deployment("moving", 0, {
      more: { selector: { matchLabels: { app: "moving", two: "2" } } },
      labels: { two: "2" },
    });
    expect(await cluster.failing("apply -f -", manifest(other))).toContain("field is immutable");
    expect(await kubectl("apply --force -f -", manifest(other))).toContain("configured");
    expect(await kubectl("get deploy moving -o jsonpath={.spec.selector.matchLabels.two}")).toBe(
      "2",
    );
  });

  test("view-last-applied and --prune", async () => {
    await cluster.apply(configMap("pruned", {}, { set: "x" }), configMap("kept", {}, { set: "x" }));
    expect(await kubectl("apply view-last-applied cm/kept -o json")).toContain('"name": "kept"');
    const text = await kubectl(
      "apply --prune -l set=x --prune-allowlist=core/v1/ConfigMap -f -",
      manifest(configMap("kept", {}, { set: "x" })),
    );
    expect(text).toContain("configmap/pruned pruned");
    expect(await kubectl("get cm -l set=x -o name")).toBe("configmap/kept\n");
  });
});

describeKubectl("kubectl apply --server-side", () => {
  const cluster = useCluster();
  const { kubectl } = cluster;
  const serverSide = (object: object, more = ""): Promise<string> =>
    kubectl(`apply --server-side ${more} -f -`, manifest(object));

  test("names the manager and the field of a conflict, and takes it with --force-conflicts", async () => {
    expect(await serverSide(configMap("ours", { a: "1" }), "--field-manager=alice")).toBe(
      "configmap/ours serverside-applied\n",
    );
    const refused = await cluster.failing(
      "apply --server-side --field-manager=bob -f -",
      manifest(configMap("ours", { a: "2" })),
    );
    expect(refused).toContain('Apply failed with 1 conflict: conflict with "alice": .data.a');
    await serverSide(
      configMap("ours", { a: "2", b: "3" }),
      "--field-manager=bob --force-conflicts",
    );
    await serverSide(configMap("ours", { a: "2" }), "--field-manager=bob");
    expect(await kubectl("get cm ours -o jsonpath={.data}")).toBe('{"a":"2"}');
  });

  test("takes objects over from client-side apply, fields it then drops included", async () => {
    await cluster.apply(configMap("moved", { a: "1", b: "2" }));
    await serverSide(configMap("moved", { a: "1" }));
    expect(await kubectl("get cm moved -o jsonpath={.data}")).toBe('{"a":"1"}');
    const managers = await kubectl(
      "get cm moved --show-managed-fields -o jsonpath={.metadata.managedFields[*].manager}",
    );
    expect(managers).not.toContain("kubectl-client-side-apply");
    expect(await cluster.apply(configMap("moved", { a: "4" }))).toBe(
      "configmap/moved configured\n",
    );
  });

  test("dry run and diff leave no trace", async () => {
    await serverSide(configMap("still", { a: "1" }));
    const before = await kubectl("get cm still -o jsonpath={.metadata.resourceVersion}");
    expect(await serverSide(configMap("still", { a: "2" }), "--dry-run=server")).toContain(
      "(server dry run)",
    );
    const { code, stdout } = await cluster.run(["diff", "--server-side", "-f", "-"], {
      stdin: manifest(configMap("still", { a: "2" })),
    });
    expect({ code, stdout }).toEqual({
      code: 1,
      stdout: expect.stringMatching(/-\s+a: "1"\n\+\s+a: "2"/) as string,
    });
    await serverSide(configMap("still", { a: "1" }));
    expect(await kubectl("get cm still -o jsonpath={.metadata.resourceVersion}")).toBe(before);
  });
});

describeKubectl("kubectl diff", () => {
  const cluster = useCluster();
  const diff = (...objects: object[]) =>
    cluster.run(["diff", "-f", "-"], { stdin: manifest(...objects) });

  test("ends with 0 without differences, 1 with, above 1 for errors", async () => {
    await cluster.apply(configMap("same", { a: "1" }), deployment("web", 0));
    expect(await diff(configMap("same", { a: "1" }), deployment("web", 0))).toEqual({
      code: 0,
      stdout: "",
      stderr: "",
    });
    const changed = await diff(
      configMap("same", { a: "2" }),
      configMap("new", { b: "1" }),
      deployment("web", 3),
    );
    expect(changed.code).toBe(1);
    expect(changed.stdout).toMatch(/-\s+a: "1"\n\+\s+a: "2"/);
    expect(changed.stdout).toMatch(/\+\s+b: "1"/);
    expect(changed.stdout).toMatch(/-\s+replicas: 0\n\+\s+replicas: 3/);
    expect(
      (await diff({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "NO" } })).code,
    ).toBeGreaterThan(1);
  });
});
