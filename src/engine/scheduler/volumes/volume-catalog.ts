/** Claims, volumes, classes and drivers as last seen, and the volumes that pods on their way were promised. */
import type { Informer } from "../../../client/informer.ts";
import type { Informers } from "../../../client/informers.ts";
import { type CSIDriver, csiDrivers } from "../../../kube/kinds/csidriver.ts";
import { type CSINode, csiNodes } from "../../../kube/kinds/csinode.ts";
import {
  type CSIStorageCapacity,
  csiStorageCapacities,
} from "../../../kube/kinds/csistoragecapacity.ts";
import { type PersistentVolume, persistentVolumes } from "../../../kube/kinds/persistentvolume.ts";
import {
  type PersistentVolumeClaim,
  persistentVolumeClaims,
} from "../../../kube/kinds/persistentvolumeclaim.ts";
import { storageClassNameOf } from "../../../kube/kinds/storage/class-name.ts";
import { type StorageClass, storageClasses } from "../../../kube/kinds/storageclass.ts";

export interface VolumeCatalog {
  /** By `namespace/name`. */
  claim(key: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  volumesOfClass(name: string): readonly PersistentVolume[];
  storageClass(name: string): StorageClass | undefined;
  driver(name: string): CSIDriver | undefined;
  csiNode(name: string): CSINode | undefined;
  capacitiesOfClass(name: string): readonly CSIStorageCapacity[];
  /** The claim that a volume was promised to before the API says so. */
  promisedTo(volumeName: string): string | undefined;
}

const BY_CLASS = "scheduler.storageClass";

export class InformedVolumeCatalog implements VolumeCatalog {
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;
  readonly #classes: Informer<StorageClass>;
  readonly #drivers: Informer<CSIDriver>;
  readonly #nodes: Informer<CSINode>;
  readonly #capacities: Informer<CSIStorageCapacity>;
  readonly #promised = new Map<string, string>();
  readonly #waiting = new Set<() => void>();

  constructor(informers: Informers) {
    this.#claims = informers.of(persistentVolumeClaims);
    this.#volumes = informers.of(persistentVolumes);
    this.#volumes.addIndex(BY_CLASS, (volume) => [storageClassNameOf(volume) ?? ""]);
    this.#classes = informers.of(storageClasses);
    this.#drivers = informers.of(csiDrivers);
    this.#nodes = informers.of(csiNodes);
    this.#capacities = informers.of(csiStorageCapacities);
    this.#capacities.addIndex(BY_CLASS, ({ storageClassName }) => [storageClassName]);
  }

  async synced(): Promise<void> {
    await Promise.all(this.#all().map(({ synced }) => synced));
  }

  /** Call once; `handler` hears of every change. The returned function ends it. */
  follow(handler: () => void): () => void {
    const unsubscribe = this.#all().map((informer) =>
      informer.onChange(() => {
        handler();
        const waiting = [...this.#waiting];
        this.#waiting.clear();
        for (const resume of waiting) resume();
      }),
    );
    return () => {
      for (const each of unsubscribe) each();
    };
  }

  /** Calls back once, at the next change, while {@link follow} is on. The returned function cancels. */
  onceChanged(callback: () => void): () => void {
    this.#waiting.add(callback);
    return () => this.#waiting.delete(callback);
  }

  claim(key: string): PersistentVolumeClaim | undefined {
    return this.#claims.get(key);
  }
  volume(name: string): PersistentVolume | undefined {
    return this.#volumes.get(name);
  }
  volumesOfClass(name: string): readonly PersistentVolume[] {
    return this.#volumes.byIndex(BY_CLASS, name);
  }
  storageClass(name: string): StorageClass | undefined {
    return this.#classes.get(name);
  }
  driver(name: string): CSIDriver | undefined {
    return this.#drivers.get(name);
  }
  csiNode(name: string): CSINode | undefined {
    return this.#nodes.get(name);
  }
  capacitiesOfClass(name: string): readonly CSIStorageCapacity[] {
    return this.#capacities.byIndex(BY_CLASS, name);
  }

  promisedTo(volumeName: string): string | undefined {
    return this.#promised.get(volumeName);
  }
  promise(volumeName: string, claim: string): void {
    this.#promised.set(volumeName, claim);
  }
  /** The promise is kept, or will not be. */
  forgetPromise(volumeName: string): void {
    this.#promised.delete(volumeName);
  }

  /** Nobody minds of which kind: each can be listened to. */
  #all(): readonly Pick<Informer, "synced" | "onChange">[] {
    return [
      this.#claims,
      this.#volumes,
      this.#classes,
      this.#drivers,
      this.#nodes,
      this.#capacities,
    ] as unknown as readonly Informer[];
  }
}
