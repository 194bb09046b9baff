/**
 * Questions over TCP (RFC 7766): for answers that fit no datagram. Several may be under way on one
 * connection; answers come as they are found.
 */
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { Clock } from "../../../client/clock.ts";
import type { DnsHandler, Reply } from "./dns-handler.ts";
import type { DnsSocket } from "./udp-listener.ts";
import type { Upstream } from "./upstream-exchange.ts";

/** Clients that come in vain while so many are here ask again. */
const MAX_CONNECTIONS = 256;
const IDLE_MS = 10_000;
/** Whoever sends a byte now and then does not stay for ever. */
const MAX_CONNECTION_MS = 120_000;
/** Of one connection; more are read once some are answered. */
const MAX_PENDING = 32;
/** A question is a name and some bytes; nobody has reason to send more. */
const MAX_QUERY_BYTES = 4_096;
/** Answers that a client does not read. */
const MAX_UNREAD_BYTES = 512 * 1024;
const LENGTH_BYTES = 2;

/** @throws what the operating system says when the address cannot be had */
export function listenTcp(
  { host, port }: Upstream,
  handler: DnsHandler,
  clock: Clock,
): Promise<DnsSocket> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    const cancel = clock.after(MAX_CONNECTION_MS, () => socket.destroy());
    socket.once("close", () => {
      cancel();
      sockets.delete(socket);
    });
    serve(socket, handler);
  });
  server.maxConnections = MAX_CONNECTIONS;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, exclusive: true }, () => {
      server.off("error", reject);
      // A connection that cannot be accepted, e.g. for want of file descriptors: its client asks again.
      server.on("error", () => undefined);
      const address = server.address() as AddressInfo;
      resolve({
        port: address.port,
        close: () =>
          new Promise((done) => {
            server.close(() => done());
            for (const socket of sockets) socket.destroy();
          }),
      });
    });
  });
}

function serve(socket: Socket, handler: DnsHandler): void {
  let received = Buffer.alloc(0);
  let pending = 0;
  const answer = (reply: Reply): void => {
    pending -= 1;
    if (socket.destroyed) return;
    if (reply === undefined || socket.writableLength > MAX_UNREAD_BYTES) {
      socket.destroy();
      return;
    }
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt16BE(reply.length);
    socket.write(Buffer.concat([length, reply]));
  };
  const read = (): void => {
    while (pending < MAX_PENDING && received.length >= LENGTH_BYTES && !socket.destroyed) {
      const end = LENGTH_BYTES + received.readUInt16BE(0);
      if (end > LENGTH_BYTES + MAX_QUERY_BYTES) {
        socket.destroy();
        return;
      }
      if (received.length < end) break;
      const packet = received.subarray(LENGTH_BYTES, end);
      received = received.subarray(end);
      pending += 1;
      const reply = handler.handle(packet, "tcp");
      if (reply instanceof Promise)
        void reply.then((late) => {
          answer(late);
          read();
        });
      else answer(reply);
    }
    if (pending < MAX_PENDING) socket.resume();
    else socket.pause();
  };
  socket.setTimeout(IDLE_MS, () => socket.destroy());
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    read();
  });
}
