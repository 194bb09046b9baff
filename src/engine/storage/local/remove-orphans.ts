/**
 * Removes volumes that were made for a claim just before the engine was killed and that nothing
 * stands for. A volume that ever had a PersistentVolume is never touched here: with reclaim policy
 * Retain its data is to outlive that object.
 */
import { persistentVolumes } from "../../../kube/kinds/persistentvolume.ts";
import { persistentVolumeClaims } from "../../../kube/kinds/persistentvolumeclaim.ts";
import type { ControllerContext } from "../../controllers/controller-context.ts";
import { volumeName } from "../provisioning/provisioned-volume.ts";
import type { LocalDriver } from "./local-driver.ts";

/** Never rejects: what could not be removed is removed after the next start. */
export async function removeOrphans(
  context: ControllerContext & { readonly driver: LocalDriver },
): Promise<void> {
  const { client, driver, logger } = context;
  try {
    const names = await driver.unadopted();
    if (names.length === 0) return;
    const volumes = await client.list(persistentVolumes);
    const claims = await client.list(persistentVolumeClaims);
    const stood = new Set(volumes.items.map(({ metadata }) => metadata.name));
    const wanted = new Set(claims.items.map(volumeName));
    for (const name of names) {
      if (stood.has(name)) await driver.adopt(name);
      // A claim that is still there gets it: it is asked for again by the same name.
      else if (!wanted.has(name)) {
        await driver.controller.deleteVolume({ volumeId: name });
        logger.info({ volume: name }, "removed a volume that no claim asks for any more");
      }
    }
  } catch (error) {
    logger.warn({ err: error }, "could not look for volumes without an owner");
  }
}
