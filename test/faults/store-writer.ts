/**
 * The process that the store's fault tests kill: writes without pause and reports on stdout, one
 * line per write, what was promised to it: `ack`, `event` or `refused`. Bundled before it is run.
 */
import { writeSync } from "node:fs";
import { LmdbStore } from "../../src/engine/store/lmdb-store.ts";
import { type ResourceName, StoreUnavailableError } from "../../src/engine/store/store.ts";
import type { KubeObject } from "../../src/kube/object.ts";

const objects: ResourceName = { group: "example.dev", plural: "widgets" };
const leases: ResourceName = { group: "coordination.k8s.io", plural: "leases" };
const KEYS = 12;
const WRITERS = 4;

const [mode = "", directory = "", seed = "1"] = process.argv.slice(2);
let state = Number(seed) | 1;

/** xorshift32: the same seed writes the same things, and the parent prints it when a test fails. */
function random(below: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}

/** One system call, so that a line that was written survives the kill. */
function report(line: string): void {
  writeSync(1, `${line}\n`);
}

function thing(name: string, sequence: number): KubeObject & { sequence: number; filler: string } {
  return {
    apiVersion: "example.dev/v1",
    kind: "Widget",
    metadata: { name, namespace: "default" },
    sequence,
    filler: "x".repeat(random(6000)),
  };
}

async function writeOne(store: LmdbStore, sequence: number): Promise<void> {
  const ephemeral = random(4) === 0;
  const resource = ephemeral ? leases : objects;
  const name = `n${random(KEYS)}`;
  const deletes = random(4) === 0;
  try {
    const { stored, changed } = await store.write(
      { ...resource, namespace: "default", name },
      () => (deletes ? { delete: true } : { put: thing(name, sequence) }),
      { ephemeral },
    );
    if (changed)
      report(`ack ${stored?.revision} ${deletes ? "delete" : "put"} ${resource.plural} ${name}`);
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error;
    report(`refused ${error.message}`);
  }
}

const store = await LmdbStore.open({ directory });
for (const resource of [objects, leases])
  store.watch(resource, store.revision, ({ type, revision, key }) =>
    report(`event ${revision} ${type} ${key.plural} ${key.name}`),
  );
report(`open ${store.revision}`);

if (mode === "endless") {
  let sequence = 0;
  const writer = async (): Promise<void> => {
    for (;;) {
      await writeOne(store, ++sequence);
      if (random(60) === 0) void store.compact(Math.max(1, store.revision - random(30)));
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
} else {
  // `count N`: a number of writes one after the other, then what a server would still do.
  for (let sequence = 1; sequence <= Number(mode); sequence++) await writeOne(store, sequence);
  const { items, revision } = store.list(objects);
  report(`list ${revision} ${items.length}`);
  report(`health ${JSON.stringify(store.health())}`);
  await store.close();
  report("closed");
}
