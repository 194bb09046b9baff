/** `spec.nodeName` of a pod that is to be tried without being placed, as in a simulation. */
import { type FilterPlugin, fitsNow, type Rejection } from "../framework.ts";

const OTHER: Rejection = {
  reasons: ["node(s) didn't match the requested node name"],
  isFinal: true,
};

export const nodeName: FilterPlugin = {
  name: "NodeName",
  isLocal: true,
  prepare: ({ info: { spec } }) => {
    const { nodeName: wanted = "" } = spec;
    return wanted === "" ? undefined : (node) => (node.name === wanted ? undefined : OTHER);
  },
  mayHelp: (event, cycle) => event.type === "node" && fitsNow(nodeName, cycle, event.node),
};
