/** Connects a client with a process of a container, whatever dialect the client speaks. */
import type { Readable, Writable } from "node:stream";
import { finished, pipeline } from "node:stream/promises";
import type { Status } from "../../../kube/status-error.ts";
import type { Begin, ContainerStreams } from "../node-connection.ts";
import { failureOf, outcomeOf } from "./outcome.ts";
import { readSizes } from "./terminal-sizes.ts";

/** What the client opened: only what it asked for is there. */
export interface CommandClient {
  readonly stdin?: Readable;
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  readonly resize?: Readable;
  /** Aborts when the client is gone. */
  readonly gone: AbortSignal;
  /** Says how it ended and closes the connection. */
  finish(status: Status): Promise<void>;
}

/** Resolves when it is over; never rejects. */
export async function serveCommand(
  client: CommandClient,
  begin: Begin<ContainerStreams>,
): Promise<void> {
  let streams: ContainerStreams;
  try {
    streams = await begin();
  } catch (error) {
    await client.finish(failureOf(error)).catch(() => undefined);
    return;
  }
  const { stdin, stdout, stderr } = streams;
  const close = (): void => streams.close();
  client.gone.addEventListener("abort", close, { once: true });
  if (client.gone.aborted) close();
  if (client.resize !== undefined) readSizes(client.resize, (size) => streams.resize(size));
  if (client.stdin !== undefined) {
    // Input that nobody wants is read all the same: the end of the connection is behind it.
    if (stdin === undefined) client.stdin.resume();
    else client.stdin.pipe(stdin).on("close", () => client.stdin?.resume());
  }
  try {
    await Promise.all([send(stdout, client.stdout), send(stderr, client.stderr)]);
    const exitCode = await streams.ended;
    if (!client.gone.aborted) await client.finish(outcomeOf(exitCode));
  } catch {
    // The client went away in the middle.
  } finally {
    client.gone.removeEventListener("abort", close);
    close();
  }
}

async function send(output: Readable | undefined, to: Writable | undefined): Promise<void> {
  if (output === undefined) return;
  if (to !== undefined) return pipeline(output, to);
  output.resume();
  await finished(output);
}
