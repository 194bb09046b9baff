import { afterAll, beforeEach, expect, test } from "vitest";
import { configMap } from "../test-server.ts";
import { CONFIG_MAPS, events, useHttpsServer } from "./https-fixture.ts";

const server = useHttpsServer();
afterAll(() => expect(server.faults).toEqual([]));
beforeEach(() => server.ask(CONFIG_MAPS, { method: "DELETE" }));

const create = (name: string) =>
  server.askJson<{ metadata: { resourceVersion: string } }>(CONFIG_MAPS, {
    method: "POST",
    body: configMap(name),
  });
const names = (text: string): string[] =>
  events(text).map(
    ({ type, object }) => `${type} ${(object["metadata"] as { name?: string }).name ?? ""}`,
  );

test("sends the state, then each change, one document a line", async () => {
  await create("a");
  const watch = await server.stream(`${CONFIG_MAPS}?watch=true`);
  expect(watch.headers["content-type"]).toBe("application/json");
  await watch.until(/"a"/);
  await create("b");
  await server.ask(`${CONFIG_MAPS}/a`, { method: "DELETE" });
  await watch.until(/DELETED/);
  expect(names(watch.text)).toEqual(["ADDED a", "ADDED b", "DELETED a"]);
  watch.close();
});

test("goes on from a revision, without gap or repetition", async () => {
  const { metadata } = await create("a");
  await create("b");
  await create("c");
  const watch = await server.stream(
    `${CONFIG_MAPS}?watch=1&resourceVersion=${metadata.resourceVersion}`,
  );
  await watch.until(/"c"/);
  expect(names(watch.text)).toEqual(["ADDED b", "ADDED c"]);
  watch.close();
});

test("sends the initial state, ended by a bookmark, to who asks so", async () => {
  await create("a");
  const watch = await server.stream(
    `${CONFIG_MAPS}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
  );
  await watch.until(/initial-events-end/);
  const [first, bookmark] = events(watch.text);
  expect(first?.type).toBe("ADDED");
  expect(bookmark).toMatchObject({
    type: "BOOKMARK",
    object: {
      kind: "ConfigMap",
      apiVersion: "v1",
      metadata: {
        annotations: { "k8s.io/initial-events-end": "true" },
        resourceVersion: expect.stringMatching(/^\d+$/) as string,
      },
    },
  });
  watch.close();
});

test("ends after timeoutSeconds", async () => {
  const watch = await server.stream(`${CONFIG_MAPS}?watch=true&timeoutSeconds=5`);
  await server.clock.advance(5_000);
  await watch.ended;
  expect(watch.code).toBe(200);
});

test("says 410 for what is no longer retained", async () => {
  const { metadata } = await create("a");
  await create("b");
  await server.store.compact(server.store.revision);
  const path = `${CONFIG_MAPS}?watch=true&resourceVersion=${metadata.resourceVersion}`;
  expect(await server.askJson(path)).toMatchObject({
    kind: "Status",
    code: 410,
    reason: "Expired",
  });
});

test("says 504 for what is not yet", async () => {
  const future = server.askJson(`${CONFIG_MAPS}?watch=true&resourceVersion=99999999`);
  let answer: unknown;
  const answered = future.then((body) => {
    answer = body;
  });
  await expect.poll(() => server.clock.advance(1_000).then(() => answer)).toBeDefined();
  await answered;
  expect(answer).toMatchObject({ kind: "Status", code: 504, reason: "Timeout" });
});

test("sends bookmarks to who asks for them, as time goes by", async () => {
  const watch = await server.stream(`${CONFIG_MAPS}?watch=true&allowWatchBookmarks=true`);
  await create("a");
  await watch.until(/"a"/);
  await server.clock.advance(60_000);
  await watch.until(/BOOKMARK/);
  const [added, bookmark] = events(watch.text);
  const revision = (object = {}) =>
    (object as { metadata: { resourceVersion: string } }).metadata.resourceVersion;
  expect(Number(revision(bookmark?.object))).toBeGreaterThanOrEqual(
    Number(revision(added?.object)),
  );
  watch.close();
});

test("shows rows to who asks for a Table, headings once", async () => {
  await create("a");
  await create("b");
  const watch = await server.stream(`${CONFIG_MAPS}?watch=true`, {
    headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" },
  });
  await watch.until(/"b"/);
  const [first, second] = events(watch.text);
  expect(first?.object).toMatchObject({
    kind: "Table",
    columnDefinitions: [{ name: "Name" }, {}, {}],
  });
  expect(second?.object).toMatchObject({
    kind: "Table",
    columnDefinitions: null,
    rows: [{ cells: ["b", 0, expect.anything()] }],
  });
  watch.close();
});

test("shows metadata alone to who asks for it", async () => {
  await create("a");
  const watch = await server.stream(`${CONFIG_MAPS}?watch=true`, {
    headers: { accept: "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io" },
  });
  await watch.until(/"a"/);
  expect(events(watch.text)[0]?.object).toMatchObject({
    kind: "PartialObjectMetadata",
    metadata: { name: "a" },
  });
  watch.close();
});

test("options that contradict each other are refused", async () => {
  for (const query of [
    "watch=true&sendInitialEvents=true",
    "watch=true&resourceVersionMatch=Exact&resourceVersion=1",
    "watch=true&continue=x",
    "sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
  ])
    expect((await server.ask(`${CONFIG_MAPS}?${query}`)).code, query).toBe(422);
});
