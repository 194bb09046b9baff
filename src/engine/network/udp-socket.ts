/** UDP sockets for addresses that are IP addresses already. */
import { createSocket, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";

/** Of the family of `address`. Nothing is looked up: for each datagram that would cost more than sending it. */
export function udpSocket(address: string): Socket {
  const family = isIPv6(address) ? 6 : 4;
  return createSocket({
    type: family === 6 ? "udp6" : "udp4",
    lookup: (host, _options, callback) => callback(null, host, family),
  });
}
