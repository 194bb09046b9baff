import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { afterEach, beforeEach, expect, it } from "vitest";
import { acceptWebSocket } from "../../../../src/engine/apiserver/http/upgrade-handshake.ts";

const server = createServer();
beforeEach(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

const HANDSHAKE = [
  "GET / HTTP/1.1",
  "Host: a",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "\r\n",
].join("\r\n");

it("ends for a client that went away while its request was looked at", async () => {
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const upgraded = once(server, "upgrade");
  client.write(HANDSHAKE);
  const [request, socket, head] = (await upgraded) as [IncomingMessage, Duplex, Buffer];
  socket.on("error", () => undefined);
  socket.resume();
  const closed = once(socket, "close");
  client.destroy();
  socket.end();
  await closed;
  await expect(acceptWebSocket(request, socket, head, "")).rejects.toMatchObject({ code: 400 });
});
