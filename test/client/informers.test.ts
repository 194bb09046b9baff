import { expect, test } from "vitest";
import { Informers } from "../../src/client/informers.ts";
import type { Resource } from "../../src/kube/kind.ts";
import { ScriptedClient } from "./scripted-client.ts";

const things: Resource = {
  group: "",
  version: "v1",
  kind: "Thing",
  plural: "things",
  namespaced: true,
};
const others: Resource = { ...things, kind: "Other", plural: "others" };

test("one informer per resource and selection, started together, stopped together", async () => {
  const client = new ScriptedClient();
  for (let i = 0; i < 3; i++) client.lists.push({ items: [], resourceVersion: "1" });
  const informers = new Informers(client);
  const first = informers.of(things);
  expect(informers.of(things)).toBe(first);
  expect(informers.of(things, { namespace: "a" })).not.toBe(first);
  expect(client.listCalls).toHaveLength(0);
  informers.start();
  await informers.synced();
  const late = informers.of(others);
  await late.synced;
  expect(client.listCalls).toHaveLength(3);
  await informers.stop();
  expect(client.watches.every((watch) => watch.options.signal?.aborted)).toBe(true);
  expect(() => informers.of({ ...things, plural: "more" })).toThrow("stopped");
});

test("a removed informer stops alone", async () => {
  const client = new ScriptedClient();
  for (let i = 0; i < 2; i++) client.lists.push({ items: [], resourceVersion: "1" });
  const informers = new Informers(client);
  informers.of(things);
  informers.of(others);
  informers.start();
  await informers.synced();
  await client.watched(1);
  await informers.remove(others);
  expect(client.watches.map((watch) => watch.options.signal?.aborted)).toEqual([false, true]);
  await informers.stop();
});
