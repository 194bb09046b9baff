/** Work that several callers wait for. */
import { abortedError } from "./source-error.ts";

/**
 * A caller that gives up stops waiting; the work is shared and goes on.
 * @throws SourceError when the signal aborts first
 */
export async function waitFor<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
  where: string,
): Promise<T> {
  if (signal === undefined) return work;
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(abortedError(where, signal));
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
    work.catch(() => undefined);
  }
}
