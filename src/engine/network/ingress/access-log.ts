/**
 * One line for each request. What could be a secret stays out: queries, headers other than the
 * user agent, bodies. What clients choose is cut off at a length.
 */
import type { Clock } from "../../../client/clock.ts";
import type { Backend } from "../service-routes.ts";
import type { RequestTarget } from "./request-target.ts";
import type { Route } from "./route-table.ts";

/** Longest path, host or user agent in a line; with them a line stays below 4 KiB. */
const MAX_TEXT = 512;

/** What is known of a request when it ends. */
export interface AccessRecord {
  readonly startedMs: number;
  readonly client: string;
  /** `1.1`, `2.0`, … */
  readonly version: string;
  readonly isTls: boolean;
  readonly method: string;
  /** Undefined for a request that was refused. */
  readonly target: RequestTarget | undefined;
  readonly userAgent: string | undefined;
  route: Route | undefined;
  backend: Backend | undefined;
  /** Backends that were asked, one after the other. */
  attempts: number;
  /** Of the answer's body. */
  bytes: number;
}
export type AccessLog = (record: AccessRecord, status: number) => void;

export function accessLine(
  record: AccessRecord,
  status: number,
  clock: Clock,
): Record<string, unknown> {
  const { client, version, isTls, method, target, route, backend, userAgent } = record;
  return {
    client,
    protocol: `${isTls ? "https" : "http"}/${version}`,
    method: cut(method),
    ...(target === undefined ? {} : { host: cut(target.host), path: cut(target.path) }),
    ...(route?.ingress === undefined ? {} : { ingress: route.ingress }),
    ...(route?.rule === undefined ? {} : { route: route.rule.name }),
    ...(backend === undefined ? {} : { backend: `${backend.address}:${backend.port}` }),
    status,
    bytes: record.bytes,
    durationMs: clock.now() - record.startedMs,
    attempts: record.attempts,
    ...(userAgent === undefined ? {} : { userAgent: cut(userAgent) }),
  };
}

const cut = (text: string): string =>
  text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
