/**
 * Storage of one engine: its drivers, and for each driver the controllers that make, grow and delete
 * volumes. Binding and protection are controllers like all others (`controllers/index.ts`); these here
 * come and go with their driver.
 */
import type { Client } from "../../client/client.ts";
import { type Clock, systemClock } from "../../client/clock.ts";
import type { Informers } from "../../client/informers.ts";
import { type Logger, silentLogger } from "../../client/logger.ts";
import { type RunningController, runController } from "../../client/reconciler.ts";
import { stopInReverse } from "../../client/stop-in-reverse.ts";
import { createAttacher } from "./attaching/attacher.ts";
import { publishDriver, withdrawDriver } from "./csi/csi-node-object.ts";
import { PluginRegistry } from "./csi/plugin-registry.ts";
import type { DriverContext, DriverController } from "./driver-context.ts";
import { LOCAL_DRIVER } from "./driver-volume.ts";
import { ensureClasses } from "./local/ensure-classes.ts";
import { HOSTNAME_LABEL, type LocalDriver, openLocalDriver } from "./local/local-driver.ts";
import { removeOrphans } from "./local/remove-orphans.ts";
import { startUsageCheck } from "./local/usage-check.ts";
import { createCapacityPublisher } from "./provisioning/capacity-publisher.ts";
import { createProvisioner } from "./provisioning/provisioner.ts";
import { createResizer } from "./resizing/resizer.ts";
import { createSnapshotBinder } from "./snapshots/snapshot-binder.ts";
import { createSnapshotTaker } from "./snapshots/snapshot-taker.ts";
import type { Topology, VolumeDriver } from "./volume-driver.ts";
import { VolumeDrivers } from "./volume-drivers.ts";

export interface StorageOptions {
  readonly client: Client;
  /** Started by the caller, and stopped after storage. */
  readonly informers: Informers;
  /** `<data-dir>/volumes`. */
  readonly directory: string;
  /** Where CSI drivers register by a socket: `<data-dir>/plugins_registry`. Absent: they cannot. */
  readonly pluginsDirectory?: string;
  readonly nodeName: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
}
export interface Storage {
  /** For the node agent. */
  readonly drivers: VolumeDrivers;
  /** Makes volumes through a driver from now on. `place` is where this node is to it. */
  addDriver(driver: VolumeDriver, place: Topology): void;
  /** Waits for what the driver's controllers are at, then closes the driver. */
  removeDriver(driver: VolumeDriver): Promise<void>;
  stop(): Promise<void>;
}

export async function startStorage(options: StorageOptions): Promise<Storage> {
  const { clock = systemClock, logger = silentLogger } = options;
  await ensureClasses(options.client);
  const storage = new RunningStorage({ ...options, clock, logger });
  const local = await openLocalDriver({ ...options, clock });
  storage.addLocal(local);
  if (options.pluginsDirectory !== undefined) await storage.watchPlugins(options.pluginsDirectory);
  return storage;
}

class RunningStorage implements Storage {
  readonly drivers = new VolumeDrivers();
  readonly #options: StorageOptions & { readonly clock: Clock; readonly logger: Logger };
  readonly #abort = new AbortController();
  readonly #running = new Map<VolumeDriver, () => Promise<void>>();
  readonly #stops: (() => unknown)[] = [];
  #plugins: PluginRegistry | undefined;
  /** A node that stops keeps its drivers in its CSINode: they are there again when it is. */
  #isStopping = false;

  constructor(options: StorageOptions & { readonly clock: Clock; readonly logger: Logger }) {
    this.#options = options;
    this.#stops.push(() => this.#abort.abort(new Error("storage was stopped")));
    const drivers = this.drivers;
    for (const controller of [
      createSnapshotBinder(this.#context()),
      createSnapshotTaker({ ...this.#context(), drivers }),
    ]) {
      this.#stops.push(controller.unsubscribe);
      const running = this.#run(controller);
      this.#stops.push(() => running.stop());
    }
  }

  addLocal(local: LocalDriver): void {
    this.#start(local, {
      topologyKeys: [HOSTNAME_LABEL],
      onProvisioned: (volumeId) => local.adopt(volumeId),
    });
    const context = { ...this.#context(), driver: local };
    const sweep = removeOrphans(context);
    this.#stops.push(() => sweep);
    this.#stops.push(startUsageCheck(context));
  }

  /** Takes drivers as they come, and lets them go with their socket. */
  async watchPlugins(directory: string): Promise<void> {
    const { client, clock, logger, nodeName } = this.#options;
    this.#plugins = await PluginRegistry.start({
      directory,
      clock,
      logger,
      onAdd: async (driver) => {
        await publishDriver(client, nodeName, driver.name, driver.nodeInfo);
        this.addDriver(driver, driver.nodeInfo.topology);
      },
      onRemove: async (driver) => {
        await this.removeDriver(driver);
        if (!this.#isStopping) await withdrawDriver(client, nodeName, driver.name);
      },
    });
  }

  addDriver(driver: VolumeDriver, place: Topology): void {
    this.#start(driver, { topologyKeys: Object.keys(place).toSorted(), place });
  }

  async removeDriver(driver: VolumeDriver): Promise<void> {
    this.drivers.remove(driver);
    const stop = this.#running.get(driver);
    this.#running.delete(driver);
    await stop?.();
    await driver.close();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#plugins?.stop();
    for (const driver of [...this.#running.keys()].reverse())
      if (driver.name !== LOCAL_DRIVER) await this.removeDriver(driver);
    for (const driver of this.#running.keys()) await this.removeDriver(driver);
    await stopInReverse(this.#stops.splice(0));
  }

  #start(
    driver: VolumeDriver,
    options: {
      readonly topologyKeys: readonly string[];
      readonly place?: Topology;
      readonly onProvisioned?: (volumeId: string) => Promise<void>;
    },
  ): void {
    const { controller, abilities } = driver;
    const { topologyKeys, place, onProvisioned } = options;
    const context: DriverContext = { ...this.#context(), driver, topologyKeys };
    const controllers: DriverController[] = [];
    if (controller !== undefined && abilities.controller.has("create"))
      controllers.push(
        createProvisioner({
          ...context,
          controller,
          ...(onProvisioned === undefined ? {} : { onProvisioned }),
        }),
      );
    if (controller !== undefined && abilities.expansion !== "none")
      controllers.push(createResizer({ ...context, controller }));
    if (controller !== undefined && abilities.controller.has("capacity") && place !== undefined)
      controllers.push(createCapacityPublisher({ ...context, controller, place }));
    if (controller !== undefined && abilities.controller.has("publish"))
      controllers.push(createAttacher({ ...context, controller }));
    const running = controllers.map((one) => this.#run(one));
    this.#running.set(driver, async () => {
      for (const one of controllers) one.unsubscribe();
      await Promise.all(running.map((one) => one.stop()));
    });
    this.drivers.add(driver);
  }

  #run(controller: DriverController): RunningController {
    const { clock, logger } = this.#options;
    return runController({ ...controller, clock, logger });
  }

  #context() {
    const { client, informers, clock, logger } = this.#options;
    return { client, informers, clock, logger, signal: this.#abort.signal };
  }
}
