/**
 * The standard input of a container that has one: a FIFO in the container's directory. A shell of
 * the container holds it open for writing, so that it does not end with a client or with the agent;
 * a line in a second FIFO makes that shell let go.
 */
import { constants, close, fstat, open } from "node:fs";
import { Socket } from "node:net";
import type { Writable } from "node:stream";
import { promisify } from "node:util";
import type { ContainerDirectory } from "./container-directory.ts";

const openFile = promisify(open);
const closeFile = promisify(close);
const statFile = promisify(fstat);

/** The container's user owns the directory: what was put in the place of the FIFO is not written to. */
async function openFifo(path: string): Promise<Socket> {
  const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
  const descriptor = await openFile(path, flags);
  const isFifo = (await statFile(descriptor)).isFIFO();
  if (!isFifo) {
    await closeFile(descriptor);
    throw new Error(`${path} is no pipe any more`);
  }
  const socket = new Socket({ fd: descriptor, readable: false, writable: true });
  // Nobody reads any more: the container's own business.
  socket.on("error", () => undefined);
  return socket;
}

/** Undefined when the container reads no input, or no longer. */
export async function openInput(
  directory: ContainerDirectory,
  options: { readonly endsWithClient: boolean },
): Promise<Writable | undefined> {
  const input = await openFifo(directory.stdin).catch(() => undefined);
  if (options.endsWithClient)
    input?.once("close", () => {
      openFifo(directory.stdinEnd).then(
        (end) => end.end("\n"),
        // The container has ended, or its input did before.
        () => undefined,
      );
    });
  return input;
}
