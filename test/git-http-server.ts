/**
 * A real Git server for tests: stock `git http-backend` behind Node's HTTP server, with basic
 * authentication and faults that can be switched on.
 */
import { spawn } from "node:child_process";
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";

/** What goes wrong with each request while it is set. */
export type GitServerFault =
  | { readonly kind: "none" }
  /** Takes the request and never answers. */
  | { readonly kind: "hang" }
  /** Sends this many bytes of a pack's answer, then closes the connection. */
  | { readonly kind: "truncate"; readonly afterBytes: number }
  /** Sends this many bytes of a pack's answer and ends as if that were all. */
  | { readonly kind: "cut"; readonly afterBytes: number }
  /** Answers with a status and no Git. */
  | { readonly kind: "status"; readonly status: number }
  | { readonly kind: "redirect"; readonly to: string }
  /** Answers with a web page, as for a mistyped URL. */
  | { readonly kind: "page" }
  /** Sends the answer one byte at a time. */
  | { readonly kind: "trickle"; readonly everyMs: number };

export interface GitServerOptions {
  /** Holds the repositories: `<root>/app.git` is served at `/app.git`. */
  readonly root: string;
  /** Every request must carry these. */
  readonly auth?: { readonly username: string; readonly password: string };
  readonly bearer?: string;
  /** Accept `git push`. @default false */
  readonly allowPush?: boolean;
  /** With `ca`, clients must show a certificate of that authority. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly ca?: string };
  /** Whether clients may ask for version 2 of the protocol. @default true */
  readonly version2?: boolean;
}

export interface GitServer {
  /** E.g. `http://127.0.0.1:41234`. */
  readonly url: string;
  /** `METHOD /path?query` of every request so far. */
  readonly requests: string[];
  fault: GitServerFault;
  /** The next request below `from` is redirected. */
  redirectOnce: { readonly from: string; readonly to: string } | undefined;
  close(): Promise<void>;
}

export async function startGitServer(options: GitServerOptions): Promise<GitServer> {
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  const state: Pick<GitServer, "fault" | "redirectOnce"> = {
    fault: { kind: "none" },
    redirectOnce: undefined,
  };
  const listener: RequestListener = (request, response) => {
    requests.push(`${request.method ?? ""} ${request.url ?? ""}`);
    if (!isAuthorized(request, options)) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end();
      return;
    }
    const redirect = state.redirectOnce;
    if (redirect !== undefined && request.url?.startsWith(redirect.from) === true) {
      state.redirectOnce = undefined;
      response.writeHead(301, { location: redirect.to }).end();
      return;
    }
    answer(request, response, options, state.fault);
  };
  const server =
    options.tls === undefined
      ? createHttpServer(listener)
      : createHttpsServer({ ...options.tls, requestCert: options.tls.ca !== undefined }, listener);
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    url: `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    requests,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  });
}

function isAuthorized(request: IncomingMessage, options: GitServerOptions): boolean {
  const given = request.headers.authorization;
  if (options.bearer !== undefined) return given === `Bearer ${options.bearer}`;
  if (options.auth === undefined) return true;
  const pair = `${options.auth.username}:${options.auth.password}`;
  return given === `Basic ${Buffer.from(pair).toString("base64")}`;
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: GitServerOptions,
  fault: GitServerFault,
): void {
  switch (fault.kind) {
    case "hang":
      return;
    case "status":
      response.writeHead(fault.status).end("no");
      return;
    case "redirect":
      response.writeHead(302, { location: fault.to }).end();
      return;
    case "page":
      response.writeHead(200, { "content-type": "text/html" }).end("<html>Sign in</html>");
      return;
    case "none":
    case "truncate":
    case "cut":
    case "trickle":
      runBackend(request, response, options, fault);
  }
}

function runBackend(
  request: IncomingMessage,
  response: ServerResponse,
  options: GitServerOptions,
  fault: GitServerFault,
): void {
  const url = new URL(request.url ?? "/", "http://localhost");
  const config = options.allowPush === true ? "true" : "false";
  const backend = spawn("git", ["-c", `http.receivepack=${config}`, "http-backend"], {
    env: {
      PATH: process.env["PATH"] ?? "",
      GIT_PROJECT_ROOT: options.root,
      GIT_HTTP_EXPORT_ALL: "1",
      GIT_CONFIG_NOSYSTEM: "1",
      HOME: options.root,
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method ?? "GET",
      CONTENT_TYPE: request.headers["content-type"] ?? "",
      ...(request.headers["content-length"] !== undefined && {
        CONTENT_LENGTH: request.headers["content-length"],
      }),
      ...(request.headers["content-encoding"] !== undefined && {
        HTTP_CONTENT_ENCODING: request.headers["content-encoding"],
      }),
      ...(typeof request.headers["git-protocol"] === "string" &&
        options.version2 !== false && { GIT_PROTOCOL: request.headers["git-protocol"] }),
      REMOTE_USER: options.auth?.username ?? "anonymous",
      REMOTE_ADDR: "127.0.0.1",
    },
    stdio: ["pipe", "pipe", "ignore"],
  });
  backend.stdin.on("error", () => undefined);
  request.pipe(backend.stdin);
  response.on("close", () => backend.kill());
  const isPack = url.pathname.endsWith("/git-upload-pack");
  relay(backend.stdout, response, isPack || fault.kind === "trickle" ? fault : { kind: "none" });
}

/** Reads the CGI header, then passes the body on, as the fault wants it. */
function relay(
  output: NodeJS.ReadableStream,
  response: ServerResponse,
  fault: GitServerFault,
): void {
  const chunks: Buffer[] = [];
  let begun = false;
  const body: Buffer[] = [];
  output.on("data", (chunk: Buffer) => {
    if (begun) {
      passOn(chunk);
      return;
    }
    chunks.push(chunk);
    const all = Buffer.concat(chunks);
    const end = all.indexOf("\r\n\r\n");
    if (end < 0) return;
    begun = true;
    writeCgiHead(response, all.toString("latin1", 0, end));
    passOn(all.subarray(end + 4));
  });
  output.on("end", () => finish());

  function passOn(chunk: Buffer): void {
    if (fault.kind === "none") response.write(chunk);
    else body.push(chunk);
  }
  function finish(): void {
    const whole = Buffer.concat(body);
    if (fault.kind === "truncate")
      response.write(whole.subarray(0, fault.afterBytes), () => response.destroy());
    else if (fault.kind === "cut") response.end(whole.subarray(0, fault.afterBytes));
    else if (fault.kind === "trickle") trickle(response, whole, fault.everyMs);
    else response.end();
  }
}

function writeCgiHead(response: ServerResponse, text: string): void {
  let status = 200;
  const headers: Record<string, string> = {};
  for (const line of text.split("\r\n")) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === "status") status = Number.parseInt(value, 10);
    else headers[name] = value;
  }
  response.writeHead(status, headers);
}

function trickle(response: ServerResponse, whole: Buffer, everyMs: number): void {
  let sent = 0;
  const timer = setInterval(() => {
    if (sent >= whole.length || response.destroyed) {
      clearInterval(timer);
      response.end();
      return;
    }
    response.write(whole.subarray(sent, ++sent));
  }, everyMs);
  response.on("close", () => clearInterval(timer));
}
