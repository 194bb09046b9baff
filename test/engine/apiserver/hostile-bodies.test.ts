import fc from "fast-check";
import { expect, test } from "vitest";
import type { Kind } from "../../../src/kube/kind.ts";
import { customResourceDefinitions } from "../../../src/kube/kinds/customresourcedefinition.ts";
import { deployments } from "../../../src/kube/kinds/deployment.ts";
import { builtinKinds } from "../../../src/kube/kinds/index.ts";
import { ingresses } from "../../../src/kube/kinds/ingress.ts";
import { pods } from "../../../src/kube/kinds/pod.ts";
import { services } from "../../../src/kube/kinds/service.ts";
import { apiVersionOf, type JsonObject, type KubeObject } from "../../../src/kube/object.ts";
import { resolve, schemaOf } from "../../../src/kube/schema/definitions.ts";
import { StatusError } from "../../../src/kube/status-error.ts";
import { asAdmin, startServer } from "./test-server.ts";
import {
  richDefinition,
  richDeployment,
  richIngress,
  richPod,
  richService,
} from "./rich-objects.ts";
import { damaged, objectsOf } from "./schema-values.ts";

/** Each outcome is an answer or a refusal that tells the client what is wrong, never a crash. */
async function answers(operation: Promise<unknown>): Promise<void> {
  const error = await operation.then(
    () => undefined,
    (each: unknown) => each,
  );
  if (error === undefined) return;
  if (!(error instanceof StatusError)) throw error;
  expect(error.code).toBeGreaterThanOrEqual(400);
  expect(error.code).toBeLessThan(500);
}

const kinds = builtinKinds.map((kind) => [kind.kind, kind] as const);

function bodiesOf(kind: Kind): fc.Arbitrary<KubeObject> {
  const schema = schemaOf(apiVersionOf(kind), kind.kind) ?? {};
  const namespace = kind.namespaced ? { namespace: "default" } : {};
  // Bad metadata alone refuses an object: mostly it is left out, so that the rest is reached.
  const withMetadata = fc.integer({ min: 0, max: 4 }).map((number) => number === 0);
  return fc.tuple(objectsOf(resolve(schema), 0), withMetadata).map(([value, keeps]) => {
    const metadata = (keeps ? value["metadata"] : {}) as object;
    return {
      ...value,
      apiVersion: apiVersionOf(kind),
      kind: kind.kind,
      metadata: { ...metadata, ...namespace, name: "a", resourceVersion: undefined },
    } as unknown as KubeObject;
  });
}

test.each(kinds)("whatever comes as a %s is stored or refused", async (_, kind) => {
  await storedOrRefused(kind, bodiesOf(kind));
});

const seeds = [
  [pods, richPod],
  [deployments, richDeployment],
  [services, richService],
  [ingresses, richIngress],
  [customResourceDefinitions, richDefinition],
] as const;

test.each(seeds.map(([kind, seed]) => [kind.kind, kind as Kind, seed] as const))(
  "a %s with something wrong anywhere in it is stored or refused",
  async (_, kind, seed) => {
    await storedOrRefused(kind, damaged(seed) as fc.Arbitrary<KubeObject>);
  },
);

async function storedOrRefused(kind: Kind, bodies: fc.Arbitrary<KubeObject>): Promise<void> {
  const { server } = await startServer();
  const found = server.registry.find(kind.group, kind.version, kind.plural);
  if (found === undefined) throw new Error(`${kind.plural} are not served`);
  const name = kind === customResourceDefinitions ? "as.example.com" : "a";
  const target = { kind: found, name, ...(kind.namespaced ? { namespace: "default" } : {}) };
  const context = { ...asAdmin, fieldManager: "fuzz", warn: () => undefined };
  await fc.assert(
    fc.asyncProperty(bodies, bodies, async (object, other) => {
      await answers(server.create(context, { ...target, object }));
      await answers(server.update(context, { ...target, object: other }));
      const body = other as unknown as JsonObject;
      for (const type of ["merge", "strategic", "apply"] as const) {
        await answers(server.patch(context, { ...target, patch: { type, body } }));
      }
      if (kind.subresources?.status === true) {
        const status = { ...target, subresource: "status" };
        await answers(server.update(context, { ...status, object: other }));
        await answers(server.patch(context, { ...status, patch: { type: "apply", body } }));
      }
      await answers(server.delete(context, { ...target, gracePeriodSeconds: 0 }));
    }),
    { numRuns: 120 },
  );
}
