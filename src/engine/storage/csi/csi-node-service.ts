/** A driver's node service: what is done on the node that uses a volume. */
import { mkdir, rmdir, stat } from "node:fs/promises";
import type { NodeInfo, NodeService, VolumeUse } from "../volume-driver.ts";
import { VolumeDriverError } from "../volume-driver-error.ts";
import { type CsiCalls, caller, gone } from "./csi-calls.ts";
import { USAGE_UNIT } from "./csi-messages.ts";
import {
  capabilityOf,
  capacityRange,
  list,
  number,
  part,
  strongestMode,
  text,
} from "./csi-values.ts";

export function nodeService(calls: CsiCalls, nodeInfo: NodeInfo): NodeService {
  const call = caller(calls, "Node");
  const knowsSingleWriters = calls.abilities.node.has("singleNodeMultiWriter");
  const capability = (use: VolumeUse) => capabilityOf(use, knowsSingleWriters, strongestMode(use));
  return {
    info: () => Promise.resolve(nodeInfo),
    async stageVolume(request, options) {
      const { volumeId, context, stagingPath, use, publishContext = {}, secrets } = request;
      // Kubelets make the staging directory; drivers rely on it.
      if (use.volumeMode === "Filesystem") await mkdir(stagingPath, { recursive: true });
      await call(
        "NodeStageVolume",
        {
          volumeId,
          publishContext,
          stagingTargetPath: stagingPath,
          volumeCapability: capability(use),
          volumeContext: context,
        },
        { ...options, secrets },
      );
    },
    async publishVolume(request, options) {
      const { volumeId, context, stagingPath = "", targetPath, use, readOnly } = request;
      const { publishContext = {}, secrets, ephemeral = false } = request;
      await call(
        "NodePublishVolume",
        {
          volumeId,
          publishContext,
          stagingTargetPath: stagingPath,
          targetPath,
          volumeCapability: capability(use),
          readonly: readOnly,
          volumeContext: ephemeral
            ? { ...context, "csi.storage.k8s.io/ephemeral": "true" }
            : context,
        },
        { ...options, secrets },
      );
      // A driver that says yes and mounts nothing would let the pod write to the node's own disk.
      if ((await stat(targetPath).catch(() => undefined)) === undefined)
        throw new VolumeDriverError(
          "Internal",
          `the driver said that it published ${volumeId}, but there is nothing at ${targetPath}`,
        );
      return { path: targetPath };
    },
    async unpublishVolume({ volumeId, targetPath }, options) {
      await gone(call("NodeUnpublishVolume", { volumeId, targetPath }, options));
    },
    async unstageVolume({ volumeId, stagingPath }, options) {
      await gone(call("NodeUnstageVolume", { volumeId, stagingTargetPath: stagingPath }, options));
      // Empty once the driver has let go of it; what is not empty is still mounted, and stays.
      await rmdir(stagingPath).catch(() => undefined);
    },
    async expandVolume({ volumeId, path, stagingPath = "", size, use, secrets }, options) {
      const answer = await call(
        "NodeExpandVolume",
        {
          volumeId,
          volumePath: path,
          capacityRange: capacityRange(size),
          stagingTargetPath: stagingPath,
          volumeCapability: capability(use),
        },
        { ...options, secrets },
        "NodeExpandVolumeResponse",
      );
      return { capacityBytes: number(answer, "capacityBytes") || size.requiredBytes };
    },
    async stats({ volumeId, path, stagingPath = "" }, options) {
      const answer = await call(
        "NodeGetVolumeStats",
        { volumeId, volumePath: path, stagingTargetPath: stagingPath },
        options,
        "NodeGetVolumeStatsResponse",
      );
      const usage = list(answer, "usage");
      const of = (unit: number) => usage.find((one) => number(one, "unit") === unit);
      const bytes = of(USAGE_UNIT.bytes) ?? {};
      const inodes = of(USAGE_UNIT.inodes);
      const condition = part(answer, "volumeCondition") ?? {};
      return {
        usedBytes: number(bytes, "used"),
        availableBytes: number(bytes, "available"),
        capacityBytes: number(bytes, "total"),
        ...(inodes === undefined
          ? {}
          : {
              inodesUsed: number(inodes, "used"),
              inodesFree: number(inodes, "available"),
              inodes: number(inodes, "total"),
            }),
        ...(condition["abnormal"] === true ? { abnormal: text(condition, "message") } : {}),
      };
    },
  };
}
