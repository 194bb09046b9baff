/** What sample-repo/ shows, with stock git, helm and kubectl. */
import { execFile } from "node:child_process";
import { cp, readFile } from "node:fs/promises";
import { get } from "node:http";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import type { Client } from "../../src/client/client.ts";
import type { Kind } from "../../src/kube/kind.ts";
import { applications } from "../../src/kube/kinds/application.ts";
import { configMaps } from "../../src/kube/kinds/configmap.ts";
import { type Deployment, deployments } from "../../src/kube/kinds/deployment.ts";
import { type Job, jobs } from "../../src/kube/kinds/job.ts";
import { services } from "../../src/kube/kinds/service.ts";
import type { KubeObject } from "../../src/kube/object.ts";
import { WorkTree } from "../git-fixture.ts";
import {
  serviceUrl,
  until,
  untilAll,
  untilAllSettled,
  untilApplication,
  untilSettled,
} from "./cluster-state.ts";
import { GantryProcess } from "./gantry-process.ts";
import { ask, Load } from "./load.ts";
import { HELM, KUBECTL, SANDBOX_FLAGS } from "./stock-renderers.ts";

const SAMPLE = resolve(import.meta.dirname, "../../sample-repo");
const run = promisify(execFile);

const inSample = (path: string): Promise<string> => readFile(join(SAMPLE, path), "utf8");

/** The machine's port 8080 is there once, and test files run side by side. */
async function copySample(work: WorkTree): Promise<void> {
  await cp(SAMPLE, work.path, { recursive: true });
  const service = await inSample("apps/web/service.yaml");
  expect(service).toContain("type: LoadBalancer");
  await work.write({ "apps/web/service.yaml": service.replace("LoadBalancer", "ClusterIP") });
}
/** Replaces text of a file, which must be there, and commits it. */
async function edit(work: WorkTree, path: string, from: string, to: string): Promise<string> {
  const before = await readFile(join(work.path, path), "utf8");
  expect(before).toContain(from);
  return work.commit({ [path]: before.replace(from, to) }, `${from} becomes ${to}`);
}

describe("charts and overlays of the sample repository", () => {
  let gantry: GantryProcess;
  let work: WorkTree;
  let client: Client;

  beforeAll(async () => {
    gantry = await GantryProcess.create({ programs: [HELM, KUBECTL] });
    work = await WorkTree.init(join(gantry.home, "repo"));
    await copySample(work);
  });
  afterAll(() => gantry?.dispose());

  const NAMES = ["default", "banner", "status-page-staging"];
  const url = async (name: string, namespace?: string): Promise<URL> =>
    new URL(await serviceUrl(client, name, namespace));
  /** Runs a command that is to succeed; what it printed. */
  async function gantryPrints(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await gantry.run(...args);
    expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: "" });
    return stdout;
  }

  test("Applications in Git bring a chart and an overlay, whose services answer", async () => {
    await work.commit({}, "the sample");
    await gantry.up("--repo", work.path, "--path", "more", ...SANDBOX_FLAGS);
    client = await gantry.client();
    await untilAllSettled(client, NAMES);
    expect(await ask(await url("banner"))).toBe("Hello from a chart in Git\n");
    expect(await ask(await url("staging-status-page", "staging"))).toBe("Staging is fine, too\n");
    expect(await gantryPrints("status")).toMatch(/status-page-staging +Synced +Healthy/);
  });

  test("commits to values and to the overlay roll out without a failed request", async () => {
    const watched = [
      { address: await url("banner"), text: "Hello again" },
      { address: await url("staging-status-page", "staging"), text: "Staging was moved" },
    ];
    const loads = watched.flatMap(({ address, text }) =>
      [true, false].map((keepAlive) => ({
        text,
        load: new Load(address.href, { clients: 2, keepAlive }),
      })),
    );
    try {
      await edit(work, "charts/banner/values.yaml", "replicas: 1", "replicas: 2");
      await edit(work, "more/applications.yaml", "Hello from a chart in Git", "Hello again");
      const overlay = "status-page/overlays/staging/kustomization.yaml";
      await edit(work, overlay, "Staging is fine, too", "Staging was moved");
      for (const { text, load } of loads)
        await load.until(({ answers }) => answers.has(`${text}\n`));
      await untilAllSettled(client, NAMES);
    } finally {
      for (const { load } of loads) expect((await load.stop()).failures).toEqual(new Map());
    }
    const { spec } = await client.get(deployments, { namespace: "default", name: "banner" });
    expect(spec?.replicas).toBe(2);
    // A generated ConfigMap has another name with other content; the one before was pruned.
    const pages = await client.list(configMaps, { namespace: "staging" });
    const titles = pages.items.flatMap(({ data }) => data?.["title"] ?? []);
    expect(titles).toEqual(["Staging was moved"]);
  });

  test("`gantry render` gives the objects that stock helm and kubectl give", async () => {
    const chart = join(work.path, "charts/banner");
    const values = join(work.path, "values.yaml");
    await work.write({ "values.yaml": "text: 'yes'\nreplicas: 3\n" });
    const helm = await run(HELM, ["template", "shop", chart, "--namespace", "ns", "-f", values]);
    const flags = ["--release-name", "shop", "--namespace", "ns", "--values", values];
    expect(byName(await gantryPrints("render", chart, ...flags, ...SANDBOX_FLAGS))).toEqual(
      byName(helm.stdout),
    );
    const overlay = join(work.path, "status-page/overlays/staging");
    const kustomize = await run(KUBECTL, ["kustomize", overlay]);
    const rendered = byName(await gantryPrints("render", overlay, ...SANDBOX_FLAGS));
    expect(rendered).toEqual(byName(kustomize.stdout));
    expect(rendered.size).toBe(3);
  });

  test("why, diff, drift, history and blame know rendered objects", async () => {
    const names = ["banner", "status-page-staging"];
    await Promise.all(
      names.map(async (name) => {
        expect(await gantryPrints("why", name)).toContain(`default/${name} is Synced and Healthy`);
        expect(await gantryPrints("diff", name)).toBe("no differences\n");
        expect(await gantryPrints("history", name)).toMatch(/\n2 .*Succeeded/);
      }),
    );
    expect(await gantryPrints("drift", ...names)).toContain("default/banner is as in Git at");
    const [banner, page] = await Promise.all([
      gantryPrints("blame", "deployment/banner"),
      gantryPrints("blame", "deployment/staging-status-page", "-n", "staging"),
    ]);
    expect(banner).toMatch(/spec\.replicas +2 .*charts\/banner\/templates\/deployment\.yaml:1/);
    expect(page).toMatch(/spec\.replicas +1 .*status-page\/base\/deployment\.yaml:7/);
  });

  test("an Application that leaves Git is deleted with its objects", async () => {
    const text = await readFile(join(work.path, "more/applications.yaml"), "utf8");
    const [banner = ""] = text.split("\n---\n");
    await untilSettled(client, await work.commit({ "more/applications.yaml": banner }));
    await untilAll(client, applications, (all) => all.length === 2);
    for (const kind of [deployments, services, configMaps]) {
      const { items } = await client.list(kind as Kind<KubeObject>, { namespace: "staging" });
      expect(items.filter(({ metadata }) => metadata.name.startsWith("staging-"))).toEqual([]);
    }
    expect(await ask(await url("banner"))).toBe("Hello again\n");
  });
});

/** Rendered objects by kind and name: in which order they come is up to the program. */
function byName(text: string): Map<string, unknown> {
  return new Map(
    parseAllDocuments(text).flatMap((document) => {
      const object = document.toJS() as KubeObject | null;
      return object === null ? [] : [[`${object.kind} ${object.metadata.name}`, object] as const];
    }),
  );
}

/** What is told of an object in one event, to be put in order with those of other kinds. */
interface Moment {
  readonly revision: number;
  readonly what: string;
}

describe("waves and the hook of the sample repository", () => {
  let gantry: GantryProcess;
  let work: WorkTree;
  let client: Client;

  beforeAll(async () => {
    gantry = await GantryProcess.create();
    work = await WorkTree.init(join(gantry.home, "repo"));
    await work.commit({ "README.md": "nothing yet" });
    await gantry.up("--repo", work.path, "--path", "apps");
    client = await gantry.client();
  });
  afterAll(() => gantry?.dispose());

  /** When each object was first as `isThere` wants it. */
  async function* moments<T extends KubeObject>(
    kind: Kind<T>,
    told: Readonly<Record<string, (object: T) => boolean>>,
    signal: AbortSignal,
  ): AsyncGenerator<Moment> {
    const seen = new Set<string>();
    const { resourceVersion } = await client.list(kind, { namespace: "default" });
    for await (const event of client.watch(kind, { resourceVersion, signal, namespace: "default" }))
      for (const [state, isThere] of Object.entries(told)) {
        if (event.type === "BOOKMARK") continue;
        const what = `${event.object.metadata.name} ${state}`;
        if (seen.has(what) || !isThere(event.object)) continue;
        seen.add(what);
        yield { revision: Number(event.object.metadata.resourceVersion), what };
      }
  }

  test("waves follow each other, and the hook runs when all is healthy", async () => {
    const stop = new AbortController();
    const found: Moment[] = [];
    const collect = async (from: AsyncGenerator<Moment>): Promise<void> => {
      try {
        for await (const moment of from) found.push(moment);
      } catch (error) {
        if (!stop.signal.aborted) throw error;
      }
    };
    const isAvailable = ({ spec, status, metadata }: Deployment): boolean =>
      status?.observedGeneration === metadata.generation &&
      status?.availableReplicas === spec?.replicas;
    const isComplete = ({ status }: Job): boolean => status?.succeeded === 1;
    const collecting = [
      collect(moments(deployments, { created: () => true, available: isAvailable }, stop.signal)),
      collect(moments(jobs, { created: () => true, complete: isComplete }, stop.signal)),
    ];
    try {
      await copySample(work);
      await untilSettled(client, await work.commit({}, "the sample"));
      await expect.poll(() => found.length).toBe(8);
    } finally {
      stop.abort();
      await Promise.all(collecting);
    }
    expect(found.toSorted((a, b) => a.revision - b.revision).map(({ what }) => what)).toEqual([
      "api created",
      "api available",
      "web created",
      "web available",
      "worker created",
      "worker available",
      "smoke-test created",
      "smoke-test complete",
    ]);
    expect((await gantry.kubectl("logs", "job/smoke-test")).stdout).toBe("web answers: 1\n\n");
  });

  /** What the Ingress answers to somebody who asks for a host that need not resolve. */
  async function throughIngress(path: string): Promise<string> {
    const { ingressHttp = "" } = gantry.addresses;
    return new Promise((resolve, reject) => {
      const headers = { host: "web.localhost" };
      get(new URL(path, ingressHttp), { headers }, (answer) => {
        text(answer).then(resolve, reject);
      }).on("error", reject);
    });
  }

  test("visits come through the Ingress, are kept on a volume and reported by the CronJob", async () => {
    expect(await throughIngress("/")).toMatch(/Visits: 1\./);
    expect(await throughIngress("/quote")).toContain('"text"');
    expect((await gantry.kubectl("delete", "pod", "counter-0")).code).toBe(0);
    await untilAllSettled(client, ["default"]);
    expect(await throughIngress("/")).toMatch(/Visits: 2\./);
    await gantry.kubectl("create", "job", "now", "--from=cronjob/report");
    await until(client, jobs, "now", ({ status }) => status?.succeeded === 1);
    expect((await gantry.kubectl("logs", "job/now")).stdout).toMatch(/visits: 2\n/);
    expect((await gantry.kubectl("get", "pvc", "--no-headers")).stdout).toMatch(
      /^data-counter-0 +Bound +\S+ +10Mi +RWO/,
    );
    expect((await gantry.kubectl("get", "hpa", "worker", "--no-headers")).stdout).toMatch(
      /^worker +Deployment\/worker +cpu: \S+\/500m, memory: \S+\/192Mi +1 +3/,
    );
  });

  const HOOK = "apps/smoke-test/job.yaml";
  const WEB = "apps/web/deployment.yaml";
  /** The hook with other last words, and another version of `web`, without which nothing is synced. */
  async function brokenHook(version: string, retries: number): Promise<Record<string, string>> {
    const job = (await inSample(HOOK))
      .replace("backoffLimit: 2", `backoffLimit: ${retries}`)
      .replace(/console\.log\(.*\)/, 'console.error("the page is empty"); process.exit(7)');
    expect(job).toContain("process.exit(7)");
    const web = (await inSample(WEB)).replace('value: "1"', `value: "${version}"`);
    return { [HOOK]: job, [WEB]: web };
  }

  test("a hook that fails is told with its last words; the next commit mends it at once", async () => {
    const revision = await work.commit(await brokenHook("2", 0), "a stricter smoke test");
    await untilApplication(
      client,
      ({ status }) =>
        status?.operationState?.syncResult?.revision === revision &&
        status.operationState.phase === "Failed",
    );
    const { code, stdout } = await gantry.run("why");
    expect(code).toBe(1);
    expect(stdout).toMatch(/a stricter smoke test/);
    expect(stdout).toMatch(/PostSync hook Job\.batch default\/smoke-test/);
    expect(stdout).toMatch(/container smoke-test .*exit code 7/);
    expect(stdout).toMatch(/last lines of smoke-test:\n +the page is empty/);
    const mended = await work.commit({ [HOOK]: await inSample(HOOK) }, "as it was");
    const { status } = await untilSettled(client, mended);
    expect(status?.operationState).toMatchObject({
      phase: "Succeeded",
      syncResult: { revision: mended },
    });
    expect((await gantry.kubectl("logs", "job/smoke-test")).stdout).toBe("web answers: 2\n\n");
    expect((await gantry.run("why")).code).toBe(0);
  });

  test("a commit does not wait for a hook of the one before that goes on failing", async () => {
    await work.commit(await brokenHook("3", 6), "never done");
    await until(
      client,
      jobs,
      "smoke-test",
      ({ spec, status }) => spec?.backoffLimit === 6 && (status?.failed ?? 0) > 0,
    );
    const { code, stdout } = await gantry.run("why");
    expect(code).toBe(1);
    expect(stdout).toMatch(/sync\n +Running/);
    expect(stdout).toMatch(/last lines of smoke-test:\n +the page is empty/);
    await untilSettled(client, await work.commit({ [HOOK]: await inSample(HOOK) }, "as it was"));
    expect((await gantry.kubectl("logs", "job/smoke-test")).stdout).toBe("web answers: 3\n\n");
  });
});
