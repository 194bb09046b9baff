/** An HTTP proxy for tests: every CONNECT ends at one port of this machine. */
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

export interface ConnectProxy {
  readonly url: string;
  /** `host:port authorization` of every CONNECT so far. */
  readonly asked: string[];
  /** Answers this instead of connecting. */
  status: number | undefined;
  close(): Promise<void>;
}

export async function startConnectProxy(toPort: number): Promise<ConnectProxy> {
  const asked: string[] = [];
  const state: { status: number | undefined } = { status: undefined };
  const sockets = new Set<Socket>();
  const server = createServer((_request, response) => response.writeHead(405).end());
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
  });
  server.on("connect", (request, socket: Socket, head: Buffer) => {
    asked.push(`${request.url ?? ""} ${request.headers["proxy-authorization"] ?? "none"}`);
    if (state.status !== undefined) {
      socket.end(`HTTP/1.1 ${state.status} No\r\n\r\n`);
      return;
    }
    const upstream = connect(toPort, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n");
      upstream.write(head);
      socket.pipe(upstream).pipe(socket);
    });
    upstream.on("error", () => socket.destroy());
    socket.on("close", () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(state, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  });
}
