/** HTTP connections to the server of one repository: guarded, with its own TLS and proxy. */
import type { Socket } from "node:net";
import { rootCertificates } from "node:tls";
import { Agent, buildConnector } from "undici";
import { addressGuard } from "../address-guard.ts";
import type { ConnectionOptions } from "../source.ts";
import { SourceError } from "../source-error.ts";
import { connectToServer } from "./connect.ts";
import { DEFAULT_TRANSPORT_LIMITS } from "./git-transport.ts";
import { proxyFor } from "./proxy.ts";

/** Repositories are polled every minute or so: a connection in between is kept for bursts only. */
const KEEP_ALIVE_MS = 10_000;

export interface HttpAgentLimits {
  readonly connectTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

/**
 * What undici sends requests with. It follows no redirects, and connects to no address that
 * `addressGuard` refuses for `url`.
 */
export function httpAgent(
  url: string,
  connection: ConnectionOptions,
  limits: HttpAgentLimits = DEFAULT_TRANSPORT_LIMITS,
): Agent {
  return new Agent({
    headersTimeout: limits.headersTimeoutMs,
    bodyTimeout: limits.idleTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connect: connector(url, connection, limits.connectTimeoutMs),
  });
}

export function connector(
  repositoryUrl: string,
  connection: ConnectionOptions,
  timeoutMs: number,
): buildConnector.connector {
  const guard = addressGuard(new URL(repositoryUrl));
  const { ca, clientCertificate } = connection;
  const secure = buildConnector({
    timeout: timeoutMs,
    ...(ca !== undefined && { ca: [...rootCertificates, ca] }),
    ...(clientCertificate !== undefined && {
      cert: clientCertificate.certificate,
      key: clientCertificate.key,
    }),
    ...(connection.insecure === true && { rejectUnauthorized: false }),
  });
  return (target, callback) => {
    const { hostname, protocol } = target;
    const port = Number(target.port || (protocol === "https:" ? 443 : 80));
    const open = async (): Promise<Socket> =>
      connectToServer({
        hostname,
        port,
        guard,
        proxy: proxyFor({ protocol, hostname, port }, connection),
        timeoutMs,
        where: repositoryUrl,
      });
    open().then(
      (socket) => {
        if (protocol !== "https:") return callback(null, socket);
        try {
          secure({ ...target, httpSocket: socket }, callback);
        } catch (error) {
          // OpenSSL's own words may quote the file.
          socket.destroy();
          callback(unusableTls(repositoryUrl, error), null);
        }
      },
      (error: Error) => callback(error, null),
    );
  };
}

function unusableTls(where: string, error: unknown): SourceError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
  return new SourceError("bad-credential", {
    what: `the client certificate, its key or the certificate authority cannot be read (${code})`,
    where,
    advice: "Give each as PEM text, the key without a passphrase.",
  });
}
