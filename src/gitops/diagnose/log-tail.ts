/** The last lines that a container wrote. */
import type { Client } from "../../client/client.ts";
import { StatusError } from "../../kube/status-error.ts";
import type { Pod } from "../../kube/kinds/pod.ts";

export const LOG_LINES = 12;
/** Lines of logs can be long: as much as a screen shows of that many. */
const MAX_BYTES = 16 * 1024;
const MAX_LINE_CHARACTERS = 400;
/** The node of a pod may not answer. */
const TIMEOUT_MS = 5_000;

/** Empty when nothing was written, or it cannot be had. Secrets that a program logs are in there. */
export async function logTail(
  client: Pick<Client, "logs">,
  pod: Pod,
  { container, previous }: { readonly container: string; readonly previous: boolean },
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { namespace = "", name } = pod.metadata;
  const given = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const options = { container, previous, tailLines: LOG_LINES, signal: given };
  let tail: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of client.logs({ namespace, name }, options))
      tail = Buffer.concat([tail, chunk]).subarray(-MAX_BYTES);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof StatusError) && !given.aborted) throw error;
  }
  const lines = tail.toString("utf8").split("\n");
  return lines
    .filter((line) => line.trim() !== "")
    .slice(-LOG_LINES)
    .map((line) => line.trimEnd().slice(0, MAX_LINE_CHARACTERS));
}
