/** Node selector and node affinity. */
import { type FilterPlugin, fitsNow, type Rejection, type ScorePlugin } from "../framework.ts";
import { normalized } from "./normalized.ts";

const MISMATCH: Rejection = {
  reasons: ["node(s) didn't match Pod's node affinity/selector"],
  isFinal: true,
};

export const nodeAffinityFilter: FilterPlugin = {
  name: "NodeAffinity",
  isLocal: true,
  prepare: ({ info: { requiredNodes: matches } }) =>
    matches === undefined ? undefined : (node) => (matches(node) ? undefined : MISMATCH),
  mayHelp: (event, cycle) =>
    event.type === "node" && fitsNow(nodeAffinityFilter, cycle, event.node),
};

/** The weights of the preferred terms that hold. */
export const nodeAffinityScore: ScorePlugin = {
  name: "NodeAffinity",
  weight: 2,
  score: ({ info: { preferredNodes } }, nodes) =>
    preferredNodes.length === 0
      ? undefined
      : normalized(
          nodes.map((node) =>
            preferredNodes.reduce(
              (sum, { weight, matches }) => sum + (matches(node) ? weight : 0),
              0,
            ),
          ),
        ),
};
