/** All controllers on simulated time, and storage with its local driver on a directory of its own. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Informers } from "../../../src/client/informers.ts";
import { startStorage, type Storage } from "../../../src/engine/storage/start-storage.ts";
import { nodes } from "../../../src/kube/kinds/node.ts";
import { type Cluster, NODE, startCluster } from "../controllers/cluster.ts";

export interface StorageCluster extends Cluster {
  readonly storage: Storage;
  /** `<data-dir>/volumes`. */
  readonly directory: string;
  /** A directory of the test's own, with `volumes` and `plugins_registry` in it. */
  readonly home: string;
}

export async function startStorageCluster(): Promise<StorageCluster> {
  const cluster = await startCluster();
  const home = await mkdtemp(join(tmpdir(), "gantry-storage-"));
  const { client, clock } = cluster;
  const directory = join(home, "volumes");
  await client.patch(
    nodes,
    { name: NODE },
    { type: "merge", body: { metadata: { labels: { "kubernetes.io/hostname": NODE } } } },
  );
  const informers = new Informers(client, { clock });
  informers.start();
  const pluginsDirectory = join(home, "plugins_registry");
  const options = { client, informers, directory, pluginsDirectory, nodeName: NODE, clock };
  const storage = await startStorage(options);
  await informers.synced();
  return {
    ...cluster,
    storage,
    directory,
    home,
    async stop() {
      const stopped = storage.stop();
      await clock.advance(10_000);
      await stopped;
      await informers.stop();
      await cluster.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}
