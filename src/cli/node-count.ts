/** `--simulated-nodes`: a number of nodes that one machine can simulate. */
import { MAX_SIMULATED_NODES } from "../engine/simulation/max-nodes.ts";

/** @throws RangeError for what is no such number; the command line prints it */
export function parseNodeCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count > MAX_SIMULATED_NODES)
    throw new RangeError(`write a number from 0 to ${MAX_SIMULATED_NODES}, not ${text}`);
  return count;
}
