import { expect, test } from "vitest";
import { describeKubectl, useCluster } from "./real-cluster.ts";

describeKubectl("kubectl with DaemonSets", () => {
  const cluster = useCluster();
  const daemonSet = (version: string): object => ({
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name: "log" },
    spec: {
      selector: { matchLabels: { app: "log" } },
      template: {
        metadata: { labels: { app: "log" } },
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
  const version = () =>
    cluster.kubectl("get pods -l app=log -o jsonpath={.items[*].spec.containers[0].env[0].value}");

  test("roll out, look back, roll back, delete", async () => {
    await cluster.apply(daemonSet("1"));
    await cluster.kubectl("rollout status daemonset/log --timeout=60s");
    expect(await cluster.kubectl("get ds log --no-headers")).toMatch(
      /^log +1 +1 +1 +1 +1 +<none> +\d+s/,
    );
    await cluster.apply(daemonSet("2"));
    expect(await cluster.kubectl("rollout status daemonset/log --timeout=60s")).toContain(
      'daemon set "log" successfully rolled out',
    );
    expect(await version()).toBe("2");
    expect(await cluster.kubectl("rollout history daemonset/log")).toMatch(/\n1 +\S+\n2 +\S+/);
    await cluster.kubectl("rollout undo daemonset/log");
    await cluster.kubectl("rollout status daemonset/log --timeout=60s");
    expect(await version()).toBe("1");
    expect(await cluster.kubectl("describe daemonset log")).toMatch(
      /Desired Number of Nodes Scheduled: 1[\s\S]*SuccessfulCreate/,
    );
    await cluster.kubectl("delete daemonset log --cascade=foreground --wait");
    expect(await cluster.kubectl("get pods -l app=log -o name")).toBe("");
  });
});
