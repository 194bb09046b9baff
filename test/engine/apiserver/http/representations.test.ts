import { afterAll, beforeAll, expect, test } from "vitest";
import { configMap, deployment } from "../test-server.ts";
import { CONFIG_MAPS, useHttpsServer } from "./https-fixture.ts";

const server = useHttpsServer();
beforeAll(async () => {
  for (const name of ["a", "b", "c", "d", "e"])
    await server.ask(CONFIG_MAPS, { method: "POST", body: configMap(name, { of: name }) });
  const body = deployment("web", 2);
  await server.ask("/apis/apps/v1/namespaces/default/deployments", { method: "POST", body });
});
afterAll(() => expect(server.faults).toEqual([]));

const TABLE = { accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json" };
const PARTIAL = { accept: "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io" };
const PARTIAL_LIST = { accept: "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io" };

interface Table {
  readonly columnDefinitions: { readonly name: string }[];
  readonly rows: { readonly cells: unknown[]; readonly object?: Record<string, unknown> }[];
  readonly metadata: Record<string, unknown>;
}

test("a list as a Table", async () => {
  const table = await server.askJson<Table>(CONFIG_MAPS, { headers: TABLE });
  expect(table).toMatchObject({ kind: "Table", apiVersion: "meta.k8s.io/v1" });
  expect(table.columnDefinitions.map(({ name }) => name)).toEqual(["Name", "Data", "Age"]);
  expect(table.rows[0]?.cells.slice(0, 2)).toEqual(["a", 1]);
  expect(table.rows[0]?.object).toMatchObject({
    kind: "PartialObjectMetadata",
    metadata: { name: "a" },
  });
  expect(table.rows[0]?.object).not.toHaveProperty("data");
  const whole = await server.askJson<Table>(`${CONFIG_MAPS}/b?includeObject=Object`, {
    headers: TABLE,
  });
  expect(whole.rows.map(({ object }) => object?.["data"])).toEqual([{ of: "b" }]);
  const none = await server.askJson<Table>(`${CONFIG_MAPS}/b?includeObject=None`, {
    headers: TABLE,
  });
  expect(none.rows[0]).not.toHaveProperty("object");
});

test("metadata alone, of one and of many", async () => {
  const one = await server.askJson(`${CONFIG_MAPS}/a`, { headers: PARTIAL });
  expect(one).toMatchObject({ kind: "PartialObjectMetadata", metadata: { name: "a" } });
  expect(one).not.toHaveProperty("data");
  const many = await server.askJson(CONFIG_MAPS, { headers: PARTIAL_LIST });
  expect(many).toMatchObject({
    kind: "PartialObjectMetadataList",
    apiVersion: "meta.k8s.io/v1",
    metadata: { resourceVersion: expect.stringMatching(/^\d+$/) as string },
  });
});

test("pages are of one moment, and together the whole list", async () => {
  interface Page {
    metadata: { continue?: string; remainingItemCount?: number; resourceVersion: string };
    items: { metadata: { name: string } }[];
  }
  const first = await server.askJson<Page>(`${CONFIG_MAPS}?limit=2`);
  expect(first.metadata.remainingItemCount).toBe(3);
  await server.ask(CONFIG_MAPS, { method: "POST", body: configMap("bb") });
  await server.ask(`${CONFIG_MAPS}/e`, { method: "DELETE" });
  const names = first.items.map(({ metadata }) => metadata.name);
  let next = first.metadata.continue;
  while (next !== undefined) {
    const page: Page = await server.askJson(
      `${CONFIG_MAPS}?limit=2&continue=${encodeURIComponent(next)}`,
    );
    names.push(...page.items.map(({ metadata }) => metadata.name));
    expect(page.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    next = page.metadata.continue;
  }
  expect(names).toEqual(["a", "b", "c", "d", "e"]);
});

test("HEAD answers like GET, without the body", async () => {
  expect(await server.ask(`${CONFIG_MAPS}/a`, { method: "HEAD" })).toMatchObject({
    code: 200,
    text: "",
  });
  expect(await server.ask(`${CONFIG_MAPS}/none`, { method: "HEAD" })).toMatchObject({
    code: 404,
    text: "",
  });
});

test("discovery, aggregated and not, says the same", async () => {
  const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
  const { headers, text } = await server.ask("/apis", { headers: { accept } });
  expect(headers["content-type"]).toBe(accept);
  interface Aggregated {
    items: {
      metadata: { name: string };
      versions: {
        version: string;
        resources: { resource: string; subresources?: { subresource: string }[] }[];
      }[];
    }[];
  }
  const aggregated = (JSON.parse(text) as Aggregated).items.flatMap(({ metadata, versions }) =>
    versions.flatMap(({ version, resources }) =>
      resources.flatMap(({ resource, subresources = [] }) =>
        ["", ...subresources.map(({ subresource }) => `/${subresource}`)].map(
          (sub) => `${metadata.name}/${version}/${resource}${sub}`,
        ),
      ),
    ),
  );
  const groups = await server.askJson<{
    groups: { name: string; versions: { version: string }[] }[];
  }>("/apis");
  const plain: string[] = [];
  for (const { name, versions } of groups.groups)
    for (const { version } of versions) {
      const list = await server.askJson<{ resources: { name: string }[] }>(
        `/apis/${name}/${version}`,
      );
      plain.push(...list.resources.map((resource) => `${name}/${version}/${resource.name}`));
    }
  expect(plain.sort()).toEqual(aggregated.sort());
  expect(plain).toContain("apps/v1/deployments/scale");
});

test("every path that is listed at the root is there", async () => {
  const { paths } = await server.askJson<{ paths: string[] }>("/");
  expect(paths).toContain("/apis/apps/v1");
  for (const path of paths) expect((await server.ask(path)).code, path).toBe(200);
});

test("every OpenAPI document is complete: what it refers to is in it", async () => {
  const { paths } = await server.askJson<{ paths: Record<string, { serverRelativeURL: string }> }>(
    "/openapi/v3",
  );
  expect(Object.keys(paths)).toContain("apis/apps/v1");
  for (const { serverRelativeURL } of Object.values(paths)) {
    const { text } = await server.ask(serverRelativeURL);
    const document = JSON.parse(text) as { components: { schemas: object } };
    const referred = new Set(
      [...text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map((match) => match[1] ?? ""),
    );
    const missing = [...referred].filter((name) => !(name in document.components.schemas));
    expect(missing, serverRelativeURL).toEqual([]);
  }
});
