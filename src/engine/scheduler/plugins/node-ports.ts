/** A port of a host is had by one pod. */
import { type FilterPlugin, fitsNow, type Rejection } from "../framework.ts";
import { portsClash } from "../pod-requests.ts";

const TAKEN: Rejection = {
  reasons: ["node(s) didn't have free ports for the requested pod ports"],
};

export const nodePorts: FilterPlugin = {
  name: "NodePorts",
  isLocal: true,
  prepare: ({ info: { requests } }) =>
    requests.hostPorts.length === 0
      ? undefined
      : (node) => {
          for (const used of node.hostPorts)
            for (const wanted of requests.hostPorts) if (portsClash(wanted, used)) return TAKEN;
          return undefined;
        },
  mayHelp: (event, cycle) => {
    if (event.type === "node") return fitsNow(nodePorts, cycle, event.node);
    if (event.type !== "pod gone" || event.pod.info.requests.hostPorts.length === 0) return false;
    return fitsNow(nodePorts, cycle, event.pod.node);
  },
};
