import { expect, test } from "vitest";
import { describeKubectl, useCluster } from "./real-cluster.ts";

describeKubectl("kubectl with StatefulSets", () => {
  const cluster = useCluster();
  const statefulSet = (name: string, version: string): object => ({
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name },
    spec: {
      replicas: 2,
      serviceName: name,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [
            {
              name: "main",
              image: "local",
              command: ["/bin/sh", "-c", "exec sleep 600"],
              env: [{ name: "VERSION", value: version }],
            },
          ],
        },
      },
    },
  });
  const version = (name: string) =>
    cluster.kubectl(
      `get pods -l app=${name} -o jsonpath={.items[*].spec.containers[0].env[0].value}`,
    );

  test("roll out, look back, roll back, scale", async () => {
    await cluster.apply(statefulSet("db", "1"));
    await cluster.kubectl("rollout status statefulset/db --timeout=60s");
    expect(await cluster.kubectl("get sts db --no-headers")).toMatch(/^db +2\/2 +\d+s/);
    expect(await cluster.kubectl("get pods -l app=db -o name")).toBe("pod/db-0\npod/db-1\n");

    await cluster.apply(statefulSet("db", "2"));
    expect(await cluster.kubectl("rollout status statefulset/db --timeout=60s")).toMatch(
      /roll out complete: 2 new pods have been updated/,
    );
    expect(await version("db")).toBe("2 2");
    expect(await cluster.kubectl("rollout history statefulset/db")).toMatch(/\n1 +\S+\n2 +\S+/);
    expect(await cluster.kubectl("rollout history statefulset/db --revision=1")).toMatch(
      /VERSION:\s+1/,
    );

    await cluster.kubectl("rollout undo statefulset/db");
    await cluster.kubectl("rollout status statefulset/db --timeout=60s");
    expect(await version("db")).toBe("1 1");
    expect(await cluster.kubectl("get controllerrevisions --no-headers")).toMatch(
      /statefulset\.apps\/db +3/,
    );

    await cluster.kubectl("scale statefulset/db --replicas=1");
    await cluster.kubectl("wait --for=delete pod/db-1 --timeout=30s");
    expect(await cluster.kubectl("describe statefulset db")).toMatch(
      /Replicas: +1 desired \| 1 total[\s\S]*SuccessfulCreate/,
    );
    await cluster.kubectl("delete statefulset db --cascade=foreground --wait");
    expect(await cluster.kubectl("get pods -l app=db -o name")).toBe("");
  });
});
