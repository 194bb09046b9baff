import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Pod } from "../../src/kube/kinds/pod.ts";
import { pods } from "../../src/kube/kinds/pod.ts";
import { WorkTree } from "../git-fixture.ts";
import { appFiles } from "./app-manifests.ts";
import { serviceUrl, untilPods, untilSettled } from "./cluster-state.ts";
import { GantryProcess } from "./gantry-process.ts";
import { ask } from "./load.ts";
import { processesBelow } from "./processes.ts";

const isReady = ({ status }: Pod): boolean =>
  status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") ===
  true;
const namesOf = (found: readonly Pod[]): string[] =>
  found.map(({ metadata }) => metadata.name).sort();
const uidOf = ({ metadata }: Pod): string => metadata.uid ?? "";
const restartsOf = (found: readonly Pod[]): number[] =>
  found.flatMap(({ status }) => (status?.containerStatuses ?? []).map((one) => one.restartCount));

describe("a restart of gantry", () => {
  let gantry: GantryProcess;
  let work: WorkTree;
  let revision = "";

  beforeEach(async () => {
    gantry = await GantryProcess.create();
    work = await WorkTree.init(`${gantry.home}/repo`);
    revision = await work.commit(appFiles({ version: "1", replicas: 2 }));
  });
  afterEach(() => gantry.dispose());

  async function running(): Promise<readonly Pod[]> {
    const client = await gantry.client();
    await untilSettled(client, revision);
    return untilPods(client, (all) => all.length === 2 && all.every(isReady));
  }
  const processes = (): number[] => processesBelow(gantry.podsDirectory);

  /** The addresses on which the programs themselves listen. */
  function ownAddresses(found: readonly Pod[]): URL[] {
    return found.map(({ metadata, status }) => {
      const ports: unknown = JSON.parse(metadata.annotations?.["gantry.dev/host-ports"] ?? "{}");
      return new URL(`http://${status?.podIP}:${(ports as Record<string, number>)["8080"]}/pid`);
    });
  }

  test("with --keep-pods leaves programs serving and takes them over again", async () => {
    await gantry.up("--repo", work.path, "--keep-pods");
    const before = await running();
    const own = ownAddresses(before);
    const pids = processes();
    const answers = await Promise.all(own.map((url) => ask(url)));
    expect(await gantry.stop()).toEqual({ code: 0, signal: null });

    expect(processes()).toEqual(pids);
    expect(await Promise.all(own.map((url) => ask(url)))).toEqual(answers);

    await gantry.up("--repo", work.path, "--keep-pods");
    const after = await running();
    expect(namesOf(after)).toEqual(namesOf(before));
    expect(restartsOf(after)).toEqual([0, 0]);
    expect(processes()).toEqual(pids);
    const url = await serviceUrl(await gantry.client(), "app");
    expect(answers).toContain(await ask(new URL("/pid", url)));

    revision = await work.commit(appFiles({ version: "2", replicas: 2 }));
    await running();
    expect(await ask(new URL(url))).toBe("2");
    expect(processes().filter((pid) => pids.includes(pid))).toEqual([]);
  });

  test("without --keep-pods ends every program", async () => {
    await gantry.up("--repo", work.path);
    const own = ownAddresses(await running());
    expect(await gantry.stop()).toEqual({ code: 0, signal: null });
    expect(processes()).toEqual([]);
    for (const url of own) await expect(ask(url)).rejects.toThrow(/ECONNREFUSED/);
    await gantry.up("--repo", work.path);
    await running();
    expect(await ask(new URL(await serviceUrl(await gantry.client(), "app")))).toBe("1");
  });

  test("in the middle of a rollout ends every program, and the next start finishes the rollout", async () => {
    await gantry.up("--repo", work.path);
    await running();
    for (const version of ["2", "3"]) {
      const client = await gantry.client();
      const known = new Set((await client.list(pods, { namespace: "default" })).items.map(uidOf));
      revision = await work.commit(appFiles({ version, replicas: 2 }));
      await untilPods(client, (all) => all.some((pod) => !known.has(uidOf(pod))));
      expect(await gantry.stop()).toEqual({ code: 0, signal: null });
      expect(processes()).toEqual([]);
      await gantry.up("--repo", work.path);
    }
    await running();
    expect(await ask(new URL(await serviceUrl(await gantry.client(), "app")))).toBe("3");
    expect(processes()).toHaveLength(4);
  });

  test("after kill -9 finds the orphans: none is doubled, none is left", async () => {
    await gantry.up("--repo", work.path);
    const before = await running();
    const pids = processes();
    await gantry.kill();
    expect(processes()).toEqual(pids);

    await gantry.up("--repo", work.path);
    const after = await running();
    expect(namesOf(after)).toEqual(namesOf(before));
    // Two programs, each with the shell that notes its exit code.
    expect(processes()).toHaveLength(pids.length);
    expect(await ask(new URL(await serviceUrl(await gantry.client(), "app")))).toBe("1");
  });

  test("pods that were deleted while gantry was away are ended at the next start", async () => {
    await gantry.up("--repo", work.path);
    await running();
    await gantry.kill();
    // Gone from Git, so gone from the cluster: the next start must end what is left of it.
    revision = await work.commit(appFiles({ version: "1", replicas: 1 }));
    await gantry.up("--repo", work.path);
    const client = await gantry.client();
    await untilSettled(client, revision);
    const [left] = await untilPods(client, (all) => all.length === 1 && all.every(isReady));
    expect(left).toBeDefined();
    expect(processes()).toHaveLength(2);
    expect((await client.list(pods, { namespace: "default" })).items).toHaveLength(1);
  });
});
