import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { applications } from "../../../src/kube/kinds/application.ts";
import type { CommentType } from "../../../src/kube/kinds/provider.ts";
import type { Answer, Recorded } from "./recording-server.ts";
import { failed, REVISION, succeeded, ToldCluster } from "./told-cluster.ts";

let told: ToldCluster;
beforeEach(async () => {
  told = await ToldCluster.start();
});
afterEach(() => told.stop());

interface Forge {
  readonly repository: string;
  readonly lookup: { readonly path: string; readonly body: unknown };
  readonly list: { readonly path: string; readonly body: (comments: readonly string[]) => unknown };
  readonly create: { readonly method: string; readonly path: string };
  readonly update: { readonly method: string; readonly path: string };
  readonly bodyOf: (request: Record<string, unknown>) => unknown;
  readonly marker: string;
}
const HTML = "<!-- gantry: default/app -->";
const LINK = "[//]: # (gantry: default/app)";
const numbered = (comments: readonly string[]) =>
  comments.map((body, index) => ({ id: 70 + index, body }));
const body = (request: Record<string, unknown>): unknown => request["body"];

/** What each forge's public API has. */
const FORGES: Record<CommentType, Forge> = {
  githubpullrequestcomment: {
    repository: "/team/shop",
    lookup: { path: `/api/v3/repos/team/shop/commits/${REVISION}/pulls`, body: [{ number: 7 }] },
    list: { path: "/api/v3/repos/team/shop/issues/7/comments?per_page=100", body: numbered },
    create: { method: "POST", path: "/api/v3/repos/team/shop/issues/7/comments" },
    update: { method: "PATCH", path: "/api/v3/repos/team/shop/issues/comments/71" },
    bodyOf: body,
    marker: HTML,
  },
  giteapullrequestcomment: {
    repository: "/team/shop",
    lookup: { path: `/api/v1/repos/team/shop/commits/${REVISION}/pull`, body: { number: 7 } },
    list: { path: "/api/v1/repos/team/shop/issues/7/comments?limit=100", body: numbered },
    create: { method: "POST", path: "/api/v1/repos/team/shop/issues/7/comments" },
    update: { method: "PATCH", path: "/api/v1/repos/team/shop/issues/comments/71" },
    bodyOf: body,
    marker: HTML,
  },
  gitlabmergerequestcomment: {
    repository: "/group/sub/shop",
    lookup: {
      path: `/api/v4/projects/group%2Fsub%2Fshop/repository/commits/${REVISION}/merge_requests`,
      body: [{ id: 99, iid: 7 }],
    },
    list: {
      path: "/api/v4/projects/group%2Fsub%2Fshop/merge_requests/7/notes?per_page=100",
      body: numbered,
    },
    create: { method: "POST", path: "/api/v4/projects/group%2Fsub%2Fshop/merge_requests/7/notes" },
    update: {
      method: "PUT",
      path: "/api/v4/projects/group%2Fsub%2Fshop/merge_requests/7/notes/71",
    },
    bodyOf: body,
    marker: HTML,
  },
  bitbucketpullrequestcomment: {
    repository: "/team/shop",
    lookup: {
      path: `/2.0/repositories/team/shop/commit/${REVISION}/pullrequests`,
      body: { values: [{ id: 7 }] },
    },
    list: {
      path: "/2.0/repositories/team/shop/pullrequests/7/comments?pagelen=100",
      body: (comments) => ({
        values: comments.map((raw, index) => ({ id: 70 + index, content: { raw } })),
      }),
    },
    create: { method: "POST", path: "/2.0/repositories/team/shop/pullrequests/7/comments" },
    update: { method: "PUT", path: "/2.0/repositories/team/shop/pullrequests/7/comments/71" },
    bodyOf: ({ content }) => (content as { raw: unknown }).raw,
    marker: LINK,
  },
  bitbucketserverpullrequestcomment: {
    repository: "/scm/KEY/shop.git",
    lookup: {
      path: `/rest/api/latest/projects/KEY/repos/shop/commits/${REVISION}/pull-requests`,
      body: { values: [{ id: 7 }] },
    },
    list: {
      path: "/rest/api/latest/projects/KEY/repos/shop/pull-requests/7/activities?limit=100",
      body: (comments) => ({
        isLastPage: true,
        values: comments.map((text, index) => ({
          action: "COMMENTED",
          comment: { id: 70 + index, version: 3, text },
        })),
      }),
    },
    create: {
      method: "POST",
      path: "/rest/api/latest/projects/KEY/repos/shop/pull-requests/7/comments",
    },
    update: {
      method: "PUT",
      path: "/rest/api/latest/projects/KEY/repos/shop/pull-requests/7/comments/71",
    },
    bodyOf: ({ text }) => text,
    marker: LINK,
  },
};

async function start(type: string, forge: Forge, comments: () => readonly string[]): Promise<void> {
  const address = `${told.server.url}${forge.repository}`;
  told.server.answer = ({ method, path }: Recorded): Answer => {
    if (method !== "GET") return { status: 201, body: {} };
    if (path === forge.lookup.path) return { body: forge.lookup.body };
    if (path === forge.list.path) return { body: forge.list.body(comments()) };
    return { status: 404 };
  };
  await told.application(address);
  await told.provider({ type: type as CommentType, address }, { token: "forge-secret" });
  await told.alert();
}
const writes = (): readonly Recorded[] =>
  told.server.requests.filter(({ method }) => method !== "GET");

describe.each(Object.entries(FORGES))("%s", (type, forge) => {
  test("one comment, found by the commit, then updated in place", async () => {
    let own: string[] = [];
    await start(type, forge, () => ["somebody else's", ...own]);
    await told.status(failed(REVISION));
    await told.until(() => writes().length >= 1);
    await told.quiet();
    expect(writes()).toMatchObject([forge.create]);
    const first = forge.bodyOf(
      JSON.parse(writes()[0]?.text ?? "") as Record<string, unknown>,
    ) as string;
    expect(first.startsWith(forge.marker)).toBe(true);
    expect(first).toContain("❌ default/app: Deployment/web: it is not allowed");
    expect(first).toContain("1 to create, 2 to change, 0 to replace, 0 to prune");
    own = [first];
    await told.status({ ...succeeded(REVISION), health: { status: "Healthy" } });
    await told.until(() => writes().length >= 2);
    await told.quiet();
    expect(writes()[1]).toMatchObject(forge.update);
    const second = forge.bodyOf(
      JSON.parse(writes()[1]?.text ?? "") as Record<string, unknown>,
    ) as string;
    expect(second).toContain("✅ default/app");
    expect(second.startsWith(forge.marker)).toBe(true);
    if (type === "bitbucketserverpullrequestcomment")
      expect(JSON.parse(writes()[1]?.text ?? "")).toMatchObject({ version: 3 });
  });

  test("a commit of no pull request gets no comment, and that is no failure", async () => {
    await start(type, { ...forge, lookup: { ...forge.lookup, path: "/none" } }, () => []);
    await told.synced();
    await told.quiet();
    expect(writes()).toEqual([]);
    expect((await told.alertNow()).status?.conditions).toMatchObject([
      { type: "Ready", status: "True" },
    ]);
  });

  test("any answer of the forge is survived", async () => {
    for (const answer of [
      "null",
      "[]",
      "{}",
      "[null]",
      '{"values":7}',
      '[{"number":"x/../1"}]',
      '{"values":[{"id":-1}]}',
      "no json",
    ]) {
      told.server.answer = () => ({ body: answer });
      const name = `app-${told.server.requests.length}`;
      if (answer === "null") {
        await told.provider(
          { type: type as CommentType, address: `${told.server.url}${forge.repository}` },
          { token: "forge-secret" },
        );
        await told.alert();
      }
      await told.application(`${told.server.url}${forge.repository}`, name);
      await told.synced(REVISION, "Healthy", name);
      await told.until(() => told.server.requests.length > 0);
      await told.clock.advance(1_000);
    }
    expect(writes()).toEqual([]);
  });
});

test("the pull request that the Application is a preview of is taken from its annotation", async () => {
  const forge = FORGES.githubpullrequestcomment;
  await start("githubpullrequestcomment", forge, () => []);
  const patch = { metadata: { annotations: { "event.toolkit.fluxcd.io/change_request": "7" } } };
  await told.client.patch(
    applications,
    { namespace: "default", name: "app" },
    { type: "merge", body: patch },
  );
  await told.settle();
  await told.synced();
  await told.until(() => writes().length >= 1);
  expect(told.server.requests.map(({ path }) => path)).not.toContain(forge.lookup.path);
});

test("what a repository says is shown as text: no mentions, no links, no way out of the code", async () => {
  await start("githubpullrequestcomment", FORGES.githubpullrequestcomment, () => []);
  const hostile = "@everyone ```\n# [click](javascript:x) <img src=x> https://evil.example |";
  const state = failed(REVISION, hostile);
  await told.status({
    ...state,
    ...(state.operationState === undefined
      ? {}
      : {
          operationState: { ...state.operationState, commit: { author: "@ada", subject: hostile } },
        }),
  });
  await told.until(() => writes().length >= 1);
  const { body: text } = JSON.parse(writes()[0]?.text ?? "") as { body: string };
  const outside = text.replace(/^(`{4,})\n[^]*?\n\1$/m, "");
  expect(outside).not.toMatch(/@everyone|@ada|(?<!\\)<img|\]\(javascript|https:\/\/evil/);
  expect(text).toMatch(/^````+$/m);
});
