import { beforeAll, expect, test } from "vitest";
import { deployment, pod, service } from "./manifests.ts";
import { describeKubectl, useCluster } from "./real-cluster.ts";

describeKubectl("kubectl describe", () => {
  const cluster = useCluster();
  const { kubectl } = cluster;

  beforeAll(async () => {
    await cluster.apply(
      deployment("web", 1, { container: { ports: [{ name: "http", containerPort: 8080 }] } }),
      service("web"),
      pod("alone", { container: { env: [{ name: "MODE", value: "test" }] } }),
    );
    await kubectl("wait --for=condition=Available deployment/web --timeout=20s");
    await kubectl("wait --for=condition=Ready pod/alone --timeout=20s");
  });

  test("pod: containers, conditions and events", async () => {
    const text = await kubectl("describe pod alone");
    expect(text).toMatch(/^Name: +alone\nNamespace: +default\n/);
    expect(text).toMatch(/Node: +node-1\/127\.0\.0\.1/);
    expect(text).toMatch(/Status: +Running\nIP: +127\.0\.0\.1/);
    expect(text).toMatch(/Container ID: +process:\/\/\S+\n +Image: +sleeper:1/);
    expect(text).toMatch(/State: +Running\n +Started: +\S+/);
    expect(text).toMatch(/Environment:\n +MODE: +test/);
    expect(text).toMatch(/Conditions:[^]*Ready +True/);
    expect(text).toMatch(/Normal +Scheduled .*Successfully assigned default\/alone to node-1/);
    expect(text).toMatch(/Normal +Started /);
  });

  test("deployment: strategy, replica sets and events", async () => {
    const text = await kubectl("describe deployment web");
    expect(text).toMatch(
      /Replicas: +1 desired \| 1 updated \| 1 total \| 1 available \| 0 unavailable/,
    );
    expect(text).toMatch(/RollingUpdateStrategy: +25% max unavailable, 25% max surge/);
    expect(text).toMatch(/Available +True +MinimumReplicasAvailable/);
    expect(text).toMatch(/NewReplicaSet: +web-\S+ \(1\/1 replicas created\)/);
    expect(text).toMatch(/ScalingReplicaSet .*Scaled up replica set web-\S+ from 0 to 1/);
  });

  test("service: addresses and endpoints", async () => {
    const text = await kubectl("describe service web");
    expect(text).toMatch(/Selector: +app=web\nType: +ClusterIP/);
    expect(text).toMatch(
      /Port: +http +80\/TCP\nTargetPort: +8080\/TCP\nEndpoints: +127\.0\.0\.1:\d+/,
    );
  });

  test("node: conditions, capacity and its pods", async () => {
    const text = await kubectl("describe node node-1");
    expect(text).toMatch(/Ready +True/);
    expect(text).toMatch(/Capacity:\n +cpu: +\d+/);
    expect(text).toMatch(/Non-terminated Pods: +\(2 in total\)/);
    expect(text).toMatch(/default +alone /);
    expect(text).toMatch(/Lease:\n +HolderIdentity: +node-1/);
  });

  test("replica sets, namespaces, config maps and secrets", async () => {
    expect(await kubectl("describe replicaset -l app=web")).toMatch(
      /Pods Status: +1 Running \/ 0 Waiting/,
    );
    expect(await kubectl("describe namespace default")).toMatch(/Status: +Active/);
    await cluster.apply(
      {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "plain" },
        data: { greeting: "hello" },
      },
      {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name: "hidden" },
        stringData: { password: "swordfish" },
      },
    );
    expect(await kubectl("describe configmap plain")).toMatch(/greeting:\n----\nhello\n/);
    const secret = await kubectl("describe secret hidden");
    expect(secret).toMatch(/password: +9 bytes/);
    expect(secret).not.toContain("swordfish");
    expect(await cluster.failing("describe pod nothing")).toContain('pods "nothing" not found');
  });
});
