/**
 * Checks that memory and disk hold the same: `gantry debug verify-store`, and the end of every
 * store test. Reports every difference instead of stopping at the first.
 */
import { crc32 } from "node:zlib";
import { holderOfDataDirectory } from "./data-directory.ts";
import { databaseFile, readDatabase } from "./lmdb-database.ts";
import { scanLmdbFile } from "./lmdb-file-scan.ts";
import { LmdbStore } from "./lmdb-store.ts";
import type { TableContent } from "./lmdb-table.ts";
import { MvccStore, type ReplayedLog } from "./mvcc-store.ts";
import { replay } from "./replay.ts";
import { noLog } from "./revision-log.ts";
import type { ResourceName, Stored, StoreEvent } from "./store.ts";
import { StoreCorruptError } from "./store-corrupt-error.ts";
import { keyId } from "./write-batch.ts";

export interface StoreReport {
  readonly revision: number;
  readonly compactedRevision: number;
  readonly objects: number;
  /** Durable revisions, history included. */
  readonly records: number;
  /** Empty when all is well. At most {@link MAX_PROBLEMS}. */
  readonly problems: readonly string[];
}

/** More would not help anyone to decide what to do. */
const MAX_PROBLEMS = 100;

/** What a store shows to its readers, taken at one instant. */
interface View {
  readonly revision: number;
  readonly compactedRevision: number;
  readonly resources: readonly ResourceView[];
}

interface ResourceView {
  readonly resource: ResourceName;
  readonly items: readonly Stored[];
  readonly count: number;
  /** Since the view's compacted revision. */
  readonly events: readonly StoreEvent[];
}

/**
 * An open store is compared with its file; of a directory, that of a running server included, the
 * file is read and checked. Nothing is changed.
 */
export async function verifyStore(target: LmdbStore | string): Promise<StoreReport> {
  try {
    return target instanceof LmdbStore ? await verifyOpen(target) : await verifyDirectory(target);
  } catch (error) {
    if (!(error instanceof StoreCorruptError)) throw error;
    const nothing = { revision: 0, compactedRevision: 0, objects: 0, records: 0 };
    return { ...nothing, problems: [error.message] };
  }
}

async function verifyOpen(store: LmdbStore): Promise<StoreReport> {
  const { disk, memory } = await store.betweenCommits(() => {
    scanLmdbFile(databaseFile(store.directory), () => {});
    return { disk: store.durableContent(), memory: viewOf(store) };
  });
  const replayed = replay(disk.records, disk.header.compactedRevision);
  const durable = viewOf(new MvccStore(noLog, replayed), memory.compactedRevision);
  return reportOn(memory, disk, [
    ...ownProblems(memory),
    ...differences(memory, durable, replayed),
  ]);
}

async function verifyDirectory(directory: string): Promise<StoreReport> {
  // While a server writes, pages change under the scan; LMDB's own reads stay consistent.
  if (holderOfDataDirectory(directory) === undefined)
    scanLmdbFile(databaseFile(directory), () => {});
  const disk = await readDatabase(directory);
  const replayed = replay(disk.records, disk.header.compactedRevision);
  const view = viewOf(new MvccStore(noLog, replayed));
  return reportOn(view, disk, ownProblems(view));
}

function reportOn(view: View, disk: TableContent, problems: readonly string[]): StoreReport {
  return {
    revision: view.revision,
    compactedRevision: view.compactedRevision,
    objects: view.resources.reduce((sum, { count }) => sum + count, 0),
    records: disk.records.length,
    problems: problems.slice(0, MAX_PROBLEMS),
  };
}

function viewOf(store: MvccStore, compactedRevision = store.compactedRevision): View {
  return {
    revision: store.revision,
    compactedRevision,
    resources: store.resources().map((resource) => {
      const events: StoreEvent[] = [];
      const since = Math.max(compactedRevision, store.historyStart(resource));
      store.watch(resource, since, (event) => events.push(event))();
      return {
        resource,
        items: store.list(resource).items,
        count: store.count(resource),
        events,
      };
    }),
  };
}

/** What must hold in any store, whatever was written. */
function ownProblems({ revision, resources }: View): string[] {
  const problems: string[] = [];
  for (const { resource, items, count, events } of resources) {
    const name = nameOf(resource);
    if (items.length !== count) problems.push(`${name}: lists ${items.length}, counts ${count}`);
    items.forEach((item, index) => {
      const problem = objectProblem(item);
      if (problem !== undefined) problems.push(`${name}: ${problem}`);
      if (item.revision > revision) problems.push(`${name}: ${item.revision} is in the future`);
      const before = items[index - 1];
      if (before !== undefined && sortKey(before) >= sortKey(item))
        problems.push(`${name}: ${sortKey(item)} is out of order`);
    });
    let last = 0;
    for (const event of events) {
      if (event.revision <= last) problems.push(`${name}: event ${event.revision} after ${last}`);
      last = event.revision;
    }
  }
  return problems;
}

function objectProblem({ object, json, revision }: Stored): string | undefined {
  const at = `revision ${revision}`;
  if (object.metadata.resourceVersion !== String(revision))
    return `${at} says that it is ${object.metadata.resourceVersion}`;
  if (JSON.stringify(object) !== json.toString("utf8")) return `${at} differs from its JSON`;
  return Object.isFrozen(object) ? undefined : `${at} is not frozen`;
}

function differences(memory: View, durable: View, replayed: ReplayedLog): string[] {
  const problems: string[] = [];
  // The newest revision may be an ephemeral one's: it is there all the same, as the key's last.
  if (memory.revision !== durable.revision)
    problems.push(`memory is at revision ${memory.revision}, the disk at ${durable.revision}`);
  const byName = new Map(durable.resources.map((view) => [nameOf(view.resource), view]));
  const ephemeral = new Set(replayed.ephemeral.map(nameOf));
  for (const view of memory.resources) {
    const name = nameOf(view.resource);
    const other = byName.get(name);
    byName.delete(name);
    problems.push(...compareRuns(`${name} objects`, view.items.map(show), other?.items.map(show)));
    if (!ephemeral.has(name))
      problems.push(
        ...compareRuns(`${name} history`, view.events.map(showEvent), other?.events.map(showEvent)),
      );
  }
  for (const [name, { items }] of byName)
    if (items.length > 0) problems.push(`${name}: ${items.length} objects are on disk only`);
  return problems;
}

function compareRuns(
  what: string,
  memory: readonly string[],
  disk: readonly string[] = [],
): string[] {
  const onDisk = new Set(disk);
  const inMemory = new Set(memory);
  return [
    ...memory.filter((one) => !onDisk.has(one)).map((one) => `${what}: only in memory: ${one}`),
    ...disk.filter((one) => !inMemory.has(one)).map((one) => `${what}: only on disk: ${one}`),
  ];
}

/** By checksum: the report may be pasted into an issue, and objects may be Secrets. */
function show({ revision, object, json }: Stored): string {
  const { namespace = "", name } = object.metadata;
  return `revision ${revision} of ${namespace}/${name} with checksum ${crc32(json)}`;
}

function showEvent({ type, key, current, previous }: StoreEvent): string {
  const before = previous === undefined ? "nothing" : `revision ${previous.revision}`;
  return `${type} of ${keyId(key)} after ${before}: ${show(current)}`;
}

function nameOf({ group, plural }: ResourceName): string {
  return group === "" ? plural : `${plural}.${group}`;
}

/** Code units below any that names may have separate the parts. */
function sortKey({ object }: Stored): string {
  return `${object.metadata.namespace ?? ""}\u0000${object.metadata.name}`;
}
