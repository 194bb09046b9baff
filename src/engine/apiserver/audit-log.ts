/**
 * The audit log: one line of JSON for each write that did not come from the cluster's own
 * components, as `audit.k8s.io/v1` has them at level Metadata. Bodies are never logged, so no
 * secret can be. Files are rotated; lines that the disk does not take in time are counted and dropped.
 */
import { randomUUID } from "node:crypto";
import type { Logger } from "../../client/logger.ts";
import { RotatingFile } from "../rotating-file.ts";
import type { AuditRecord } from "./audit.ts";

const WRITES: ReadonlySet<string> = new Set([
  "create",
  "update",
  "patch",
  "delete",
  "deletecollection",
]);
/** Reach into a pod, whatever the method: over a WebSocket they begin with a GET. */
const STREAMS: ReadonlySet<string | undefined> = new Set(["exec", "attach", "portforward"]);
/** Code of an operation that was carried out. */
const OK = 200;

/** Whether a record is a person's or a foreign program's write: what the log keeps. */
export function isForeignWrite({ request, dryRun, fieldManager }: AuditRecord): boolean {
  const isWrite =
    WRITES.has(request.verb) || (request.plural === "pods" && STREAMS.has(request.subresource));
  return !dryRun && isWrite && !isComponent(request.user.name) && !isGantry(fieldManager);
}

/** Service accounts are programs in pods: they write by themselves, not as a part of the cluster. */
const isComponent = (user: string): boolean =>
  user.startsWith("system:") && !user.startsWith("system:serviceaccount:");

/** The operator acts as the administrator; what it writes is in the history of its Applications. */
const isGantry = (manager = ""): boolean => manager === "gantry" || manager.startsWith("gantry-");

export class AuditLog {
  readonly #file: RotatingFile;

  private constructor(file: RotatingFile) {
    this.#file = file;
  }

  static async open(path: string, logger: Logger): Promise<AuditLog> {
    return new AuditLog(await RotatingFile.open(path, "the audit log", logger));
  }

  record(record: AuditRecord): void {
    this.#file.write(JSON.stringify(auditEvent(record)));
  }

  /** Resolves once everything recorded so far is in the file. */
  flushed(): Promise<void> {
    return this.#file.flushed();
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** Fields of `audit.k8s.io/v1` Event (k8s.io/apiserver/pkg/apis/audit/v1). */
function auditEvent({
  request,
  failure,
  startedAtMs,
  finishedAtMs,
  userAgent,
  fieldManager,
}: AuditRecord): object {
  const { user, verb, group, version, plural, subresource, namespace, name } = request;
  return {
    kind: "Event",
    apiVersion: "audit.k8s.io/v1",
    level: "Metadata",
    auditID: randomUUID(),
    stage: "ResponseComplete",
    verb,
    user: { username: user.name, groups: user.groups },
    ...(userAgent === undefined ? {} : { userAgent }),
    objectRef: {
      resource: plural,
      ...(namespace === undefined ? {} : { namespace }),
      ...(name === undefined ? {} : { name }),
      ...(group === "" ? {} : { apiGroup: group }),
      apiVersion: version,
      ...(subresource === undefined ? {} : { subresource }),
    },
    responseStatus: { code: failure?.code ?? OK },
    requestReceivedTimestamp: new Date(startedAtMs).toISOString(),
    stageTimestamp: new Date(finishedAtMs).toISOString(),
    ...(fieldManager === undefined
      ? {}
      : { annotations: { "gantry.dev/field-manager": fieldManager } }),
  };
}
