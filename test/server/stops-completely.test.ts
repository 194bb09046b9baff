import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { pods } from "../../src/kube/kinds/pod.ts";
import { startServerFixture } from "../cli/server-fixture.ts";

const FILES = {
  "a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  key: one\n",
  "pod.yaml":
    'apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n  containers:\n  - name: main\n    image: node\n    command: [node, -e, "setInterval(() => {}, 1000)"]\n',
};

/** One life of a server that does something, with a client that is still watching at the end. */
async function live(): Promise<void> {
  const fixture = await startServerFixture(FILES);
  await fixture.application(({ status }) => status?.sync?.status === "Synced");
  const { client } = fixture.server;
  const isRunning = async (): Promise<boolean> =>
    (await client.get(pods, { namespace: "default", name: "p" })).status?.phase === "Running";
  await expect.poll(isRunning, { timeout: 15_000 }).toBe(true);
  await fetch(`${fixture.server.addresses.web}/metrics`).then((answer) => answer.text());
  const watch = client.watch(configMaps, {})[Symbol.asyncIterator]();
  await watch.next();
  await fixture.stop();
  await watch.return?.();
}

function open(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const resource of process.getActiveResourcesInfo())
    counts[resource] = (counts[resource] ?? 0) + 1;
  for (const event of process.eventNames())
    counts[`listeners of ${String(event)}`] = process.listenerCount(event);
  return counts;
}

test("a server that was stopped leaves nothing open, however often", async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  process.on("warning", onWarning);
  await live();
  const afterOne = open();
  await live();
  await live();
  for (let turn = 0; turn < 10; turn++) await setImmediate();
  const afterThree = open();
  process.off("warning", onWarning);
  const grown = Object.entries(afterThree).filter(
    ([resource, count]) => count > (afterOne[resource] ?? 0),
  );
  expect(grown).toEqual([]);
  expect(warnings).toEqual([]);
}, 60_000);
