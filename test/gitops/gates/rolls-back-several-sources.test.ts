import { afterEach, beforeEach, expect, test } from "vitest";
import type {
  ApplicationManifests,
  ManifestRequest,
  ManifestSource,
} from "../../../src/gitops/application-manifests.ts";
import { type Application, revisionId } from "../../../src/kube/kinds/application.ts";
import type { KubeObject } from "../../../src/kube/object.ts";
import { pod, podReady, setStatus } from "../cluster-players.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { configMap, OperatedCluster } from "../operated-cluster.ts";

const sha = (letter: string): string => letter.repeat(40);

/** Two repositories; what both are at is what is rendered. */
class TwoSources implements ManifestSource {
  heads: readonly [string, string] = [sha("a"), sha("1")];

  manifestsOf(
    _application: Application,
    { revision }: ManifestRequest,
  ): Promise<ApplicationManifests> {
    const listed = revision.split(",");
    const revisions =
      revision === "HEAD" ? this.heads : listed.length === 2 ? listed : [revision, this.heads[1]];
    const [id = ""] = revisions;
    const at = revisions.map((text) => text.charAt(0)).join("");
    const objects = [
      configMap("a", { at }),
      { ...pod("web"), metadata: { name: "web", labels: { at } } },
    ];
    return Promise.resolve({
      commit: { id, author: "Ada", subject: "push", revisions },
      id: at,
      manifests: objects.map((object) => ({
        object: object as KubeObject,
        origin: { file: "a.yaml", line: 1 },
      })),
      complete: true,
      errors: [],
      warnings: [],
    });
  }
  isWatched(): boolean {
    return true;
  }
  forget(): Promise<void> {
    return Promise.resolve();
  }
}

let cluster: OperatedCluster;
let sources: TwoSources;
beforeEach(async () => {
  sources = new TwoSources();
  cluster = await OperatedCluster.start({ manifests: sources });
});
afterEach(() => cluster.stop());

async function push(...heads: [string, string]): Promise<void> {
  sources.heads = heads;
  cluster.operator?.refresh(["default/app"]);
  await cluster.settle();
}
const current = async (): Promise<string | undefined> => (await cluster.data("a"))?.["at"];

test("to an entry that differs in the second source alone, and held until either has a newer commit", async () => {
  await cluster.createApplication();
  await push(sha("a"), sha("2"));
  expect(await current()).toBe("a2");
  const [first] = (await cluster.status()).history ?? [];
  expect(first).toMatchObject({ revision: sha("a"), revisions: [sha("a"), sha("1")] });
  await cluster.operate({ revision: revisionId(first?.revision ?? "", first?.revisions) });
  expect(await current()).toBe("a1");
  expect((await cluster.status()).rollback).toMatchObject({
    revision: `${sha("a")},${sha("1")}`,
    insteadOf: `${sha("a")},${sha("2")}`,
  });
  await cluster.pass(600_000);
  expect(await current()).toBe("a1");
  await push(sha("a"), sha("3"));
  expect(await current()).toBe("a3");
  expect((await cluster.status()).rollback).toBeUndefined();
});

test("automatically, when only the second source brought the trouble", async () => {
  await cluster.createApplication({
    syncPolicy: { automated: {}, automaticRollback: { timeout: "1m" } },
  });
  await podReady(cluster, "web");
  await setStatus(cluster, pods, "web", { phase: "Pending", conditions: [] });
  await push(sha("a"), sha("2"));
  expect(await current()).toBe("a2");
  await cluster.pass(61_000);
  expect(await current()).toBe("a1");
  await cluster.pass(600_000);
  expect(await current()).toBe("a1");
});
