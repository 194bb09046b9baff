/**
 * A process that writes is killed with SIGKILL at random moments, hundreds of times, always on the
 * same directory. After each kill the store is opened and held to what was promised before it.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { LmdbStore } from "../../src/engine/store/lmdb-store.ts";
import { verifyStore } from "../../src/engine/store/verify.ts";
import { temporaryDirectory } from "../engine/store/fixtures.ts";
import { buildWriter, startWriter } from "./store-writer-process.ts";

/** Per lane. Two lanes run side by side, on directories of their own. */
const KILLS = 100;
/** From the middle of opening to some hundred writes later. */
const MAX_LIFE_MS = 60;
/** Some 20 s on two idle cores, most of it the start of Node.js. */
const TIMEOUT_MS = 300_000;
/** Comparing memory with disk after every kill would take longer than the kills. */
const VERIFY_EVERY = 10;

const widgets = { group: "example.dev", plural: "widgets" };
const leases = { group: "coordination.k8s.io", plural: "leases" };

let script: string;
let removeScript: () => void;
beforeAll(() => {
  ({ script, removeScript } = buildWriter());
});
afterAll(() => removeScript());

/** Changes that somebody was told about, by revision: `put widgets n3`. */
type Changes = Map<number, string>;

/** Runs one life and returns what was promised in it. */
async function live(directory: string, seed: number, lifeMs: number): Promise<Changes> {
  const writer = startWriter([process.execPath, script, "endless", directory, String(seed)]);
  // Every fourth is killed while it starts: in creating, scanning or taking over the file.
  if (seed % 4 !== 0) await writer.opened;
  setTimeout(() => writer.process.kill("SIGKILL"), lifeMs);
  const { lines, stderr } = await writer.ended;
  expect(stderr).toBe("");
  return promisesIn(lines);
}

/** Watchers must have seen every revision of this life, and writers no other ones. */
function promisesIn(lines: readonly string[]): Changes {
  const promised: Changes = new Map();
  let newest = 0;
  for (const line of lines) {
    const [word, number, ...what] = line.split(" ");
    const revision = Number(number);
    if (word === "open") newest = revision;
    else if (word === "event") {
      expect(revision).toBe(newest + 1);
      newest = revision;
      promised.set(revision, what.join(" "));
    } else expect(line).toBe(`ack ${revision} ${promised.get(revision)}`);
  }
  return promised;
}

function durableChanges(store: LmdbStore): Changes {
  return new Map(
    store
      .durableContent()
      .records.map(({ revision, type, key }) => [revision, `${type} ${key.plural} ${key.name}`]),
  );
}

/** No number goes back or is given out twice. */
function expectNewRevisions(store: LmdbStore, promised: Changes, newestBefore: number): void {
  expect(store.revision).toBeGreaterThanOrEqual(newestBefore);
  for (const revision of promised.keys()) {
    expect(revision).toBeGreaterThan(newestBefore);
    expect(revision).toBeLessThanOrEqual(store.revision);
  }
}

/** What was promised is in the retained history, and a watch resumes there without a gap. */
function expectHistory(store: LmdbStore, promised: Changes): void {
  const retained = store.historyStart(widgets);
  const ofWidgets = ([revision, what]: [number, string]): boolean =>
    revision > retained && what.includes(" widgets ");
  const durable = new Map([...durableChanges(store)].filter(ofWidgets));
  expect(durable).toEqual(new Map([...durable, ...[...promised].filter(ofWidgets)]));
  const resumed: Changes = new Map();
  store.watch(widgets, retained, ({ type, revision, key }) => {
    resumed.set(revision, `${type} ${key.plural} ${key.name}`);
  })();
  expect(resumed).toEqual(durable);
}

/** Each key has what was written last, or something later that nobody was told about yet. */
function expectState(store: LmdbStore, promised: Changes): void {
  const durable = durableChanges(store);
  const last = new Map<string, number>();
  for (const [revision, what] of promised) last.set(what.slice(what.indexOf(" ") + 1), revision);
  for (const [key, revision] of last) {
    const [plural = "", name = ""] = key.split(" ");
    const { group } = plural === "leases" ? leases : widgets;
    const now = store.get({ group, plural, namespace: "default", name });
    const later = [...durable].some(
      ([other, what]) => other > revision && what.endsWith(` ${key}`),
    );
    if (!later)
      expect(now?.revision ?? `delete ${key}`).toBe(
        promised.get(revision)?.startsWith("put") === true ? revision : promised.get(revision),
      );
    else if (now !== undefined) expect(now.revision).toBeGreaterThan(revision);
  }
}

async function killAgainAndAgain(lane: number): Promise<number> {
  const { directory, removeDirectory } = temporaryDirectory();
  let newest = 1;
  let promises = 0;
  for (let round = 0; round < KILLS; round++) {
    const seed = lane * 1_000_003 + round * 7919 + 1;
    const lifeMs = (seed * 2_654_435_761) % MAX_LIFE_MS;
    try {
      const promised = await live(directory, seed, lifeMs);
      const store = await LmdbStore.open({ directory });
      expectNewRevisions(store, promised, newest);
      expectHistory(store, promised);
      expectState(store, promised);
      if (round % VERIFY_EVERY === 0) expect((await verifyStore(store)).problems).toEqual([]);
      newest = store.revision;
      promises += promised.size;
      await store.close();
    } catch (error) {
      const where = `lane ${lane}, round ${round}, seed ${seed}, killed after ${lifeMs} ms`;
      throw new Error(`${where}, directory kept: ${directory}`, { cause: error });
    }
  }
  expect((await verifyStore(directory)).problems).toEqual([]);
  removeDirectory();
  return promises;
}

test("nothing acknowledged is lost and no revision is used twice, over 200 kills", {
  timeout: TIMEOUT_MS,
}, async () => {
  const promises = await Promise.all([killAgainAndAgain(1), killAgainAndAgain(2)]);
  // Were the lives too short to write, everything above would hold for nothing.
  for (const count of promises) expect(count).toBeGreaterThan(KILLS * 10);
});
