/** Speaks HTTP badly: bytes on a socket, as no client library would send them. */
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

export interface RawExchange {
  readonly socket: Socket;
  /** All that came back, once the server has closed the connection or `until` was seen. */
  received(until?: RegExp): Promise<string>;
}

/** A connection to `http://…` or, without verifying the certificate, `https://…`. */
export function rawHttp(address: string, bytes: string): RawExchange {
  const { hostname, port, protocol } = new URL(address);
  const target = { host: hostname, port: Number(port) };
  const socket =
    protocol === "https:"
      ? connectTls({ ...target, rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] })
      : connect(target);
  let text = "";
  const listeners = new Set<() => void>();
  let isClosed = false;
  socket.on("data", (piece: Buffer) => {
    text += piece.toString("latin1");
    for (const listener of listeners) listener();
  });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    isClosed = true;
    for (const listener of listeners) listener();
  });
  socket.write(bytes);
  return {
    socket,
    received: (until) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!isClosed && until?.test(text) !== true) return;
          listeners.delete(look);
          resolve(text);
        };
        listeners.add(look);
        look();
      }),
  };
}
