/** metrics.k8s.io: what pods and nodes use. Measured when asked, never stored. */
import type { Kind, PrinterColumn } from "./kind.ts";
import type { KubeObject } from "./object.ts";
import { addQuantities, formatQuantity, parseQuantity, type Quantity } from "./quantity.ts";
import type { Schema } from "./schema/schema.ts";
import { nameColumn } from "./kinds/columns.ts";

/** Quantities: `cpu` in cores, `memory` in bytes, as the working set. */
export interface Usage {
  readonly cpu: string;
  readonly memory: string;
}
interface Measured {
  /** The end of the window over which processor time was counted. */
  readonly timestamp: string;
  /** Go duration, e.g. `15.2s`. */
  readonly window: string;
}
export interface PodMetrics extends KubeObject, Measured {
  readonly containers: readonly { readonly name: string; readonly usage: Usage }[];
}
export interface NodeMetrics extends KubeObject, Measured {
  readonly usage: Usage;
}

const USAGE: Schema = {
  type: "object",
  additionalProperties: { $ref: "io.k8s.apimachinery.pkg.api.resource.Quantity" },
};
const metricsSchema = (kind: string, properties: Readonly<Record<string, Schema>>): Schema => ({
  type: "object",
  properties: {
    apiVersion: { type: "string" },
    kind: { type: "string" },
    metadata: { $ref: "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" },
    timestamp: { $ref: "io.k8s.apimachinery.pkg.apis.meta.v1.Time" },
    window: { type: "string" },
    ...properties,
  },
  required: ["timestamp", "window", ...Object.keys(properties)],
  "x-kubernetes-group-version-kind": [{ group: "metrics.k8s.io", version: "v1beta1", kind }],
});

const windowColumn: PrinterColumn<KubeObject & Measured> = {
  name: "Window",
  type: "string",
  description: "How long processor time was counted.",
  cell: ({ window }) => window,
};

export const podMetrics: Kind<PodMetrics> = {
  group: "metrics.k8s.io",
  version: "v1beta1",
  kind: "PodMetrics",
  plural: "pods",
  singular: "pod",
  namespaced: true,
  schema: metricsSchema("PodMetrics", {
    containers: {
      type: "array",
      items: {
        type: "object",
        properties: { name: { type: "string" }, usage: USAGE },
        required: ["name", "usage"],
      },
    },
  }),
  columns: [
    nameColumn,
    {
      name: "CPU",
      type: "string",
      description: "Processor time of all containers, in cores.",
      cell: ({ containers }) => total(containers.map(({ usage }) => usage.cpu)),
    },
    {
      name: "Memory",
      type: "string",
      description: "Memory of all containers.",
      cell: ({ containers }) => total(containers.map(({ usage }) => usage.memory)),
    },
    windowColumn,
  ],
  strategy: { validateName: () => [] },
};

export const nodeMetrics: Kind<NodeMetrics> = {
  group: "metrics.k8s.io",
  version: "v1beta1",
  kind: "NodeMetrics",
  plural: "nodes",
  singular: "node",
  namespaced: false,
  schema: metricsSchema("NodeMetrics", { usage: USAGE }),
  columns: [
    nameColumn,
    {
      name: "CPU",
      type: "string",
      description: "Processor time, in cores.",
      cell: ({ usage }) => usage.cpu,
    },
    {
      name: "Memory",
      type: "string",
      description: "Memory in use.",
      cell: ({ usage }) => usage.memory,
    },
    windowColumn,
  ],
  strategy: { validateName: () => [] },
};

function total(quantities: readonly string[]): string {
  const sum = quantities
    .map((text): Quantity => parseQuantity(text))
    .reduce(addQuantities, { nanos: 0n, format: "DecimalSI" });
  return formatQuantity(sum);
}
