/** Questions in datagrams: one socket, one answer for each. */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import type { Logger } from "../../../client/logger.ts";
import type { DnsHandler, Reply } from "./dns-handler.ts";
import type { Upstream } from "./upstream-exchange.ts";

/** What the kernel keeps while this process does something else: some thousand questions. */
const RECEIVE_BUFFER_BYTES = 1024 * 1024;

export interface DnsSocket {
  readonly port: number;
  close(): Promise<void>;
}

/** @throws what the operating system says when the address cannot be had */
export function listenUdp(
  { host, port }: Upstream,
  handler: DnsHandler,
  logger: Logger,
): Promise<DnsSocket> {
  const family = host.includes(":") ? 6 : 4;
  const socket = createSocket({
    type: family === 6 ? "udp6" : "udp4",
    // Every address here is one already: asking a resolver would cost a turn for each answer.
    lookup: (address, _options, done) => done(null, address, family),
  });
  let closed = false;
  const send = (reply: Reply, client: RemoteInfo): void => {
    if (reply === undefined || closed) return;
    // Whether it arrives is the client's business, who asks again.
    socket.send(reply, 0, reply.length, client.port, client.address, () => undefined);
  };
  socket.on("message", (packet, client) => {
    if (client.port === 0) return;
    const reply = handler.handle(packet, "udp");
    if (reply instanceof Promise) void reply.then((late) => send(late, client));
    else send(reply, client);
  });
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind({ address: host, port, exclusive: true }, () => {
      socket.off("error", reject);
      socket.on("error", (error) => logger.warn({ err: error }, "DNS socket failed"));
      growBuffer(socket);
      resolve({
        port: socket.address().port,
        close: () =>
          new Promise((done) => {
            closed = true;
            socket.close(() => done());
          }),
      });
    });
  });
}

function growBuffer(socket: Socket): void {
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
  } catch {
    // The system's default will do.
  }
}
