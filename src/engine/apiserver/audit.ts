/** The hook that sees every finished operation, allowed or not. */
import type { StatusError } from "../../kube/status-error.ts";
import type { AccessRequest } from "./authorizer.ts";

export interface AuditRecord {
  readonly request: AccessRequest;
  /** Field manager that the caller names, and its program. */
  readonly fieldManager?: string;
  readonly userAgent?: string;
  readonly dryRun: boolean;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  /** Absent when the operation succeeded. */
  readonly failure?: StatusError;
}

/** Called synchronously after each operation; must not throw or block. */
export type AuditSink = (record: AuditRecord) => void;

export const noAudit: AuditSink = () => undefined;
