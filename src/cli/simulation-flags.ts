/** `--simulated-nodes` and `--simulated-capacity`: simulated nodes in place of this machine. */
import { MAX_SIMULATED_NODES } from "../engine/simulation/max-nodes.ts";
import { parseCapacity } from "../engine/simulation/capacity.ts";
import { CliError } from "./context.ts";

export const simulationFlags = {
  simulatedNodes: {
    kind: "parsed",
    parse: parseNodeCount,
    brief: "Run nothing for real: keep so many simulated nodes instead of this machine",
    placeholder: "N",
    optional: true,
  },
  simulatedCapacity: {
    kind: "parsed",
    parse: parseCapacityFlag,
    brief: "What each simulated node has; cpu=32,memory=256Gi,pods=110 when absent",
    placeholder: "LIST",
    optional: true,
  },
} as const;

export interface SimulationFlags {
  readonly simulatedNodes?: number;
  readonly simulatedCapacity?: string;
}

/** Undefined: this machine is the node. */
export function simulatedNodesOf({
  simulatedNodes: count,
  simulatedCapacity: capacity,
}: SimulationFlags): { readonly count: number; readonly capacity?: string } | undefined {
  if (count !== undefined) return { count, ...(capacity === undefined ? {} : { capacity }) };
  if (capacity === undefined) return undefined;
  throw new CliError("--simulated-capacity is for --simulated-nodes: give both");
}

function parseNodeCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count > MAX_SIMULATED_NODES)
    throw new RangeError(
      `${JSON.stringify(text)}: write a number from 0 to ${MAX_SIMULATED_NODES}`,
    );
  return count;
}

function parseCapacityFlag(text: string): string {
  if (parseCapacity(text) !== undefined) return text;
  throw new RangeError(
    `${JSON.stringify(text)}: write a list such as cpu=32,memory=256Gi,pods=110`,
  );
}
