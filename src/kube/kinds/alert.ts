/** Says which happenings of which Applications a Provider is told. Names follow Flux's Alert. */
import type { FieldError } from "../field-error.ts";
import type { Kind } from "../kind.ts";
import { dns1123Subdomain } from "../names.ts";
import type { KubeObject } from "../object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { ageColumn, nameColumn, textColumn } from "./columns.ts";
import type { EventSource } from "./event-source.ts";
import { invalid, notSupported, tooMany } from "./field-problems.ts";
import type { DeliveryStatus } from "./provider.ts";
import { readyColumn } from "./ready-column.ts";

export interface Alert extends KubeObject {
  spec: AlertSpec;
  status?: DeliveryStatus;
}
export interface AlertSpec {
  providerRef: { name: string };
  /** @default info */
  eventSeverity?: "info" | "error";
  eventSources: EventSource[];
  /** @default all but on-sync-running and on-deployed */
  triggers?: Trigger[];
  inclusionList?: string[];
  exclusionList?: string[];
  summary?: string;
  template?: string;
  eventMetadata?: Record<string, string>;
  suspend?: boolean;
}

/** Happenings, by the names of Argo CD's catalogue where it has one. */
export const TRIGGERS = [
  "on-sync-running",
  "on-sync-succeeded",
  "on-sync-failed",
  "on-deployed",
  "on-health-degraded",
  "on-health-recovered",
  "on-sync-status-unknown",
  "on-trouble-resolved",
  "on-drift-detected",
  "on-drift-healed",
  "on-rollback",
  "on-policy-finding",
] as const;
export type Trigger = (typeof TRIGGERS)[number];

/** More patterns than anybody keeps track of; each is matched with every message. */
const MAX_PATTERNS = 50;
const MAX_PATTERN_CHARACTERS = 500;
/** What no engine matches in linear time, and RE2, which Flux uses, does not have. */
const UNBOUNDED = /\(\?(?:[=!]|<[=!])|\\[1-9]|\\k</;

/** Why a pattern cannot be used; undefined when it can. */
export function patternProblem(pattern: string): string | undefined {
  if (pattern.length > MAX_PATTERN_CHARACTERS)
    return `must have at most ${MAX_PATTERN_CHARACTERS} characters`;
  if (UNBOUNDED.test(pattern)) return "must have no lookaround and no backreference";
  try {
    new RegExp(pattern, "u");
    return undefined;
  } catch {
    return "must be a regular expression";
  }
}

function validateAlert({ spec }: Alert): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, trigger] of (spec.triggers ?? []).entries())
    if (!TRIGGERS.includes(trigger))
      errors.push(notSupported(`spec.triggers[${index}]`, trigger, TRIGGERS));
  for (const field of ["inclusionList", "exclusionList"] as const) {
    const patterns = spec[field] ?? [];
    if (patterns.length > MAX_PATTERNS)
      errors.push(tooMany(`spec.${field}`, patterns.length, MAX_PATTERNS));
    for (const [index, pattern] of patterns.slice(0, MAX_PATTERNS).entries()) {
      const problem = patternProblem(pattern);
      if (problem !== undefined) errors.push(invalid(`spec.${field}[${index}]`, pattern, problem));
    }
  }
  return errors;
}

export const alerts: Kind<Alert> = {
  group: "gantry.dev",
  version: "v1",
  kind: "Alert",
  plural: "alerts",
  singular: "alert",
  namespaced: true,
  subresources: { status: true },
  get schema() {
    return builtinSchema("gantry.dev/v1", "Alert");
  },
  columns: [
    nameColumn,
    textColumn(
      "Provider",
      "Who is told.",
      ({ spec }: Partial<Alert>) => spec?.providerRef.name ?? "",
    ),
    readyColumn,
    ageColumn,
  ],
  strategy: { validateName: dns1123Subdomain, validate: validateAlert },
};
