import { expect, test } from "vitest";
import { describeKubectl, useCluster } from "./real-cluster.ts";

describeKubectl("kubectl with ReplicationControllers", () => {
  const cluster = useCluster();

  test("get, scale, describe, delete", async () => {
    await cluster.apply({
      apiVersion: "v1",
      kind: "ReplicationController",
      metadata: { name: "web" },
      spec: {
        replicas: 1,
        selector: { app: "web" },
        template: {
          metadata: { labels: { app: "web" } },
          spec: {
            terminationGracePeriodSeconds: 1,
            containers: [{ name: "main", image: "local", command: ["/bin/sleep", "600"] }],
          },
        },
      },
    });
    await cluster.kubectl("wait --for=jsonpath={.status.readyReplicas}=1 --timeout=30s rc/web");
    expect(await cluster.kubectl("get rc web -o wide --no-headers")).toMatch(
      /^web +1 +1 +1 +\d+s +main +local +app=web/,
    );
    await cluster.kubectl("scale rc/web --replicas=2");
    await cluster.kubectl("wait --for=jsonpath={.status.readyReplicas}=2 --timeout=30s rc/web");
    expect(await cluster.kubectl("describe rc web")).toMatch(
      /Replicas: +2 current \/ 2 desired[\s\S]*SuccessfulCreate/,
    );
    await cluster.kubectl("delete rc web --cascade=foreground --wait");
    expect(await cluster.kubectl("get pods -l app=web -o name")).toBe("");
  });
});
