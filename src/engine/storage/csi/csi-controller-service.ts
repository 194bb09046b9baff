/** A driver's controller service: what is done to storage wherever it is. */
import type { UnknownObject } from "../../../kube/json-object.ts";
import type { ControllerService, CreateVolumeRequest, VolumeUse } from "../volume-driver.ts";
import { VolumeDriverError } from "../volume-driver-error.ts";
import { type CsiCalls, caller, gone } from "./csi-calls.ts";
import { CONTROLLER_RPC } from "./csi-messages.ts";
import {
  capabilityOf,
  capacityRange,
  list,
  number,
  part,
  snapshotFrom,
  strongestMode,
  texts,
  volumeFrom,
} from "./csi-values.ts";

/** Drivers answer with the one snapshot that was asked for; some send others along. */
const MAX_SNAPSHOTS = 100;

export function controllerService(calls: CsiCalls): ControllerService {
  const call = caller(calls, "Controller");
  const { abilities, controllerRpcs } = calls;
  const knowsSingleWriters = abilities.controller.has("singleNodeMultiWriter");
  const capabilities = (use: VolumeUse) =>
    (use.accessModes.length === 0 ? ["ReadWriteOnce"] : use.accessModes).map((mode) =>
      capabilityOf(use, knowsSingleWriters, mode),
    );
  const capability = (use: VolumeUse) => capabilityOf(use, knowsSingleWriters, strongestMode(use));
  return {
    async createVolume({ secrets, ...request }, options) {
      const value = createVolumeValue(request, capabilities(request.use));
      const answer = await call(
        "CreateVolume",
        value,
        { ...options, secrets },
        "CreateVolumeResponse",
      );
      const volume = volumeFrom(answer);
      const source = part(part(answer, "volume") ?? {}, "contentSource");
      if (request.source !== undefined && source === undefined)
        // Data that the user asked for is not there: never hand the volume out.
        throw new VolumeDriverError(
          "Internal",
          "volume content source missing: the driver ignored what the volume was to be filled with",
        );
      return volume;
    },
    async deleteVolume({ volumeId, secrets }, options) {
      await gone(call("DeleteVolume", { volumeId }, { ...options, secrets }));
    },
    async publishVolume({ secrets, volumeId, nodeId, use, readOnly, context }, options) {
      const value = {
        volumeId,
        nodeId,
        volumeCapability: capability(use),
        readonly: readOnly && controllerRpcs.has(CONTROLLER_RPC.publishReadonly),
        volumeContext: context,
      };
      const answer = await call(
        "ControllerPublishVolume",
        value,
        { ...options, secrets },
        "ControllerPublishVolumeResponse",
      );
      return texts(answer, "publishContext");
    },
    async unpublishVolume({ volumeId, nodeId, secrets }, options) {
      const value = { volumeId, nodeId };
      await gone(call("ControllerUnpublishVolume", value, { ...options, secrets }));
    },
    async expandVolume({ volumeId, size, use, secrets }, options) {
      const value = {
        volumeId,
        capacityRange: capacityRange(size),
        volumeCapability: capability(use),
      };
      const answer = await call(
        "ControllerExpandVolume",
        value,
        { ...options, secrets },
        "ControllerExpandVolumeResponse",
      );
      const needsNode = answer["nodeExpansionRequired"] === true;
      return { capacityBytes: number(answer, "capacityBytes"), needsNode };
    },
    async createSnapshot({ name, sourceVolumeId, parameters, secrets }, options) {
      const answer = await call(
        "CreateSnapshot",
        { name, sourceVolumeId, parameters },
        { ...options, secrets },
        "CreateSnapshotResponse",
      );
      return snapshotFrom(answer);
    },
    async deleteSnapshot({ snapshotId, secrets }, options) {
      await gone(call("DeleteSnapshot", { snapshotId }, { ...options, secrets }));
    },
    async findSnapshot({ snapshotId, secrets }, options) {
      const answer = await call(
        "ListSnapshots",
        { snapshotId, maxEntries: MAX_SNAPSHOTS },
        { ...options, secrets },
        "ListSnapshotsResponse",
      );
      return list(answer, "entries")
        .map(snapshotFrom)
        .find((snapshot) => snapshot.snapshotId === snapshotId);
    },
    async availableBytes({ parameters, accessibleFrom }, options) {
      const place =
        accessibleFrom === undefined ? {} : { accessibleTopology: { segments: accessibleFrom } };
      const answer = await call(
        "GetCapacity",
        { parameters, ...place },
        options,
        "GetCapacityResponse",
      );
      return number(answer, "availableCapacity");
    },
  };
}

function createVolumeValue(
  { name, size, parameters, source, accessibleFrom }: CreateVolumeRequest,
  volumeCapabilities: readonly UnknownObject[],
): UnknownObject {
  const places = accessibleFrom?.map((segments) => ({ segments }));
  return {
    name,
    capacityRange: capacityRange(size),
    volumeCapabilities,
    parameters,
    ...(source === undefined
      ? {}
      : {
          volumeContentSource:
            "snapshotId" in source
              ? { snapshot: { snapshotId: source.snapshotId } }
              : { volume: { volumeId: source.volumeId } },
        }),
    ...(places === undefined
      ? {}
      : { accessibilityRequirements: { requisite: places, preferred: places } }),
  };
}
