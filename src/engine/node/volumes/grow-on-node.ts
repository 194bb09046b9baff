/** The node's part of a volume's growth: what is on it learns of the size, while a pod uses it. */
import {
  type PersistentVolumeClaim,
  persistentVolumeClaims,
} from "../../../kube/kinds/persistentvolumeclaim.ts";
import { parseQuantity, quantityToInteger } from "../../../kube/quantity.ts";
import { isStatus } from "../../../kube/status-error.ts";
import { grown, resizeStateOf } from "../../storage/resizing/claim-growth.ts";
import { VolumeDriverError } from "../../storage/volume-driver-error.ts";
import type { DriverMount } from "./driver-mounts.ts";
import type { NodeVolumes } from "./node-volumes.ts";
import { VolumeError } from "./volume-error.ts";

/** False when there was nothing to do. Throws `VolumeError`. */
export async function growOnNode(
  node: NodeVolumes,
  claim: PersistentVolumeClaim,
  mount: DriverMount,
  path: string,
): Promise<boolean> {
  const { status } = claim;
  const size = status?.allocatedResources?.["storage"];
  if (resizeStateOf(claim) !== "NodeResizePending" || size === undefined) return false;
  const driver = node.drivers.find(mount.driver);
  if (driver?.node === undefined || !driver.abilities.node.has("expand")) return false;
  const stagingPath = node.mounts.stagingPathOf(mount.driver, mount.volumeId);
  try {
    await driver.node.expandVolume({
      volumeId: mount.volumeId,
      path,
      size: { requiredBytes: Number(quantityToInteger(parseQuantity(size))) },
      use: mount.use,
      ...(stagingPath === undefined ? {} : { stagingPath }),
      ...(mount.expandSecrets === undefined ? {} : { secrets: mount.expandSecrets }),
    });
  } catch (cause) {
    if (!(cause instanceof VolumeDriverError)) throw cause;
    throw new VolumeError(
      `NodeExpandVolume.NodeExpandVolume failed for volume "${claim.spec?.volumeName ?? ""}" : ${cause.described}`,
      { cause, reason: "VolumeResizeFailed" },
    );
  }
  try {
    await node.client.update(
      persistentVolumeClaims,
      { ...claim, status: grown({ ...status }, size) },
      { subresource: "status", fieldManager: "kubelet" },
    );
    return true;
  } catch (error) {
    // Whoever changed the claim meanwhile makes it be looked at again.
    if (isStatus(error, "Conflict", "NotFound")) return false;
    throw error;
  }
}
