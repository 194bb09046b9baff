/** A driver whose volumes are directories that a test makes and takes away. */
import { mkdir, rm, stat, symlink, unlink } from "node:fs/promises";
import { join } from "node:path";
import type {
  NodeAbility,
  NodeService,
  VolumeDriver,
} from "../../../../src/engine/storage/volume-driver.ts";
import { VolumeDriverError } from "../../../../src/engine/storage/volume-driver-error.ts";

export interface FakeDriver extends VolumeDriver {
  readonly node: NodeService;
  /** What was asked for, in order: `stage vol-1`, `publish vol-1 rw`, … */
  readonly journal: string[];
  /** What a call was given, by the line of the journal. */
  readonly requests: Record<string, unknown>;
  /** Thrown by the next call of this name, until a test removes it. */
  readonly problems: Map<string, VolumeDriverError>;
}

export function fakeDriver(
  directory: string,
  options: {
    readonly name?: string;
    readonly stage?: boolean;
    readonly attach?: boolean;
  } = {},
): FakeDriver {
  const { name = "fake.example.com", stage = true, attach = false } = options;
  const journal: string[] = [];
  const requests: Record<string, unknown> = {};
  const problems = new Map<string, VolumeDriverError>();
  const note = (call: string, line: string, request: unknown): void => {
    journal.push(line);
    requests[line] = request;
    const problem = problems.get(call);
    if (problem !== undefined) throw problem;
  };
  return {
    name,
    journal,
    requests,
    problems,
    abilities: {
      version: "1",
      topology: false,
      controller: new Set(attach ? ["publish" as const] : []),
      node: new Set<NodeAbility>(stage ? ["stage", "expand"] : ["expand"]),
      expansion: "online",
    },
    close: async () => undefined,
    node: {
      info: async () => ({ nodeId: "node-1", topology: {} }),
      async stageVolume(request) {
        note("stage", `stage ${request.volumeId}`, request);
        await mkdir(request.stagingPath, { recursive: true });
      },
      async publishVolume(request) {
        const { volumeId, targetPath, readOnly, ephemeral = false } = request;
        note("publish", `publish ${volumeId} ${readOnly ? "ro" : "rw"}`, request);
        const data = join(directory, volumeId);
        if (ephemeral) await mkdir(data, { recursive: true });
        const found = await stat(data).catch(() => undefined);
        if (found === undefined)
          throw new VolumeDriverError("NotFound", `the directory ${data} of volume has vanished`);
        await symlink(data, targetPath).catch((error: unknown) => {
          if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
        });
        return { path: targetPath };
      },
      async unpublishVolume(request) {
        note("unpublish", `unpublish ${request.volumeId}`, request);
        await unlink(request.targetPath).catch(() => undefined);
      },
      async unstageVolume(request) {
        note("unstage", `unstage ${request.volumeId}`, request);
        await rm(request.stagingPath, { recursive: true, force: true });
      },
      async expandVolume(request) {
        note("expand", `expand ${request.volumeId}`, request);
        return { capacityBytes: request.size.requiredBytes };
      },
      stats: async () => ({ usedBytes: 0, availableBytes: 0, capacityBytes: 0 }),
    },
  };
}
