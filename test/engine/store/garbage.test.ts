/** Pure: whatever prefix of the garbage a crash left removed, replaying gives the same state. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { EventLog } from "../../../src/engine/store/event-log.ts";
import { replay } from "../../../src/engine/store/replay.ts";
import {
  garbageOf,
  type LoggedEvent,
  type LogRecord,
} from "../../../src/engine/store/revision-log.ts";
import { encodeStored } from "../../../src/engine/store/stored-object.ts";
import { key, widget } from "./fixtures.ts";

/** A log in which no write went to the ephemeral durable history. */
const log = fc
  .array(fc.record({ path: fc.constantFrom("a/x", "a/y", "a/z"), deletes: fc.boolean() }), {
    minLength: 1,
    maxLength: 30,
  })
  .map((steps) => {
    const alive = new Set<string>();
    const records: LogRecord[] = [];
    for (const { path, deletes } of steps) {
      if (deletes && !alive.delete(path)) continue;
      if (!deletes) alive.add(path);
      const revision = records.length + 2;
      const { json } = encodeStored(widget(path, revision), revision);
      const type = deletes ? "delete" : "put";
      records.push({ revision, type, key: key(path), ephemeral: false, json });
    }
    return records;
  });

function stateOf(records: readonly LogRecord[], compactedRevision: number): string[] {
  const { base, history } = replay(records, compactedRevision);
  const state = new Map<string, string>();
  for (const {
    type,
    key: { name },
    revision,
  } of [...base, ...history])
    if (type === "put") state.set(name, `${name}@${revision}`);
    else state.delete(name);
  return [...state.values()].sort();
}

function historyOf(records: readonly LogRecord[], compactedRevision: number): string[] {
  return replay(records, compactedRevision).history.map(
    ({ type, revision, previous }) => `${type} ${revision} after ${previous?.revision}`,
  );
}

test("a crash after any part of a compaction loses and revives nothing", () => {
  fc.assert(
    fc.property(log, fc.nat(31), fc.nat(60), (records, at, removed) => {
      const compactedRevision = Math.min(at + 1, records.length + 1);
      const forgotten = new EventLog<LoggedEvent>();
      for (const event of replay(records, 1).history) forgotten.append(event);
      const garbage = garbageOf(forgotten.dropThrough(compactedRevision));
      const gone = new Set(garbage.slice(0, removed));
      const left = records.filter(({ revision }) => !gone.has(revision));
      expect(stateOf(left, compactedRevision)).toEqual(stateOf(records, 1));
      expect(historyOf(left, compactedRevision)).toEqual(historyOf(records, compactedRevision));
      // What is left to remove is found again.
      const found = replay(left, compactedRevision).garbage;
      expect(new Set([...gone, ...found])).toEqual(new Set(garbage));
    }),
  );
});
