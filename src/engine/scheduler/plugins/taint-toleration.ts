/** Taints keep pods off, or make nodes the worse choice. */
import { type FilterPlugin, fitsNow, MAX_SCORE, type ScorePlugin } from "../framework.ts";
import type { NodeState } from "../node-state.ts";
import { tolerates, untoleratedTaint } from "../tolerations.ts";
import { normalized } from "./normalized.ts";

export const taintFilter: FilterPlugin = {
  name: "TaintToleration",
  isLocal: true,
  prepare:
    ({ info: { requests } }) =>
    (node) => {
      if (node.taints.length === 0) return undefined;
      const taint = untoleratedTaint(requests.tolerations, node.taints);
      if (taint === undefined) return undefined;
      const reason = `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ""}}`;
      return { reasons: [reason], isFinal: true };
    },
  mayHelp: (event, cycle) => event.type === "node" && fitsNow(taintFilter, cycle, event.node),
};

/** Fewer `PreferNoSchedule` taints that the pod does not tolerate are better. */
export const taintScore: ScorePlugin = {
  name: "TaintToleration",
  weight: 3,
  score: ({ info: { requests } }, nodes) => {
    const unwanted = ({ taints }: NodeState): number =>
      taints.length === 0
        ? 0
        : taints.filter(
            (taint) =>
              taint.effect === "PreferNoSchedule" && !tolerates(requests.tolerations, taint),
          ).length;
    return normalized(nodes.map(unwanted))?.map((score) => MAX_SCORE - score);
  },
};
