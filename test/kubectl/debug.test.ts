import { expect, test } from "vitest";
import { describeKubectl, useCluster } from "./real-cluster.ts";

describeKubectl("kubectl debug", () => {
  const cluster = useCluster();
  const { kubectl, failing } = cluster;

  test("adds a container to a pod that runs; its output and its end can be read", async () => {
    await cluster.apply({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "web" },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [{ name: "main", image: "local", command: ["/bin/sleep", "600"] }],
      },
    });
    await kubectl("wait --for=condition=Ready --timeout=30s pod/web");
    const { code, stderr } = await cluster.run(
      "debug pod/web --image=local --container=look --target=main -- /bin/sh -c"
        .split(" ")
        .concat("echo found; exit 4"),
    );
    expect([code, stderr.includes("rror")]).toEqual([0, false]);
    const state = "{.status.ephemeralContainerStatuses[0].state.terminated.exitCode}";
    await kubectl(`wait --for=jsonpath=${state}=4 --timeout=30s pod/web`);
    expect(await kubectl("logs web -c look")).toBe("found\n");
    expect(await kubectl("describe pod web")).toMatch(
      /Ephemeral Containers:\n +look:[\s\S]*Exit Code: +4/,
    );
    // The pod does not mind.
    expect(await kubectl("get pod web --no-headers")).toMatch(/^web +1\/1 +Running +0 /);
    expect(
      await failing("debug pod/web --image=local --container=look2 --target=nobody -- /bin/true"),
    ).toContain("targetContainerName");
    await kubectl("delete pod web --wait");
  });
});
