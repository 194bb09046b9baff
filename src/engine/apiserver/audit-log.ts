/**
 * The audit log: one line of JSON for each write that did not come from the cluster's own
 * components, as `audit.k8s.io/v1` has them at level Metadata. Bodies are never logged, so no
 * secret can be. Files are rotated; lines that the disk does not take in time are counted and dropped.
 */
import { randomUUID } from "node:crypto";
import { createWriteStream, type WriteStream } from "node:fs";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Logger } from "../../client/logger.ts";
import type { AuditRecord } from "./audit.ts";

/** Weeks of people's changes; with the files kept, what a small machine can spare. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;
const KEPT_FILES = 5;
/** What may wait for the disk: seconds of the fastest writer. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;
const WRITES: ReadonlySet<string> = new Set([
  "create",
  "update",
  "patch",
  "delete",
  "deletecollection",
]);
/** Code of an operation that was carried out. */
const OK = 200;

/** Whether a record is a person's or a foreign program's write: what the log keeps. */
export function isForeignWrite({ request, dryRun, fieldManager }: AuditRecord): boolean {
  if (dryRun || !WRITES.has(request.verb)) return false;
  return !request.user.name.startsWith("system:") && !isGantry(fieldManager);
}

/** The operator acts as the administrator; what it writes is in the history of its Applications. */
const isGantry = (manager = ""): boolean => manager === "gantry" || manager.startsWith("gantry-");

export class AuditLog {
  readonly #path: string;
  readonly #logger: Logger;
  #stream: WriteStream;
  #bytes: number;
  #rotating: Promise<void> | undefined;
  #dropped = 0;

  private constructor(path: string, logger: Logger, bytes: number) {
    this.#path = path;
    this.#logger = logger;
    this.#bytes = bytes;
    this.#stream = this.#openStream();
  }

  static async open(path: string, logger: Logger): Promise<AuditLog> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return new AuditLog(path, logger, await sizeOf(path));
  }

  record(record: AuditRecord): void {
    const line = `${JSON.stringify(auditEvent(record))}\n`;
    if (this.#stream.writableLength + line.length > MAX_WAITING_BYTES) {
      if (this.#dropped++ === 0)
        this.#logger.warn({ path: this.#path }, "the audit log drops lines: the disk is too slow");
      return;
    }
    this.#stream.write(line);
    this.#bytes += Buffer.byteLength(line);
    if (this.#bytes > MAX_FILE_BYTES) this.#rotating ??= this.#rotate();
  }

  /** Resolves once everything recorded so far is in the file. */
  async flushed(): Promise<void> {
    await this.#rotating;
    const stream = this.#stream;
    if (stream.writableLength > 0 && !stream.destroyed)
      await new Promise<void>((resolve) => stream.write("", () => resolve()));
  }

  async close(): Promise<void> {
    await this.#rotating;
    await ended(this.#stream);
  }

  #openStream(): WriteStream {
    const stream = createWriteStream(this.#path, { flags: "a", mode: 0o600 });
    stream.on("error", (error) =>
      this.#logger.warn({ err: error, path: this.#path }, "the audit log cannot be written"),
    );
    return stream;
  }

  /** `audit.log` becomes `audit.log.1`, which becomes `audit.log.2`; the oldest goes. */
  async #rotate(): Promise<void> {
    try {
      await rm(`${this.#path}.${KEPT_FILES}`, { force: true });
      for (let at = KEPT_FILES - 1; at >= 1; at--)
        await moved(`${this.#path}.${at}`, `${this.#path}.${at + 1}`);
      await moved(this.#path, `${this.#path}.1`);
    } catch (error) {
      this.#logger.warn({ err: error, path: this.#path }, "the audit log cannot be rotated");
    }
    const full = this.#stream;
    this.#stream = this.#openStream();
    this.#bytes = 0;
    await ended(full);
    this.#rotating = undefined;
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

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
}

async function moved(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/** A stream that failed is over, too. */
function ended(stream: WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) resolve();
    stream.once("close", () => resolve());
    stream.end();
  });
}
