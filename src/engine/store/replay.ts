/** From the durable log to the state it describes: pure, and the same for opening and verifying. */
import type { ReplayedLog } from "./mvcc-store.ts";
import type { LoggedEvent, LogRecord } from "./revision-log.ts";
import type { ResourceName, StoreKey } from "./store.ts";
import { decodeStored } from "./stored-object.ts";
import { keyId } from "./write-batch.ts";

/**
 * `records` in revision order. Up to `compactedRevision` only the newest of each key counts: the
 * rest is what an interrupted compaction left, and is reported as garbage.
 */
export function replay(records: Iterable<LogRecord>, compactedRevision: number): ReplayedLog {
  const base = new Map<string, LoggedEvent>();
  const newest = new Map<string, LoggedEvent>();
  const history: LoggedEvent[] = [];
  const ephemeral = new Map<string, ResourceName>();
  const garbage: number[] = [];
  let revision = compactedRevision;

  for (const record of records) {
    const { key, type } = record;
    const id = keyId(key);
    if (record.revision <= compactedRevision) {
      const superseded = base.get(id);
      if (superseded !== undefined) garbage.push(superseded.revision);
      if (type === "put") base.set(id, eventOf(record, undefined));
      else {
        base.delete(id);
        garbage.push(record.revision);
      }
      continue;
    }
    const before = newest.get(id) ?? base.get(id);
    const event = eventOf(record, before?.type === "put" ? before : undefined);
    newest.set(id, event);
    history.push(event);
    revision = record.revision;
    if (record.ephemeral) ephemeral.set(resourceId(key), { group: key.group, plural: key.plural });
  }
  return {
    revision,
    compactedRevision,
    base: [...base.values()],
    history,
    ephemeral: [...ephemeral.values()],
    garbage,
  };
}

function eventOf(record: LogRecord, before: LoggedEvent | undefined): LoggedEvent {
  const { type, revision, key, ephemeral } = record;
  const current = decodeStored(record.json, revision);
  return { type, revision, key, current, previous: before?.current, ephemeral };
}

function resourceId({ group, plural }: StoreKey): string {
  return `${group}/${plural}`;
}
