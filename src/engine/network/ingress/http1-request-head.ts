/** The head of a request as HTTP/1.1 writes it. Pure. */
import type { OutgoingRequest } from "./exchange.ts";

/** Once, whatever the client sent: how the body is framed, and what becomes of the connection. */
export function requestHead({ method, url, headers, framing, upgrade }: OutgoingRequest): string {
  let text = `${method} ${url} HTTP/1.1\r\n`;
  for (let at = 0; at + 1 < headers.length; at += 2)
    text += `${headers[at]}: ${headers[at + 1]}\r\n`;
  if (framing === "chunked") text += "Transfer-Encoding: chunked\r\n";
  else if (framing !== "none") text += `Content-Length: ${framing.length}\r\n`;
  return upgrade === undefined
    ? `${text}Connection: keep-alive\r\n\r\n`
    : `${text}Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n\r\n`;
}
