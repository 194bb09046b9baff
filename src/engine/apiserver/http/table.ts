/** Objects as `meta.k8s.io/v1` Tables: what `kubectl get` prints. Pure. */
import type { Kind, PrinterColumn } from "../../../kube/kind.ts";
import { apiVersionOf, type KubeObject } from "../../../kube/object.ts";

export interface TableOptions {
  readonly nowMs: number;
  /** What each row carries of its object: `includeObject` of the request. */
  readonly includeObject: "None" | "Metadata" | "Object";
  /** A watch repeats the headings only once. */
  readonly withColumns: boolean;
}
export interface ListMeta {
  readonly resourceVersion?: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

export function tableOf(
  kind: Kind,
  objects: readonly KubeObject[],
  metadata: ListMeta,
  options: TableOptions,
): unknown {
  const columns = kind.columns.length > 0 ? kind.columns : FALLBACK_COLUMNS;
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata,
    columnDefinitions: options.withColumns ? columns.map(definitionOf) : null,
    rows: objects.map((object) => ({
      cells: columns.map((column) => column.cell(object, { nowMs: options.nowMs })),
      ...(options.includeObject === "None"
        ? {}
        : { object: options.includeObject === "Object" ? object : partialMetadata(object) }),
    })),
  };
}

function definitionOf(column: PrinterColumn): unknown {
  return {
    name: column.name,
    type: column.type === "date" ? "string" : column.type,
    format: column.format ?? "",
    description: column.description ?? "",
    priority: column.priority ?? 0,
  };
}

const FALLBACK_COLUMNS: readonly PrinterColumn[] = [
  { name: "Name", type: "string", format: "name", cell: (object) => object.metadata.name },
  { name: "Created At", type: "date", cell: (object) => object.metadata.creationTimestamp ?? null },
];

/** The object's metadata alone, for clients that ask for no more. */
export function partialMetadata({ metadata }: KubeObject): unknown {
  return { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata };
}

/** `kind` and `apiVersion` of a list of these objects. */
export function listType(kind: Kind): { readonly kind: string; readonly apiVersion: string } {
  return { kind: `${kind.kind}List`, apiVersion: apiVersionOf(kind) };
}
