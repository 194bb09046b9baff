import { expect, test } from "vitest";
import { describeKubectl, useCluster } from "./real-cluster.ts";

describeKubectl("kubectl top and autoscale", () => {
  const cluster = useCluster();
  // Half a core at most, for as long as the test goes on.
  const busy = "while :; do i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 0.02; done";

  test("top shows what pods and the node use", async () => {
    await cluster.apply({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "busy", labels: { app: "busy" } },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [
          { name: "main", image: "local", command: ["/bin/sh", "-c", busy] },
          { name: "idle", image: "local", command: ["/bin/sh", "-c", "exec sleep 600"] },
        ],
      },
    });
    await cluster.kubectl("wait --for=condition=Ready pod/busy --timeout=30s");
    const rows = (await cluster.kubectl("top pod busy --containers --no-headers"))
      .trim()
      .split("\n")
      .map((line) => line.split(/ +/));
    expect(rows.map(([pod, container]) => [pod, container])).toEqual([
      ["busy", "idle"],
      ["busy", "main"],
    ]);
    for (const [, , cpu = "", memory = ""] of rows) {
      expect(cpu).toMatch(/^\d+m$/);
      expect(memory).toMatch(/^\d+Mi$/);
    }
    expect(Number.parseInt(rows[1]?.[2] ?? "", 10)).toBeGreaterThan(20);
    expect(Number.parseInt(rows[0]?.[2] ?? "", 10)).toBeLessThan(20);
    expect(await cluster.kubectl("top pod -l app=busy --sum=true --no-headers")).toMatch(
      /^busy +\d+m +\d+Mi/,
    );
    expect(await cluster.kubectl("top node --no-headers")).toMatch(
      /^node-1 +\d+m +\d+% +\d+Mi +\d+% *\n$/,
    );
    expect(await cluster.failing("top pod absent")).toContain("NotFound");
    await cluster.kubectl("delete pod busy");
  });

  test("autoscale makes an autoscaler that get and describe show", async () => {
    await cluster.kubectl("create deployment web --image=local --replicas=1 -- sleep 600");
    await cluster.kubectl("set resources deployment web --requests=cpu=100m");
    expect(
      await cluster.kubectl("autoscale deployment web --min=2 --max=5 --cpu-percent=60"),
    ).toContain("horizontalpodautoscaler.autoscaling/web autoscaled");
    await cluster.kubectl("wait --for=jsonpath={.spec.replicas}=2 deployment/web --timeout=30s");
    expect(await cluster.kubectl("get hpa web --no-headers")).toMatch(
      /^web +Deployment\/web +cpu: (<unknown>|\d+%)\/60% +2 +5 +\d+ +\d+s/,
    );
    const described = await cluster.kubectl("describe hpa web");
    expect(described).toMatch(/resource cpu on pods +\(as a percentage of request\): .*60%/);
    expect(described).toContain("SuccessfulRescale");
    expect(
      await cluster.failing("autoscale deployment web --min=5 --max=2 --cpu-percent=60"),
    ).toMatch(/max/);
    await cluster.kubectl("delete deployment/web hpa/web");
  });
});
