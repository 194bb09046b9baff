/** What operators bring along, such as the definitions of the Gateway API, comes on top and breaks nothing. */
import { expect, test } from "vitest";
import type { Resource } from "../../../src/kube/kind.ts";
import {
  type CustomResourceDefinition,
  customResourceDefinitions,
} from "../../../src/kube/kinds/customresourcedefinition.ts";
import type { Gateway } from "../../../src/kube/kinds/gateway/gateway-types.ts";
import { gateways } from "../../../src/kube/kinds/gateway.ts";
import { startServer } from "./test-server.ts";

const loose = {
  openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
};
const definition = (storage: "v1" | "v1beta1"): CustomResourceDefinition => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: {
    name: "gateways.gateway.networking.k8s.io",
    annotations: { "api-approved.kubernetes.io": "https://example.com" },
  },
  spec: {
    group: "gateway.networking.k8s.io",
    scope: "Namespaced",
    names: { kind: "Gateway", plural: "gateways", singular: "gateway", shortNames: ["gtw"] },
    versions: ["v1", "v1beta1"].map((name) => ({
      name,
      served: true,
      storage: name === storage,
      schema: loose,
      subresources: { status: {} },
    })),
  },
});
const gateway: Gateway = {
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "Gateway",
  metadata: { name: "web", namespace: "default" },
  spec: { gatewayClassName: "gantry", listeners: [{ name: "http", port: 80, protocol: "HTTP" }] },
};
const key = { namespace: "default", name: "web" };
const beta: Resource<Gateway> = { ...gateways, version: "v1beta1" };

test.each(["v1", "v1beta1"] as const)(
  "stored as %s: established, the built-in version stays, further versions are served with it",
  async (storage) => {
    const { client } = await startServer();
    await client.create(gateways, gateway);
    const made = await client.create(customResourceDefinitions, definition(storage));
    expect(made.status?.conditions).toMatchObject([
      { type: "NamesAccepted", status: "True" },
      { type: "Established", status: "True" },
    ]);
    // Validated by the built-in rules, not by the definition's loose ones.
    await expect(
      client.create(gateways, {
        ...gateway,
        metadata: { ...gateway.metadata, name: "bad" },
        spec: { gatewayClassName: "gantry", listeners: [] },
      }),
    ).rejects.toMatchObject({ status: { code: 422 } });
    expect(await client.get(beta, key)).toMatchObject({
      apiVersion: "gateway.networking.k8s.io/v1beta1",
      spec: { gatewayClassName: "gantry" },
    });
    expect(await client.get(gateways, key)).toMatchObject({
      apiVersion: "gateway.networking.k8s.io/v1",
    });
  },
);

test("deleted again: gone at once, with the versions that it added, and no object of the kind", async () => {
  const { client } = await startServer();
  await client.create(gateways, gateway);
  const { metadata } = await client.create(customResourceDefinitions, definition("v1"));
  await client.delete(customResourceDefinitions, { name: metadata.name });
  await expect
    .poll(async () => (await client.list(customResourceDefinitions)).items.length)
    .toBe(0);
  expect(await client.get(gateways, key)).toMatchObject({ spec: gateway.spec });
  await expect(client.get(beta, key)).rejects.toMatchObject({ status: { code: 404 } });
});

test("a definition of another kind by the same name is still a conflict", async () => {
  const { client } = await startServer();
  const other = definition("v1");
  const made = await client.create(customResourceDefinitions, {
    ...other,
    spec: { ...other.spec, names: { ...other.spec.names, kind: "Portal" } },
  });
  expect(made.status?.conditions).toMatchObject([
    { type: "NamesAccepted", status: "False", reason: "PluralConflict" },
    { type: "Established", status: "False" },
  ]);
});
