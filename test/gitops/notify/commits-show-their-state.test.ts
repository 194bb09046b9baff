import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CommitStatusType } from "../../../src/kube/kinds/provider.ts";
import {
  failed,
  OTHER_REVISION,
  REVISION,
  running,
  succeeded,
  ToldCluster,
} from "./told-cluster.ts";
import { matching, someText } from "./matching.ts";
import { applications } from "../../../src/kube/kinds/application.ts";
import { application } from "../operated-cluster.ts";

let told: ToldCluster;
beforeEach(async () => {
  told = await ToldCluster.start();
});
afterEach(() => told.stop());

interface Expected {
  readonly repository: string;
  readonly secret: Record<string, string>;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly pending: object;
  readonly success: object;
  readonly failure: object;
}
const CONTEXT = "gantry/default/app";
const basic = (text: string): string => `Basic ${Buffer.from(text).toString("base64")}`;

/** What each forge's public API takes. */
const FORGES: Record<CommitStatusType, Expected> = {
  github: {
    repository: "/team/shop",
    secret: { token: "ghp_secret" },
    path: `/api/v3/repos/team/shop/statuses/${REVISION}`,
    headers: { authorization: "Bearer ghp_secret", "x-github-api-version": "2022-11-28" },
    pending: { state: "pending", context: CONTEXT, description: "syncing" },
    success: { state: "success", context: CONTEXT, description: "synced and healthy" },
    failure: {
      state: "failure",
      context: CONTEXT,
      description: "Deployment/web: it is not allowed",
    },
  },
  gitea: {
    repository: "/team/shop.git",
    secret: { token: "gitea-secret" },
    path: `/api/v1/repos/team/shop/statuses/${REVISION}`,
    headers: { authorization: "token gitea-secret" },
    pending: { state: "pending", context: CONTEXT },
    success: { state: "success", context: CONTEXT },
    failure: { state: "failure", context: CONTEXT },
  },
  gitlab: {
    repository: "/group/sub/shop",
    secret: { token: "glpat-secret" },
    path: `/api/v4/projects/group%2Fsub%2Fshop/statuses/${REVISION}`,
    headers: { "private-token": "glpat-secret" },
    pending: { state: "running", name: CONTEXT, description: "syncing" },
    success: { state: "success", name: CONTEXT },
    failure: { state: "failed", name: CONTEXT },
  },
  bitbucket: {
    repository: "/team/shop",
    secret: { token: "user:app-password" },
    path: `/2.0/repositories/team/shop/commit/${REVISION}/statuses/build`,
    headers: { authorization: basic("user:app-password") },
    pending: { state: "INPROGRESS", key: matching(/^[0-9a-f]{40}$/), name: CONTEXT },
    success: { state: "SUCCESSFUL", url: matching(/^http.*\/team\/shop$/) },
    failure: { state: "FAILED" },
  },
  bitbucketserver: {
    repository: "/context/scm/KEY/shop.git",
    secret: { username: "robot", password: "bb-secret" },
    path: `/context/rest/api/latest/projects/KEY/repos/shop/commits/${REVISION}/builds`,
    headers: { authorization: basic("robot:bb-secret"), "x-atlassian-token": "no-check" },
    pending: { state: "INPROGRESS", key: matching(/^[0-9a-f]{40}$/) },
    success: { state: "SUCCESSFUL", url: someText() },
    failure: { state: "FAILED" },
  },
  azuredevops: {
    repository: "/org/project/_git/shop",
    secret: { token: "pat-secret" },
    path: `/org/project/_apis/git/repositories/shop/commits/${REVISION}/statuses?api-version=7.1`,
    headers: { authorization: basic(":pat-secret") },
    pending: { state: "pending", context: { genre: "gantry", name: "default/app" } },
    success: { state: "succeeded" },
    failure: { state: "failed", description: "Deployment/web: it is not allowed" },
  },
};

describe.each(Object.entries(FORGES))("%s", (type, forge) => {
  test("pending, success and failure, as its API takes them", async () => {
    const address = `${told.server.url}${forge.repository}`;
    await told.application(address);
    await told.provider({ type: type as CommitStatusType, address }, forge.secret);
    await told.alert({ eventSeverity: "error" });
    await told.status(running(REVISION));
    await told.told(1);
    await told.status({ ...succeeded(REVISION), health: { status: "Healthy" } });
    await told.told(2);
    await told.status(failed(REVISION));
    await told.told(3);
    for (const request of told.server.requests) {
      expect(request).toMatchObject({ method: "POST", path: forge.path });
      expect(request.headers).toMatchObject({
        ...forge.headers,
        "content-type": "application/json",
      });
    }
    const [pending, success, failure] = told.server.bodies;
    expect(pending).toMatchObject(forge.pending);
    expect(success).toMatchObject(forge.success);
    expect(failure).toMatchObject(forge.failure);
  });
});

describe("a commit", () => {
  const address = (): string => `${told.server.url}/team/shop`;
  const states = (): unknown[] => told.server.bodies.map(({ state }) => state);

  beforeEach(async () => {
    await told.application(address());
    await told.provider({ type: "github", address: address() }, { token: "ghp_secret" });
    await told.alert();
  });

  test("is a success once it is healthy, and stays one while pods restart or drift is healed", async () => {
    await told.synced(REVISION, "Progressing");
    await told.quiet();
    expect(told.server.bodies).toMatchObject([
      { state: "pending", description: "syncing" },
      { state: "pending", description: "synced, waiting until it is healthy" },
    ]);
    await told.status({ health: { status: "Healthy" } });
    await told.told(3);
    await told.status({ health: { status: "Progressing" } });
    await told.status({ health: { status: "Healthy" } });
    const healing = succeeded(REVISION).operationState;
    if (healing === undefined) throw new Error("no state");
    await told.status({ operationState: { ...healing, phase: "Running", because: "drift" } });
    await told.status({ operationState: { ...healing, because: "drift" } });
    await told.quiet();
    expect(states()).toEqual(["pending", "pending", "success"]);
    await told.status({ health: { status: "Degraded", message: "Pod/web: crashes" } });
    await told.told(4);
    expect(told.server.bodies[3]).toMatchObject({
      state: "failure",
      description: "synced, but degraded: Pod/web: crashes",
    });
  });

  test("whose manifests are invalid is a failure, though another is live", async () => {
    await told.synced(REVISION);
    await told.status({
      sync: { status: "Unknown", revision: OTHER_REVISION },
      conditions: [
        {
          type: "InvalidManifests",
          status: "True",
          reason: "InvalidManifests",
          message: "a.yaml:3:1: broken",
          lastTransitionTime: "2026-01-01T00:00:00Z",
        },
      ],
    });
    await told.quiet();
    expect(told.server.requests.at(-1)?.path).toContain(OTHER_REVISION);
    expect(told.server.bodies.at(-1)).toMatchObject({
      state: "failure",
      description: "a.yaml:3:1: broken",
    });
  });

  test("has its status when the Alert comes later, and not again after a restart", async () => {
    await told.application(address(), "second");
    await told.synced(REVISION, "Healthy", "second");
    await told.quiet();
    await told.client.delete((await import("../../../src/kube/kinds/alert.ts")).alerts, {
      namespace: "default",
      name: "alert",
    });
    await told.settle();
    const before = told.server.requests.length;
    await told.alert({}, "later");
    await told.told(before + 1);
    expect(told.server.bodies.at(-1)).toMatchObject({
      state: "success",
      context: "gantry/default/second",
    });
    await told.stopNotifier();
    await told.startNotifier();
    await told.quiet();
    expect(told.server.requests).toHaveLength(before + 1);
  });

  test("that ended while nobody watched gets its end", async () => {
    await told.status(running(REVISION));
    await told.told(1);
    await told.stopNotifier();
    await told.status({ ...succeeded(REVISION), health: { status: "Healthy" } });
    await told.startNotifier();
    await told.told(2);
    expect(states()).toEqual(["pending", "success"]);
  });

  test("of another repository is none of this Provider's business", async () => {
    await told.application(`${told.server.url}/team/other`, "other");
    await told.application("https://evil.example/team/shop", "evil");
    await told.synced(REVISION, "Healthy", "other");
    await told.synced(REVISION, "Healthy", "evil");
    await told.quiet();
    expect(told.server.requests).toEqual([]);
  });
});

test("a Provider of a whole host takes the Application's own repository there", async () => {
  await told.application(`${told.server.url}/team/shop`);
  await told.application("https://evil.example/team/shop", "evil");
  await told.application(`${told.server.url}/team/%2e%2e%2f%2e%2e/user`, "escape");
  await told.provider({ type: "github", address: told.server.url }, { token: "ghp_secret" });
  await told.alert();
  for (const name of ["app", "evil", "escape"]) await told.synced(REVISION, "Healthy", name);
  await told.quiet();
  expect(new Set(told.server.requests.map(({ path }) => path))).toEqual(
    new Set([`/api/v3/repos/team/shop/statuses/${REVISION}`]),
  );
});

test("of several sources, each repository is told of its own commit", async () => {
  const address = `${told.server.url}/team/values`;
  const second = application({}, "app");
  await told.client.create(applications, {
    ...second,
    spec: {
      ...second.spec,
      source: undefined,
      sources: [{ repoURL: "https://charts.example", chart: "shop" }, { repoURL: address }],
    } as unknown as typeof second.spec,
  });
  await told.provider({ type: "gitea", address }, { token: "gitea-secret" });
  await told.alert();
  await told.status({
    ...succeeded("1.2.3"),
    sync: { status: "Synced", revision: "1.2.3", revisions: ["1.2.3", OTHER_REVISION] },
    health: { status: "Healthy" },
  });
  await told.told(1);
  await told.status({
    sync: { status: "Synced", revision: "1.2.3", revisions: ["1.2.3", REVISION] },
  });
  await told.told(2);
  expect(told.server.requests.map(({ path }) => path)).toEqual([
    `/api/v1/repos/team/values/statuses/${OTHER_REVISION}`,
    `/api/v1/repos/team/values/statuses/${REVISION}`,
  ]);
});

test("GitLab's refusal of a status that the commit has already is no failure", async () => {
  const address = `${told.server.url}/team/shop`;
  await told.application(address);
  await told.provider({ type: "gitlab", address }, { token: "glpat-secret" });
  told.server.answer = () => ({
    status: 400,
    body: { message: "Cannot transition status via :run from :running" },
  });
  await told.alert();
  await told.status(running(REVISION));
  await told.told(1);
  expect((await told.alertNow()).status?.conditions).toMatchObject([
    { type: "Ready", status: "True" },
  ]);
});
