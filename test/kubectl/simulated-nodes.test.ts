import { expect, test } from "vitest";
import { describeKubectl, useCluster } from "./real-cluster.ts";

const cluster = useCluster();

const S = "simulation.gantry.dev/";
/** As anybody would write it, beside the real node: a taint keeps real pods away. */
const node = (name: string, annotations: Record<string, string> = {}) => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: {
    name,
    labels: { "node-role.kubernetes.io/simulated": "" },
    annotations: { [`${S}node`]: "true", ...annotations },
  },
  spec: { taints: [{ key: "simulated", effect: "NoSchedule" }] },
});
const pod = (name: string, annotations: Record<string, string>) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, annotations },
  spec: {
    nodeSelector: { "node-role.kubernetes.io/simulated": "" },
    tolerations: [{ key: "simulated", operator: "Exists" }],
    containers: [{ name: "app", image: "nothing:1" }],
    restartPolicy: "Never",
  },
});
const rows = (table: string): string[][] =>
  table
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.split(/\s{2,}/));

describeKubectl("simulated nodes", () => {
  test("are made with kubectl apply, and shown and described like all others", async () => {
    await cluster.apply(node("sim-1", { [`${S}capacity`]: "cpu=8,memory=16Gi,pods=20" }));
    await cluster.kubectl("wait --for=condition=Ready node/sim-1 --timeout=20s");
    const wide = rows(await cluster.kubectl("get nodes sim-1 -o wide"))[0];
    expect(wide?.slice(0, 3)).toEqual(["sim-1", "Ready", "simulated"]);
    expect(wide?.slice(-4)).toEqual(["<none>", "Simulated", "simulated", "simulated://1"]);
    const described = await cluster.kubectl("describe node sim-1");
    expect(described).toMatch(/Taints:\s+simulated:NoSchedule\n/);
    expect(described).toMatch(/HolderIdentity:\s+sim-1\n/);
    expect(described).toMatch(/RenewTime:\s+\w{3}, /);
    expect(described).toMatch(/Ready\s+True\s.*KubeletReady/);
    expect(described).toMatch(/Capacity:\n\s+cpu:\s+8\n/);
    expect(described).toMatch(/PodCIDR:\s+10\.0\.0\.0\/24\n/);
    expect(described).toContain("Registered Node sim-1 in Controller");
  });

  test("run what needs no program: pods that run, end, fail and say so", async () => {
    await cluster.apply(
      pod("sim-serves", { [`${S}log`]: "it works" }),
      pod("sim-ends", { [`${S}run-for`]: "100ms" }),
      pod("sim-fails", { [`${S}run-for`]: "100ms", [`${S}exit-code`]: "3" }),
      pod("sim-waits", { [`${S}waiting`]: "ImagePullBackOff" }),
    );
    await cluster.kubectl("wait --for=condition=Ready pod/sim-serves --timeout=20s");
    await cluster.kubectl(
      "wait --for=jsonpath={.status.phase}=Succeeded pod/sim-ends --timeout=20s",
    );
    await cluster.kubectl("wait --for=jsonpath={.status.phase}=Failed pod/sim-fails --timeout=20s");
    const table = rows(await cluster.kubectl("get pods sim-serves sim-ends sim-fails sim-waits"));
    expect(table.map(([name, ready, status]) => [name, ready, status])).toEqual([
      ["sim-serves", "1/1", "Running"],
      ["sim-ends", "0/1", "Completed"],
      ["sim-fails", "0/1", "Error"],
      ["sim-waits", "0/1", "ImagePullBackOff"],
    ]);
    expect(await cluster.kubectl("logs sim-serves")).toBe("it works\n");
    const described = await cluster.kubectl("describe node sim-1");
    expect(described).toMatch(/Non-terminated Pods:\s+\(2 in total\)/);
    await cluster.kubectl("delete pod sim-serves sim-ends sim-fails sim-waits --timeout=20s");
  });

  test("have Deployments rolled out to them", async () => {
    const labels = { app: "sim-web" };
    const { restartPolicy: _, ...spec } = pod("", {}).spec;
    await cluster.apply({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "sim-web" },
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec },
      },
    });
    await cluster.kubectl("rollout status deployment/sim-web --timeout=30s");
    const nodes = await cluster.kubectl(
      "get pods -l app=sim-web -o jsonpath={.items[*].spec.nodeName}",
    );
    expect(nodes.split(" ")).toEqual(["sim-1", "sim-1"]);
    await cluster.kubectl("delete deployment sim-web --cascade=foreground --timeout=30s");
  });

  test("a refused Node says what is wrong", async () => {
    const bad = node("sim-bad");
    const taints = [
      { key: "bad key", effect: "NoSchedule" },
      { key: "x", effect: "Sometimes" },
    ];
    const said = await cluster.failing(
      "apply -f -",
      JSON.stringify({
        ...bad,
        spec: { taints, podCIDR: "10.0.0.0/99", podCIDRs: ["10.0.0.0/99"] },
      }),
    );
    expect(said).toContain("spec.taints[0].key");
    expect(said).toContain("spec.taints[1].effect");
    expect(said).toContain("spec.podCIDRs[0]");
  });
});
