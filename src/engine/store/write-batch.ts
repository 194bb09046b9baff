/**
 * One group commit, planned: mutations run in order against the newest state, those of the same
 * batch included, and become events with consecutive revisions. Nothing here is visible to readers.
 */
import type { LoggedEvent } from "./revision-log.ts";
import type { Mutation, Stored, StoreKey, WriteResult } from "./store.ts";
import { encodeStored } from "./stored-object.ts";

export interface PendingWrite {
  readonly key: StoreKey;
  readonly mutation: Mutation;
  readonly ephemeral: boolean;
  readonly resolve: (result: WriteResult) => void;
  readonly reject: (error: unknown) => void;
}

export interface WriteBatch {
  /** How many of the pending writes are in this batch. */
  readonly size: number;
  readonly events: readonly LoggedEvent[];
  /** One per write in the batch: settles its promise, once the events are durable. */
  readonly settle: readonly (() => void)[];
}

export interface BatchLimits {
  readonly maxWrites: number;
  /** JSON bytes; the write that goes beyond it is the last of its batch. */
  readonly maxBytes: number;
}

/** `read` gives the committed state, `revision` is the newest committed one. */
export function planBatch(
  pending: readonly PendingWrite[],
  read: (key: StoreKey) => Stored | undefined,
  revision: number,
  limits: BatchLimits,
): WriteBatch {
  const overlay = new Map<string, Stored | undefined>();
  const events: LoggedEvent[] = [];
  const settle: (() => void)[] = [];
  let bytes = 0;
  for (const write of pending) {
    if (settle.length >= limits.maxWrites || bytes >= limits.maxBytes) break;
    try {
      const id = keyId(write.key);
      const current = overlay.has(id) ? overlay.get(id) : read(write.key);
      const event = planWrite(write, current, revision + events.length + 1);
      if (event === undefined) {
        settle.push(() => write.resolve({ stored: current, changed: false }));
        continue;
      }
      overlay.set(id, event.type === "put" ? event.current : undefined);
      events.push(event);
      bytes += event.current.json.length;
      settle.push(() => write.resolve({ stored: event.current, changed: true }));
    } catch (error) {
      settle.push(() => write.reject(error));
    }
  }
  return { size: settle.length, events, settle };
}

function planWrite(
  { key, mutation, ephemeral }: PendingWrite,
  previous: Stored | undefined,
  revision: number,
): LoggedEvent | undefined {
  const change = mutation(previous);
  if ("put" in change) {
    const current = encodeStored(change.put, revision);
    return { type: "put", revision, key, current, previous, ephemeral };
  }
  if ("keep" in change || previous === undefined) return undefined;
  const current = encodeStored(previous.object, revision);
  return { type: "delete", revision, key, current, previous, ephemeral };
}

/** `group/plural/namespace/name`: no part may hold a slash, so it is unambiguous. */
export function keyId({ group, plural, namespace, name }: StoreKey): string {
  return `${group}/${plural}/${namespace}/${name}`;
}
