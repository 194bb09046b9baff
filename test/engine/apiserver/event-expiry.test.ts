import { expect, test } from "vitest";
import { EVENT_TTL_MS } from "../../../src/engine/apiserver/event-expiry.ts";
import { type Event, events } from "../../../src/kube/kinds/event.ts";
import { inDefault, startServer } from "./test-server.ts";

const event = (name: string): Event => ({
  apiVersion: "v1",
  kind: "Event",
  metadata: { ...inDefault(name) },
  involvedObject: { kind: "Pod", name: "p", namespace: "default" },
  type: "Normal",
  reason: "Started",
  message: "started",
});

test("an Event goes an hour after it was last written", async () => {
  const { client, clock, server } = await startServer();
  await client.create(events, event("a"));
  const b = await client.create(events, event("b"));
  const names = async (): Promise<string[]> =>
    (await client.list(events)).items.map(({ metadata }) => metadata.name);
  await clock.advance(EVENT_TTL_MS / 2);
  await client.update(events, { ...b, count: 2 });
  await clock.advance(EVENT_TTL_MS / 2 - 60_000);
  expect(await names()).toEqual(["a", "b"]);
  await clock.advance(120_000);
  expect(await names()).toEqual(["b"]);
  await clock.advance(EVENT_TTL_MS / 2);
  expect(await names()).toEqual([]);
  await clock.advance(60_000);
  expect(clock.pending).toBe(0);
  await server.close();
});
