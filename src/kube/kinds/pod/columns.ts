import type { PrinterColumn } from "../../kind.ts";
import { ageColumn, NONE, nameColumn, orNone, textColumn } from "../columns.ts";
import { displayStatus, formatRestarts } from "./display-status.ts";
import type { Pod } from "./pod-object.ts";

const WIDE = 1;

export const podColumns: readonly PrinterColumn<Pod>[] = [
  nameColumn,
  textColumn("Ready", "Number of ready containers of all.", (pod) => {
    const { readyContainers, totalContainers } = displayStatus(pod);
    return `${readyContainers}/${totalContainers}`;
  }),
  textColumn("Status", "State of the containers in one word.", (pod) => displayStatus(pod).reason),
  textColumn("Restarts", "How often containers were restarted, and when last.", (pod, { nowMs }) =>
    formatRestarts(displayStatus(pod), nowMs),
  ),
  ageColumn,
  textColumn(
    "IP",
    "Address of the pod.",
    ({ status }) => orNone(status?.podIPs?.[0]?.ip ?? status?.podIP),
    WIDE,
  ),
  textColumn(
    "Node",
    "Name of the node that the pod is bound to.",
    ({ spec }) => orNone(spec?.nodeName),
    WIDE,
  ),
  textColumn(
    "Nominated Node",
    "Node on which lower priorities make room for this pod.",
    ({ status }) => orNone(status?.nominatedNodeName),
    WIDE,
  ),
  textColumn("Readiness Gates", "Readiness gates that are true, of all.", readinessGates, WIDE),
];

function readinessGates({ spec, status }: Pod): string {
  const gates = spec?.readinessGates ?? [];
  if (gates.length === 0) return NONE;
  const met = gates.filter(({ conditionType }) =>
    status?.conditions?.some(({ type, status }) => type === conditionType && status === "True"),
  );
  return `${met.length}/${gates.length}`;
}
