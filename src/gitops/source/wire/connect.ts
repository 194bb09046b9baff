/**
 * Opens the TCP connection to a repository's server: directly, to an address that the guard has
 * seen, or through an HTTP proxy (`CONNECT`). The proxy gets its own credential only.
 */
import { connect as netConnect, isIP, type Socket } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { type AddressGuard, addressGuard } from "../address-guard.ts";
import { SourceError } from "../source-error.ts";
import { timeoutError } from "./http-problems.ts";

export interface ConnectOptions {
  readonly hostname: string;
  readonly port: number;
  readonly guard: AddressGuard;
  readonly proxy: URL | undefined;
  readonly timeoutMs: number;
  /** Shown in errors. */
  readonly where: string;
}

/** A proxy's answer to CONNECT: a status line and some headers. */
const MAX_PROXY_ANSWER_BYTES = 16 * 1024;

/** @throws SourceError; what the network reports is thrown as it is */
export async function connectToServer(options: ConnectOptions): Promise<Socket> {
  const { hostname, port, guard, proxy, timeoutMs, where } = options;
  guard.checkHost(hostname);
  const deadline = AbortSignal.timeout(timeoutMs);
  if (proxy === undefined) {
    const socket = netConnect({ host: bare(hostname), port, lookup: guard.lookup });
    return opened(socket, "connect", deadline, where);
  }
  return openTunnel(proxy, options, deadline);
}

async function openTunnel(
  proxy: URL,
  { hostname, port, where }: ConnectOptions,
  deadline: AbortSignal,
): Promise<Socket> {
  const guard = addressGuard(proxy);
  guard.checkHost(proxy.hostname);
  const isTls = proxy.protocol === "https:";
  const host = bare(proxy.hostname);
  const to = { host, port: Number(proxy.port || (isTls ? 443 : 80)), lookup: guard.lookup };
  const servername = isIP(host) === 0 ? { servername: host } : {};
  const socket = isTls ? tlsConnect({ ...to, ...servername }) : netConnect(to);
  try {
    await opened(socket, isTls ? "secureConnect" : "connect", deadline, where);
  } catch (error) {
    if (error instanceof SourceError) throw error;
    throw proxyError(where, proxy, `cannot be reached (${codeOf(error)})`, error);
  }
  const target = `${isIP(bare(hostname)) === 6 ? `[${bare(hostname)}]` : hostname}:${port}`;
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${proxyAuthorization(proxy)}\r\n`);
  const status = await readProxyAnswer(socket, deadline, where, proxy);
  if (status === 200) return socket;
  socket.destroy();
  throw proxyError(
    where,
    proxy,
    status === 407 ? "does not accept the credentials (407)" : `refuses the connection (${status})`,
  );
}

function proxyAuthorization({ username, password }: URL): string {
  if (username === "" && password === "") return "";
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Proxy-Authorization: Basic ${Buffer.from(pair).toString("base64")}\r\n`;
}

function readProxyAnswer(
  socket: Socket,
  deadline: AbortSignal,
  where: string,
  proxy: URL,
): Promise<number> {
  return new Promise((resolve, reject) => {
    let head = Buffer.alloc(0);
    const end = (finish: () => void): void => {
      socket.off("data", onData).off("error", onError).off("close", onClose);
      deadline.removeEventListener("abort", onDeadline);
      finish();
    };
    const fail = (error: SourceError): void =>
      end(() => {
        socket.on("error", () => undefined).destroy();
        reject(error);
      });
    const onError = (error: Error): void =>
      fail(proxyError(where, proxy, `broke the connection (${codeOf(error)})`, error));
    const onClose = (): void => fail(proxyError(where, proxy, "closed the connection"));
    const onDeadline = (): void => fail(timeoutError(where));
    const onData = (chunk: Buffer): void => {
      head = Buffer.concat([head, chunk]);
      const length = head.indexOf("\r\n\r\n");
      if (length < 0) {
        if (head.length > MAX_PROXY_ANSWER_BYTES)
          fail(proxyError(where, proxy, "answered something else than HTTP"));
        return;
      }
      const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head.toString("latin1"))?.[1] ?? 0);
      end(() => {
        socket.pause();
        // Servers that speak first (SSH) may have begun in the same packet.
        if (head.length > length + 4) socket.unshift(head.subarray(length + 4));
        resolve(status);
      });
    };
    socket.on("data", onData).on("error", onError).on("close", onClose);
    deadline.addEventListener("abort", onDeadline, { once: true });
  });
}

function opened(
  socket: Socket,
  event: "connect" | "secureConnect",
  deadline: AbortSignal,
  where: string,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const end = (finish: () => void): void => {
      socket.off(event, onOpen).off("error", onError);
      deadline.removeEventListener("abort", onDeadline);
      finish();
    };
    // Requests are small and answered one by one: waiting to fill packets costs 40 ms each.
    const onOpen = (): void => end(() => resolve(socket.setNoDelay(true)));
    const onError = (error: Error): void => end(() => reject(error));
    const onDeadline = (): void =>
      end(() => {
        socket.on("error", () => undefined).destroy();
        reject(timeoutError(where));
      });
    socket.once(event, onOpen).once("error", onError);
    deadline.addEventListener("abort", onDeadline, { once: true });
  });
}

function proxyError(where: string, proxy: URL, what: string, cause?: unknown): SourceError {
  return new SourceError("proxy", {
    what: `the proxy ${proxy.protocol}//${proxy.host} ${what}`,
    where,
    advice: "Check proxy and noProxy in the repository's Secret, or HTTPS_PROXY and NO_PROXY.",
    ...(cause !== undefined && { cause }),
  });
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "");
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown error";
}
