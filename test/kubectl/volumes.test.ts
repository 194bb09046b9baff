import { expect, test } from "vitest";
import { describeKubectl, useCluster } from "./real-cluster.ts";

const SNAPSHOTS = "snapshot.storage.k8s.io/v1";

describeKubectl("kubectl with volumes", () => {
  const cluster = useCluster();
  const selector = { app: "counter" };
  const script =
    "echo run >> data/runs; wc -l < data/runs | tee data/count; trap 'exit 0' TERM; sleep 600 & wait";
  const counter = {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: "counter" },
    spec: {
      replicas: 1,
      serviceName: "counter",
      selector: { matchLabels: selector },
      template: {
        metadata: { labels: selector },
        spec: {
          terminationGracePeriodSeconds: 2,
          containers: [
            {
              name: "main",
              image: "local",
              command: ["/bin/sh", "-c", script],
              volumeMounts: [{ name: "data", mountPath: "/data" }],
            },
          ],
        },
      },
      volumeClaimTemplates: [
        {
          metadata: { name: "data" },
          spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "64Mi" } } },
        },
      ],
    },
  };
  const claim = (name: string, spec: object) => ({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "64Mi" } }, ...spec },
  });
  /** Runs a command once on a claim; its output. */
  async function onClaim(pod: string, claimName: string, command: string): Promise<string> {
    await cluster.apply({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: pod },
      spec: {
        restartPolicy: "Never",
        containers: [
          {
            name: "main",
            image: "local",
            command: ["/bin/sh", "-c", command],
            volumeMounts: [{ name: "data", mountPath: "/data" }],
          },
        ],
        volumes: [{ name: "data", persistentVolumeClaim: { claimName } }],
      },
    });
    await cluster.kubectl(`wait --for=jsonpath={.status.phase}=Succeeded pod/${pod} --timeout=60s`);
    return await cluster.kubectl(`logs ${pod}`);
  }

  test("the default class is there, and claims show themselves", async () => {
    expect(await cluster.kubectl("get sc --no-headers")).toMatch(
      /^standard \(default\) +gantry\.dev\/local +Delete +WaitForFirstConsumer +true +\d+s/,
    );
    await cluster.apply(claim("idle", {}));
    expect(await cluster.kubectl("get pvc idle --no-headers")).toMatch(
      /^idle +Pending +standard +<unset> +\d+s/,
    );
    await expect
      .poll(() => cluster.kubectl("describe pvc idle"), { timeout: 20_000 })
      .toMatch(/Used By: +<none>[\s\S]*WaitForFirstConsumer +.*waiting for first consumer/);
    expect(await cluster.kubectl("describe sc standard")).toMatch(
      /IsDefaultClass: +Yes[\s\S]*Provisioner: +gantry\.dev\/local[\s\S]*AllowVolumeExpansion: +True/,
    );
    await cluster.kubectl("delete pvc idle --wait");
  });

  test("the data of a StatefulSet survives its pod, grows, is copied and goes when told", async () => {
    await cluster.apply(counter);
    await cluster.kubectl("rollout status statefulset/counter --timeout=60s");
    expect(await cluster.kubectl("get pvc data-counter-0 --no-headers")).toMatch(
      /^data-counter-0 +Bound +pvc-\S+ +64Mi +RWO +standard +<unset> +\d+s/,
    );
    expect(await cluster.kubectl("get pv --no-headers")).toMatch(
      /^pvc-\S+ +64Mi +RWO +Delete +Bound +default\/data-counter-0 +standard +<unset> +\d+s/,
    );
    expect(await cluster.kubectl("describe pvc data-counter-0")).toMatch(
      /Status: +Bound[\s\S]*Used By: +counter-0[\s\S]*ProvisioningSucceeded/,
    );
    expect(await cluster.kubectl("describe pv")).toMatch(
      /Claim: +default\/data-counter-0[\s\S]*Type: +LocalVolume[\s\S]*Path: .*\/volumes\/pvc-/,
    );
    await cluster.kubectl("delete pod counter-0 --wait");
    await cluster.kubectl("wait --for=create pod/counter-0 --timeout=30s");
    await cluster.kubectl("wait --for=condition=Ready pod/counter-0 --timeout=60s");
    const count = () => cluster.kubectl("logs counter-0");
    await expect.poll(count, { timeout: 20_000 }).toMatch(/^\s*2\s*$/);

    const bigger = { spec: { resources: { requests: { storage: "96Mi" } } } };
    await cluster.run(["patch", "pvc", "data-counter-0", "-p", JSON.stringify(bigger)]);
    await cluster.kubectl(
      "wait --for=jsonpath={.status.capacity.storage}=96Mi pvc/data-counter-0 --timeout=30s",
    );

    await cluster.apply({
      apiVersion: SNAPSHOTS,
      kind: "VolumeSnapshot",
      metadata: { name: "before" },
      spec: { source: { persistentVolumeClaimName: "data-counter-0" } },
    });
    await cluster.kubectl(
      "wait --for=jsonpath={.status.readyToUse}=true volumesnapshot/before --timeout=30s",
    );
    expect(await cluster.kubectl("get vs before --no-headers")).toMatch(
      /^before +true +data-counter-0 +96Mi +standard +snapcontent-\S+ +\d+s +\d+s/,
    );
    await cluster.apply(
      claim("restored", {
        resources: { requests: { storage: "96Mi" } },
        dataSource: { apiGroup: "snapshot.storage.k8s.io", kind: "VolumeSnapshot", name: "before" },
      }),
    );
    expect(await onClaim("reader", "restored", "cat data/count")).toMatch(/^\s*2\s*$/);

    await cluster.kubectl("delete pod reader --wait");
    await cluster.kubectl("delete vs before --wait");
    await cluster.kubectl("delete statefulset counter --wait");
    await cluster.kubectl("wait --for=delete pod/counter-0 --timeout=30s");
    await cluster.kubectl("delete pvc --all --wait");
    await expect.poll(() => cluster.kubectl("get pv -o name"), { timeout: 20_000 }).toBe("");
  });
});
