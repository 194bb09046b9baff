/** Objects that kubectl applies in the tests. Their programs are the cheapest there are. */
import type { Container } from "kubernetes-types/core/v1";

interface PodParts {
  readonly labels?: Readonly<Record<string, string>>;
  readonly container?: Partial<Container>;
  readonly spec?: object;
}

const SLEEP = { name: "main", image: "sleeper:1", command: ["sleep", "1000"] };

/** `metadata` without empty labels: kubectl would see a change in their absence. */
const metadata = (name: string, labels: object = {}) =>
  Object.keys(labels).length === 0 ? { name } : { name, labels };

export function configMap(name: string, data: Record<string, string> = {}, labels = {}): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: metadata(name, labels), data };
}

/** A pod that sleeps, unless its container says otherwise. */
export function pod(
  name: string,
  { labels = {}, container = {}, spec = {} }: PodParts = {},
): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: metadata(name, labels),
    spec: { terminationGracePeriodSeconds: 1, containers: [{ ...SLEEP, ...container }], ...spec },
  };
}

/** A pod that prints these lines and ends. */
export function printing(name: string, script: string, parts: PodParts = {}): object {
  return pod(name, {
    spec: { restartPolicy: "Never" },
    ...parts,
    container: { command: ["sh", "-c", script], ...parts.container },
  });
}

export function deployment(
  name: string,
  replicas: number,
  parts: PodParts & { readonly more?: object } = {},
): object {
  const labels = { app: name, ...parts.labels };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, labels },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [{ ...SLEEP, ...parts.container }],
          ...parts.spec,
        },
      },
      ...parts.more,
    },
  };
}

export function service(name: string, app = name): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, labels: { app } },
    spec: { selector: { app }, ports: [{ name: "http", port: 80, targetPort: 8080 }] },
  };
}

/** `Widget`, with printer columns, a status and a scale. */
export const widgetDefinition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "widgets.test.gantry.dev" },
  spec: {
    group: "test.gantry.dev",
    scope: "Namespaced",
    names: { plural: "widgets", singular: "widget", kind: "Widget", shortNames: ["wd"] },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        subresources: {
          status: {},
          scale: { specReplicasPath: ".spec.size", statusReplicasPath: ".status.size" },
        },
        additionalPrinterColumns: [
          { name: "Size", type: "integer", jsonPath: ".spec.size", description: "How many" },
          { name: "Colour", type: "string", jsonPath: ".spec.colour", priority: 1 },
          { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
        ],
        schema: {
          openAPIV3Schema: {
            type: "object",
            description: "Widget is a thing for tests.",
            properties: {
              spec: {
                type: "object",
                description: "What is wanted.",
                required: ["size"],
                properties: {
                  size: { type: "integer", minimum: 0, description: "The number of widgets." },
                  colour: { type: "string", default: "red", enum: ["red", "green"] },
                },
              },
              status: { type: "object", properties: { size: { type: "integer" } } },
            },
          },
        },
      },
    ],
  },
};
