import { expect, test } from "vitest";
import { deployments } from "../../../src/kube/kinds/deployment.ts";
import type { KubeObject } from "../../../src/kube/object.ts";
import { asAdmin, deployment, inDefault, served, startServer } from "./test-server.ts";

const misspelled = (): KubeObject => {
  const { spec, ...rest } = deployment("web", 1);
  return { ...rest, spec: { ...spec, replica: 3 } } as KubeObject;
};

test("Strict refuses unknown and duplicate fields with 400 and names them all", async () => {
  const { server } = await startServer();
  const kind = served(server, deployments);
  const context = {
    ...asAdmin,
    fieldValidation: "Strict",
    decodeWarnings: ['duplicate field "spec.replicas"'],
  } as const;
  await expect(
    server.create(context, { kind, namespace: "default", object: misspelled() }),
  ).rejects.toMatchObject({
    code: 400,
    reason: "BadRequest",
    message:
      'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: duplicate field "spec.replicas", unknown field "spec.replica"',
  });
});

test("Warn, the default, tells and drops them; Ignore only drops them", async () => {
  const { client } = await startServer();
  const warnings: string[] = [];
  const onWarning = (text: string) => void warnings.push(text);
  const created = await client.create(deployments, misspelled() as never, { onWarning });
  expect(warnings).toEqual(['unknown field "spec.replica"']);
  expect(created.spec).not.toHaveProperty("replica");
  await client.update(deployments, misspelled() as never, { onWarning, fieldValidation: "Ignore" });
  expect(warnings).toHaveLength(1);
});

test("a patch is checked by what it makes of the object", async () => {
  const { client } = await startServer();
  await client.create(deployments, deployment("web", 1));
  const strict = { fieldValidation: "Strict", fieldManager: "me" } as const;
  for (const type of ["merge", "strategic", "apply"] as const) {
    const body = { apiVersion: "apps/v1", kind: "Deployment", spec: { replica: 2 } };
    await expect(
      client.patch(deployments, inDefault("web"), { type, body }, strict),
    ).rejects.toMatchObject({ code: 400 });
  }
});

test("what the kind warns of reaches the client", async () => {
  const { client } = await startServer();
  const warnings: string[] = [];
  const old = deployment("web", 1);
  const spec = { ...old.spec, template: { ...old.spec?.template } } as never as {
    template: { spec: object };
  };
  spec.template.spec = { ...spec.template.spec, serviceAccount: "old" };
  await client.create(deployments, { ...old, spec } as never, {
    onWarning: (text) => void warnings.push(text),
  });
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain("serviceAccount");
});
