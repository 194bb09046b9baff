import { expect, test } from "vitest";
import { deployments } from "../../../src/kube/kinds/deployment.ts";
import { endpointSlices } from "../../../src/kube/kinds/endpointslice.ts";
import { endpoints } from "../../../src/kube/kinds/endpoints.ts";
import { type Pod, pods } from "../../../src/kube/kinds/pod.ts";
import { replicaSets } from "../../../src/kube/kinds/replicaset.ts";
import { services } from "../../../src/kube/kinds/service.ts";
import { seeded } from "../apiserver/test-server.ts";
import { type Cluster, setImage, startCluster, webDeployment } from "./cluster.ts";
import { type Faults, unreliable } from "./unreliable-client.ts";

const key = { namespace: "default", name: "web" };

/** One change that a user, a node or an accident makes. */
async function disturb(cluster: Cluster, random: () => number): Promise<void> {
  const { client } = cluster;
  const pick = <T>(items: readonly T[]): T | undefined =>
    items[Math.floor(random() * items.length)];
  const pod: Pod | undefined = pick(await cluster.list(pods));
  const podKey = { namespace: "default", name: pod?.metadata.name ?? "" };
  switch (Math.floor(random() * 6)) {
    case 0:
    case 1:
      return await setImage(client, `v${Math.floor(random() * 4)}`);
    case 2: {
      const body = { spec: { replicas: Math.floor(random() * 6) } };
      await client.patch(deployments, key, { type: "merge", body });
      return;
    }
    case 3:
      if (pod !== undefined) await client.delete(pods, podKey);
      return;
    case 4: {
      const body = { metadata: { labels: { app: "released" } } };
      if (pod !== undefined) await client.patch(pods, podKey, { type: "merge", body });
      return;
    }
    default: {
      const body = { spec: { paused: random() < 0.5 } };
      await client.patch(deployments, key, { type: "merge", body });
    }
  }
}

test.each([1, 2, 3, 4, 5, 6])(
  "dropped, repeated, late events and lost answers lead to the same end (seed %i)",
  async (seed) => {
    const random = seeded(seed);
    let faults: Faults | undefined;
    const cluster = await startCluster({
      wrap: (client) => {
        const wrapped = unreliable(client, random);
        faults = wrapped.faults;
        return wrapped.client;
      },
    });
    const { client, clock } = cluster;
    await client.create(services, {
      apiVersion: "v1",
      kind: "Service",
      metadata: key,
      spec: { selector: { app: "web" }, ports: [{ port: 80, targetPort: "http" }] },
    });
    await client.create(deployments, webDeployment(3));
    for (let i = 0; i < 25; i++) {
      await clock.advance(random() * 500);
      await disturb(cluster, random).catch((error: unknown) => {
        // The pod went while it was being picked.
        if (!String(error).includes("not found") && !String(error).includes("Conflict"))
          throw error;
      });
    }
    const body = { spec: { paused: false, replicas: 3 } };
    await client.patch(deployments, key, { type: "merge", body });
    await setImage(client, "final");
    await clock.advance(5_000);
    expect([...(faults?.count.keys() ?? [])].length).toBeGreaterThan(4);
    if (faults !== undefined) faults.active = false;
    await clock.advance(120_000);
    await cluster.settle();

    const own = (await cluster.list(pods)).filter(({ metadata }) => metadata.labels?.app === "web");
    expect(own.map(({ spec }) => spec?.containers[0]?.image)).toEqual(["final", "final", "final"]);
    const sets = await cluster.list(replicaSets);
    expect(sets.filter(({ spec }) => spec?.replicas !== 0)).toHaveLength(1);
    const web = await cluster.get(deployments, "web");
    expect(web?.status).toMatchObject({ replicas: 3, updatedReplicas: 3, availableReplicas: 3 });
    const uids = new Set(own.map(({ metadata }) => metadata.uid));
    const slices = (await cluster.list(endpointSlices)).flatMap((slice) => slice.endpoints);
    expect(slices).toHaveLength(3);
    expect(new Set(slices.map(({ targetRef }) => targetRef?.uid))).toEqual(uids);
    const subsets = (await cluster.get(endpoints, "web"))?.subsets ?? [];
    const listed = subsets.flatMap(({ addresses = [] }) =>
      addresses.map(({ targetRef }) => targetRef?.uid),
    );
    expect(new Set(listed)).toEqual(uids);
    // Released pods run on without an owner.
    for (const { metadata } of await cluster.list(pods))
      if (metadata.labels?.app === "released") expect(metadata.ownerReferences ?? []).toEqual([]);
    await cluster.stop();
  },
);
