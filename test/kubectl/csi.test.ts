import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { type CsiTestDriver, startCsiDriver } from "../engine/storage/csi/csi-test-driver.ts";
import { describeKubectl, useCluster } from "./real-cluster.ts";

describeKubectl("kubectl with a CSI driver", () => {
  const cluster = useCluster();
  let driver: CsiTestDriver | undefined;
  let disks = "";
  afterAll(async () => {
    await driver?.stop();
    if (disks !== "") await rm(disks, { recursive: true, force: true });
  });

  test("a pod writes to a volume that the driver made, attached and mounted", async () => {
    disks = await mkdtemp(join(tmpdir(), "gantry-disks-"));
    driver = await startCsiDriver({
      directory: disks,
      socketPath: join(cluster.home, "data", "plugins_registry", "disks.sock"),
      attaches: true,
    });
    await cluster.apply(
      {
        apiVersion: "storage.k8s.io/v1",
        kind: "StorageClass",
        metadata: { name: "disks" },
        provisioner: "disks.example.com",
        volumeBindingMode: "WaitForFirstConsumer",
      },
      {
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        metadata: { name: "data" },
        spec: {
          storageClassName: "disks",
          accessModes: ["ReadWriteOnce"],
          resources: { requests: { storage: "16Mi" } },
        },
      },
      {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "writer" },
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [
            {
              name: "main",
              image: "local",
              command: ["/bin/sh", "-c", "echo written > data/file; cat data/file; exec sleep 600"],
              volumeMounts: [{ name: "data", mountPath: "/data" }],
            },
          ],
          volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }],
        },
      },
    );
    await cluster.kubectl("wait --for=condition=Ready pod/writer --timeout=60s");
    await expect.poll(() => cluster.kubectl("logs writer"), { timeout: 20_000 }).toBe("written\n");
    expect(await cluster.kubectl("get csinodes --no-headers")).toMatch(/^node-1 +1 +\d+s/);
    expect(await cluster.kubectl("get volumeattachments --no-headers")).toMatch(
      /^csi-\S+ +disks\.example\.com +pvc-\S+ +node-1 +true +\d+s/,
    );
    expect(await cluster.kubectl("describe pv")).toMatch(
      /Type: +CSI[\s\S]*Driver: +disks\.example\.com/,
    );
    const methods = driver.calls.map(({ method }) => method);
    const order = [
      "Controller/ControllerPublishVolume",
      "Node/NodeStageVolume",
      "Node/NodePublishVolume",
    ];
    expect(methods.filter((method) => order.includes(method)).slice(0, order.length)).toEqual(
      order,
    );

    await cluster.kubectl("delete pod writer --wait");
    await cluster.kubectl("delete pvc data --wait");
    await expect
      .poll(() => cluster.kubectl("get pv,volumeattachments -o name"), { timeout: 20_000 })
      .toBe("");
    const after = driver.calls.map(({ method }) => method);
    const undone = [
      "Node/NodeUnpublishVolume",
      "Node/NodeUnstageVolume",
      "Controller/ControllerUnpublishVolume",
      "Controller/DeleteVolume",
    ];
    expect(after.filter((method) => undone.includes(method))).toEqual(undone);
  });
});
