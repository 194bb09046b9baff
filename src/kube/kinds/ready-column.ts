/** The column that says whether an object works: the status of its condition `Ready`. */
import { type ConditionLike, findCondition } from "../conditions.ts";
import type { PrinterColumn } from "../kind.ts";
import type { KubeObject } from "../object.ts";

interface Conditioned extends KubeObject {
  status?: { conditions?: readonly ConditionLike[] };
}

export const readyColumn: PrinterColumn<Conditioned> = {
  name: "Ready",
  type: "string",
  description: "Whether it works.",
  cell: ({ status }) => findCondition(status?.conditions, "Ready")?.status ?? "",
};
