/** Cordoned nodes take no pods, except those that tolerate it. */
import type { FilterPlugin, Rejection } from "../framework.ts";
import { fitsNow } from "../framework.ts";
import { tolerates } from "../tolerations.ts";

const TAINT = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };
const CORDONED: Rejection = { reasons: ["node(s) were unschedulable"], isFinal: true };

export const nodeUnschedulable: FilterPlugin = {
  name: "NodeUnschedulable",
  isLocal: true,
  prepare: ({ info: { requests } }) =>
    tolerates(requests.tolerations, TAINT)
      ? undefined
      : (node) => (node.isUnschedulable ? CORDONED : undefined),
  mayHelp: (event, cycle) => event.type === "node" && fitsNow(nodeUnschedulable, cycle, event.node),
};
