/**
 * Tells the scheduler how much room a driver has on this node, for drivers that ask for it
 * (`CSIDriver.spec.storageCapacity`): one CSIStorageCapacity for each class of the driver.
 */
import { createHash } from "node:crypto";
import { withFieldManager } from "../../../client/field-manager.ts";
import { done, type Result, requeueAfter } from "../../../client/reconciler.ts";
import { WorkQueue } from "../../../client/work-queue.ts";
import { csiDrivers } from "../../../kube/kinds/csidriver.ts";
import {
  type CSIStorageCapacity,
  csiStorageCapacities,
} from "../../../kube/kinds/csistoragecapacity.ts";
import { persistentVolumes } from "../../../kube/kinds/persistentvolume.ts";
import { type StorageClass, storageClasses } from "../../../kube/kinds/storageclass.ts";
import { isStatus } from "../../../kube/status-error.ts";
import { formatBytes } from "../byte-size.ts";
import type { DriverContext, DriverController } from "../driver-context.ts";
import { volumeOf } from "../driver-volume.ts";
import type { ControllerService, Topology } from "../volume-driver.ts";
import { ClassParameterError, readClassParameters } from "./class-parameters.ts";

const WORKERS = 1;
const BACKOFF = { initialMs: 1_000, maxMs: 300_000 };
/** Room changes without anybody saying so. As the external-provisioner's. */
const REFRESH_MS = 60_000;
const NAMESPACE = "kube-system";
const MANAGED_BY = "csi.storage.k8s.io/managed-by";
const DRIVER_LABEL = "csi.storage.k8s.io/drivername";

export function createCapacityPublisher(
  context: DriverContext & {
    readonly controller: ControllerService;
    /** The labels that the node's place has. */
    readonly place: Topology;
  },
): DriverController {
  const { informers, clock, driver, controller, place } = context;
  const client = withFieldManager(context.client, "external-provisioner");
  const classes = informers.of(storageClasses);
  const declared = informers.of(csiDrivers);
  const volumes = informers.of(persistentVolumes);
  const queue = new WorkQueue({ clock, backoff: BACKOFF });
  const wakeAll = (): void => {
    for (const one of classes.list())
      if (one.provisioner === driver.name) queue.add(one.metadata.name);
  };
  const subscriptions = [
    classes.onChange(({ object }) => {
      if (object.provisioner === driver.name) queue.add(object.metadata.name);
    }),
    declared.onChange(({ object }) => {
      if (object.metadata.name === driver.name) wakeAll();
    }),
    volumes.onChange(({ type, object }) => {
      if (type !== "MODIFIED" && volumeOf(object)?.driver === driver.name) wakeAll();
    }),
  ];

  async function reconcile(className: string, stopping: AbortSignal): Promise<Result> {
    const storageClass = classes.get(className);
    const isWanted = declared.get(driver.name)?.spec.storageCapacity === true;
    const key = { namespace: NAMESPACE, name: nameOf(className) };
    if (storageClass === undefined || !isWanted) {
      await remove(key);
      return done;
    }
    const bytes = await controller.availableBytes(
      { parameters: parametersOf(storageClass), ...placeOf() },
      { signal: stopping },
    );
    if (bytes === undefined) await remove(key);
    else await write(key, className, formatBytes(bytes));
    return requeueAfter(REFRESH_MS);
  }

  function placeOf(): { readonly accessibleFrom?: Topology } {
    return driver.abilities.topology ? { accessibleFrom: place } : {};
  }

  function nameOf(className: string): string {
    const id = JSON.stringify([
      driver.name,
      className,
      Object.entries(place).map(String).toSorted(),
    ]);
    return `csisc-${createHash("sha256").update(id).digest("hex").slice(0, 16)}`;
  }

  async function remove(key: { namespace: string; name: string }): Promise<void> {
    try {
      await client.delete(csiStorageCapacities, key);
    } catch (error) {
      if (!isStatus(error, "NotFound")) throw error;
    }
  }

  async function write(
    key: { namespace: string; name: string },
    storageClassName: string,
    capacity: string,
  ): Promise<void> {
    const object: CSIStorageCapacity = {
      apiVersion: "storage.k8s.io/v1",
      kind: "CSIStorageCapacity",
      metadata: {
        ...key,
        labels: { [DRIVER_LABEL]: driver.name, [MANAGED_BY]: "gantry" },
      },
      storageClassName,
      nodeTopology: { matchLabels: { ...place } },
      capacity,
    };
    try {
      await client.create(csiStorageCapacities, object);
    } catch (error) {
      if (!isStatus(error, "AlreadyExists")) throw error;
      const body = { capacity };
      await client.patch(csiStorageCapacities, key, { type: "merge", body });
    }
  }

  return {
    name: `${driver.name} capacity`,
    queue,
    workers: WORKERS,
    reconcile,
    unsubscribe: () => {
      for (const unsubscribe of subscriptions) unsubscribe();
    },
  };
}

/** A class that cannot be understood makes no volumes, whatever room there is: claims tell why. */
function parametersOf({ parameters = {} }: StorageClass): Readonly<Record<string, string>> {
  const unknown = "";
  try {
    return readClassParameters(parameters, {
      "pv.name": unknown,
      "pvc.name": unknown,
      "pvc.namespace": unknown,
    }).forDriver;
  } catch (error) {
    if (error instanceof ClassParameterError) return {};
    throw error;
  }
}
