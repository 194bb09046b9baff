/** The drivers that are there right now, by name: CSI drivers come and go while the engine runs. */
import type { VolumeDriver } from "./volume-driver.ts";

export class VolumeDrivers {
  readonly #byName = new Map<string, VolumeDriver>();
  readonly #listeners = new Set<(name: string) => void>();

  find(name: string): VolumeDriver | undefined {
    return this.#byName.get(name);
  }
  all(): readonly VolumeDriver[] {
    return [...this.#byName.values()];
  }
  /** The last driver of a name wins, as after its restart. */
  add(driver: VolumeDriver): void {
    this.#byName.set(driver.name, driver);
    this.#tell(driver.name);
  }
  /** Forgets exactly this driver, and not a later one of its name. */
  remove(driver: VolumeDriver): void {
    if (this.#byName.get(driver.name) !== driver) return;
    this.#byName.delete(driver.name);
    this.#tell(driver.name);
  }
  /** Calls back with the name of each driver that came or went. The returned function stops it. */
  onChange(listener: (name: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(name: string): void {
    for (const listener of this.#listeners) listener(name);
  }
}
