import { afterEach, expect, test } from "vitest";
import { MemoryStore } from "../../../src/engine/store/memory-store.ts";
import type { Retention } from "../../../src/engine/store/retention.ts";
import { ManualClock } from "../../manual-clock.ts";
import { key, put, widget } from "./fixtures.ts";

const MINUTE = 60_000;
const retention: Retention = {
  minAgeMs: 5 * MINUTE,
  minRevisions: 10,
  maxRevisions: 1000,
  maxBytes: 300_000,
};

let store: MemoryStore;
afterEach(() => store.close());

function opened(): ManualClock {
  const clock = new ManualClock();
  store = new MemoryStore({ clock, retention });
  return clock;
}

async function write(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await put(store, `a/w${n % 3}`, n);
}

test("history younger than five minutes stays", async () => {
  const clock = opened();
  await write(100);
  await clock.advance(4.9 * MINUTE);
  await write(1);
  expect(store.compactedRevision).toBe(1);
});

test("older history goes with a later write, except for the newest revisions", async () => {
  const clock = opened();
  await write(100);
  await clock.advance(2 * MINUTE);
  await write(50);
  await clock.advance(4 * MINUTE);
  await write(1);
  // The first hundred are six minutes old, the fifty four.
  expect(store.compactedRevision).toBeGreaterThanOrEqual(100);
  expect(store.compactedRevision).toBeLessThanOrEqual(102);
});

test("after a quiet night the last revisions are still there to resume from", async () => {
  const clock = opened();
  await write(100);
  await clock.advance(600 * MINUTE);
  await write(1);
  expect(store.revision).toBe(102);
  expect(store.compactedRevision).toBe(92);
});

test("more revisions than memory may hold go at once, however young", async () => {
  opened();
  await write(1500);
  const retained = store.revision - store.compactedRevision;
  expect(retained).toBeLessThanOrEqual(1000);
  expect(retained).toBeGreaterThan(800);
});

test("so do large ones", async () => {
  opened();
  const text = "x".repeat(10_000);
  for (let n = 0; n < 60; n++)
    await store.write(key("a/b"), () => ({ put: widget("a/b", n, text) }));
  const retained = store.revision - store.compactedRevision;
  expect(retained).toBeLessThan(30);
  expect(retained).toBeGreaterThan(20);
});

test("a clock that jumps back loses no history", async () => {
  let nowMs = Date.UTC(2026, 0, 1);
  const clock = { now: () => nowMs, after: () => () => {} };
  store = new MemoryStore({ clock, retention });
  await write(100);
  nowMs -= 60 * MINUTE;
  await write(100);
  expect(store.compactedRevision).toBe(1);
  nowMs += 70 * MINUTE;
  await write(100);
  nowMs += 6 * MINUTE;
  await write(1);
  expect(store.compactedRevision).toBeGreaterThan(200);
});
