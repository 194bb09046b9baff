/**
 * A restart of Gantry with --keep-pods, at full load: while it is away nobody listens, so connections
 * are refused; but no request that was accepted is cut off, and no program is ended or doubled.
 */
import { afterEach, beforeEach, expect, test } from "vitest";
import { pods } from "../../src/kube/kinds/pod.ts";
import { WorkTree } from "../git-fixture.ts";
import { appFiles } from "./app-manifests.ts";
import { serviceUrl, untilSettled } from "./cluster-state.ts";
import { GantryProcess } from "./gantry-process.ts";
import { freePort } from "./free-port.ts";
import { Load } from "./load.ts";
import { processesBelow } from "./processes.ts";

let gantry: GantryProcess;
let loads: Load[] = [];
beforeEach(async () => {
  gantry = await GantryProcess.create();
});
afterEach(async () => {
  await Promise.all(loads.map((load) => load.stop()));
  await gantry.dispose();
});

const ingress = {
  apiVersion: "networking.k8s.io/v1",
  kind: "Ingress",
  metadata: { name: "app" },
  spec: { defaultBackend: { service: { name: "app", port: { name: "http" } } } },
};

test("loses nothing but refused connections, and goes on with the same programs", async () => {
  const work = await WorkTree.init(`${gantry.home}/repo`);
  const revision = await work.commit({
    ...appFiles({ version: "1", replicas: 2 }),
    "ingress.yaml": JSON.stringify(ingress),
  });
  const address = `127.0.0.1:${await freePort()}`;
  const args = ["--repo", work.path, "--keep-pods", "--ingress-http", address];
  await gantry.up(...args);
  const client = await gantry.client();
  await untilSettled(client, revision);
  const uids = async () =>
    (await (await gantry.client()).list(pods, { namespace: "default" })).items
      .map(({ metadata }) => metadata.uid ?? "")
      .toSorted();
  const before = await uids();
  const pids = processesBelow(gantry.podsDirectory);

  loads = [await serviceUrl(client, "app"), `http://${address}`].flatMap((url) =>
    [true, false].map(
      (keepAlive) => new Load(url, { keepAlive, clients: 3, path: "/slow", method: "POST" }),
    ),
  );
  const more = () => Promise.all(loads.map((load) => load.more(12)));
  await more();
  for (let restart = 0; restart < 2; restart++) {
    expect(await gantry.stop()).toEqual({ code: 0, signal: null });
    await gantry.up(...args);
    await Promise.all(loads.map((load) => load.until(({ answers }) => answers.size > 0)));
    await more();
    expect(processesBelow(gantry.podsDirectory)).toEqual(pids);
  }
  expect(await uids()).toEqual(before);
  // Once it listens, all is as it was.
  const answered = loads.map(({ tally }) =>
    [...tally.failures.values()].reduce((a, b) => a + b, 0),
  );
  await more();
  const tallies = await Promise.all(loads.map((load) => load.stop()));
  expect(tallies.map(({ failures }) => [...failures.values()].reduce((a, b) => a + b, 0))).toEqual(
    answered,
  );
  const reasons = new Set(tallies.flatMap(({ failures }) => [...failures.keys()]));
  // Reset is what the kernel holds of connections that nobody has accepted when the listener closes.
  const notAccepted = /ECONNREFUSED|ECONNRESET/;
  expect([...reasons].filter((reason) => !notAccepted.test(reason))).toEqual([]);
  expect([...new Set(tallies.flatMap(({ answers }) => [...answers.keys()]))]).toEqual(["1"]);
});
