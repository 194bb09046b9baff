import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../src/client/clock.ts";
import { followRollout } from "../../../src/gitops/push/follow-rollout.ts";
import type { Commit } from "../../../src/gitops/source/source.ts";
import { type Application, applications } from "../../../src/kube/kinds/application.ts";
import { startServer, type TestServer } from "../../engine/apiserver/test-server.ts";

let server: TestServer;
const abort = new AbortController();
beforeEach(async () => {
  server = await startServer();
});
afterEach(() => server.server.close());

const [OLD, NEW] = ["a".repeat(40), "b".repeat(40)];

/** An Application that is live at the old commit. */
async function live(): Promise<Application> {
  const application = await server.client.create(applications, {
    apiVersion: "gantry.dev/v1",
    kind: "Application",
    metadata: { namespace: "default", name: "shop" },
    spec: { source: { repoURL: "https://example.test/shop.git" }, destination: {} },
  });
  const status = { sync: { status: "Synced", revision: OLD }, health: { status: "Healthy" } };
  return server.client.update(applications, { ...application, status } as Application, {
    subresource: "status",
  });
}
function follow(application: Application, knownAs: () => string | undefined) {
  const commit = { id: NEW } as Commit;
  return followRollout(
    { application, commit, knownAs: async () => knownAs() },
    { client: server.client, clock: systemClock, say: () => undefined, signal: abort.signal },
  );
}

test("a commit that says the same as the one that is live is live", async () => {
  expect(await follow(await live(), () => OLD)).toMatchObject({ outcome: "live" });
});

test("what the operator has read, but not told yet, is not live", async () => {
  const application = await live();
  let looks = 0;
  let lookedTwice = (): void => undefined;
  const twice = new Promise<void>((resolve) => (lookedTwice = resolve));
  const following = follow(application, () => {
    if (++looks === 2) lookedTwice();
    return NEW;
  });
  let isOver = false;
  void following.then(() => (isOver = true));
  // Any change has it look again.
  const metadata = { labels: { a: "b" } };
  const key = { namespace: "default", name: "shop" };
  await expect.poll(() => looks).toBeGreaterThan(0);
  await server.client.patch(applications, key, { type: "merge", body: { metadata } });
  await twice;
  expect(isOver).toBe(false);
  const now = await server.client.get(applications, key);
  const status = { ...now.status, sync: { status: "Synced", revision: NEW } };
  await server.client.update(applications, { ...now, status } as Application, {
    subresource: "status",
  });
  expect(await following).toMatchObject({ outcome: "live" });
});
