import { expect, test } from "vitest";
import { acquireLease, type HeldLease } from "../../src/client/lease.ts";
import type { Lease } from "../../src/kube/kinds/lease.ts";
import { ManualClock } from "../manual-clock.ts";
import { ObjectTable } from "./object-table.ts";

const key = { namespace: "kube-system", name: "leader" };

function candidate(client: ObjectTable, clock: ManualClock, identity: string) {
  const abort = new AbortController();
  const state: { held?: HeldLease } = {};
  const acquired = acquireLease({ client, key, identity, clock }, abort.signal).then(
    (held) => {
      state.held = held;
    },
    () => undefined,
  );
  return {
    acquired,
    abort,
    get held() {
      return state.held;
    },
    get leads() {
      return state.held !== undefined && !state.held.signal.aborted;
    },
  };
}
const leaseOf = (client: ObjectTable): Lease["spec"] =>
  (client.objects.get("leases/kube-system/leader") as Lease).spec;

test("one of two candidates leads, renews, and the other takes over after release", async () => {
  const client = new ObjectTable();
  const clock = new ManualClock();
  const first = candidate(client, clock, "a");
  const second = candidate(client, clock, "b");
  await clock.advance(60_000);
  expect([first.leads, second.leads]).toEqual([true, false]);
  await first.held?.release();
  expect(first.leads).toBe(false);
  await clock.advance(2_000);
  expect(second.leads).toBe(true);
  expect(leaseOf(client)).toMatchObject({ holderIdentity: "b", leaseTransitions: 1 });
  await second.held?.release();
  expect(clock.pending).toBe(0);
});

test("a holder that died is replaced after the lease duration, not before", async () => {
  const client = new ObjectTable();
  const clock = new ManualClock();
  const first = candidate(client, clock, "a");
  await first.acquired;
  first.abort.abort();
  const second = candidate(client, clock, "b");
  await clock.advance(14_000);
  expect(second.leads).toBe(false);
  await clock.advance(3_000);
  expect(second.leads).toBe(true);
  second.abort.abort();
});

test("leadership ends by itself when the API cannot be reached, before another may start", async () => {
  const client = new ObjectTable();
  const clock = new ManualClock();
  const first = candidate(client, clock, "a");
  await first.acquired;
  await clock.advance(4_000);
  client.failure = new Error("connect ECONNREFUSED");
  await clock.advance(9_000);
  expect(first.leads).toBe(true);
  await clock.advance(3_000);
  expect(first.leads).toBe(false);
  expect(String(first.held?.signal.reason)).toContain("could not be renewed");
});

test("leadership ends at once when somebody else took the lease", async () => {
  const client = new ObjectTable();
  const clock = new ManualClock();
  const first = candidate(client, clock, "a");
  await first.acquired;
  const current = client.objects.get("leases/kube-system/leader") as Lease;
  await client.update(
    { group: "", version: "v1", kind: "Lease", plural: "leases", namespaced: true },
    {
      ...current,
      spec: { ...current.spec, holderIdentity: "thief" },
    } as Lease,
  );
  await clock.advance(2_000);
  expect(first.leads).toBe(false);
  expect(String(first.held?.signal.reason)).toContain("thief");
});

test("the same identity gets its lease back at once after a restart", async () => {
  const client = new ObjectTable();
  const clock = new ManualClock();
  const first = candidate(client, clock, "a");
  await first.acquired;
  first.abort.abort();
  const again = candidate(client, clock, "a");
  await again.acquired;
  expect(again.leads).toBe(true);
  expect(leaseOf(client)?.leaseTransitions).toBe(0);
  again.abort.abort();
});
