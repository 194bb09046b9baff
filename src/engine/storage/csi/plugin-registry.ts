/**
 * Drivers register by a socket in a directory, as with a kubelet's `plugins_registry`: either that of
 * `node-driver-registrar`, which says where the driver's own socket is, or the driver's own. The
 * directory is watched, not polled, and nothing of gRPC is loaded before there is a socket.
 */
import { type FSWatcher, watch } from "node:fs";
import { lstat, mkdir, readdir, stat } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { type Backoff, backoffDelay } from "../../../client/backoff.ts";
import type { Clock } from "../../../client/clock.ts";
import type { Logger } from "../../../client/logger.ts";
import { VolumeDriverError } from "../volume-driver-error.ts";
import { type CsiDriver, openCsiDriver } from "./csi-driver.ts";

/** A driver that starts makes its socket first and answers some seconds later. */
const RETRY: Backoff = { initialMs: 500, maxMs: 60_000, jitter: 0.2 };
/** A node has a handful of drivers; a directory full of sockets is something else. */
const MAX_DRIVERS = 32;
const REGISTRATION_TIMEOUT_MS = 5_000;
const PLUGIN_TYPE = "CSIPlugin";

export interface PluginRegistryOptions {
  /** `<data-dir>/plugins_registry`. Made when it is not there. */
  readonly directory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onAdd: (driver: CsiDriver) => Promise<void>;
  readonly onRemove: (driver: CsiDriver) => Promise<void>;
}

interface Entry {
  /** Which socket it is: another one of the same name is another driver process. */
  readonly identity: string;
  readonly abort: AbortController;
  driver: CsiDriver | undefined;
  /** Ends when the driver is registered or the entry is given up. */
  task: Promise<void>;
}

export class PluginRegistry {
  readonly #options: PluginRegistryOptions;
  readonly #entries = new Map<string, Entry>();
  #watcher: FSWatcher | undefined;
  #scanning: Promise<void> = Promise.resolve();
  #isStopped = false;

  private constructor(options: PluginRegistryOptions) {
    this.#options = options;
  }

  static async start(options: PluginRegistryOptions): Promise<PluginRegistry> {
    const registry = new PluginRegistry(options);
    await mkdir(options.directory, { recursive: true, mode: 0o700 });
    registry.#watch();
    registry.#scan();
    return registry;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#watcher?.close();
    await this.#scanning;
    await Promise.all([...this.#entries.keys()].map((name) => this.#remove(name)));
  }

  /** Without a watch, say because the system has no more of them, drivers are found at the next start. */
  #watch(): void {
    const { directory, logger } = this.#options;
    const warn = (error: unknown): void =>
      logger.warn({ err: error, directory }, "CSI drivers that come or go are not noticed");
    try {
      this.#watcher = watch(directory, () => this.#scan());
      this.#watcher.on("error", warn);
    } catch (error) {
      warn(error);
    }
  }

  #scan(): void {
    this.#scanning = this.#scanning
      .then(() => this.#look())
      .catch((error: unknown) => {
        this.#options.logger.warn({ err: error }, "could not look for CSI drivers");
      });
  }

  async #look(): Promise<void> {
    if (this.#isStopped) return;
    const found = await this.#sockets();
    for (const [name, { identity }] of this.#entries)
      if (found.get(name) !== identity) await this.#remove(name);
    for (const [name, identity] of found) {
      if (this.#entries.has(name)) continue;
      if (this.#entries.size >= MAX_DRIVERS) {
        this.#options.logger.warn(
          { socket: name },
          `more than ${MAX_DRIVERS} CSI drivers: ignored`,
        );
        return;
      }
      this.#add(name, identity);
    }
  }

  async #sockets(): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    for (const name of await readdir(this.#options.directory)) {
      if (!name.endsWith(".sock")) continue;
      // A link to a driver's socket elsewhere is a socket, too.
      const path = join(this.#options.directory, name);
      const info = await stat(path).catch(() => undefined);
      const own = await lstat(path).catch(() => undefined);
      if (info?.isSocket() === true && own !== undefined)
        found.set(name, `${own.ino}:${info.dev}:${info.ino}:${info.ctimeMs}`);
    }
    return found;
  }

  #add(name: string, identity: string): void {
    const abort = new AbortController();
    const entry: Entry = { identity, abort, driver: undefined, task: Promise.resolve() };
    this.#entries.set(name, entry);
    entry.task = this.#register(join(this.#options.directory, name), entry);
  }

  /** Never rejects: tries until the driver answers or its socket is gone. */
  async #register(path: string, entry: Entry): Promise<void> {
    const { clock, logger, onAdd } = this.#options;
    const { signal } = entry.abort;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        const driver = await introduce(path, signal);
        if (signal.aborted) {
          await driver.close();
          return;
        }
        try {
          await onAdd(driver);
        } catch (error) {
          await driver.close();
          throw error;
        }
        entry.driver = driver;
        logger.info({ driver: driver.name, socket: path }, "CSI driver registered");
        return;
      } catch (error) {
        if (signal.aborted) return;
        const delayMs = backoffDelay(RETRY, attempt);
        logger.warn({ err: error, socket: path, retryInMs: delayMs }, "no CSI driver answers");
        await wait(clock, delayMs, signal);
      }
    }
  }

  async #remove(name: string): Promise<void> {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    this.#entries.delete(name);
    entry.abort.abort();
    await entry.task;
    if (entry.driver !== undefined) await this.#options.onRemove(entry.driver);
  }
}

/** Asks a registrar where its driver is, or takes the socket for the driver's own. */
async function introduce(path: string, signal: AbortSignal): Promise<CsiDriver> {
  const { CsiConnection } = await import("./csi-connection.ts");
  const registrar = await CsiConnection.open(path);
  const call = (method: string, request: string, response: string, value = {}) =>
    registrar.call({
      path: `/pluginregistration.Registration/${method}`,
      request,
      response,
      value,
      signal,
      timeoutMs: REGISTRATION_TIMEOUT_MS,
    });
  try {
    const info = await call("GetInfo", "Empty", "PluginInfo");
    const { type, endpoint } = info;
    if (type !== PLUGIN_TYPE)
      throw new VolumeDriverError("InvalidArgument", `${path} is a plug-in of another kind`);
    if (typeof endpoint !== "string" || !isAbsolute(endpoint))
      throw new VolumeDriverError("InvalidArgument", `${path} names no socket of its driver`);
    try {
      const driver = await openCsiDriver({ socketPath: endpoint, signal });
      await call("NotifyRegistrationStatus", "RegistrationStatus", "Empty", {
        pluginRegistered: true,
      });
      return driver;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      await call("NotifyRegistrationStatus", "RegistrationStatus", "Empty", { error: text }).catch(
        () => undefined,
      );
      throw error;
    }
  } catch (error) {
    if (!(error instanceof VolumeDriverError) || error.code !== "Unimplemented") throw error;
    return await openCsiDriver({ socketPath: path, signal });
  } finally {
    registrar.close();
  }
}

/** Resolves after the delay, or at once when the signal aborts. */
function wait(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const cancel = clock.after(delayMs, end);
    signal.addEventListener("abort", end, { once: true });
  });
}
