/**
 * Port-forward on channels of a WebSocket, as the JavaScript and Python clients do it: of the n-th
 * port of the query, channel 2n has the data and 2n + 1 what goes wrong; both begin with the port.
 */
import { pipeline } from "node:stream/promises";
import type { Duplex } from "node:stream";
import type { WebSocketChannels } from "./web-socket-channels.ts";

export async function forwardOnChannels(
  channels: WebSocketChannels,
  ports: readonly number[],
  connect: (port: number) => Promise<Duplex>,
): Promise<void> {
  const forwarded = ports.map((port, index) => forward(channels, port, 2 * index, connect));
  channels.start();
  await Promise.all(forwarded);
  await channels.close();
}

async function forward(
  channels: WebSocketChannels,
  port: number,
  channel: number,
  connect: (port: number) => Promise<Duplex>,
): Promise<void> {
  const input = channels.readable(channel);
  const output = channels.writable(channel);
  const error = channels.writable(channel + 1);
  const number = Buffer.alloc(2);
  number.writeUInt16LE(port);
  output.write(number);
  error.write(number);
  let connection: Duplex | undefined;
  const onGone = (): void => void connection?.destroy();
  channels.gone.addEventListener("abort", onGone, { once: true });
  try {
    connection = await connect(port);
    if (channels.gone.aborted) connection.destroy();
    const fromPod = pipeline(connection, output);
    pipeline(input, connection).catch(() => undefined);
    await fromPod;
  } catch (failure) {
    const message = failure instanceof Error ? failure.message : String(failure);
    if (connection === undefined && !channels.gone.aborted)
      await new Promise((resolve) =>
        error.write(`error forwarding port ${port}: ${message}`, resolve),
      );
  } finally {
    channels.gone.removeEventListener("abort", onGone);
    connection?.destroy();
  }
}
