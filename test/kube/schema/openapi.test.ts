import { describe, expect, test } from "vitest";
import { loadDescriptions } from "../../../src/kube/schema/descriptions.ts";
import {
  openApiSchemaName,
  openApiSchemas,
  reachedDefinitions,
} from "../../../src/kube/schema/openapi.ts";
import type { Schema } from "../../../src/kube/schema/schema.ts";
import { builtin } from "./builtin.ts";

const deployments = {
  group: "apps",
  version: "v1",
  kind: "Deployment",
  schema: builtin("apps/v1", "Deployment"),
};
const backup: Schema = {
  type: "object",
  properties: {
    metadata: { $ref: "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" },
    spec: {
      type: "object",
      description: "What to back up.",
      properties: { at: { type: "string" } },
    },
  },
  "x-kubernetes-group-version-kind": [{ group: "example.com", version: "v1", kind: "Backup" }],
};
const backups = { group: "example.com", version: "v1", kind: "Backup", schema: backup };

type Kinds = Parameters<typeof openApiSchemas>[0];
const openApiComponents = async (kinds: Kinds): Promise<Record<string, object>> =>
  openApiSchemas(kinds, await loadDescriptions(reachedDefinitions(kinds)));

describe("OpenAPI v3 components", () => {
  test("hold everything that a kind refers to, and its list", async () => {
    const components = await openApiComponents([deployments]);
    for (const name of [
      "io.k8s.api.apps.v1.Deployment",
      "io.k8s.api.apps.v1.DeploymentList",
      "io.k8s.api.core.v1.Container",
      "io.k8s.apimachinery.pkg.apis.meta.v1.Status",
    ])
      expect(components).toHaveProperty([name]);
    expect(components).not.toHaveProperty(["io.k8s.api.apps.v1.StatefulSet"]);

    const referred = JSON.stringify(components).matchAll(
      /"\$ref":"#\/components\/schemas\/([^"]+)"/g,
    );
    for (const [, name = ""] of referred) expect(components).toHaveProperty([name]);
  });

  test("carry descriptions, merge rules and kinds", async () => {
    const components = await openApiComponents([deployments]);
    expect(components["io.k8s.api.apps.v1.Deployment"]).toMatchObject({
      description: "Deployment enables declarative updates for Pods and ReplicaSets.",
      properties: {
        spec: {
          allOf: [{ $ref: "#/components/schemas/io.k8s.api.apps.v1.DeploymentSpec" }],
        },
      },
      "x-kubernetes-group-version-kind": [{ group: "apps", version: "v1", kind: "Deployment" }],
    });
    expect(components["io.k8s.api.core.v1.PodSpec"]).toMatchObject({
      properties: {
        containers: {
          items: { $ref: "#/components/schemas/io.k8s.api.core.v1.Container" },
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["name"],
          "x-kubernetes-patch-merge-key": "name",
          "x-kubernetes-patch-strategy": "merge",
        },
      },
    });
  });

  test("name types as upstream does where one word is not enough", async () => {
    const components = await openApiComponents([deployments]);
    expect(components["io.k8s.apimachinery.pkg.util.intstr.IntOrString"]).toMatchObject({
      format: "int-or-string",
      oneOf: [{ type: "integer" }, { type: "string" }],
    });
    expect(components["io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1"]).toEqual({
      description: expect.stringContaining("set of fields") as unknown,
      type: "object",
    });
  });

  test("never show what is only ours", async () => {
    expect(JSON.stringify(await openApiComponents([deployments]))).not.toContain("x-gantry");
  });

  test("describe custom kinds under their reversed group, with a list", async () => {
    expect(openApiSchemaName(backups)).toBe("com.example.v1.Backup");
    const components = await openApiComponents([backups]);
    expect(components["com.example.v1.Backup"]).toMatchObject({
      properties: {
        metadata: { $ref: "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" },
        spec: { description: "What to back up." },
      },
    });
    expect(components).toHaveProperty(["com.example.v1.BackupList"]);
    expect(components).toHaveProperty(["io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"]);
  });
});
